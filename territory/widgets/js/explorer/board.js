// A board to point at, with marks for the chosen tile and the cell it lies in.

import { make } from "../dom.js";
import { clip } from "../numbers.js";
import { showOn } from "../paint.js";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export function makeBoard(name, { game, point, leave, act, move }) {
  const canvas = make("canvas", "explorer-board", { "aria-hidden": "true" });
  const [tile, cell] = [make("i", "explorer-tile"), make("i", "explorer-cell")];
  const view = make("div", "explorer-map", {
    tabindex: 0, role: "application", "data-control": "board",
    "aria-label": `the board as ${name} sees it; arrow keys move over it, Enter chooses or paints, Escape lets go`,
  }, canvas, cell, tile);
  const tileAt = (event) => {
    const box = canvas.getBoundingClientRect();
    const at = (place, start, length, count) => clip(Math.floor(((place - start) / length) * count), 0, count - 1);
    const { rows, columns } = game();
    return [at(event.clientY, box.top, box.height, rows), at(event.clientX, box.left, box.width, columns)];
  };
  view.addEventListener("pointermove", (event) => {
    point(tileAt(event));
    if (event.buttons & 1) act(tileAt(event), true);
  });
  view.addEventListener("pointerdown", (event) => event.button === 0 && act(tileAt(event), false));
  view.addEventListener("pointerleave", leave);
  view.addEventListener("keydown", (event) => {
    if (event.code in STEPS) move(STEPS[event.code], event.shiftKey);
    else if (event.code === "Enter") act(null, false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const mark = (element, box) => {
    element.hidden = box === null;
    if (box === null) return;
    const { rows, columns } = game();
    const [top, left, height, width] = box;
    const sides = { top: top / rows, left: left / columns, height: height / rows, width: width / columns };
    for (const [side, share] of Object.entries(sides)) element.style[side] = `${100 * share}%`;
  };
  const markAt = (place, grid) => {
    mark(tile, place && [...place, 1, 1]);
    if (!place || !grid) return mark(cell, null);
    const [height, width] = [game().rows / grid[0], game().columns / grid[1]];
    mark(cell, [Math.floor(place[0] / height) * height, Math.floor(place[1] / width) * width, height, width]);
  };
  const show = (painter, now, over) => showOn(canvas, painter, now, over);
  return { view, show, markAt };
}

// What the pointer and the arrow keys do on a board.
export function makeHands(state, tools, { explain, tileSays, brush }) {
  const hands = {
    hovered: null,
    point: (place) => explain(tileSays(state, (hands.hovered = place))),
    leave: () => (hands.hovered = null),
    act: (place, dragged) => {
      const [at, tool] = [place || state.tile(), tools.get()];
      if (tool.tool === "look" || !state.edited) {
        if (place && !dragged) state.set("cell", place);
      } else if (at && !(dragged && ["city", "raze"].includes(tool.tool))) brush(tool, at);
    },
    move: ([down, right], far) => {
      const { rows, columns } = state.game;
      const [row, column] = state.tile() || [Math.floor(rows / 2), Math.floor(columns / 2)];
      const reach = far ? 8 : 1;
      hands.hovered = null; // the keyboard's tile is read out, not the resting pointer's
      state.set("cell", [clip(row + reach * down, 0, rows - 1), clip(column + reach * right, 0, columns - 1)]);
      explain(tileSays(state, state.tile()));
    },
  };
  return hands;
}
