// What an agent would be given: the planes, the statistics, and the land of everyone.

import { make, say } from "../dom.js";
import { minus, percent } from "../numbers.js";
import { tileUnder, valueAt } from "./board.js";

export function makePlanes(model, explain) {
  const view = make("div", "territory-planes");
  const draws = model.get("words").planes.map(([name, sentence], plane) => {
    const canvas = make("canvas", "", { role: "img", "aria-label": name });
    const figure = make("figure", "", { tabindex: 0, "data-plane": name }, canvas, make("figcaption", "", {}, name));
    canvas.addEventListener("pointermove", (event) => {
      const { row, column } = tileUnder(model, canvas, event);
      explain(`${name}: ${valueAt(model, plane, row, column)} at row ${row}, column ${column}. ${sentence}`);
    });
    figure.addEventListener("focus", () => explain(`${name}: ${sentence}`));
    view.append(figure);
    return () => {
      const [rows, columns] = model.get("scene").size;
      if (canvas.width !== columns || canvas.height !== rows) [canvas.width, canvas.height] = [columns, rows];
      const data = model.get("planes");
      const image = new ImageData(columns, rows);
      const words = new Uint32Array(image.data.buffer);
      const first = plane * rows * columns;
      for (let i = 0; i < words.length; i++) words[i] = 0xff000000 + data.getUint8(first + i) * 0x010101; // grey
      canvas.getContext("2d").putImageData(image, 0, 0);
    };
  });
  return { view, draw: () => draws.forEach((draw) => draw()) };
}

export function makeStats(model, explain) {
  const view = make("div", "territory-stats");
  const rows = model.get("words").stats.map(([name, sentence]) => {
    const bar = make("b", "");
    const mark = make("s", "");
    const [value, change] = [make("span", "value"), make("span", "change")];
    const row = make("div", "", { tabindex: 0, "data-stat": name }, make("span", "name", {}, name),
      make("span", "bar", {}, bar, mark), value, change);
    for (const event of ["pointerenter", "focus"]) row.addEventListener(event, () => explain(`${name}: ${sentence}`));
    view.append(row);
    return { bar, mark, value, change };
  });
  const draw = () => {
    const { stats, before } = model.get("scene");
    rows.forEach(({ bar, mark, value, change }, i) => {
      const [now, then] = [stats[i], before[i]];
      bar.style.left = `${50 + 50 * Math.min(now, 0)}%`;
      bar.style.width = `${50 * Math.abs(now)}%`;
      mark.style.left = `${50 + 50 * then}%`;
      say(value, minus(now.toFixed(3)));
      const step = now - then;
      say(change, Math.abs(step) < 5e-4 ? "" : `${step > 0 ? "▲ +" : "▼ −"}${Math.abs(step).toFixed(3)}`);
    });
  };
  return { view, draw };
}

// Everyone's share of the land in one line, with the stroke that wins.
export function makeLand(model) {
  const view = make("div", "territory-land", { role: "img" });
  const draw = () => {
    const { colours, players } = model.get("words");
    const shares = model.get("scene").land;
    const said = shares.map((share, i) => `${players[i]} ${percent(share, 1)}`);
    view.replaceChildren(...shares.map((share, i) => {
      const part = make("span", "", { title: said[i] });
      part.style.width = `${100 * share}%`;
      part.style.background = `rgb(${colours[i + 1]})`;
      return part;
    }));
    view.setAttribute("aria-label", said.join(", "));
  };
  return { view, draw };
}
