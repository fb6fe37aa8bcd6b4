// The sixteen statistics: choose one to see which cells it attends to, move one to ask what if, and beside each what
// the chosen cell gives it and gets from it.

const PAIRS = [["cells", "stats", "the cell attends to it"], ["stats", "cells", "it attends to the cell"]];

function makeStats(words, { choose, change, explain }) {
  const columns = words.networks.flatMap(({ name, layers }, number) => PAIRS.flatMap(([queries, keys, says]) => {
    const layer = layers.find((each) => each.queries === queries && each.keys === keys);
    const whose = words.networks.length > 1 ? `${name}: ` : "";
    return layer ? [{ number, layer, says: whose + says, asks: queries === "cells" }] : [];
  }));
  const head = make("div", "row head", {}, make("span", "", {}, "statistic"), make("span", "", {}, "value"), make("span"),
    ...columns.map(({ says, layer }) => make("span", "", { title: layer.name }, says)));
  const group = `stat-${Math.random().toString(36).slice(2)}`;
  const rows = words.stats.map(([name, sentence], i) => {
    const pick = make("input", "", { type: "radio", name: group, "aria-label": `show where ${name} takes part` });
    const slider = make("input", "", { type: "range", min: -1, max: 1, step: 0.01, "aria-label": name });
    const value = make("output");
    const bars = columns.map(() => {
      const [bar, number] = [make("b"), make("span", "number")];
      return { bar, number, view: make("span", "bar", {}, make("span", "track", {}, bar), number) };
    });
    const row = make("div", "row", { "data-stat": name }, make("label", "name", {}, pick, name), slider, value,
      ...bars.map(({ view }) => view));
    pick.addEventListener("change", () => choose(i));
    slider.addEventListener("input", () => change(i, Number(slider.value)));
    for (const event of ["pointerenter", "focusin"]) row.addEventListener(event, () => explain(`${name}: ${sentence}`));
    return { row, pick, slider, value, bars };
  });
  const view = make("div", "explorer-stats", { role: "group", "aria-label": "statistics" }, head, ...rows.map(({ row }) => row));
  view.style.setProperty("--columns", columns.length);

  const show = (now, before, { stat, cellOfLayer, headOf, editable }) => {
    rows.forEach(({ row, pick, slider, value, bars }, i) => {
      const changed = now.stats[i] !== before.stats[i];
      pick.checked = i === stat;
      slider.disabled = !editable;
      slider.value = now.stats[i];
      value.textContent = signed(now.stats[i], 3) + (changed ? ` (was ${signed(before.stats[i], 3)})` : "");
      row.classList.toggle("changed", changed);
      row.classList.toggle("chosen", i === stat);
      bars.forEach(({ bar, number }, column) => {
        const { layer, number: side, asks } = columns[column];
        const cell = cellOfLayer(layer);
        const share = cell === null ? null : asks
          ? weight(layer, now.looks[side].weights[layer.name], headOf(side), cell, i)
          : weight(layer, now.looks[side].weights[layer.name], headOf(side), i, cell);
        bar.style.width = `${100 * Math.min(1, (share || 0) / layer.high)}%`;
        number.textContent = share === null ? "–" : percent(share, 1);
      });
    });
  };
  return { view, show, columns };
}

// Changes that only a running network can answer: tools to paint with, and the way back.
function makeTools(words, { toggle, reset, changed }) {
  const on = make("input", "", { type: "checkbox" });
  const tool = make("select", "", { "aria-label": "what the pointer does" },
    ...[["look", "choose a tile"], ["owner", "paint land"], ["density", "paint troops"], ["city", "found a city"], ["raze", "raze a city"]]
      .map(([value, text]) => make("option", "", { value }, text)));
  const owner = make("select", "", { "aria-label": "whose land" },
    ...words.players.map((name, player) => make("option", "", { value: player }, name)));
  owner.value = "1";
  const density = make("input", "", { type: "range", min: 0, max: 255, value: 128, "aria-label": "troops per tile" });
  const brush = make("input", "", { type: "range", min: 1, max: 15, step: 2, value: 5, "aria-label": "brush size in tiles" });
  const back = make("button", "", { type: "button" }, "undo all");
  const troops = make("output");
  const note = make("span", "explorer-latency", { role: "status" });
  const parts = {
    owner: make("label", "", {}, "for ", owner),
    density: make("label", "", {}, "troops ", density, troops),
    brush: make("label", "", {}, "brush ", brush),
  };
  const more = make("span", "explorer-tools", {}, make("label", "", {}, "pointer ", tool), ...Object.values(parts), back, note);
  const why = make("p", "explorer-why", {}, words.standalone
    ? "What-if is off: this page has the game and what the networks computed in it, but not the networks. Open it in a notebook to ask."
    : "Painting changes the map that the network is given, sliders the statistics: each alone, so that you see what each one does. " +
      "The game itself might never reach such a state.");
  const view = make("div", "explorer-whatif", {}, make("label", "", {}, on, "what if (W)"), more, why);
  const fit = () => {
    more.hidden = !on.checked;
    why.hidden = !on.checked && !words.standalone;
    parts.owner.hidden = tool.value !== "owner";
    parts.density.hidden = tool.value !== "density";
    parts.brush.hidden = !["owner", "density"].includes(tool.value);
    troops.textContent = (2 ** ((12 * density.value) / 255) - 1).toFixed(0) + " a tile";
  };
  on.disabled = Boolean(words.standalone);
  on.addEventListener("change", () => toggle(on.checked));
  for (const each of [tool, density]) each.addEventListener("input", () => { fit(); changed(); });
  back.addEventListener("click", reset);
  fit();
  return {
    view, note,
    show: (active) => { on.checked = active; fit(); },
    get: () => ({ tool: on.checked ? tool.value : "look", owner: Number(owner.value), density: Number(density.value), brush: Number(brush.value) }),
  };
}

// Paint one tile, or a disc around it, into a moment that may be changed.
function paint(game, now, densities, { tool, owner, density, brush }, [row, column]) {
  const reach = ["owner", "density"].includes(tool) ? (brush - 1) / 2 : 0;
  for (let r = row - reach; r <= row + reach; r++) {
    for (let c = column - reach; c <= column + reach; c++) {
      const outside = r < 0 || c < 0 || r >= game.rows || c >= game.columns;
      const tile = r * game.columns + c;
      if (outside || !game.terrain[tile] || Math.hypot(r - row, c - column) > reach + 0.3) continue;
      if (tool === "owner") {
        [now.owner[tile], now.density[tile], now.fronts[tile]] = [owner, densities[owner], 0];
        if (!owner) now.city[tile] = 0;
      } else if (now.owner[tile]) {
        if (tool === "density") now.density[tile] = density;
        else now.city[tile] = tool === "city" ? 1 : 0;
      }
    }
  }
}
