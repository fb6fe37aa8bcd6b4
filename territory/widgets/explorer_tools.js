// Changes that only a running network can answer: tools to paint with, and the way back.
const TOOLS = [
  ["look", "choose a tile"], ["owner", "paint land"], ["density", "paint troops"], ["city", "found a city"],
  ["raze", "raze a city"],
];

function makeTools(words, { toggle, reset }) {
  const on = make("input", "", { type: "checkbox" });
  const tool = make("select", "", { "aria-label": "what the pointer does" },
    ...options(TOOLS));
  const owner = make("select", "", { "aria-label": "whose land" },
    ...options(words.players.map((name, player) => [player, name])));
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
    troops.textContent = `${troopsOf(density.value)} a tile`;
  };
  on.disabled = Boolean(words.standalone);
  on.addEventListener("change", () => toggle(on.checked));
  for (const each of [tool, density]) each.addEventListener("input", fit);
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
