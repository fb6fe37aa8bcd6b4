// The face of NetworkBudget: sizes to choose, and what they cost. Python counts, this draws.

import { button, make, mount, oncePerFrame, panel, select, switchOff } from "../dom.js";
import { makeConnection } from "../health.js";
import { whole } from "../numbers.js";
import { makeBars, makeDiagram, makeField, makeGauge } from "./drawings.js";

const NAMES = { channels: "channels", kernels: "kernel", strides: "stride" };
const SINGLE = { pooling: "pooling after conv 1", reading: "last grid", features: "map features" };
const FIRST = "Try first: replace “flatten” by “mean” and see which number falls; then double the stride of conv 1.";

export function render({ model, el }) {
  const words = model.get("words");
  const root = make("div", "tw territory-budget", { tabindex: -1 });
  const connection = makeConnection(model, root, { lost: () => timed() });
  const { line } = connection;
  const sizes = makeSizes(model, words, (change) => {
    for (const [name, value] of Object.entries(change)) model.set(name, value);
    line.ask("design", () => ({ message: { ask: "design", set: Object.fromEntries(TRAITS.map((name) => [name, model.get(name)])) } }), () => {}, connection.say);
    show();
  });
  const time = button("time it", () => {
    timing = line.ask("time", () => ({ message: { ask: "time" } }), timed, (said, details) => {
      timed();
      connection.say(said, details);
    });
    show();
  }, { class: "primary", "aria-label": "Time it" });
  let timing = false;
  const timed = () => {
    timing = false;
    show();
  };
  const [gauge, diagram, bars, field] = [makeGauge(words), makeDiagram(), makeBars(), makeField(words)];
  const drawings = [gauge, diagram, bars, field];
  const [problem, goal, macs] = [make("p", "budget-problem", { role: "status" }), make("p", "budget-goal tw-answer", { role: "status" }), make("p", "budget-macs tw-answer")];

  const show = oncePerFrame(() => {
    const report = model.get("report");
    const gone = line.state() === "lost";
    sizes.show(gone);
    problem.textContent = report.problem ? `Impossible: ${report.problem}` : "";
    problem.hidden = !report.problem;
    root.dataset.impossible = Boolean(report.problem);
    switchOff(time, gone || timing || Boolean(report.problem));
    time.textContent = timing ? "timing …" : "time it";
    goal.textContent = goalSays(report, words, timing);
    goal.dataset.reached = Boolean(report.reached);
    if (report.problem) return;
    macs.textContent = `${whole(report.macs)} MACs: ${(report.macs / report.rival_macs).toFixed(2)} times ${words.rival}'s`;
    for (const each of drawings) each.show(report);
  });

  root.append(
    connection.banner,
    make("p", "tw-hint", {}, FIRST),
    gauge.view,
    make("div", "budget-main", {},
      make("div", "budget-left", {}, panel("the sizes", [], sizes.view, problem), panel("is it faster?", [], make("div", "tw-bar", {}, time, goal), connection.note),
        panel("what a cell sees", [], field.view)),
      make("div", "budget-right", {}, panel("the network", [make("span", "tw-old", {}, "old")], diagram.view),
        panel("where it all sits", [], macs, bars.view))),
  );
  const listeners = [
    [["report", ...TRAITS].map((name) => `change:${name}`).join(" "), show],
    ["msg:custom", line.hear],
  ];
  show();
  return mount({ model, el }, root, listeners, connection.end);
}

const TRAITS = ["channels", "kernels", "strides", "pooling", "reading", "features"];

// A table of choices: a row for each convolution, then what follows them.
function makeSizes(model, { offers, single }, change) {
  const parts = [];
  const add = (label, values, read, write, shown) => {
    const part = select(label, values.map((value) => [value, value]), write, shown);
    parts.push(() => part.show(read()), (off) => switchOff(part.control, off));
    return part.view;
  };
  const set = (name, i) => (value) => change({ [name]: model.get(name).map((old, at) => (at === i ? Number(value) : old)) });
  const table = make("div", "budget-sizes", {}, make("span"), ...Object.values(NAMES).map((name) => make("span", "quiet", {}, name)),
    ...[0, 1, 2].flatMap((i) => [make("b", "", {}, `conv ${i + 1}`),
      ...Object.entries(NAMES).map(([name, label]) => add(`conv ${i + 1} ${label}`, offers[name][i], () => model.get(name)[i], set(name, i), ""))]));
  const rest = Object.entries(SINGLE).map(([name, label]) =>
    add(label, single[name], () => model.get(name), (value) => change({ [name]: name === "features" ? Number(value) : value })));
  return { view: make("div", "", {}, table, make("div", "budget-rest", {}, ...rest)), show: (off) => parts.forEach((each) => each(off)) };
}

function goalSays(report, { rival }, timing) {
  if (report.problem) return "";
  if (timing) return `Timing it and ${rival}, taking turns …`;
  if (!report.timed) return `Not timed yet. The goal: within the budget, and a faster training step than ${rival}'s.`;
  const { ratio } = report.timed;
  return `${ratio.toFixed(2)} times as fast as ${rival} (a training step of 12 boards). ${report.reached ? "✓ Goal reached." : "The goal is not reached."}`;
}

export default { render };
