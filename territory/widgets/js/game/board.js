// The board to point at, and the arrow that says where a click would go.

import { make } from "../dom.js";
import { ask, WAIT } from "./line.js";

export function makeBoard(model, explain) {
  const canvas = make("canvas", "territory-board", { role: "img", "aria-label": "the board" });
  const arrow = make("canvas", "territory-arrow", { "aria-hidden": "true" });
  const view = make("div", "territory-map", { "data-control": "board" }, canvas, arrow);
  let drawn = 0;
  const draw = async () => {
    const turn = ++drawn;
    const picture = await createImageBitmap(new Blob([model.get("board")], { type: "image/png" }));
    if (turn !== drawn) return; // a later picture was quicker
    for (const each of [canvas, arrow]) {
      if (each.width !== picture.width || each.height !== picture.height) {
        [each.width, each.height] = [picture.width, picture.height];
      }
    }
    canvas.getContext("2d").drawImage(picture, 0, 0);
  };
  const clear = () => arrow.getContext("2d").clearRect(0, 0, arrow.width, arrow.height);
  const drawArrow = () => {
    clear();
    const { from, to, direction } = model.get("aim");
    if (direction === WAIT || !view.matches(":hover")) return;
    const pen = arrow.getContext("2d");
    const side = arrow.width / model.get("scene").size[1];
    const [[top, left], [row, column]] = [from, to];
    for (const [colour, width] of [["#fff", 6], ["#14181c", 3]]) {
      pen.strokeStyle = pen.fillStyle = colour;
      pen.lineWidth = width;
      pen.beginPath();
      pen.moveTo((left + 0.5) * side, (top + 0.5) * side);
      pen.lineTo((column + 0.5) * side, (row + 0.5) * side);
      pen.stroke();
      pen.beginPath();
      pen.arc((column + 0.5) * side, (row + 0.5) * side, 3 + width / 2, 0, 7);
      pen.fill();
    }
  };
  view.addEventListener("pointermove", (event) => {
    const { row, column } = tileUnder(model, canvas, event);
    const { planes } = model.get("words");
    const values = planes.map(([name], plane) => `${name} ${valueAt(model, plane, row, column)}`);
    explain(`Row ${row}, column ${column}: ${values.join(" · ")}.`);
  });
  return { view, canvas, draw, drawArrow, clear };
}

// The tile of a picture that the pointer is over, or the nearest one.
export function tileUnder(model, picture, event) {
  const [rows, columns] = model.get("scene").size;
  const box = picture.getBoundingClientRect();
  const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
  const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
  return { row: Math.min(Math.max(row, 0), rows - 1), column: Math.min(Math.max(column, 0), columns - 1) };
}

export function valueAt(model, plane, row, column) {
  const [rows, columns] = model.get("scene").size;
  return model.get("planes").getUint8((plane * rows + row) * columns + column);
}

// Pressing the board pushes towards the tile under the pointer; resting on it asks where a push would go.
export function listenToBoard({ view, canvas }, model, line) {
  let spot = null; // under the pointer: a held button follows it
  view.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    view.closest(".territory-game").focus();
    view.setPointerCapture(event.pointerId);
    spot = tileUnder(model, canvas, event);
    line.hold(() => ask(model, "push", spot, "intensity", "build"));
  });
  view.addEventListener("pointermove", (event) => {
    spot = tileUnder(model, canvas, event);
    if (!line.isHeld() && !line.busy() && !model.get("scene").over) model.send(ask(model, "aim", spot));
  });
}
