// One panel of curves: axes that fit the data, a legend that reads the numbers, a cursor.

import { draw, make } from "../dom.js";
import { linear, minus, nearest, range, short, ticks } from "../numbers.js";
import { curvesOf, isShare, pointsOf, spoken, written } from "./runs.js";

export const colourOf = (number) => `var(--c${number % 6})`;
const DASHES = ["", "7 4", "2 3"]; // so that curves are told apart without colour
const [LEFT, RIGHT, TOP, BOTTOM, LETTER] = [46, 8, 8, 20, 11];

export function makePanel(title, fields, { choose, wide, sentences }) {
  const height = wide && !choose ? 190 : 150;
  const legend = make("div", "monitor-legend");
  const plot = draw("svg", { height, role: "img", "aria-label": title });
  const head = make("figcaption", "", {}, ...(choose ? [choose] : [make("b", "", {}, title.split(":")[0]), make("span", "quiet", {}, title.split(":")[1] || "")]));
  const view = make("figure", wide ? "monitor-panel wide" : "monitor-panel", {}, head, legend, plot);
  let [names, across] = [fields, () => 0];

  const show = (runs, { at, weight, hidden }) => {
    const width = Math.max(180, plot.clientWidth || 370); // drawn pixel for pixel, so that letters keep their size
    plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const curves = curvesOf(runs, names, weight, hidden);
    const share = isShare(names) && names.includes("win_rate");
    const y = share ? [0, 1] : range(curves.flatMap(({ raw }) => raw));
    const x = [0, Math.max(1, ...curves.flatMap(({ steps }) => steps.at(-1) ?? 0))];
    const marks = ticks(y, wide ? 4 : 3);
    const texts = marks.map((mark) => (share ? `${Math.round(100 * mark)} %` : Math.abs(mark) >= 1000 ? short(mark) : minus(mark)));
    const left = Math.max(LEFT, 8 + 0.62 * LETTER * Math.max(0, ...texts.map((text) => text.length))); // no number is cut off
    across = linear(x, [left, width - RIGHT]);
    across.inverse = linear([left, width - RIGHT], x);
    const down = linear(y, [height - BOTTOM, TOP]);
    const grid = marks.flatMap((mark, i) => [
      draw("line", { x1: left, x2: width - RIGHT, y1: down(mark), y2: down(mark), class: "grid" }),
      draw("text", { x: left - 5, y: down(mark) + 4, "text-anchor": "end" }, texts[i]),
    ]);
    const anchor = (mark) => (mark === 0 ? "start" : across(mark) > width - 30 ? "end" : "middle");
    const told = ticks(x, wide ? 8 : 4);
    const room = across(told[1] ?? x[1]) - left > 60; // for the word beside the second number
    const steps = told.map((mark) =>
      draw("text", { x: across(mark), y: height - 5, "text-anchor": anchor(mark) }, mark || !room ? short(mark) : "step 0"));
    const line = ({ run, field, colour, dash }, points, extra) =>
      draw("polyline", { points, class: extra, stroke: colourOf(colour), "stroke-dasharray": DASHES[dash], "data-field": field, "data-run": run });
    const raws = weight ? curves.map((curve) => line(curve, pointsOf(curve.steps, curve.raw, across, down), "raw")) : [];
    const lines = curves.map((curve) => line(curve, pointsOf(curve.steps, curve.values, across, down), ""));
    const cursor = at === null ? [] : [draw("line", { x1: across(at), x2: across(at), y1: TOP, y2: height - BOTTOM, class: "cursor" })];
    plot.replaceChildren(...grid, ...steps, ...raws, ...lines, ...cursor);
    const place = (curve) => (at === null ? curve.steps.length - 1 : nearest(curve.steps, at));
    legend.replaceChildren(...curves.map((curve) => make("span", "", { "data-field": curve.field, "data-run": curve.run },
      sample(curve), runs.length > 1 ? `${curve.run}: ` : "", names.length > 1 || runs.length < 2 ? `${spoken(curve.field)} ` : "",
      make("output", "", {}, curve.steps.length ? written(curve.field, curve.raw[place(curve)]) : "–"))));
  };
  // The step that lies under the pointer.
  const stepAt = (event) => {
    const box = plot.getBoundingClientRect();
    return across.inverse(event.clientX - box.left);
  };
  return {
    view, plot, show, stepAt,
    choose: (name) => (names = [name]),
    names: () => names,
    says: () => names.map((name) => sentences[name]).join(" "),
  };
}

function sample({ colour, dash }) {
  const line = draw("line", { x1: 0, x2: 22, y1: 5, y2: 5, stroke: colourOf(colour), "stroke-dasharray": DASHES[dash] });
  return draw("svg", { width: 22, height: 10, "aria-hidden": "true" }, line);
}
