// What every part of the explorer looks at: the game, the moment that is shown, and what the controls say.

function makeState(model) {
  const get = (name) => model.get(name);
  const state = {
    model, get,
    words: { ...get("words"), networks: get("about").networks },
    game: null,
    recorded: null, // the moment of the game
    edited: null, // a copy of it that what-if changes
    networks: () => get("about").networks,
    now: () => state.edited || state.recorded,
    tile: () => (get("cell").length ? get("cell") : null),
    layerOf: (number) => state.networks()[number].layers.find(({ name }) => name === get("layers")[number]),
    set: (name, value) => {
      model.set(name, value);
      model.save_changes();
    },
    setAt: (name, number, value) => state.set(name, get(name).map((old, i) => (i === number ? value : old))),
    seek: (step) => state.set("step", Math.min(Math.max(step, 0), state.game.length - 1)),
    overOf: (number) => overOf(state, number),
  };
  return state;
}

// What lies over one network's board: a grid of weights and how to colour it, or null where there is none.
function overOf(state, number) {
  const { get, game, words } = state;
  const layer = state.layerOf(number);
  if (!layer || !layer.grid) return null;
  const tile = state.tile();
  const of = { head: get("heads")[number], stat: get("stat"), cell: tile && cellOf(layer, game, tile) };
  const grid = overlay(layer, state.now().looks[number].weights[layer.name], of);
  if (!grid) return null;
  const [low, high] = get("scale") === "game" ? [layer.low, layer.high] : [Math.min(...grid), Math.max(...grid)];
  return { grid, size: layer.grid, low, high, strength: get("strength"), palette: words.palettes[get("palette")] };
}
