// The sixteen statistics: choose one to see which cells it attends to, move one to ask what if, and beside each what
// the chosen cell gives it and gets from it.

const PAIRS = [["cells", "stats", "the cell attends to it"], ["stats", "cells", "it attends to the cell"]];

function makeStats(words, { choose, change, explain }) {
  const columns = words.networks.flatMap(({ name, layers }, number) => PAIRS.flatMap(([queries, keys, says]) => {
    const layer = layers.find((each) => each.queries === queries && each.keys === keys);
    const whose = words.networks.length > 1 ? `${name}: ` : "";
    return layer ? [{ number, layer, says: whose + says, asks: queries === "cells" }] : [];
  }));
  const bars = (...parts) => make("span", "bars", {}, ...parts);
  const head = make("div", "row head", {}, make("span", "", {}, "statistic"), make("span", "", {}, "value"), make("span"),
    bars(...columns.map(({ says, layer }) => make("span", "", { title: layer.name }, says))));
  const group = `stat-${Math.random().toString(36).slice(2)}`;
  const rows = words.stats.map(([name, sentence], i) => {
    const pick = make("input", "", { type: "radio", name: group, "aria-label": `show where ${name} takes part` });
    const slider = make("input", "", { type: "range", min: -1, max: 1, step: 0.01, "aria-label": name });
    const value = make("output");
    const weights = columns.map(() => {
      const [bar, number] = [make("b"), make("span", "number")];
      return { bar, number, view: make("span", "bar", {}, make("span", "track", {}, bar), number) };
    });
    pick.hidden = !columns.length; // nothing that is shown asks for one statistic
    const row = make("div", "row", { "data-stat": name }, make("label", "name", {}, pick, name), slider, value,
      bars(...weights.map(({ view }) => view)));
    pick.addEventListener("change", () => choose(i));
    slider.addEventListener("input", () => change(i, Number(slider.value)));
    for (const event of ["pointerenter", "focusin"]) row.addEventListener(event, () => explain(`${name}: ${sentence}`));
    return { row, pick, slider, value, weights };
  });
  const view = make("div", "explorer-stats", { role: "group", "aria-label": "statistics" }, head, ...rows.map(({ row }) => row));
  view.classList.toggle("plain", !columns.length);

  const show = (state) => {
    const [now, before, tile] = [state.now(), state.recorded, state.tile()];
    rows.forEach(({ row, pick, slider, value, weights }, i) => {
      const changed = now.stats[i] !== before.stats[i];
      pick.checked = i === state.get("stat");
      switchOff(slider, state.edited === null);
      slider.value = now.stats[i];
      value.textContent = signed(now.stats[i], 3) + (changed ? ` (was ${signed(before.stats[i], 3)})` : "");
      row.classList.toggle("changed", changed);
      row.classList.toggle("chosen", pick.checked && !pick.hidden);
      weights.forEach(({ bar, number }, column) => {
        const { layer, number: side, asks } = columns[column];
        const [cell, head] = [tile && cellOf(layer, state.game, tile), state.get("heads")[side]];
        const pair = asks ? [cell, i] : [i, cell];
        const share = cell === null ? null : weight(layer, now.looks[side].weights[layer.name], head, ...pair);
        bar.style.width = `${100 * Math.min(1, (share || 0) / layer.high)}%`;
        number.textContent = share === null ? "–" : percent(share, 1);
      });
    });
  };
  return { view, show };
}
