// A recorded game as the page holds it: typed arrays cut out of one block of bytes, and what is read off them.

import { tilesOf } from "../paint.js";

const TYPES = { u1: Uint8Array, u2: Uint16Array, i2: Int16Array, i4: Int32Array, f4: Float32Array };
const WEIGHT_STEPS = 65535;
export const MEAN = -1;
export const ABLATIONS = ["uniform", "zero"]; // what an ablation makes of weights

export function cut(buffer, index) {
  const arrays = {};
  for (const { name, type, shape, at } of index) {
    const size = shape.reduce((product, side) => product * side, 1);
    arrays[name] = { shape, stride: size / shape[0], values: new TYPES[type](buffer, at, size) };
  }
  return arrays;
}

// The bytes of a view alone, from their first one on: arrays of larger numbers must begin at a multiple of their size.
export const bufferOf = ({ buffer, byteOffset, byteLength }) => buffer.slice(byteOffset, byteOffset + byteLength);

export async function openGame(bytes, index) {
  const stream = new Blob([bufferOf(bytes)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const arrays = cut(await new Response(stream).arrayBuffer(), index);
  const [rows, columns] = arrays.terrain.shape;
  const at = (name, step) => {
    const { values, stride } = arrays[name];
    return values.subarray(step * stride, (step + 1) * stride);
  };
  return { rows, columns, length: arrays.step.shape[0], terrain: arrays.terrain.values, at, arrays };
}

// One recorded moment: the board, the statistics, and what each network made of them.
export function moment(game, networks, step) {
  const tiles = tilesOf(game.at("owner", step));
  const density = game.at("density", step);
  return {
    step,
    ...tiles,
    fronts: game.at("fronts", step),
    density: tiles.owner.map((owner) => density[owner]),
    stats: game.at("stats", step),
    looks: networks.map(({ layers }, number) => ({
      policy: game.at(`${number}.policy`, step),
      value: game.at(`${number}.value`, step)[0],
      weights: Object.fromEntries(layers.map((layer) => [layer.name, weightsOf(game, number, layer, step)])),
    })),
  };
}

function weightsOf(game, number, { name, low, high }, step) {
  return Float32Array.from(game.at(`${number}.${name}`, step), (steps) => low + (steps / WEIGHT_STEPS) * (high - low));
}

// A copy of a moment that may be changed; its serial number is that of its last change.
export function copyOf(now) {
  const { owner, city, fronts, density, stats } = now;
  return { ...now, serial: 0, owner: owner.slice(), city: city.slice(), fronts: fronts.slice(), density: density.slice(), stats: stats.slice() };
}

export function looksFrom(buffer, index, networks) {
  const arrays = cut(buffer, index);
  return networks.map(({ layers }, number) => ({
    policy: arrays[`${number}.policy`].values,
    value: arrays[`${number}.value`].values[0],
    weights: Object.fromEntries(layers.map(({ name }) => [name, arrays[`${number}.${name}`].values])),
  }));
}

const cellsOf = ({ grid: [rows, columns] }) => rows * columns;
const SIDES = { cells: cellsOf, stats: () => 16, one: () => 1, other: ({ others }) => others };

// How many queries come before those of the cells: a class token's.
const before = ({ queries, keys, extra }) => (queries === "cells" && keys === "cells" ? extra || 0 : 0);

// The weight that one query gives to one key, in one head or on average over all, also where another layer alone has
// such a head.
export function weight(layer, weights, head, query, key) {
  const [queries, keys] = [layer.queries, layer.keys].map((side) => SIDES[side](layer));
  const of = (each) => weights[(each * (queries + before(layer)) + query) * keys + key];
  if (head !== MEAN && head < layer.heads) return of(head);
  let sum = 0;
  for (let each = 0; each < layer.heads; each++) sum += of(each);
  return sum / layer.heads;
}

// The weights as a grid over the map, or null where the layer has none to show: `overlay` of territory.interpret.
export function overlay(layer, weights, { head, stat, cell, token = MEAN }) {
  if (!layer || !layer.grid || layer.heads === 0) return layer && layer.grid ? weights : null;
  const [sides, first] = [[layer.queries, layer.keys], before(layer)];
  const asks = layer.queries === "cells" ? cellsOf(layer) : layer.others || 0; // how many there are to take the mean of
  const chosen = sides.includes("stats") ? stat : Math.min(token, (layer.others || 0) - 1);
  const of = (query, key) => weight(layer, weights, head, query, key);
  const one = chosen >= 0 ? chosen : cell !== null && layer.queries === "cells" ? first + cell : null;
  const read = (i) => (one === null ? meanOver(asks, (q) => of(first + q, i)) : of(one, i));
  return Float32Array.from({ length: cellsOf(layer) }, (_, i) => (layer.keys === "cells" ? read(i) : of(i, Math.max(chosen, 0))));
}

// The tokens that a layer's picture can be of, instead of cells or of their mean: [number, words].
export function tokensOf(layer) {
  if (!layer || !layer.grid || !layer.others) return [];
  const both = layer.queries === layer.keys;
  const each = Array.from({ length: layer.others }, (_, i) => [i, both ? "the class token" : `${i + 1} of ${layer.others}`]);
  return layer.keys === "cells" ? [[MEAN, both ? "cells" : "mean of all"], ...each] : each;
}

function meanOver(count, of) {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += of(i);
  return sum / count;
}

// Which cell of a layer's grid a tile lies in.
export function cellOf(layer, game, [row, column]) {
  const [rows, columns] = layer.grid;
  return Math.floor((row * rows) / game.rows) * columns + Math.floor((column * columns) / game.columns);
}
