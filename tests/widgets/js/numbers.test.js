// Axes, numbers in words, smoothing, gauges and runs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { boxes, gauge, largest, verdict } from "../../../territory/widgets/js/budget/scales.js";
import { curvesOf, pointsOf, readColumns, readRuns, written } from "../../../territory/widgets/js/monitor/runs.js";
import { linear, nearest, range, short, signed, smooth, ticks } from "../../../territory/widgets/js/numbers.js";

test("ticks are round, within the range, and about as many as asked", () => {
  assert.deepEqual(ticks([0, 100_224], 4), [0, 50_000, 100_000]);
  assert.deepEqual(ticks([-0.31, 0.29], 3), [-0.2, 0, 0.2]);
  assert.deepEqual(ticks([3.5, 3.5001], 2).every((mark) => mark >= 3.5 && mark <= 3.5001), true);
  for (const [low, high] of [[0, 1], [-7, 3e6], [1e-7, 2e-7]]) assert.ok(ticks([low, high], 4).length >= 2);
});

test("a range holds all numbers, leaves NaN out and is never empty", () => {
  assert.deepEqual(range([2, NaN, -1]), [-1, 2]);
  assert.deepEqual(range([5, 5]), [4.5, 5.5]);
  assert.deepEqual(range([NaN]), [0, 1]);
});

test("numbers are short where there is little room, with a true minus", () => {
  assert.deepEqual([short(1500), short(6_763_387), short(0), short(-0.5)], ["1.5k", "6.76M", "0", "−0.5"]);
  assert.deepEqual([signed(-0.5), signed(0.25, 3)], ["−0.50", "+0.250"]);
});

test("a scale is straight and finds its way when all numbers are one", () => {
  const across = linear([0, 10], [100, 200]);
  assert.deepEqual([across(0), across(5), across(10)], [100, 150, 200]);
  assert.ok(Number.isFinite(linear([3, 3], [0, 1])(3)));
});

test("smoothing begins at the first value, keeps a constant, and steps over NaN", () => {
  assert.deepEqual(smooth([2, 2, 2], 0.9).map((value) => value.toFixed(6)), ["2.000000", "2.000000", "2.000000"]);
  const [first, gap, last] = smooth([1, NaN, 3], 0.5);
  assert.equal(first, 1);
  assert.ok(Number.isNaN(gap) && last > 1 && last < 3);
  assert.equal(nearest([0, 64, 128], 90), 1);
});

function model(history, others = {}, compared = new DataView(new ArrayBuffer(0))) {
  return (name) => ({ words: { fields: ["step", "win_rate"], name: "this run" }, history, others, compared })[name];
}

const columns = (...numbers) => new DataView(new Float64Array(numbers).buffer);

test("a run's columns, and those of the runs beside it, are read one after another", () => {
  const runs = readRuns(model(columns(64, 128, NaN, 0.5), { names: ["a", "b"], lengths: [1, 2] }, columns(10, 0.1, 20, 30, 0.2, 0.3)));
  assert.deepEqual(runs.map(({ name, columns: { step } }) => [name, step]), [["this run", [64, 128]], ["a", [10]], ["b", [20, 30]]]);
  assert.deepEqual(runs[2].columns.win_rate, [0.2, 0.3]);
  assert.deepEqual(readRuns(model(columns(), { names: ["a"], lengths: [1] }, columns(10, 0.1))).map(({ name }) => name), ["a"]);
  assert.equal(readColumns(columns(), ["step"], 0, 0).length, 0);
});

test("curves of several runs have a colour a run, also where others are hidden, of one run a colour a field", () => {
  const one = [{ name: "x", columns: { step: [1], a: [2], b: [3] } }];
  assert.deepEqual(curvesOf(one, ["a", "b"], 0).map(({ colour }) => colour), [0, 1]);
  assert.deepEqual(curvesOf([...one, { ...one[0], name: "y" }], ["a", "b"], 0).map(({ colour }) => colour), [0, 0, 1, 1]);
  assert.deepEqual(curvesOf([...one, { ...one[0], name: "y" }], ["a"], 0, new Set(["x"])).map(({ colour }) => colour), [1]);
  assert.equal(pointsOf([1, 2, 3], [5, NaN, 7], (x) => x, (y) => y), "1.00,5.00 3.00,7.00");
  assert.deepEqual([written("win_rate", 0.125), written("entropy", NaN), written("value_loss", 12345.6)], ["12.5 %", "–", "12,346"]);
});

test("a gauge holds the count and its limit, and says which is larger", () => {
  assert.equal(gauge(400, 500).fits, true);
  const { bar, limit, fits } = gauge(5000, 500);
  assert.ok(!fits && bar < 1 && Math.abs(bar / limit - 10) < 1e-9);
  assert.match(verdict(400, 500), /within the budget: 20 % of it are left/);
  assert.match(verdict(5000, 500), /10\.0 times the budget/);
});

test("small layers are drawn as one, and the shares still sum to one", () => {
  const layers = [{ name: "big", parameters: 990, macs: 10 }, ...[1, 2, 3].map((n) => ({ name: `s${n}`, parameters: 2, macs: 0 }))];
  const rows = largest(layers, ["parameters", "macs"]);
  assert.deepEqual(rows.map(({ name }) => name), ["big", "3 smaller layers"]);
  assert.ok(Math.abs(rows.reduce((sum, { shares }) => sum + shares[0], 0) - 1) < 1e-9);
  const placed = boxes([{ name: "map", side: 128, channels: 5 }, { name: "conv 1", side: 32, channels: 32 }, { name: "features", side: 0, channels: 512 }], 84);
  assert.ok(placed.every((box, i) => !i || box.x > placed[i - 1].x + placed[i - 1].side));
});
