// A button for each direction with its ten actions in it: five shares from left to right, below them with a city.

import { make, switchOff } from "../dom.js";
import { order, WAIT } from "./orders.js";

export function makeCompass(model, orders) {
  const { compass, shares } = model.get("words");
  const view = make("div", "territory-compass", { role: "group", "aria-label": "directions; filled is allowed" });
  const blocks = compass.map(([direction, name]) => {
    const cells = [1, 0].flatMap((_, build) => shares.map((share, intensity) => {
      const index = direction * 10 + intensity * 2 + build;
      const what = (direction === WAIT ? "wait" : `${name} ${share}`) + (build ? " + city" : "");
      return make("i", "", { "data-index": index, "data-what": what });
    }));
    const grid = make("span", "territory-mask", { "aria-hidden": "true" }, ...cells);
    const button = make("button", "", { type: "button", "data-direction": direction, "aria-label": name }, name, grid);
    listenToDirection(button, direction, model, orders);
    view.append(button);
    return { direction, button, cells };
  });
  const draw = (off) => {
    const { mask, over } = model.get("scene");
    const [intensity, build] = [model.get("intensity"), Number(model.get("build"))];
    for (const { direction, button, cells } of blocks) {
      const chosen = direction * 10 + (direction === WAIT ? 0 : intensity * 2) + build;
      switchOff(button, off || over || !mask[chosen]);
      for (const cell of cells) {
        const index = Number(cell.dataset.index);
        cell.classList.toggle("on", Boolean(mask[index]));
        cell.classList.toggle("chosen", index === chosen);
        cell.title = `${index}: ${cell.dataset.what}, ${mask[index] ? "allowed" : "masked"}`;
      }
    }
  };
  const point = (direction) => {
    for (const each of blocks) each.button.classList.toggle("aimed", each.direction === direction);
  };
  return { view, draw, point };
}

// What the ten boxes of a direction mean, as boxes of the same kind.
export function makeLegend(shares) {
  const row = (name, on) => [make("span", "", {}, name), ...shares.map(() => make("i", on ? "on" : ""))];
  const heads = [make("span"), ...shares.map((share) => make("b", "", {}, share))];
  const boxes = make("div", "territory-legend", { "aria-hidden": "true" }, ...heads, ...row("order", true), ...row("+ city", false));
  return make("div", "", {}, boxes, make("p", "quiet", {}, "Ten boxes a direction: how many of the troops, without and with a city. Filled is allowed, ringed is chosen."));
}

// Pressing the button itself plays its direction as chosen; pressing a cell in it chooses that cell's action first.
function listenToDirection(button, direction, model, orders) {
  const choose = (index) => {
    if (direction !== WAIT) model.set("intensity", Math.floor((index % 10) / 2));
    model.set("build", index % 2 === 1);
    model.save_changes();
  };
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || button.disabled) return;
    event.preventDefault(); // keys go on to mean directions, not "this button again"
    button.closest(".tw").focus();
    const cell = event.target.closest("i");
    if (cell && !cell.classList.contains("on")) return;
    if (cell) choose(Number(cell.dataset.index));
    orders.hold(() => order(model, direction));
  });
  button.addEventListener("click", (event) => event.detail === 0 && orders.send(order(model, direction))); // Enter
}
