// The explorer without a kernel: what it asks, a pretrained network answers here, run by onnxruntime-web.
//
// The page gives the explorer `window.territoryAnswer(message, buffers)`; `live(...)` below makes it. A question and its
// answer are those of the kernel (territory/widgets/explorer.py), so the explorer does not know who answers.

const PLANES = 5;
const STATS = 16;
const ACTIONS = 90;
const IN_A_DIRECTION = 10; // actions: five shares of the troops, each without and with a city
const WAIT = 8; // the ninth direction
const SMALLEST_SHARE = 0.15;
const AGENT = 1;
const FULL = 255;
const [CITY_OWN, CITY_ENEMY] = [255, 128];
const UNCLAIMED = [0, 255, 170, 85]; // how bright unclaimed land is, by terrain
const CITY_BIT = 128; // of a packed owner
const CELL = 16; // tiles a side that occlusion takes away together
const TYPES = { u1: Uint8Array, u2: Uint16Array, i2: Int16Array, i4: Int32Array, f4: Float32Array };
// Rows and columns towards N, NE, E, SE, S, SW, W, NW.
const TOWARDS = [[-1, 0], [-1, 1], [0, 1], [1, 1], [1, 0], [1, -1], [0, -1], [-1, -1]];

// The five planes of a state, as `imagine` of territory.interpret writes them.
export function planesOf({ terrain, owner, city, density }) {
  const size = terrain.length;
  const planes = new Uint8Array(PLANES * size);
  for (let i = 0; i < size; i++) {
    const who = terrain[i] ? owner[i] : 0;
    planes[i] = who === AGENT ? FULL : 0;
    planes[size + i] = who > AGENT ? FULL : 0;
    planes[2 * size + i] = who ? 0 : UNCLAIMED[terrain[i]];
    planes[3 * size + i] = who ? density[i] : 0;
    if (who && city[i]) planes[4 * size + i] = who === AGENT ? CITY_OWN : CITY_ENEMY;
  }
  return planes;
}

// The actions that a state allows: directions that have a front, the waits and cities of the recorded moment.
export function maskOf({ terrain, owner, rows, columns, troops, waits }) {
  const mask = new Array(ACTIONS).fill(false);
  const ours = (row, column) => row >= 0 && row < rows && column >= 0 && column < columns
    && terrain[row * columns + column] > 0 && owner[row * columns + column] === AGENT;
  const hasFront = ([down, right]) => {
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const i = row * columns + column;
        if (terrain[i] && owner[i] !== AGENT && ours(row - down, column - right)) return true;
      }
    return false;
  };
  const canBuild = waits[1];
  for (let way = 0; way < WAIT; way++) {
    const open = SMALLEST_SHARE * troops >= 1 && hasFront(TOWARDS[way]);
    for (let i = 0; i < IN_A_DIRECTION; i++) mask[way * IN_A_DIRECTION + i] = open && (i % 2 === 0 || canBuild);
  }
  for (let i = 0; i < IN_A_DIRECTION; i++) mask[WAIT * IN_A_DIRECTION + i] = waits[i];
  return mask;
}

// Softmax over the allowed actions.
export function policyOf(logits, mask) {
  const top = Math.max(...Array.from(logits).filter((_, i) => mask[i]));
  const raised = Array.from(logits, (logit, i) => (mask[i] ? Math.exp(logit - top) : 0));
  const sum = raised.reduce((total, each) => total + each, 0);
  return Float32Array.from(raised, (each) => each / sum);
}

// Rows of the file's input `ablation` for what the explorer calls {"layer": "uniform", "layer 1": "zero"}.
export function ablationRows(slots, ablation) {
  const rows = new Float32Array(2 * Math.max(1, slots.length));
  for (let i = 0; i < rows.length; i += 2) rows[i] = 1; // as trained
  for (const [target, how] of Object.entries(ablation || {}))
    slots.forEach((slot, i) => {
      if (slot !== target && !(slot.startsWith(`${target} `) && /^ \d+$/.test(slot.slice(target.length)))) return;
      [rows[2 * i], rows[2 * i + 1]] = [0, how === "uniform" ? 1 : 0];
    });
  return rows;
}

function half(first, second) {
  return Array.from(first, (each, i) => Math.abs(each - second[i])).reduce((sum, each) => sum + each, 0) / 2;
}

async function unpack(text, index) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  const arrays = {};
  for (const { name, type, shape, at } of index) {
    const size = shape.reduce((product, side) => product * side, 1);
    arrays[name] = { shape, stride: size / shape[0], values: new TYPES[type](buffer, at, size) };
  }
  const at = (name, step) => arrays[name].values.subarray(step * arrays[name].stride, (step + 1) * arrays[name].stride);
  return { at, terrain: arrays.terrain.values };
}

// Makes the answerer of a page. `state` is the page's own, `game` its packed game, `about` what tools/live.py added.
export async function live(ort, { state, game, about, base }) {
  ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", base).href };
  ort.env.wasm.numThreads = 1; // more threads need headers that a static host does not send
  const { at, terrain } = await unpack(game, state.about.index);
  const sessions = await Promise.all(about.networks.map(({ file }) => ort.InferenceSession.create(new URL(file, base).href)));

  const recorded = (step) => {
    const packed = at("owner", step);
    const owner = packed.map((each) => each & ~CITY_BIT);
    const density = owner.map((each) => at("density", step)[each]);
    return { owner, city: packed.map((each) => (each & CITY_BIT ? 1 : 0)), density, stats: at("stats", step) };
  };
  const described = (step, [stats, owner, city, density] = []) => {
    const found = stats
      ? { stats: new Float32Array(stats), owner: new Uint8Array(owner), city: new Uint8Array(city), density: new Uint8Array(density) }
      : recorded(step);
    const waits = Array.from({ length: IN_A_DIRECTION }, (_, i) => Boolean((about.waits[step] >> i) & 1));
    return { ...found, terrain, rows: about.rows, columns: about.columns, troops: at("troops", step)[AGENT], waits };
  };
  const run = async (number, planes, stats, ablation) => {
    const batch = planes.length / (PLANES * terrain.length);
    const many = new Float32Array(batch * STATS);
    for (let i = 0; i < batch; i++) many.set(stats.map((each) => Math.min(1, Math.max(-1, each))), i * STATS);
    const { slots } = about.networks[number];
    return sessions[number].run({
      map: new ort.Tensor("uint8", planes, [batch, PLANES, about.rows, about.columns]),
      global: new ort.Tensor("float32", many, [batch, STATS]),
      ablation: new ort.Tensor("float32", ablationRows(slots, ablation), [Math.max(1, slots.length), 2]),
    });
  };

  const imagine = async ({ step, ablation }, buffers) => {
    const now = described(step, buffers);
    const [planes, mask] = [planesOf(now), maskOf(now)];
    const [parts, moved] = [[], []];
    for (const [number, { name }] of state.about.networks.entries()) {
      const found = await run(number, planes, now.stats, (ablation || [])[number]);
      const policy = policyOf(found.logits.data, mask);
      parts.push([`${number}.policy`, policy], [`${number}.value`, found.value.data]);
      for (const [layer, { data }] of Object.entries(found))
        if (layer !== "logits" && layer !== "value") parts.push([`${number}.${layer}`, data]);
      moved.push(`${name}: ${Math.round(100 * half(policy, at(`${number}.policy`, step)))}%`);
    }
    const bytes = new Uint8Array(parts.reduce((sum, [, values]) => sum + 4 * values.length, 0));
    let place = 0;
    const index = parts.map(([name, values]) => {
      bytes.set(new Uint8Array(Float32Array.from(values).buffer), place);
      place += 4 * values.length;
      return { name, type: "f4", shape: [values.length], at: place - 4 * values.length };
    });
    return [{ index, moved: `of the policy moved, ${moved.join(", ")}` }, [bytes]];
  };

  const relevance = async ({ network, method, step, ablation }, buffers) => {
    const now = described(step, buffers.length ? buffers : undefined);
    const [down, across] = [about.rows / CELL, about.columns / CELL];
    const grid = new Float32Array(down * across);
    const cells = Array.from(grid, (_, i) => tilesOf(i, across, about.columns));
    if (method === "own land") cells.forEach((tiles, i) => (grid[i] = tiles.filter((tile) => now.owner[tile] === AGENT).length / tiles.length));
    else if (method === "occlusion") grid.set(await occlusion(now, cells, (planes) => run(network, planes, now.stats, (ablation || [])[network])));
    else throw new Error(`${method} needs the network's gradients, which a page does not compute: open the notebook for it`);
    return [{ size: [down, across] }, [new Uint8Array(grid.buffer)]];
  };

  const answers = { imagine, relevance, picture, page: wholePage };
  return async (message, buffers = []) => {
    const answer = answers[message.ask];
    if (!answer) throw new Error(`${message.ask} needs Python: open the notebook for it`);
    return answer(message, buffers);
  };
}

function tilesOf(cell, across, columns) {
  const [top, left] = [Math.floor(cell / across) * CELL, (cell % across) * CELL];
  return Array.from({ length: CELL * CELL }, (_, i) => (top + Math.floor(i / CELL)) * columns + left + (i % CELL));
}

// What the preferred action's log-probability loses when a cell alone is made unclaimed.
async function occlusion(now, cells, run) {
  const mask = maskOf(now);
  const without = (tiles) => {
    const [owner, city] = [now.owner.slice(), now.city.slice()];
    for (const tile of tiles) [owner[tile], city[tile]] = [0, 0];
    return planesOf({ ...now, owner, city });
  };
  const maps = [planesOf(now), ...cells.map(without)];
  const planes = new Uint8Array(maps.length * maps[0].length);
  maps.forEach((map, i) => planes.set(map, i * map.length));
  const { logits } = await run(planes);
  const policies = maps.map((_, i) => policyOf(logits.data.subarray(i * ACTIONS, (i + 1) * ACTIONS), mask));
  const preferred = policies[0].indexOf(Math.max(...policies[0]));
  return policies.slice(1).map((policy) => Math.log(policies[0][preferred]) - Math.log(policy[preferred]));
}

async function picture() {
  const canvas = document.querySelector(".explorer-board");
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  return [{ file: "explorer-board.png" }, [new Uint8Array(await blob.arrayBuffer())]];
}

async function wholePage() {
  const bytes = await (await fetch(location.href)).arrayBuffer();
  return [{ file: "explorer.html" }, [new Uint8Array(bytes)]];
}
