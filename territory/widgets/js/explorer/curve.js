// The value over the whole game, with its numbers: click or drag to go there.

import { draw, make, place, say } from "../dom.js";
import { clip, linear, minus, range, signed, ticks } from "../numbers.js";

// Of the drawing, pixel for pixel, so that letters keep their size; the last step's number fits into the right edge.
const [HEIGHT, LEFT, RIGHT, BOTTOM] = [110, 34, 12, 16];

export function makeCurve(seek) {
  const [grid, line, cursor] = [draw("g", { class: "grid" }), draw("polyline", { class: "line" }), draw("line", { class: "cursor" })];
  const [dot, other] = [draw("circle", { class: "dot", r: 4.5 }), draw("path", { class: "imagined", d: "M0-6 6 0 0 6-6 0Z" })];
  let [width, room, last] = [0, 320, [0, null]];
  const svg = draw("svg", { height: HEIGHT, "aria-hidden": "true" }, grid, line, cursor, dot, other);
  const box = make("div", "explorer-curve", { "data-control": "value curve" }, svg);
  const said = make("p", "explorer-value tw-answer");
  const legend = make("p", "quiet", {}, "value: the return that the critic expects from here, over the game");
  let [values, across, down] = [[0], () => 0, () => 0];
  const go = (event) => {
    const share = (event.clientX - svg.getBoundingClientRect().left - LEFT) / (width - LEFT - RIGHT);
    seek(Math.round(clip(share, 0, 1) * (values.length - 1)));
  };
  box.addEventListener("pointerdown", go);
  box.addEventListener("pointermove", (event) => event.buttons & 1 && go(event));

  const load = (all) => {
    [values, width] = [all, Math.max(120, room)];
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const [low, high] = range([0, ...all]);
    const margin = (high - low) * 0.06;
    const ends = [low - margin, high + margin];
    across = linear([0, Math.max(1, all.length - 1)], [LEFT, width - RIGHT]);
    down = linear(ends, [HEIGHT - BOTTOM, 4]);
    const rules = ticks(ends, 3).flatMap((mark) => [
      draw("line", { x1: LEFT, x2: width - RIGHT, y1: down(mark), y2: down(mark), class: mark === 0 ? "zero" : "" }),
      draw("text", { x: LEFT - 4, y: down(mark) + 3.5, "text-anchor": "end" }, minus(mark)),
    ]);
    const steps = ticks([0, Math.max(1, all.length - 1)], 5).filter(Number.isInteger).map((mark) =>
      draw("text", { x: across(mark), y: HEIGHT - 3, "text-anchor": "middle" }, mark));
    grid.replaceChildren(...rules, ...steps);
    line.setAttribute("points", Array.from(all, (value, step) => `${across(step)},${down(value)}`).join(" "));
  };
  const show = (step, imagined) => {
    last = [step, imagined];
    place(cursor, { x1: across(step), x2: across(step), y1: 4, y2: HEIGHT - BOTTOM });
    place(dot, { cx: across(step), cy: down(values[step]) });
    other.style.display = imagined === null ? "none" : "";
    if (imagined !== null) other.setAttribute("transform", `translate(${across(step)} ${clip(down(imagined), 6, HEIGHT - BOTTOM)})`);
    const now = imagined === null ? values[step] : imagined;
    say(said, `value ${signed(now)}${imagined === null ? "" : ` (was ${signed(values[step])})`}`);
  };
  // Told, not asked at every step: asking has the page lay itself out in the middle of a frame.
  new ResizeObserver(([{ contentRect }]) => {
    if (!contentRect.width || Math.abs(contentRect.width - width) <= 1) return;
    room = contentRect.width;
    load(values);
    show(...last);
  }).observe(box);
  return { view: make("div", "explorer-values", {}, said, box, legend), load, show };
}
