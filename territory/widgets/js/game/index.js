// The face of GamePlayer: draws what Python sends and asks Python for every step. It knows no rule of the game.

import { make, mount, oncePerFrame, panel, say } from "../dom.js";
import { makeConnection } from "../health.js";
import { listenToBoard, makeBoard } from "./board.js";
import { makeCompass, makeLegend } from "./compass.js";
import { makeControls } from "./controls.js";
import { HINT, listenToKeys } from "./keys.js";
import { makeOrders } from "./orders.js";
import { makeLand, makePlanes, makeStats } from "./panels.js";

const FIRST = "Try first: click the map a little outside your blue land, then hold the button. Grow before the others do.";

export function render({ model, el }) {
  const explanation = make("p", "territory-explain", {}, HINT);
  const explain = (text) => (explanation.textContent = text);
  const root = make("div", "tw territory-game", {
    tabindex: 0, role: "application", "aria-label": `Territory. ${HINT}`,
  });
  const lost = () => {
    orders.release();
    if (model.get("running")) model.set("running", false);
    drawScene();
  };
  const connection = makeConnection(model, root, { lost });
  const { line } = connection;
  const sorry = (words, details) => {
    orders.release();
    model.set("running", false);
    model.save_changes();
    connection.say(words, details);
  };
  const orders = makeOrders(model, line, sorry);
  const [board, compass, planes] = [makeBoard(model, explain), makeCompass(model, orders), makePlanes(model, explain)];
  const [stats, land, controls] = [makeStats(model, explain), makeLand(model), makeControls(model, orders, line, sorry)];
  const status = make("p", "territory-status", { role: "status", "aria-live": "polite" });
  const standing = make("p", "territory-standing");
  root.append(
    connection.banner,
    make("div", "territory-left tw-answer", {}, make("div", "tw-bar", {}, standing, make("span", "tw-old", {}, "old")), board.view, land.view,
      make("p", "quiet", {}, "the land, by player: who owns 80 % of it (the stroke) wins"), status,
      connection.note, make("p", "tw-hint", {}, FIRST), explanation),
    make("div", "territory-right", {},
      panel("where to: the ninety actions", [], make("div", "territory-where", {}, compass.view, makeLegend(model.get("words").shares))),
      controls.view, panel("what an agent is given: five planes", [], planes.view)),
    panel("and sixteen statistics", [make("span", "quiet", {}, "bar: now; stroke: a step ago")], make("div", "territory-given", {}, stats.view)),
  );

  const forget = () => {
    board.clear();
    compass.point(null);
  };
  listenToBoard(board, model, orders, line);
  board.view.addEventListener("pointerleave", forget);
  listenToKeys(root, model, orders, controls);
  const ends = ["pointerup", "pointercancel"]; // wherever the pointer is by then
  for (const event of ends) window.addEventListener(event, orders.release);

  const drawControls = () => {
    const off = line.state() === "lost";
    compass.draw(off);
    controls.show(off);
  };
  const drawScene = () => {
    const scene = model.get("scene");
    say(standing, `Step ${scene.step} · ${scene.standing}`);
    status.textContent = scene.line;
    root.classList.toggle("over", scene.over);
    root.dataset.wide = scene.size[1] > 1.8 * scene.size[0];
    for (const part of [board, planes, land, stats]) part.draw();
    drawControls();
    if (!orders.isHeld()) forget(); // the border that the arrow set out from has moved
  };
  const drawSoon = oncePerFrame(drawScene);
  const aimed = () => {
    board.drawArrow();
    compass.point(model.get("aim").direction);
  };
  const traits = ["intensity", "build", "running", "speed", "player", "num_bots", "opponents", "seed"];
  const listeners = [
    ["change:scene", () => {
      if (model.get("scene").over) orders.release();
      drawSoon(); // and the next order need not wait for it
    }],
    [traits.map((name) => `change:${name}`).join(" "), drawControls],
    ["change:aim", aimed],
    ["msg:custom", line.hear],
  ];
  const clock = setInterval(orders.tick, 10);

  drawScene();
  return mount({ model, el }, root, listeners, () => {
    clearInterval(clock);
    for (const event of ends) window.removeEventListener(event, orders.release);
    connection.end();
  });
}

export default { render };
