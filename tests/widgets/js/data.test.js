// What the explorer reads off a packed game, without a page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";

import { cellOf, cut, MEAN, moment, openGame, overlay, tokensOf, weight } from "../../../territory/widgets/js/explorer/data.js";
import { makeState } from "../../../territory/widgets/js/explorer/state.js";

const gate = { name: "spatial.1", heads: 0, queries: "", keys: "", grid: [2, 2], low: 0, high: 1 };
const cross = (queries, keys) => ({ name: "cross", heads: 2, queries, keys, grid: [2, 2], low: 0, high: 1 });

test("arrays are cut out of one block where the index says", () => {
  const buffer = new ArrayBuffer(16);
  new Uint8Array(buffer).set([1, 2, 3]);
  new Float32Array(buffer, 8, 2).set([0.5, -1]);
  const index = [{ name: "a", type: "u1", shape: [3], at: 0 }, { name: "b", type: "f4", shape: [2, 1], at: 8 }];
  const arrays = cut(buffer, index);
  assert.deepEqual([...arrays.a.values], [1, 2, 3]);
  assert.deepEqual([...arrays.b.values], [0.5, -1]);
  assert.equal(arrays.b.stride, 1);
});

test("a deflated game opens to its moments, weights within their layer's ends", async () => {
  const parts = {
    terrain: ["u1", [1, 2], new Uint8Array([1, 0])], owner: ["u1", [2, 1, 2], new Uint8Array([0, 0, 129, 0])],
    fronts: ["u1", [2, 1, 2], new Uint8Array(4)], density: ["u1", [2, 2], new Uint8Array([0, 7, 0, 9])],
    stats: ["f4", [2, 16], new Float32Array(32).fill(0.25)], step: ["i4", [2], new Int32Array([0, 1])],
    "0.policy": ["f4", [2, 90], new Float32Array(180)], "0.value": ["f4", [2], new Float32Array([1, 2])],
    "0.spatial.1": ["u2", [2, 1, 2], new Uint16Array([0, 65535, 65535, 0])],
  };
  const index = [];
  const chunks = [];
  let at = 0;
  for (const [name, [type, shape, values]] of Object.entries(parts)) {
    index.push({ name, type, shape, at });
    const bytes = Buffer.from(values.buffer);
    chunks.push(bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8));
    at += bytes.length + chunks.at(-1).length;
  }
  const game = await openGame(new DataView(new Uint8Array(deflateSync(Buffer.concat(chunks))).buffer), index);
  const layer = { ...gate, grid: [1, 2], low: 0.2, high: 0.6 };
  const last = moment(game, [{ layers: [layer] }], 1);
  assert.deepEqual([game.rows, game.columns, game.length], [1, 2, 2]);
  assert.deepEqual([[...last.owner], [...last.city], [...last.density]], [[1, 0], [1, 0], [9, 0]]);
  assert.equal(last.looks[0].value, 2);
  assert.deepEqual([...last.looks[0].weights["spatial.1"]].map((w) => w.toFixed(2)), ["0.60", "0.20"]);
});

test("a gate is its own grid, and a layer without one has none", () => {
  const weights = new Float32Array([1, 2, 3, 4]);
  assert.equal(overlay(gate, weights, { head: MEAN, stat: 0, cell: null }), weights);
  assert.equal(overlay({ ...cross("one", "one"), grid: null }, weights, { head: 0, stat: 0, cell: null }), null);
});

test("a statistic's row and column are cut out of a head or of the mean of all", () => {
  const weights = Float32Array.from({ length: 2 * 4 * 16 }, (_, i) => i);
  const layer = cross("cells", "stats");
  assert.equal(weight(layer, weights, 1, 2, 3), 64 + 2 * 16 + 3);
  assert.equal(weight(layer, weights, MEAN, 2, 3), 32 + 2 * 16 + 3);
  assert.deepEqual([...overlay(layer, weights, { head: 0, stat: 5, cell: null })], [5, 21, 37, 53]);
  const back = cross("stats", "cells");
  assert.deepEqual([...overlay(back, weights, { head: 0, stat: 5, cell: null })], [20, 21, 22, 23]);
});

test("cells that attend to cells show the chosen one's row, or the mean of all", () => {
  const weights = Float32Array.from({ length: 2 * 4 * 4 }, (_, i) => i % 16);
  const layer = cross("cells", "cells");
  assert.deepEqual([...overlay(layer, weights, { head: 0, stat: 0, cell: 2 })], [8, 9, 10, 11]);
  assert.deepEqual([...overlay(layer, weights, { head: MEAN, stat: 0, cell: null })], [6, 7, 8, 9]);
});

test("where tokens that are no cells read cells, or are read by them, the chosen one's weights are the grid", () => {
  const weights = Float32Array.from({ length: 2 * 3 * 4 }, (_, i) => i); // 2 heads, 3 tokens, 4 cells
  const read = { ...cross("other", "cells"), others: 3 };
  assert.deepEqual([...overlay(read, weights, { head: 1, stat: 0, cell: 1, token: 2 })], [20, 21, 22, 23]);
  assert.deepEqual([...overlay(read, weights, { head: 0, stat: 0, cell: 1, token: MEAN })], [4, 5, 6, 7]);
  const asked = { ...cross("cells", "other"), others: 3 };
  assert.deepEqual([...overlay(asked, weights, { head: 0, stat: 0, cell: 1, token: 1 })], [1, 4, 7, 10]);
  assert.deepEqual([...overlay(asked, weights, { head: 0, stat: 0, cell: 1, token: MEAN })], [0, 3, 6, 9]);
  const pools = { ...cross("one", "cells"), others: 1 };
  assert.deepEqual([...overlay(pools, weights.subarray(0, 8), { head: 1, stat: 0, cell: 1, token: MEAN })], [4, 5, 6, 7]);
  assert.deepEqual(tokensOf(read), [[MEAN, "mean of all"], [0, "1 of 3"], [1, "2 of 3"], [2, "3 of 3"]]);
  assert.deepEqual(tokensOf(cross("cells", "stats")), []);
});

test("a class token's row comes before those of the cells", () => {
  const weights = Float32Array.from({ length: 2 * 5 * 4 }, (_, i) => i % 20);
  const layer = { ...cross("cells", "cells"), extra: 1, others: 1 };
  assert.deepEqual([...overlay(layer, weights, { head: 1, stat: 0, cell: 2, token: MEAN })], [12, 13, 14, 15]);
  assert.deepEqual([...overlay(layer, weights, { head: MEAN, stat: 0, cell: null, token: MEAN })], [10, 11, 12, 13]);
  assert.deepEqual([...overlay(layer, weights, { head: 0, stat: 0, cell: 2, token: 0 })], [0, 1, 2, 3]);
});

test("a tile lies in the cell that covers it", () => {
  const game = { rows: 8, columns: 8 };
  assert.equal(cellOf(gate, game, [0, 0]), 0);
  assert.equal(cellOf(gate, game, [3, 4]), 1);
  assert.equal(cellOf(gate, game, [7, 7]), 3);
});

test("a head that only another layer has is the mean of this one's heads", () => {
  const weights = Float32Array.from({ length: 2 * 4 * 4 }, (_, i) => i);
  const shown = (head) => [...overlay(cross("cells", "cells"), weights, { head, cell: 1 })];
  assert.deepEqual(shown(3), shown(-1));
  const traits = { words: { relevance: [] }, about: { networks: [{ layers: [gate, cross("cells", "cells")] }] }, heads: [3] };
  const chosen = (layer, head) => makeState({ get: (name) => ({ ...traits, layers: [layer], heads: [head] })[name] }).headOf(0);
  assert.deepEqual([chosen("cross", 3), chosen("cross", 1), chosen("spatial.1", 1), chosen("occlusion", 1)], [-1, 1, -1, -1]);
});
