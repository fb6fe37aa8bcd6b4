// The sixteen statistics: choose one to see which cells it attends to, move one to ask what if, and beside each what
// the chosen cell gives it and gets from it.

import { make, say, switchOff } from "../dom.js";
import { percent, signed } from "../numbers.js";
import { cellOf, weight } from "./data.js";

const PAIRS = [["cells", "stats", "cell attends to it"], ["stats", "cells", "attends to the cell"]];

// One column of bars for each layer that links cells and statistics.
function columnsOf(networks) {
  return networks.flatMap(({ name, layers }, number) => PAIRS.flatMap(([queries, keys, says]) => {
    const layer = layers.find((each) => each.queries === queries && each.keys === keys);
    const whose = networks.length > 1 ? `${name.length > 16 ? `${name.slice(0, 15)}…` : name}: ` : "";
    return layer ? [{ number, layer, says: whose + says, asks: queries === "cells" }] : [];
  }));
}

function makeRow([name, sentence], i, columns, group, { choose, change, explain }) {
  const pick = make("input", "", { type: "radio", name: group, "aria-label": `show where ${name} takes part` });
  const slider = make("input", "", { type: "range", min: -1, max: 1, step: 0.01, "aria-label": name });
  const [value, was] = [make("output"), make("span", "was")];
  const weights = columns.map(() => {
    const [bar, number] = [make("b"), make("span", "number")];
    return { bar, number, view: make("span", "weight", {}, make("span", "track", {}, bar), number) };
  });
  pick.hidden = !columns.length; // nothing that is shown asks for one statistic
  const row = make("div", "stat", { "data-stat": name }, make("label", "name", {}, pick, name), slider, value, was,
    ...weights.map(({ view }) => view));
  pick.addEventListener("change", () => choose(i));
  slider.addEventListener("input", () => change(i, Number(slider.value)));
  for (const event of ["pointerenter", "focusin"]) row.addEventListener(event, () => explain(`${name}: ${sentence}`));
  return { row, pick, slider, value, was, weights };
}

export function makeStats(words, hands) {
  const columns = columnsOf(words.networks);
  const head = make("div", "stat headings", { "aria-hidden": "true" }, make("span", "", {}, "statistic"), make("span"),
    make("span", "right", {}, "now"), make("span", "right", {}, "was"),
    ...columns.map(({ says, layer }) => make("span", "", { title: layer.name }, says)));
  const group = `stat-${Math.random().toString(36).slice(2)}`;
  const rows = words.stats.map((stat, i) => makeRow(stat, i, columns, group, hands));
  const view = make("div", "explorer-stats", { role: "group", "aria-label": "statistics" }, head, ...rows.map(({ row }) => row));
  if (columns.length) {
    for (const [name, width] of [["--wide", "clamp(5.6em, 13cqw, 9em)"], ["--narrow", "4em"]]) view.style.setProperty(name, `repeat(${columns.length}, ${width})`);
  }

  const show = (state) => {
    const [now, before, tile] = [state.now(), state.recorded, state.tile()];
    rows.forEach(({ row, pick, slider, value, was, weights }, i) => {
      const changed = now.stats[i] !== before.stats[i];
      pick.checked = i === state.get("stat");
      switchOff(slider, state.edited === null);
      slider.value = now.stats[i];
      say(value, signed(now.stats[i], 3));
      say(was, changed ? signed(before.stats[i], 3) : "");
      row.classList.toggle("changed", changed);
      row.classList.toggle("chosen", pick.checked && !pick.hidden);
      weights.forEach(({ bar, number }, column) => {
        const { layer, number: side, asks } = columns[column];
        const [cell, head] = [tile && cellOf(layer, state.game, tile), state.get("heads")[side]];
        const pair = asks ? [cell, i] : [i, cell];
        const share = cell === null ? null : weight(layer, now.looks[side].weights[layer.name], head, ...pair);
        bar.style.width = `${100 * Math.min(1, (share || 0) / layer.high)}%`;
        say(number, share === null ? "–" : percent(share, 1));
      });
    });
  };
  return { view, show };
}
