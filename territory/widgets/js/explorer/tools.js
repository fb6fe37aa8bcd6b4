// Changes that only a running network can answer: the switch, tools to paint with, and the way back.

import { button, make, options, say, switchOff } from "../dom.js";
import { troopsOf } from "./words.js";

const TOOLS = [
  ["look", "choose a tile"], ["owner", "paint land"], ["density", "paint troops"], ["city", "found a city"],
  ["raze", "raze a city"],
];
const OFF = "Change what the network is given (statistics, land, troops, cities), or silence a head: it answers at once.";
const ON = "Each input is moved alone, to see what it does by itself. The game might never get there.";
const PAGE = "What-if is off: this page has the game and what the networks computed in it, but not the networks. Open it in a notebook to ask.";

export function makeTools(words, { toggle, reset }) {
  const on = make("input", "", { type: "checkbox" });
  const tool = make("select", "", { "aria-label": "what the pointer does" }, ...options(TOOLS));
  const owner = make("select", "", { "aria-label": "whose land" }, ...options(words.players.map((name, player) => [player, name])));
  owner.value = "1";
  const density = make("input", "", { type: "range", min: 0, max: 255, value: 128, "aria-label": "troops per tile" });
  const brush = make("input", "", { type: "range", min: 1, max: 15, step: 2, value: 5, "aria-label": "brush size in tiles" });
  const troops = make("output");
  const field = (label, ...nodes) => make("label", "tw-field", {}, make("span", "", {}, label), ...nodes);
  const parts = { owner: field("for", owner), density: field("troops", density, troops), brush: field("brush", brush) };
  const back = button("undo all", reset);
  const note = make("span", "explorer-latency", { role: "status" });
  const why = make("p", "explorer-why quiet");
  const pointer = field("pointer", tool);
  const row = make("div", "tw-bar", {}, make("label", "explorer-switch", {}, on, "what if (W)"), pointer, ...Object.values(parts), back);
  const view = make("section", "explorer-whatif", { "aria-label": "what if" }, row, make("div", "explorer-whatline", {}, why, note));
  let cut = false; // the kernel is gone
  const fit = () => {
    for (const part of [pointer, back]) part.hidden = !on.checked;
    parts.owner.hidden = !on.checked || tool.value !== "owner";
    parts.density.hidden = !on.checked || tool.value !== "density";
    parts.brush.hidden = !on.checked || !["owner", "density"].includes(tool.value);
    say(why, words.standalone ? PAGE : on.checked ? ON : OFF);
    say(troops, `${troopsOf(density.value)} a tile`);
  };
  on.addEventListener("change", () => toggle(on.checked));
  for (const each of [tool, density]) each.addEventListener("input", fit);
  return {
    view, note,
    cutOff: () => (cut = true),
    show: (active) => {
      on.checked = active;
      switchOff(on, cut || Boolean(words.standalone));
      fit();
    },
    get: () => ({ tool: on.checked ? tool.value : "look", owner: Number(owner.value), density: Number(density.value), brush: Number(brush.value) }),
  };
}
