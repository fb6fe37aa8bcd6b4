// A control for each thing that can be chosen, in step with the model.

import { button, download, make, panel, select, switchOff } from "../dom.js";
import { ask } from "./orders.js";

function choice(model, name, label, pairs) {
  const { view, control, show } = select(label, pairs, (value) => {
    model.set(name, typeof model.get(name) === "number" ? Number(value) : value);
    model.save_changes();
  });
  return { view, control, show: () => show(model.get(name)) };
}

function toggle(model, name, label) {
  const control = button(label, () => {
    model.set(name, !model.get(name));
    model.save_changes();
  });
  return { control, view: control, show: () => control.setAttribute("aria-pressed", String(model.get(name))) };
}

function number(model, name, label, most) {
  const control = make("input", "", { type: "number", min: name === "seed" ? 0 : 1, max: most, "aria-label": label });
  const show = () => {
    if (!control.matches(":focus")) control.value = model.get(name); // what is being typed is left alone
  };
  control.addEventListener("change", () => {
    if (!control.checkValidity() || control.value === "") {
      control.value = model.get(name);
      return;
    }
    model.set(name, Number(control.value));
    model.save_changes();
  });
  return { control, view: make("label", "tw-field", {}, make("span", "", {}, label), control), show };
}

export function makeControls(model, orders, line, sorry) {
  const words = model.get("words");
  const pairs = (names) => names.map((name) => [name, name]);
  const parts = {
    intensity: choice(model, "intensity", "send", words.shares.map((share, i) => [i, `${i + 1}: ${share} of the troops`])),
    build: toggle(model, "build", "with a city (B)"),
    running: toggle(model, "running", "run on (P)"),
    speed: choice(model, "speed", "at", [1, 2, 5, 10, 20].map((steps) => [steps, `${steps} steps/s`])),
    player: choice(model, "player", "who plays", pairs(words.agents)),
    num_bots: number(model, "num_bots", "against", words.max_bots),
    opponents: choice(model, "opponents", "of kind", pairs(words.opponents)),
    seed: number(model, "seed", "map seed", 2 ** 31 - 1),
  };
  const again = button("new game", () => orders.send(ask(model, "restart", {}, "seed", "num_bots", "opponents")));
  const undo = button("undo (U)", () => orders.send(ask(model, "undo")));
  const keep = ({ file }, [bytes]) => download(file, bytes);
  const save = button("save the game", () => line.ask("save", () => ({ message: ask(model, "save") }), keep, sorry));
  const row = (...nodes) => make("div", "tw-bar", {}, ...nodes.map((node) => node.view || node));
  const view = panel("your order and your game", [],
    row(parts.intensity, parts.build, undo), row(parts.running, parts.speed, parts.player),
    row(parts.num_bots, parts.opponents, parts.seed), row(again, save));
  const show = (off) => {
    const { over, mask, step } = model.get("scene");
    for (const part of Object.values(parts)) part.show();
    switchOff(parts.running.control, off || over);
    switchOff(parts.build.control, off || !mask.some((allowed, index) => allowed && index % 2 === 1));
    switchOff(undo, off || step === 0);
    for (const each of [again, save, parts.player.control, parts.num_bots.control, parts.opponents.control, parts.seed.control]) switchOff(each, off);
  };
  return { view, show, build: parts.build.control, run: parts.running.control, undo };
}
