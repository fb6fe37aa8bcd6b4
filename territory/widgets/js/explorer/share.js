// A state of the explorer as text, to be copied, saved, put behind the # of a saved page's address, and opened again.
// Changed statistics and painted tiles travel as what differs from the recorded moment. Nothing here needs a page.

import { ABLATIONS } from "./data.js";

export const LOOK = ["step", "layers", "heads", "tokens", "stat", "cell", "strength", "palette", "scale", "owners", "ablation"];
const PLANES = ["owner", "city", "density"];
export const MARK = "territory-state:";

// Places and values where two arrays differ, as [[place, value], ...].
export function differences(before, after) {
  const found = [];
  after.forEach((value, i) => value !== before[i] && found.push([i, value]));
  return found;
}

export function packState(get, recorded, edited) {
  const state = Object.fromEntries(LOOK.map((name) => [name, get(name)]));
  if (edited) {
    state.edits = Object.fromEntries(["stats", ...PLANES].map((name) => [name, differences(recorded[name], edited[name])]));
  }
  return MARK + btoa(Array.from(new TextEncoder().encode(JSON.stringify(state)), (byte) => String.fromCharCode(byte)).join(""));
}

// What `packState` made, found anywhere in a text; throws in words where there is none.
export function unpackState(text) {
  const found = text.match(new RegExp(`${MARK}([A-Za-z0-9+/=]+)`));
  if (!found) throw new Error(`no state in this text: it begins with ${MARK}`);
  let state = null;
  try {
    state = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(found[1]), (letter) => letter.charCodeAt(0))));
  } catch {
    // said below, as for anything else that is no state
  }
  if (!state || typeof state !== "object" || Array.isArray(state)) throw new Error("the state in this text is damaged: was all of it copied?");
  return state;
}

// The parts of a state that this explorer can show, in words what it can't.
export function fitState(state, here) {
  const { length, networks, palettes, relevance } = here;
  const known = (name, number) => relevance.includes(name) || !networks[number].layers.length || networks[number].layers.some((layer) => layer.name === name);
  if (!Number.isInteger(state.step) || state.step < 0 || state.step >= length) throw new Error(`this game has the steps 0 to ${length - 1}, the state is of step ${state.step}`);
  if (state.layers?.length !== networks.length) throw new Error(`the state is of ${state.layers?.length ?? "no"} networks, here are ${networks.length}`);
  const unknown = state.layers.find((name, number) => !known(name, number));
  if (unknown !== undefined) throw new Error(`the network has no layer called ${unknown}`);
  if (!palettes.includes(state.palette)) throw new Error(`there are no colours called ${state.palette}`);
  const ranges = rangesOf(state, here);
  const outside = Object.keys(ranges).find((name) => (name in state || name === "edits") && !ranges[name]);
  if (outside) throw new Error(`its ${outside} is none that this explorer can show: was it copied from another game or network?`);
  return Object.fromEntries(LOOK.filter((name) => name in state).map((name) => [name, state[name]]));
}

// Whether each part of a state lies within what there is here.
function rangesOf(state, { networks, rows, columns, players, stats }) {
  const whole = (value, low, high) => Number.isInteger(value) && value >= low && value < high;
  const each = (values, is, count = networks.length) => Array.isArray(values) && values.length === count && values.every(is);
  const most = (number) => Math.max(0, ...networks[number].layers.map(({ heads }) => heads));
  const targets = (number) => networks[number].layers.flatMap(({ name, heads }) => [name, ...Array.from({ length: heads }, (_, head) => `${name} ${head}`)]);
  const cuts = (all, number) => all && typeof all === "object" &&
    Object.entries(all).every(([target, how]) => targets(number).includes(target) && ABLATIONS.includes(how));
  const pairs = (found, count, is) => found === undefined || (Array.isArray(found) && found.every((pair) => Array.isArray(pair) && whole(pair[0], 0, count) && is(pair[1])));
  const edits = state.edits ?? {};
  const tiles = rows * columns;
  return {
    heads: each(state.heads, (head, number) => whole(head, -1, most(number))),
    tokens: each(state.tokens, (token) => whole(token, -1, Infinity)),
    stat: whole(state.stat, 0, stats),
    cell: Array.isArray(state.cell) && (!state.cell.length || (state.cell.length === 2 && whole(state.cell[0], 0, rows) && whole(state.cell[1], 0, columns))),
    strength: typeof state.strength === "number" && state.strength >= 0 && state.strength <= 1,
    scale: ["game", "moment"].includes(state.scale),
    owners: typeof state.owners === "boolean",
    ablation: each(state.ablation, cuts),
    edits: pairs(edits.stats, stats, Number.isFinite) && pairs(edits.owner, tiles, (owner) => whole(owner, 0, players)) &&
      pairs(edits.city, tiles, (city) => whole(city, 0, 2)) && pairs(edits.density, tiles, (density) => whole(density, 0, 256)),
  };
}

// A moment with the edits of a state.
export function applyEdits(moment, edits) {
  for (const name of ["stats", ...PLANES]) for (const [i, value] of edits[name] || []) moment[name][i] = value;
  return moment;
}
