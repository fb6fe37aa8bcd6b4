// The network as a drawing, its layers as bars, and what a cell of it sees.

import { draw, make } from "../dom.js";
import { percent, short, whole } from "../numbers.js";
import { boxes, gauge, largest, verdict } from "./scales.js";

const KINDS = [["parameters", "parameters"], ["macs", "MACs"]];

export function makeGauge(words) {
  const [bar, limit] = [make("b"), make("s")];
  const [count, says] = [make("output", "budget-count"), make("strong", "budget-verdict")];
  const view = make("div", "budget-gauge tw-answer", {}, make("p", "", {}, count, " parameters · ", says),
    make("div", "budget-track", { "aria-hidden": "true" }, bar, limit), make("p", "quiet", {}, `the line: the budget of ${whole(words.budget)}`));
  const show = ({ parameters }) => {
    const { bar: width, limit: at, fits } = gauge(parameters, words.budget);
    [bar.style.width, limit.style.left] = [`${100 * width}%`, `${100 * at}%`];
    [count.textContent, says.textContent] = [whole(parameters), `${fits ? "✓ fits" : "✗ does not fit"}: ${verdict(parameters, words.budget)}`];
    view.dataset.fits = fits;
  };
  return { view, show };
}

// Grids as boxes, as large as they are, from the map to the vector of features.
export function makeDiagram() {
  const svg = draw("svg", { role: "img", class: "budget-diagram" });
  const height = 84;
  const show = ({ grids, layers }) => {
    const placed = boxes(grids, height);
    const last = placed.at(-1);
    const total = layers.reduce((sum, layer) => sum + layer.parameters, 0);
    const nodes = placed.flatMap((box, i) => {
      const [top, right] = [10 + (height - box.tall) / 2, box.x + box.side];
      const up = box.depth * 0.6;
      const size = grids[i].side ? `${grids[i].side}×${grids[i].side}×${box.channels}` : `${box.channels}`;
      const front = draw("rect", { x: box.x, y: top + up / 2, width: box.side, height: box.tall, class: "front" });
      const edge = `M${box.x} ${top + up / 2}l${box.depth} ${-up}h${box.side}l${-box.depth} ${up}Z`;
      const flank = `M${right} ${top + up / 2}l${box.depth} ${-up}v${box.tall}l${-box.depth} ${up}Z`;
      const arrow = i ? [draw("path", { d: `M${box.x - 40} ${10 + height / 2}h30m-5 -4l5 4l-5 4`, class: "arrow" }),
        draw("text", { x: box.x - 26, y: 4 + height / 2, class: "kind" }, i === placed.length - 1 ? "linear" : "conv")] : [];
      return [draw("path", { d: edge, class: "top" }), draw("path", { d: flank, class: "flank" }), front, ...arrow,
        draw("text", { x: box.x + (box.side + box.depth) / 2, y: height + 32 }, box.name), draw("text", { x: box.x + (box.side + box.depth) / 2, y: height + 46, class: "size" }, size)];
    });
    svg.setAttribute("viewBox", `0 0 ${last.x + last.side + last.depth + 40} ${height + 54}`);
    svg.setAttribute("aria-label", `from the map to the features: ${grids.map((grid) => `${grid.name} ${grid.side ? `${grid.side} by ${grid.side} by ` : ""}${grid.channels}`).join(", ")}; ${short(total)} parameters`);
    svg.replaceChildren(...nodes);
  };
  return { view: svg, show };
}

// Each layer's share of the parameters above its share of the MACs.
export function makeBars() {
  const rows = make("div", "budget-rows");
  const key = make("p", "quiet budget-key", {}, make("i", "parameters"), "share of the parameters", make("i", "macs"), "share of the MACs");
  const show = ({ layers }) => {
    rows.replaceChildren(...largest(layers, KINDS.map(([kind]) => kind)).map(({ name, shares }) => make("div", "budget-row", {},
      make("span", "name", { title: name }, name),
      make("span", "bars", {}, ...shares.map((share, i) => {
        const bar = make("b", KINDS[i][0]);
        bar.style.width = `${100 * share * 0.82}%`;
        return make("span", "", {}, bar, make("output", "", { "aria-label": `${name}: share of the ${KINDS[i][1]}` }, percent(share, 1)));
      })))));
  };
  return { view: make("div", "tw-answer", {}, rows, key), show };
}

// The board, the last grid over it, and the window that one of its cells sees.
export function makeField({ side }) {
  const svg = draw("svg", { viewBox: `-2 -2 ${side + 4} ${side + 4}`, role: "img", class: "budget-field" });
  const says = make("p", "budget-says");
  const show = ({ field, step, cells }) => {
    const [rows, columns] = cells;
    const at = [Math.floor(rows / 2), Math.floor(columns / 2)].map((cell, i) => (side - cells[i] * step[i]) / 2 + (cell + 0.5) * step[i]);
    const box = (size, name) => draw("rect", { x: at[1] - size[1] / 2, y: at[0] - size[0] / 2, width: size[1], height: size[0], class: name });
    const lines = step[0] < 3 ? [] : Array.from({ length: rows + 1 }, (_, i) => (side - rows * step[0]) / 2 + i * step[0]).filter((x) => x >= 0 && x <= side)
      .flatMap((x) => [draw("path", { d: `M${x} 0V${side}M0 ${x}H${side}`, class: "grid" })]);
    svg.replaceChildren(draw("rect", { x: 0, y: 0, width: side, height: side, class: "board" }), ...lines, box(field, "window"), box(step, "cell"));
    says.textContent = `The last grid has ${rows} × ${columns} cells. Each (orange) sees ${field[0]} × ${field[1]} (blue) of ${side} × ${side} tiles.`;
    svg.setAttribute("aria-label", says.textContent);
  };
  return { view: make("div", "budget-sees tw-answer", {}, svg, says), show };
}
