// What the explorer draws, paints, ablates and copies, without a page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { makeQuestions } from "../../../territory/widgets/js/explorer/ask.js";
import { builds, partOf, towards } from "../../../territory/widgets/js/explorer/compass.js";
import { blend, brushOver, GREY, levelOf, makePainter, paintGrid } from "../../../territory/widgets/js/paint.js";
import { applyEdits, differences, fitState, MARK, packState, unpackState } from "../../../territory/widgets/js/explorer/share.js";
import { ablationAfter } from "../../../territory/widgets/js/explorer/thumbs.js";
import { layerSays } from "../../../territory/widgets/js/explorer/words.js";

const PLAYERS = [[0, 0, 0], [20, 70, 210], [235, 155, 0]];
const PALETTE = Array.from({ length: 256 }, (_, i) => [i, 0, 255 - i]);
const game = { rows: 4, columns: 4, terrain: new Uint8Array(16).fill(1) };
const now = () => ({ owner: new Uint8Array(16).fill(1), city: new Uint8Array(16), density: new Uint8Array(16), fronts: new Uint8Array(16), stats: new Float32Array(16) });
const colours = (pixels) => new Set(Array.from({ length: pixels.length / 4 }, (_, i) => pixels.subarray(4 * i, 4 * i + 3).join()));

test("one weight is one colour, that of the bar, at any strength and whoever owns the land", () => {
  const moment = now();
  const { paint, width, height } = makePainter(PLAYERS, game);
  for (const strength of [1, 0.6, 0]) {
    const pixels = paint(moment, { grid: [0.5], size: [1, 1], low: 0, high: 1, strength, palette: PALETTE, owners: false });
    assert.deepEqual([...colours(pixels)], [new Uint8ClampedArray(blend(PALETTE, strength, GREY)[127]).join()]);
  }
  assert.deepEqual([width, height], [512, 512]);
});

test("owners are outlines in their own colours, and mine is white", () => {
  const moment = now();
  moment.owner.fill(2, 8);
  const { paint, width } = makePainter(PLAYERS, game);
  const pixels = paint(moment, { grid: [0], size: [1, 1], low: 0, high: 1, strength: 1, palette: PALETTE, owners: false });
  const at = (row) => [...pixels.subarray(4 * (row * width + 60), 4 * (row * width + 60) + 3)];
  assert.deepEqual([at(255), at(256), at(10)], [[255, 255, 255], PLAYERS[2], PALETTE[0]]);
});

test("what tokens were taken for, and what could not be read, is said behind what they show", () => {
  const note = "Seen and not read: b (a script).";
  const layer = { heads: 2, queries: "cells", keys: "cells", grid: [2, 2], extra: 1, others: 1, guess: "Its 5 tokens are taken for cells." };
  const state = {
    words: { relevance: [], stats: [["growth"]] }, networks: () => [{ note }], layerOf: () => layer, tile: () => null,
    get: (name) => ({ layers: ["a"], stat: 0, tokens: [0] })[name],
  };
  assert.match(layerSays(state, 0, {}), /^What the class token attends to.* Its 5 tokens are taken for cells\. Seen and not read: b \(a script\)\.$/);
});

test("with owners' colours the board shines through", () => {
  const over = { grid: [1], size: [1, 1], low: 0, high: 1, strength: 0.5, palette: PALETTE, owners: true };
  const seen = colours(makePainter(PLAYERS, game).paint(now(), over));
  assert.deepEqual([...seen], [new Uint8ClampedArray(blend(PALETTE, 0.5, PLAYERS[1])[255]).join()]);
});

test("weights outside their ends, and ends that are one, have a colour all the same", () => {
  assert.deepEqual([levelOf(-5, 0, 1), levelOf(5, 0, 1), levelOf(3, 3, 3)], [0, 255, 0]);
  assert.deepEqual([...paintGrid({ grid: [0, 1], low: 0, high: 1 }, PALETTE).subarray(0, 8)], [0, 0, 255, 255, 255, 0, 0, 255]);
});

test("a brush paints a disc on land, and cities stand on owned land only", () => {
  const [moment, sea] = [now(), { ...game, terrain: new Uint8Array(16).fill(1) }];
  sea.terrain[0] = 0;
  brushOver(sea, moment, [0, 0, 9], { tool: "owner", owner: 2, brush: 3 }, [0, 0]);
  assert.deepEqual([...moment.owner.subarray(0, 6)], [1, 2, 1, 1, 2, 1]);
  assert.equal(moment.density[1], 9);
  brushOver(sea, moment, [], { tool: "owner", owner: 0, brush: 1 }, [3, 3]);
  brushOver(sea, moment, [], { tool: "city", brush: 1 }, [3, 3]);
  brushOver(sea, moment, [], { tool: "city", brush: 1 }, [2, 2]);
  assert.deepEqual([moment.city[15], moment.city[10]], [0, 1]);
});

test("a click goes from as trained to uniform to zero and back, for one head of one network", () => {
  let all = ablationAfter([{}, { "spatial.1": "zero" }], 0, "cross 1");
  assert.deepEqual(all, [{ "cross 1": "uniform" }, { "spatial.1": "zero" }]);
  assert.deepEqual(ablationAfter(all, 0, "cross 1")[0], { "cross 1": "zero" });
  assert.deepEqual(ablationAfter(all, 1, "spatial.1"), [{ "cross 1": "uniform" }, {}]);
});

test("a picture is asked for with all that is shown, the token too: a change on its own may be overtaken", () => {
  const carried = [];
  const line = { ask: (_kind, question) => carried.push(...Object.keys(question().message.set)) };
  makeQuestions({ get: (name) => name }, {}, { line }, () => {}).request("picture");
  const controls = ["step", "layers", "heads", "tokens", "stat", "cell", "strength", "palette", "scale", "owners", "ablation", "what_if"];
  assert.deepEqual(carried.sort(), controls.sort());
});

test("the compass sums a policy by direction, intensity and building", () => {
  const policy = new Float32Array(90);
  [policy[20], policy[21], policy[24], policy[80]] = [0.25, 0.25, 0.25, 0.25];
  assert.equal(partOf(policy, { direction: 2, ring: 0 }), 0.5);
  assert.equal(towards(policy, 2), 0.75);
  assert.equal(partOf(policy, { direction: 8 }), 0.25);
  assert.equal(builds(policy), 0.25);
});

const LOOK = { step: 3, layers: ["spatial.1"], heads: [-1], stat: 2, cell: [1, 2], strength: 1, palette: "inferno", scale: "game", owners: false, ablation: [{}] };
const here = {
  length: 5, networks: [{ layers: [{ name: "spatial.1", heads: 2 }] }], palettes: ["inferno"], relevance: ["occlusion"],
  rows: 2, columns: 4, players: 3, stats: 16,
};

test("a copied state is opened as it was, edits and all", () => {
  const [before, after] = [now(), now()];
  [after.stats[4], after.owner[3]] = [0.5, 2];
  const text = `look at this: ${packState((name) => LOOK[name], before, after)}`;
  const found = unpackState(text);
  assert.deepEqual(fitState(found, here), LOOK);
  const again = applyEdits(now(), found.edits);
  assert.deepEqual([again.stats[4], again.owner[3], differences(again.owner, after.owner)], [0.5, 2, []]);
});

test("a state that can't be shown says why", () => {
  const text = (changes) => MARK + btoa(JSON.stringify({ ...LOOK, ...changes }));
  const opened = (changes) => () => fitState(unpackState(text(changes)), here);
  assert.throws(() => unpackState("nothing"), /no state in this text/);
  assert.throws(() => unpackState(`${MARK}abc`), /damaged/);
  assert.throws(opened({ step: 9 }), /steps 0 to 4, the state is of step 9/);
  assert.throws(opened({ layers: ["a", "b"] }), /of 2 networks, here are 1/);
  assert.throws(opened({ layers: ["spatial.9"] }), /no layer called spatial.9/);
  assert.throws(opened({ palette: "jet" }), /no colours called jet/);
  for (const damaged of ["null", "[]", "3", '"a"']) assert.throws(() => unpackState(MARK + btoa(damaged)), /damaged/);
  const odd = {
    heads: [[2], [], ["0"], 0, null], stat: [16, -1, "rank"], cell: [[2, 0], [0, 4], [0], "ab"], strength: [2, -1, "1", null],
    scale: ["all"], owners: ["yes"], ablation: [[null], [{ "spatial.2": "zero" }], [{ "spatial.1 2": "zero" }], [{ "spatial.1": "half" }], {}],
    edits: [{ owner: [[8, 1]] }, { owner: [[0, 3]] }, { stats: [[0, "x"]] }, { density: [[0, 256]] }, { city: 3 }, { stats: [[0, null]] }],
  };
  for (const [name, values] of Object.entries(odd)) {
    for (const value of values) assert.throws(opened({ [name]: value }), new RegExp(`its ${name} is none`), `${name} ${JSON.stringify(value)}`);
  }
  assert.deepEqual(fitState(unpackState(text({ layers: ["occlusion"] })), here).layers, ["occlusion"]);
  assert.deepEqual(fitState(unpackState(text({ ablation: [{ "spatial.1 1": "zero" }], edits: { city: [[7, 1]] } })), here).ablation, [{ "spatial.1 1": "zero" }]);
});

test("a state with words of any script is copied whole", () => {
  const get = (name) => (name === "layers" ? ["注意.1"] : LOOK[name]);
  assert.deepEqual(unpackState(packState(get, now(), null)).layers, ["注意.1"]);
});
