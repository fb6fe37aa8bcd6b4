// What every part of the explorer looks at: the game, the moment that is shown, and what the controls say.

import { clip } from "../numbers.js";
import { cellOf, MEAN, overlay } from "./data.js";

export function makeState(model) {
  const get = (name) => model.get(name);
  const state = {
    model, get,
    words: { ...get("words"), networks: get("about").networks },
    game: null,
    recorded: null, // the moment of the game
    edited: null, // a copy of it that what-if changes
    edits: 0, // how many changes there have been, each with its number
    relevance: new Map(), // by network, method and moment: what the kernel said
    waits: () => false, // for the kernel's word on this moment
    networks: () => get("about").networks,
    now: () => state.edited || state.recorded,
    tile: () => (get("cell").length ? get("cell") : null),
    layerOf: (number, name = get("layers")[number]) => state.networks()[number].layers.find((each) => each.name === name),
    headOf: (number) => (get("heads")[number] < (state.layerOf(number)?.heads || 0) ? get("heads")[number] : MEAN),
    isRelevance: (name) => state.words.relevance.some(([method]) => method === name),
    ablated: (number) => get("ablation")[number] || {},
    hasAblation: () => get("ablation").some((each) => Object.keys(each).length > 0),
    set: (name, value) => {
      model.set(name, value);
      model.save_changes();
    },
    setAt: (name, number, value) => state.set(name, get(name).map((old, i) => (i === number ? value : old))),
    seek: (step) => state.set("step", clip(step, 0, state.game.length - 1)),
    // What the next relevance answer will be about.
    momentKey: (number, method) => `${number} ${method} ${state.now().step} ${state.edited ? state.edited.serial : 0}`,
    overOf: (number, name, head) => overOf(state, number, name, head),
  };
  return state;
}

// What lies over one network's board: a grid of weights and how to colour it, or null where there is none.
function overOf(state, number, name = state.get("layers")[number], head = state.get("heads")[number]) {
  const { get, words } = state;
  const look = { strength: get("strength"), palette: words.palettes[get("palette")], owners: get("owners") };
  if (state.isRelevance(name)) {
    const found = state.relevance.get(state.momentKey(number, name));
    if (!found) return null;
    return { ...look, ...found, low: Math.min(...found.grid), high: Math.max(...found.grid) };
  }
  const layer = state.layerOf(number, name);
  if (!layer || !layer.grid) return null;
  const grid = gridOf(state, number, layer, head);
  if (!grid) return null;
  const [low, high] = get("scale") === "game" ? [layer.low, layer.high] : [Math.min(...grid), Math.max(...grid)];
  return { ...look, grid, size: layer.grid, low, high };
}

function gridOf(state, number, layer, head) {
  const tile = state.tile();
  const of = { head, stat: state.get("stat"), cell: tile && cellOf(layer, state.game, tile), token: state.get("tokens")[number] };
  return overlay(layer, state.now().looks[number].weights[layer.name], of);
}
