// The face of TrainingMonitor: draws what Python sends and asks Python for everything else. It trains nothing.

import { make, mount, oncePerFrame, select } from "../dom.js";
import { makeConnection } from "../health.js";
import { clip, nearest } from "../numbers.js";
import { makeGame, makeSwitch } from "./game.js";
import { colourOf, makePanel } from "./panel.js";
import { readRuns, spoken } from "./runs.js";

const HINT =
  "P pauses and goes on, S stops. Point at a curve, or press ← → Home End, to read it update by update; Escape follows the newest.";
const FIRST = "Try first: start, let it run for some updates, then pause and point at a curve.";

export function render({ model, el }) {
  const words = model.get("words");
  const root = make("div", "tw territory-monitor", {
    tabindex: 0, role: "application", "aria-label": `Training. ${HINT}`,
  });
  const lost = () => {
    [control, game].forEach((part) => part.cutOff());
    root.dataset.state = "lost";
  };
  const connection = makeConnection(model, root, { lost });
  const ask = (what, set = {}) => connection.line.ask(what, () => ({ message: { ask: what, set } }), () => {}, connection.say);
  const [control, game] = [makeSwitch(model, ask), makeGame(model, ask)];

  const explanation = make("p", "monitor-explain", {}, HINT);
  const explain = (text) => (explanation.textContent = text);
  const { sentences } = words;
  const panels = words.panels.map(([title, fields], i) => makePanel(title, fields, { wide: i === 0, sentences }));
  const shown = new Set(panels.flatMap((panel) => panel.names()));
  const rest = words.fields.filter((name) => name !== "step" && !shown.has(name));
  const other = select("another curve", rest.map((name) => [name, spoken(name)]), (name) => {
    panels.at(-1).choose(name);
    drawCurves();
    explain(sentences[name]);
  }, "");
  panels.push(makePanel("another curve", [rest[0]], { choose: other.view, wide: true, sentences }));

  let runs = readRuns(model.get);
  const reading = { at: null, weight: 0, hidden: new Set() }; // the step that is read; null: the newest
  const drawCurves = () => panels.forEach((panel) => panel.show(runs, reading));
  const first = () => runs[0].columns;
  const place = () => (reading.at === null ? first().length - 1 : nearest(first().step, reading.at));
  const read = (number) => {
    const { length, step } = first();
    const at = number === null || !length ? null : clip(number, 0, length - 1);
    reading.at = at === null ? null : step[at];
    explain(at === null ? HINT : `Update ${at + 1} of ${length}, after ${step[at].toLocaleString("en")} steps.`);
    drawCurves();
  };
  for (const panel of panels) {
    panel.plot.addEventListener("pointermove", (event) => first().length && read(nearest(first().step, panel.stepAt(event))));
    panel.plot.addEventListener("pointerleave", () => read(null));
    panel.view.addEventListener("pointerenter", () => explain(panel.says()));
  }
  const drawGame = oncePerFrame(game.drawGame);
  const tools = makeTools(() => runs, reading, drawCurves);

  const update = oncePerFrame(() => {
    control.show();
    if (root.dataset.state !== "lost") root.dataset.state = model.get("status").state;
    runs = readRuns(model.get);
    tools.show();
    drawCurves();
  });
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, pre")) return;
    const moves = { ArrowLeft: place() - 1, ArrowRight: place() + 1, Home: 0, End: first().length - 1, Escape: null };
    if (event.code in moves) {
      event.preventDefault();
      read(moves[event.code]);
    } else if (event.code === "KeyP" && !event.repeat) control.go.click();
    else if (event.code === "KeyS" && !event.repeat) control.stop.click();
  });

  root.append(
    connection.banner, control.view,
    make("div", "tw-bar", {}, make("p", "tw-hint grow", {}, model.get("status").live ? FIRST : HINT), connection.note, make("span", "tw-old", {}, "old"), tools.view),
    make("div", "monitor-parts tw-answer", {}, make("div", "tw-panel monitor-curves", {}, ...panels.map(({ view }) => view)), game.view),
    explanation,
  );
  const resized = new ResizeObserver(oncePerFrame(drawCurves));
  resized.observe(root);
  const listeners = [
    ["change:status change:others", update],
    ["change:game", drawGame],
    ["change:watching change:speed", game.drawControls],
    ["msg:custom", connection.line.hear],
  ];
  [update, game.drawGame, game.drawControls].forEach((each) => each());
  return mount({ model, el }, root, listeners, () => {
    resized.disconnect();
    connection.end();
  });
}

// Smoothing, and which of several runs are shown.
function makeTools(runsNow, reading, redraw) {
  const weight = make("input", "", { type: "range", min: 0, max: 0.95, step: 0.05, value: 0, "aria-label": "smoothing" });
  weight.addEventListener("input", () => {
    reading.weight = Number(weight.value);
    redraw();
  });
  const boxes = make("span", "monitor-runs");
  const view = make("div", "tw-bar", {}, boxes, make("label", "tw-field", {}, make("span", "", {}, "smoothing"), weight));
  let known = "";
  const show = () => {
    const names = runsNow().map(({ name }) => name);
    if (names.join("\n") === known) return;
    known = names.join("\n");
    boxes.replaceChildren(...(names.length < 2 ? [] : names.map((name, i) => {
      const box = make("input", "", { type: "checkbox", "aria-label": `show ${name}` });
      box.checked = !reading.hidden.has(name);
      box.addEventListener("change", () => {
        reading.hidden[box.checked ? "delete" : "add"](name);
        redraw();
      });
      const label = make("label", "", {}, box, name);
      label.style.borderColor = colourOf(i);
      return label;
    })));
  };
  return { view, show };
}

export default { render };
