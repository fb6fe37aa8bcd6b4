// Sizes of what is drawn of a network. Nothing here needs a page.

// How wide a bar is that holds both a count and its limit, and where the limit lies, as shares of the whole.
export function gauge(count, limit) {
  const most = Math.max(count, limit) * 1.06;
  return { bar: count / most, limit: limit / most, fits: count <= limit };
}

// "13.5 times the budget", or how much of it is left.
export function verdict(count, limit) {
  if (count <= limit) return `within the budget: ${Math.round((100 * (limit - count)) / limit)} % of it are left`;
  return `${(count / limit).toFixed(1)} times the budget`;
}

// Layers by size, the small ones together as the last row.
export function largest(layers, kinds, share = 0.01) {
  const totals = kinds.map((kind) => layers.reduce((sum, layer) => sum + layer[kind], 0));
  const shares = (layer) => kinds.map((kind, i) => (totals[i] ? layer[kind] / totals[i] : 0));
  const shown = layers.filter((layer) => Math.max(...shares(layer)) >= share).map((layer) => ({ name: layer.name, shares: shares(layer) }));
  const rest = layers.filter((layer) => Math.max(...shares(layer)) < share);
  if (rest.length) shown.push({ name: `${rest.length} smaller layers`, shares: kinds.map((_, i) => rest.reduce((sum, layer) => sum + shares(layer)[i], 0)) });
  return shown;
}

// Where the boxes of grids stand, from left to right: a side grows with the root of its cells, a depth with that of its
// channels.
export function boxes(grids, height) {
  let x = 8;
  return grids.map((grid) => {
    const side = grid.side ? Math.max(6, (height * Math.sqrt(grid.side)) / Math.sqrt(128)) : 8;
    const depth = Math.max(3, 2.2 * Math.sqrt(grid.channels));
    const box = { ...grid, x, side, depth: grid.side ? depth : 6, tall: grid.side ? side : Math.max(12, 2.6 * Math.sqrt(grid.channels)) };
    x += side + box.depth + 54;
    return box;
  });
}
