// The face of GamePlayer: draws what Python sends and asks Python for every move. It knows no rule of the game.

import { make, switchOff, download, listen } from "../dom.js";
import { makeLine } from "./line.js";
import { makeBoard, listenToBoard } from "./board.js";
import { makeCompass } from "./compass.js";
import { makePlanes, makeStats, makeLand } from "./panels.js";
import { makeControls } from "./controls.js";
import { listenToKeys, HINT } from "./keys.js";

export function render({ model, el }) {
  const line = makeLine(model);
  const explanation = make("p", "territory-explain", {}, HINT);
  const explain = (text) => (explanation.textContent = text);
  const [board, compass, planes] = [makeBoard(model, explain), makeCompass(model, line), makePlanes(model, explain)];
  const [stats, land, controls] = [makeStats(model, explain), makeLand(model), makeControls(model, line)];
  const status = make("p", "territory-status", { role: "status", "aria-live": "polite" });
  const standing = make("p", "territory-standing");
  const root = make("div", "tw territory-game", {
    tabindex: 0, role: "application", "aria-label": `Territory. ${HINT}`, "data-lm-suppress-shortcuts": "true",
  },
  make("div", "territory-left", {}, standing, board.view, land.view, status),
  make("div", "territory-right", {}, compass.view, controls.view, planes.view), explanation, stats.view);

  const forget = () => {
    board.clear();
    compass.point(null);
  };
  listenToBoard(board, model, line);
  board.view.addEventListener("pointerleave", forget);
  listenToKeys(root, model, line, controls);
  const ends = ["pointerup", "pointercancel"]; // wherever the pointer is by then
  for (const event of ends) window.addEventListener(event, line.release);

  const drawScene = () => {
    const scene = model.get("scene");
    standing.textContent = `Step ${scene.step} · ${scene.standing}`;
    status.textContent = scene.line;
    root.classList.toggle("over", scene.over);
    switchOff(controls.run, scene.over);
    switchOff(controls.build, !scene.mask.some((allowed, index) => allowed && index % 2 === 1));
    if (scene.over) line.release();
    for (const part of [land, compass, stats]) part.draw();
  };
  const answered = () => {
    drawScene();
    if (!line.isHeld()) forget(); // the border that the arrow set out from has moved
    line.answered();
  };
  const aimed = () => {
    board.drawArrow();
    compass.point(model.get("aim").direction);
  };
  const silence = listen(model, [
    ["change:scene", answered],
    ["change:board", board.draw],
    ["change:planes", planes.draw],
    ["change:intensity change:build", compass.draw],
    ["change:aim", aimed],
    ["msg:custom", (content, buffers) => download(content.file, buffers[0])],
  ]);
  const clock = setInterval(line.tick, 10);

  drawScene();
  for (const part of [board, planes]) part.draw();
  el.classList.add("territory-widget");
  el.append(root);
  return () => {
    clearInterval(clock);
    for (const event of ends) window.removeEventListener(event, line.release);
    silence();
  };
}

export default { render };
