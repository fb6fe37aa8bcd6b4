// A state of the explorer as text, to be copied, saved, put behind the # of a saved page's address, and opened again.
// Changed statistics and painted tiles travel as what differs from the recorded moment. Nothing here needs a page.

const LOOK = ["step", "layers", "heads", "stat", "cell", "strength", "palette", "scale", "owners", "ablation"];
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
  return MARK + btoa(JSON.stringify(state));
}

// What `packState` made, found anywhere in a text; throws in words where there is none.
export function unpackState(text) {
  const found = text.match(new RegExp(`${MARK}([A-Za-z0-9+/=]+)`));
  if (!found) throw new Error(`no state in this text: it begins with ${MARK}`);
  try {
    return JSON.parse(atob(found[1]));
  } catch {
    throw new Error("the state in this text is damaged: was all of it copied?");
  }
}

// The parts of a state that this explorer can show, in words what it can't.
export function fitState(state, { length, networks, palettes, relevance }) {
  const known = (name, number) => relevance.includes(name) || !networks[number].layers.length || networks[number].layers.some((layer) => layer.name === name);
  if (!Number.isInteger(state.step) || state.step < 0 || state.step >= length) throw new Error(`this game has the steps 0 to ${length - 1}, the state is of step ${state.step}`);
  if (state.layers?.length !== networks.length) throw new Error(`the state is of ${state.layers?.length ?? "no"} networks, here are ${networks.length}`);
  const unknown = state.layers.find((name, number) => !known(name, number));
  if (unknown !== undefined) throw new Error(`the network has no layer called ${unknown}`);
  if (!palettes.includes(state.palette)) throw new Error(`there are no colours called ${state.palette}`);
  return Object.fromEntries(LOOK.filter((name) => name in state).map((name) => [name, state[name]]));
}

// A moment with the edits of a state.
export function applyEdits(moment, edits) {
  for (const name of ["stats", ...PLANES]) for (const [i, value] of edits[name] || []) moment[name][i] = value;
  return moment;
}
