// The board to point at, and the arrow that says where a click would go.

import { make } from "../dom.js";
import { clip } from "../numbers.js";
import { boardOn } from "../paint.js";
import { ask, WAIT } from "./orders.js";

export function makeBoard(model, explain) {
  const canvas = make("canvas", "territory-board", { role: "img", "aria-label": "the board" });
  const arrow = make("canvas", "territory-arrow", { "aria-hidden": "true" });
  const view = make("div", "territory-map", { "data-control": "board" }, canvas, arrow);
  const show = boardOn(canvas, model.get("words").colours);
  const draw = () => {
    show(model.get("board"), model.get("scene").size);
    if (arrow.width !== canvas.width || arrow.height !== canvas.height) [arrow.width, arrow.height] = [canvas.width, canvas.height];
  };
  const clear = () => arrow.getContext("2d").clearRect(0, 0, arrow.width, arrow.height);
  const drawArrow = () => {
    clear();
    const { from, to, direction } = model.get("aim");
    if (direction === WAIT || !view.matches(":hover")) return;
    const side = arrow.width / model.get("scene").size[1];
    drawLine(arrow.getContext("2d"), ...[from, to].map((place) => place.map((at) => (at + 0.5) * side)));
  };
  view.addEventListener("pointermove", (event) => {
    const { row, column } = tileUnder(model, canvas, event);
    const { planes } = model.get("words");
    const values = planes.map(([name], plane) => `${name} ${valueAt(model, plane, row, column)}`);
    explain(`Row ${row}, column ${column}: ${values.join(" · ")}.`);
  });
  return { view, canvas, draw, drawArrow, clear };
}

function drawLine(pen, [top, left], [row, column]) {
  for (const [colour, width] of [["#fff", 6], ["#14181c", 3]]) {
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    pen.moveTo(left, top);
    pen.lineTo(column, row);
    pen.stroke();
    pen.beginPath();
    pen.arc(column, row, 3 + width / 2, 0, 7);
    pen.fill();
  }
}

// The tile of a picture that the pointer is over, or the nearest one.
export function tileUnder(model, picture, event) {
  const [rows, columns] = model.get("scene").size;
  const box = picture.getBoundingClientRect();
  const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
  const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
  return { row: clip(row, 0, rows - 1), column: clip(column, 0, columns - 1) };
}

export function valueAt(model, plane, row, column) {
  const [rows, columns] = model.get("scene").size;
  return model.get("planes").getUint8((plane * rows + row) * columns + column);
}

// Pressing the board attacks towards the tile under the pointer; resting on it asks where an attack would go.
export function listenToBoard({ view, canvas }, model, orders, line) {
  let spot = null; // under the pointer: a held button follows it
  view.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    view.closest(".tw").focus();
    view.setPointerCapture(event.pointerId);
    spot = tileUnder(model, canvas, event);
    orders.hold(() => ask(model, "attack", spot, "intensity", "build"));
  });
  view.addEventListener("pointermove", (event) => {
    spot = tileUnder(model, canvas, event);
    if (!orders.isHeld() && !model.get("scene").over) line.ask("aim", () => ({ message: ask(model, "aim", spot) }));
  });
}
