// The game of the agent that is trained, and the switch of the training.

import { button, make, select, switchOff } from "../dom.js";
import { boardOn } from "../paint.js";

export function makeGame(model, ask) {
  const canvas = make("canvas", "", { role: "img", "aria-label": "a game of the agent that is trained" });
  const [title, scene, results] = [make("p"), make("p", "monitor-scene"), make("p", "monitor-results", { role: "img" })];
  const watch = make("input", "", { type: "checkbox" });
  watch.addEventListener("change", () => ask("watching", { watching: watch.checked }));
  const speeds = [1, 2, 5, 10, 20].map((each) => [each, `${each} steps/s`]);
  const speed = select("game speed", speeds, (value) => ask("speed", { speed: Number(value) }), "at");
  const view = make("section", "tw-panel monitor-game", { "aria-label": "its game" }, title, canvas, scene, results,
    make("div", "tw-bar", {}, make("label", "", {}, watch, "play on"), speed.view));
  const show = boardOn(canvas, model.get("words").colours);
  const drawGame = () => {
    const game = model.get("game");
    view.hidden = !game.number;
    if (!game.number) return;
    show(model.get("board"), game.size);
    title.replaceChildren(make("b", "", {}, `game ${game.number}`), " of the agent as it is now");
    scene.textContent = game.line;
    results.replaceChildren(game.results.length ? "games before: " : "", ...game.results.map((each) => make("span", each.won ? "won" : "", { title: each.line }, each.won ? "✓" : "×")));
    results.setAttribute("aria-label", `games before: ${game.results.filter((each) => each.won).length} of ${game.results.length} won`);
  };
  const drawControls = () => {
    watch.checked = model.get("watching");
    speed.show(model.get("speed"));
  };
  return { view, drawGame, drawControls, cutOff: () => [watch, speed.control].forEach((each) => switchOff(each, true)) };
}

const GO = { running: "❚❚ pause (P)", ready: "▶ start (P)", pausing: "pausing …" };

export function makeSwitch(model, ask) {
  const line = make("p", "monitor-line tw-answer");
  const spoke = make("span", "tw-spoken", { role: "status" });
  const bar = make("b");
  const progress = make("div", "monitor-progress", { role: "progressbar", "aria-label": "steps", "aria-valuemin": 0 }, bar);
  let asked = ""; // what was pressed and is not yet true: said at once
  const press = (what) => () => {
    if (ask(what)) asked = { pause: "pausing", stop: "stopping" }[what] || "";
    show();
  };
  const go = button("", () => press(model.get("status").state === "running" ? "pause" : "start")(), { class: "monitor-go primary" });
  const stop = button("■ stop (S)", press("stop"));
  let [before, off] = ["", false];
  const show = () => {
    const status = model.get("status");
    if (status.state !== "running") asked = "";
    const state = asked || status.state;
    line.textContent = asked ? `${asked}, after this update · ${status.line}` : status.line;
    bar.style.width = `${(100 * status.step) / Math.max(1, status.total)}%`;
    for (const [name, value] of [["max", status.total], ["now", status.step]]) progress.setAttribute(`aria-value${name}`, value);
    go.textContent = GO[state] || "▶ go on (P)";
    switchOff(go, off || !status.live || ["stopping", "pausing", "finished", "failed"].includes(state));
    switchOff(stop, off || !status.live || state === "stopping" || (status.resting && status.state !== "paused"));
    if (state !== before) spoke.textContent = line.textContent; // said once, not at every update
    before = state;
  };
  const cutOff = () => {
    off = true;
    show();
  };
  return { view: make("div", "monitor-top", {}, make("div", "tw-bar", {}, line, go, stop), progress, spoke), go, stop, show, cutOff };
}
