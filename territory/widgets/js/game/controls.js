// A control for each thing that can be chosen, in step with the model.

import { make, options } from "../dom.js";
import { ask } from "./line.js";

function choice(model, name, label, pairs) {
  const select = make("select", "", { "aria-label": label }, ...options(pairs));
  const show = () => (select.value = String(model.get(name)));
  select.addEventListener("change", () => {
    model.set(name, typeof model.get(name) === "number" ? Number(select.value) : select.value);
    model.save_changes();
  });
  show();
  model.on(`change:${name}`, show);
  return make("label", "", {}, label, select);
}

function toggle(model, name, label) {
  const button = make("button", "territory-toggle", { type: "button" }, label);
  const show = () => button.setAttribute("aria-pressed", String(model.get(name)));
  button.addEventListener("click", () => {
    model.set(name, !model.get(name));
    model.save_changes();
  });
  show();
  model.on(`change:${name}`, show);
  return button;
}

function number(model, name, label, most) {
  const input = make("input", "", { type: "number", min: name === "seed" ? 0 : 1, max: most, "aria-label": label });
  const show = () => (input.value = model.get(name));
  input.addEventListener("change", () => {
    if (!input.checkValidity() || input.value === "") return show();
    model.set(name, Number(input.value));
    model.save_changes();
  });
  show();
  model.on(`change:${name}`, show);
  return make("label", "", {}, label, input);
}

export function makeControls(model, line) {
  const words = model.get("words");
  const button = (label, press) => {
    const view = make("button", "", { type: "button" }, label);
    view.addEventListener("click", press);
    return view;
  };
  const build = toggle(model, "build", "with a city (B)");
  const run = toggle(model, "running", "run on (P)");
  const again = button("new game", () => line.send(ask(model, "restart", {}, "seed", "num_bots", "opponents")));
  const save = button("save the game", () => model.send(ask(model, "save")));
  const shares = words.shares.map((share, i) => [i, `${i + 1}: ${share} of the troops`]);
  const rivals = words.opponents.map((name) => [name, name]);
  const speeds = [1, 2, 5, 10, 20].map((steps) => [steps, `${steps} steps/s`]);
  const view = make("div", "territory-controls", {},
    make("div", "row", {}, choice(model, "intensity", "send ", shares), build),
    make("div", "row", {}, run, choice(model, "speed", "at ", speeds)),
    make("div", "row", {}, number(model, "num_bots", "against ", words.max_bots), choice(model, "opponents", "of kind ", rivals)),
    make("div", "row", {}, number(model, "seed", "map seed ", 2 ** 31 - 1), again, save));
  return { view, build, run };
}
