/* Made by tools/bundle.py from territory/widgets/js. Sources: 8ef6e22ec6974e172076f27b63351105b17c8d5e36302331dfd5c67762da2750 */

// territory/widgets/js/dom.js
var SVG = "http://www.w3.org/2000/svg";
function place(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}
function fill(node, attributes, children) {
  place(node, attributes);
  node.append(...children);
  return node;
}
function make(tag, className = "", attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (tag === "output") node.setAttribute("aria-live", "off");
  return fill(node, attributes, children);
}
var draw = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
function say(node, text) {
  if (node.textContent !== String(text)) node.textContent = text;
}
function options(pairs) {
  return pairs.map(([value, text]) => make("option", "", { value }, text));
}
function select(label, choices, set, shown = label) {
  const control = make("select", "", { "aria-label": label }, ...options(choices));
  control.addEventListener("change", () => set(control.value));
  const view = make("label", "tw-field", {}, ...shown ? [make("span", "", {}, shown)] : [], control);
  return { view, control, show: (value) => control.value = String(value) };
}
function button(label, press, attributes = {}) {
  const view = make("button", "", { type: "button", ...attributes }, label);
  view.addEventListener("click", press);
  return view;
}
function panel(title, tools, ...children) {
  const head = make("header", "tw-head", {}, make("b", "tw-title", {}, title), ...tools);
  return make("section", "tw-panel", { "aria-label": title }, head, ...children);
}
function switchOff(control, off) {
  if (control.disabled === off) return;
  if (off && control.matches(":focus")) control.closest(".tw").focus();
  control.disabled = off;
}
function keepKeys(root) {
  root.addEventListener("keydown", (event) => event.ctrlKey || event.metaKey || event.altKey || event.stopPropagation());
}
function download(name, bytes2) {
  const link = make("a", "", { href: URL.createObjectURL(new Blob([bytes2])), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1e4);
}
function mount({ model, el }, root, listeners, end) {
  keepKeys(root);
  for (const [event, listener] of listeners) model.on(event, listener);
  el.classList.add("territory-widget");
  el.append(root);
  hideStill(el);
  return () => {
    for (const [event, listener] of listeners) model.off(event, listener);
    end();
  };
}
function oncePerFrame(show) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      show();
    });
  };
}
function hideStill(el) {
  const follows = (one, other) => Boolean(one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING);
  const placed = new ResizeObserver(() => {
    placed.disconnect();
    if (el.closest(".jp-OutputArea-child")) return;
    const mark = [...document.querySelectorAll("[data-territory-still]")].filter((each) => follows(each, el)).at(-1);
    const picture = mark && [...document.images].find((each) => follows(mark, each) && follows(each, el) && !el.contains(each));
    if (picture) picture.style.display = "none";
  });
  placed.observe(el);
}

// territory/widgets/js/line.js
var SLOW_MS = 1e3;
function makeLine(send, { now = () => performance.now(), changed = () => {
} } = {}) {
  const mine = Math.random().toString(36).slice(2);
  let [serial, asked, lost] = [0, null, false];
  const held = /* @__PURE__ */ new Map();
  const state = () => lost ? "lost" : !asked ? "quiet" : now() - asked.since >= SLOW_MS ? "slow" : "asked";
  let told = "quiet";
  const tell = () => {
    const next2 = state();
    if (next2 === told && next2 !== "slow") return;
    told = next2;
    changed(next2, line.seconds());
  };
  const go = (question) => {
    asked = { ...question, id: `${mine} ${++serial}`, since: now() };
    const { message, buffers } = question.make();
    send({ ...message, id: asked.id }, buffers);
    tell();
  };
  const next = () => {
    const [kind] = held.keys();
    if (asked || kind === void 0) return;
    const question = held.get(kind);
    held.delete(kind);
    go(question);
  };
  const line = {
    state,
    // Seconds that the question on its way has waited.
    seconds: () => asked ? (now() - asked.since) / 1e3 : 0,
    busy: () => asked !== null,
    // Ask: `make` is called when the question leaves, so it is as new as can be. False where nobody can answer.
    ask(kind, make2, done = () => {
    }, failed = () => {
    }) {
      if (lost) return false;
      const question = { kind, make: make2, done, failed };
      if (asked) held.set(kind, question);
      else go(question);
      return true;
    },
    // What comes in: true if it answers the question that is on its way.
    hear(content, buffers = []) {
      if (!asked || content.re !== asked.id) return false;
      const { done, failed } = asked;
      asked = null;
      try {
        if (content.error) failed(content.error, content.details || "");
        else done(content, buffers);
      } finally {
        next();
        tell();
      }
      return true;
    },
    // What is on its way or in hand is about something that is gone: its answer will not be heard.
    forget(kind) {
      held.delete(kind);
      if (asked && asked.kind === kind) Object.assign(asked, { done: () => {
      }, failed: () => {
      } });
    },
    // The other end is gone.
    lose() {
      [lost, asked] = [true, null];
      held.clear();
      tell();
    },
    tick: tell
  };
  return line;
}

// territory/widgets/js/health.js
var GONE = {
  restarting: "The kernel was restarted, or died and was started again",
  terminating: "The kernel was shut down",
  dead: "The kernel died"
};
var TO_DO = "Run the notebook's cells again from the top, this one too, to go on.";
function watchKernel(model, gone) {
  const kernel = model.widget_manager?.kernel;
  const onStatus = (_kernel, status) => {
    const now = status === "autorestarting" ? "restarting" : status;
    if (now in GONE) gone(now);
  };
  const onDisposed = () => gone("terminating");
  const onLive = () => gone("restarting");
  kernel?.statusChanged?.connect(onStatus);
  kernel?.disposed?.connect(onDisposed);
  model.on("comm_live_update", onLive);
  return () => {
    kernel?.statusChanged?.disconnect(onStatus);
    kernel?.disposed?.disconnect(onDisposed);
    model.off("comm_live_update", onLive);
  };
}
function makeConnection(model, root, { lost, keeps = "" }) {
  const note = make("p", "tw-waiting", { role: "status" });
  const [text, details] = [make("span"), make("pre", "", { tabindex: 0, "aria-label": "details" })];
  const more = make("details", "", {}, make("summary", "", {}, "details"), details);
  const hide = button("×", () => banner.hidden = true, { "aria-label": "close this message" });
  const banner = make("div", "tw-banner", { role: "alert" }, text, more, hide);
  banner.hidden = true;
  root.dataset.kernel = "quiet";
  const say2 = (words, extra = "", canHide = true) => {
    [text.textContent, details.textContent] = [words, extra];
    [more.hidden, hide.hidden, banner.hidden] = [!extra, !canHide, false];
  };
  const changed = (state, seconds) => {
    root.dataset.kernel = state;
    note.textContent = state !== "slow" ? "" : `waiting for the kernel, ${Math.floor(seconds)} s${seconds < 10 ? "" : ": it is busy, or it was restarted (then run this cell again)"}`;
  };
  const send = (message, buffers) => model.send(message, void 0, buffers);
  const line = makeLine(send, { changed });
  const gone = (status) => {
    if (line.state() === "lost") return;
    line.lose();
    say2(`${GONE[status]}: nothing here is computed any more, and what you see is from before. ${keeps}${TO_DO}`, "", false);
    lost();
  };
  const unwatch = watchKernel(model, gone);
  const clock = setInterval(line.tick, 200);
  return {
    line,
    banner,
    note,
    say: say2,
    end: () => {
      clearInterval(clock);
      unwatch();
      root.remove();
    }
  };
}

// territory/widgets/js/paint.js
var BOARD_PIXELS = 512;
var PLAIN = [1, 1, 0.92, 0.84];
var GROUND = [[38, 52, 66], [232, 228, 216], [205, 197, 180], [170, 160, 144]];
var INK = [20, 24, 28];
var WHITE = [255, 255, 255];
var GREY = [128, 128, 128];
var [FLAT, LIT, SHADED, EDGE] = [0, 1, 2, 3];
var ME = 1;
var CITY_BIT = 128;
var word = new Uint32Array(1);
var bytes = new Uint8ClampedArray(word.buffer);
var packed = ([red, green, blue]) => {
  bytes.set([red, green, blue, 255]);
  return word[0];
};
function pixelColours(players) {
  const mix = (colour, share, other) => colour.map((value) => Math.round(share * value + (1 - share) * other));
  const flat = (owner, terrain) => owner === 0 || terrain === 0 ? GROUND[terrain] : players[owner].map((value) => value * PLAIN[terrain]);
  const ways = [
    (c) => mix(c, 1, 0),
    (c) => mix(c, 0.86, 255),
    (c) => mix(c, 0.86, 0),
    (c, owner, terrain) => owner === 0 || terrain === 0 ? mix(c, 1, 0) : owner === ME ? mix(c, 0.2, 255) : mix(c, 0.55, 0)
  ];
  return ways.map((way) => players.map((_, owner) => GROUND.map((_2, terrain) => way(flat(owner, terrain), owner, terrain))));
}
var blend = (palette, strength, ground) => palette.map((colour) => colour.map((value, c) => (1 - strength) * ground[c] + strength * value));
var groundsOf = (players) => [players[ME], players[ME + 1] || players[ME], GROUND[1]];
function makePainter(players, { rows, columns, terrain }) {
  const scale = Math.max(1, Math.floor(BOARD_PIXELS / Math.max(rows, columns)));
  const reach = Math.floor((scale + 5) / 6);
  const outline = Math.ceil(scale / 3);
  const [height, width] = [rows * scale, columns * scale];
  const colours = pixelColours(players);
  const flat = colours.map((part) => part.map((grounds) => grounds.map(packed)));
  const [white, ink, outlines] = [packed(WHITE), packed(INK), players.map(packed)];
  const pixels = new Uint8ClampedArray(4 * height * width);
  const words = new Uint32Array(pixels.buffer);
  const near = (row, column) => Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1);
  const around = (row, column) => [near(row - 1, column), near(row + 1, column), near(row, column - 1), near(row, column + 1)];
  const fill2 = (row, column, y, x, y2, x2, colour) => {
    for (let first = (row * scale + y) * width + column * scale; y < y2; y++, first += width) {
      for (let at = first + x; at < first + x2; at++) words[at] = colour;
    }
  };
  const fillSides = (row, column, far, [north, south, west, east], differs, colour) => {
    if (differs(north)) fill2(row, column, 0, 0, far, scale, colour);
    if (differs(south)) fill2(row, column, scale - far, 0, scale, scale, colour);
    if (differs(west)) fill2(row, column, 0, 0, scale, far, colour);
    if (differs(east)) fill2(row, column, 0, scale - far, scale, scale, colour);
  };
  const paintTile = (now, row, column) => {
    const tile = row * columns + column;
    const [owner, ground, front, sides] = [now.owner[tile], terrain[tile], now.fronts[tile], around(row, column)];
    const colour = (part) => front ? packed(colours[part][owner][ground].map((value, c) => (players[front][c] + value) / 2)) : flat[part][owner][ground];
    const lit = (rise) => colour(rise > 0 ? LIT : rise < 0 ? SHADED : FLAT);
    fill2(row, column, 0, 0, scale, scale, colour(FLAT));
    if (scale >= 3) {
      const [down, right] = [ground - terrain[sides[0]], ground - terrain[sides[2]]];
      if (down) fill2(row, column, 0, 1, 1, scale, lit(down));
      if (right) fill2(row, column, 1, 0, scale, 1, lit(right));
      if (down + right) fill2(row, column, 0, 0, 1, 1, lit(down + right));
    }
    if (owner) fillSides(row, column, reach, sides, (side) => now.owner[side] !== owner, colour(EDGE));
  };
  const paintCity = (row, column) => {
    for (let y = 0; y < 3 * scale; y++) {
      for (let x = 0; x < 3 * scale; x++) {
        const [down, right] = [(row - 1) * scale + y, (column - 1) * scale + x];
        const away = Math.hypot((y + 0.5) / scale - 1.5, (x + 0.5) / scale - 1.5);
        if (down < 0 || right < 0 || down >= height || right >= width || away > 1.5) continue;
        words[down * width + right] = away <= 0.8 ? white : ink;
      }
    }
  };
  const eachTile = (what) => {
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) what(row, column, row * columns + column);
  };
  const paintCities = (now) => now.city.forEach((stands, tile) => stands && paintCity(Math.floor(tile / columns), tile % columns));
  const paintWeights = (now, heatAt) => eachTile((row, column, tile) => {
    const [owner, sides] = [now.owner[tile], around(row, column)];
    const line = owner ? owner === ME ? white : outlines[owner] : ink;
    const differs = owner ? (side) => now.owner[side] !== owner : (side) => !terrain[tile] && terrain[side] > 0;
    fill2(row, column, 0, 0, scale, scale, heatAt(row, column));
    fillSides(row, column, outline, sides, differs, line);
  });
  const layOver = (now, heatAt, strength) => eachTile((row, column, tile) => {
    const [owner, heat, [north, south, west, east]] = [now.owner[tile], heatAt(row, column), around(row, column)];
    const edge = (side) => Number(owner > 0 && now.owner[side] !== owner);
    if (now.city[tile]) return;
    for (let y = edge(north); y < scale - edge(south); y++) {
      for (let x = edge(west); x < scale - edge(east); x++) {
        const at = ((row * scale + y) * width + column * scale + x) * 4;
        for (let c = 0; c < 3; c++) pixels[at + c] = (1 - strength) * pixels[at + c] + strength * heat[c];
      }
    }
  });
  const heatsOf = ({ grid, size, low, high }, palette) => {
    const [down, right] = [rows / size[0], columns / size[1]];
    return (row, column) => {
      const value = grid[Math.floor(row / down) * size[1] + Math.floor(column / right)];
      return palette[levelOf(value, low, high)];
    };
  };
  const paint = (now, over) => {
    if (!over || over.owners) {
      eachTile((row, column) => paintTile(now, row, column));
      paintCities(now);
      if (over) layOver(now, heatsOf(over, over.palette), over.strength);
    } else {
      paintWeights(now, heatsOf(over, blend(over.palette, over.strength, GREY).map(packed)));
      paintCities(now);
    }
    return pixels;
  };
  return { paint, width, height };
}
function showOn(canvas, { paint, width, height }, now, over = null) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(new ImageData(paint(now, over), width, height), 0, 0);
}
var tilesOf = (owned) => ({ owner: owned.map((each) => each & ~CITY_BIT), city: owned.map((each) => each & CITY_BIT ? 1 : 0) });
function levelOf(value, low, high) {
  const share = high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0;
  return Math.floor(share * 255);
}
function paintGrid({ grid, low, high }, palette) {
  const pixels = new Uint8ClampedArray(4 * grid.length).fill(255);
  grid.forEach((value, i) => pixels.set(palette[levelOf(value, low, high)], 4 * i));
  return pixels;
}
function brushOver(game, now, densities, { tool, owner, density, brush }, [row, column]) {
  const reach = ["owner", "density"].includes(tool) ? (brush - 1) / 2 : 0;
  for (let r = row - reach; r <= row + reach; r++) {
    for (let c = column - reach; c <= column + reach; c++) {
      const outside = r < 0 || c < 0 || r >= game.rows || c >= game.columns;
      const tile = r * game.columns + c;
      if (outside || !game.terrain[tile] || Math.hypot(r - row, c - column) > reach + 0.3) continue;
      if (tool === "owner") {
        [now.owner[tile], now.density[tile], now.fronts[tile]] = [owner, densities[owner], 0];
        if (!owner) now.city[tile] = 0;
      } else if (now.owner[tile]) {
        if (tool === "density") now.density[tile] = density;
        else now.city[tile] = tool === "city" ? 1 : 0;
      }
    }
  }
}

// territory/widgets/js/explorer/data.js
var TYPES = { u1: Uint8Array, u2: Uint16Array, i2: Int16Array, i4: Int32Array, f4: Float32Array };
var WEIGHT_STEPS = 65535;
var MEAN = -1;
var ABLATIONS = ["uniform", "zero"];
function cut(buffer, index) {
  const arrays = {};
  for (const { name, type, shape, at } of index) {
    const size = shape.reduce((product, side) => product * side, 1);
    arrays[name] = { shape, stride: size / shape[0], values: new TYPES[type](buffer, at, size) };
  }
  return arrays;
}
var bufferOf = ({ buffer, byteOffset, byteLength }) => buffer.slice(byteOffset, byteOffset + byteLength);
async function openGame(bytes2, index) {
  const stream = new Blob([bufferOf(bytes2)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const arrays = cut(await new Response(stream).arrayBuffer(), index);
  const [rows, columns] = arrays.terrain.shape;
  const at = (name, step) => {
    const { values, stride } = arrays[name];
    return values.subarray(step * stride, (step + 1) * stride);
  };
  return { rows, columns, length: arrays.step.shape[0], terrain: arrays.terrain.values, at, arrays };
}
function moment(game, networks, step) {
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
      weights: Object.fromEntries(layers.map((layer) => [layer.name, weightsOf(game, number, layer, step)]))
    }))
  };
}
function weightsOf(game, number, { name, low, high }, step) {
  return Float32Array.from(game.at(`${number}.${name}`, step), (steps) => low + steps / WEIGHT_STEPS * (high - low));
}
function copyOf(now) {
  const { owner, city, fronts, density, stats } = now;
  return { ...now, serial: 0, owner: owner.slice(), city: city.slice(), fronts: fronts.slice(), density: density.slice(), stats: stats.slice() };
}
function looksFrom(buffer, index, networks) {
  const arrays = cut(buffer, index);
  return networks.map(({ layers }, number) => ({
    policy: arrays[`${number}.policy`].values,
    value: arrays[`${number}.value`].values[0],
    weights: Object.fromEntries(layers.map(({ name }) => [name, arrays[`${number}.${name}`].values]))
  }));
}
var cellsOf = ({ grid: [rows, columns] }) => rows * columns;
var SIDES = { cells: cellsOf, stats: () => 16, one: () => 1, other: ({ others }) => others };
var before = ({ queries, keys, extra }) => queries === "cells" && keys === "cells" ? extra || 0 : 0;
function weight(layer, weights, head, query, key) {
  const [queries, keys] = [layer.queries, layer.keys].map((side) => SIDES[side](layer));
  const of = (each) => weights[(each * (queries + before(layer)) + query) * keys + key];
  if (head !== MEAN && head < layer.heads) return of(head);
  let sum2 = 0;
  for (let each = 0; each < layer.heads; each++) sum2 += of(each);
  return sum2 / layer.heads;
}
function overlay(layer, weights, { head, stat, cell, token = MEAN }) {
  if (!layer || !layer.grid || layer.heads === 0) return layer && layer.grid ? weights : null;
  const [sides, first] = [[layer.queries, layer.keys], before(layer)];
  const asks = layer.queries === "cells" ? cellsOf(layer) : layer.others || 0;
  const chosen = sides.includes("stats") ? stat : Math.min(token, (layer.others || 0) - 1);
  const of = (query, key) => weight(layer, weights, head, query, key);
  const one = chosen >= 0 ? chosen : cell !== null && layer.queries === "cells" ? first + cell : null;
  const read = (i) => one === null ? meanOver(asks, (q) => of(first + q, i)) : of(one, i);
  return Float32Array.from({ length: cellsOf(layer) }, (_, i) => layer.keys === "cells" ? read(i) : of(i, Math.max(chosen, 0)));
}
function tokensOf(layer) {
  if (!layer || !layer.grid || !layer.others) return [];
  const both = layer.queries === layer.keys;
  const each = Array.from({ length: layer.others }, (_, i) => [i, both ? "the class token" : `${i + 1} of ${layer.others}`]);
  return layer.keys === "cells" ? [[MEAN, both ? "cells" : "mean of all"], ...each] : each;
}
function meanOver(count, of) {
  let sum2 = 0;
  for (let i = 0; i < count; i++) sum2 += of(i);
  return sum2 / count;
}
function cellOf(layer, game, [row, column]) {
  const [rows, columns] = layer.grid;
  return Math.floor(row * rows / game.rows) * columns + Math.floor(column * columns / game.columns);
}

// territory/widgets/js/explorer/share.js
var LOOK = ["step", "layers", "heads", "tokens", "stat", "cell", "strength", "palette", "scale", "owners", "ablation"];
var PLANES = ["owner", "city", "density"];
var MARK = "territory-state:";
function differences(before2, after) {
  const found = [];
  after.forEach((value, i) => value !== before2[i] && found.push([i, value]));
  return found;
}
function packState(get, recorded, edited) {
  const state = Object.fromEntries(LOOK.map((name) => [name, get(name)]));
  if (edited) {
    state.edits = Object.fromEntries(["stats", ...PLANES].map((name) => [name, differences(recorded[name], edited[name])]));
  }
  return MARK + btoa(Array.from(new TextEncoder().encode(JSON.stringify(state)), (byte) => String.fromCharCode(byte)).join(""));
}
function unpackState(text) {
  const found = text.match(new RegExp(`${MARK}([A-Za-z0-9+/=]+)`));
  if (!found) throw new Error(`no state in this text: it begins with ${MARK}`);
  let state = null;
  try {
    state = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(found[1]), (letter) => letter.charCodeAt(0))));
  } catch {
  }
  if (!state || typeof state !== "object" || Array.isArray(state)) throw new Error("the state in this text is damaged: was all of it copied?");
  return state;
}
function fitState(state, here) {
  const { length, networks, palettes, relevance } = here;
  const known = (name, number) => relevance.includes(name) || !networks[number].layers.length || networks[number].layers.some((layer) => layer.name === name);
  if (!Number.isInteger(state.step) || state.step < 0 || state.step >= length) throw new Error(`this game has the steps 0 to ${length - 1}, the state is of step ${state.step}`);
  if (state.layers?.length !== networks.length) throw new Error(`the state is of ${state.layers?.length ?? "no"} networks, here are ${networks.length}`);
  const unknown = state.layers.find((name, number) => !known(name, number));
  if (unknown !== void 0) throw new Error(`the network has no layer called ${unknown}`);
  if (!palettes.includes(state.palette)) throw new Error(`there are no colours called ${state.palette}`);
  const ranges = rangesOf(state, here);
  const outside = Object.keys(ranges).find((name) => (name in state || name === "edits") && !ranges[name]);
  if (outside) throw new Error(`its ${outside} is none that this explorer can show: was it copied from another game or network?`);
  return Object.fromEntries(LOOK.filter((name) => name in state).map((name) => [name, state[name]]));
}
function rangesOf(state, { networks, rows, columns, players, stats }) {
  const whole2 = (value, low, high) => Number.isInteger(value) && value >= low && value < high;
  const each = (values, is, count = networks.length) => Array.isArray(values) && values.length === count && values.every(is);
  const most = (number) => Math.max(0, ...networks[number].layers.map(({ heads }) => heads));
  const targets = (number) => networks[number].layers.flatMap(({ name, heads }) => [name, ...Array.from({ length: heads }, (_, head) => `${name} ${head}`)]);
  const cuts = (all, number) => all && typeof all === "object" && Object.entries(all).every(([target, how]) => targets(number).includes(target) && ABLATIONS.includes(how));
  const pairs = (found, count, is) => found === void 0 || Array.isArray(found) && found.every((pair) => Array.isArray(pair) && whole2(pair[0], 0, count) && is(pair[1]));
  const edits = state.edits ?? {};
  const tiles = rows * columns;
  return {
    heads: each(state.heads, (head, number) => whole2(head, -1, most(number))),
    tokens: each(state.tokens, (token) => whole2(token, -1, Infinity)),
    stat: whole2(state.stat, 0, stats),
    cell: Array.isArray(state.cell) && (!state.cell.length || state.cell.length === 2 && whole2(state.cell[0], 0, rows) && whole2(state.cell[1], 0, columns)),
    strength: typeof state.strength === "number" && state.strength >= 0 && state.strength <= 1,
    scale: ["game", "moment"].includes(state.scale),
    owners: typeof state.owners === "boolean",
    ablation: each(state.ablation, cuts),
    edits: pairs(edits.stats, stats, Number.isFinite) && pairs(edits.owner, tiles, (owner) => whole2(owner, 0, players)) && pairs(edits.city, tiles, (city) => whole2(city, 0, 2)) && pairs(edits.density, tiles, (density) => whole2(density, 0, 256))
  };
}
function applyEdits(moment2, edits) {
  for (const name of ["stats", ...PLANES]) for (const [i, value] of edits[name] || []) moment2[name][i] = value;
  return moment2;
}

// territory/widgets/js/explorer/ask.js
var PATIENCE_MS = 150;
function makeQuestions(state, tools, { line, say: say2 }, redraw) {
  const buffersOf = ({ stats, owner, city, density }) => [stats, owner, city, density].map((each) => each.slice().buffer);
  const imagine = () => {
    state.edited.serial = ++state.edits;
    const about = state.edited;
    const late = setTimeout(redraw, state.hasAblation() ? PATIENCE_MS : 0);
    let since = 0;
    const question = () => {
      since = performance.now();
      return { message: { ask: "imagine", step: about.step, ablation: state.get("ablation") }, buffers: buffersOf(about) };
    };
    const answer = ({ index, moved }, [bytes2]) => {
      if (state.edited !== about) return;
      clearTimeout(late);
      about.looks = looksFrom(bufferOf(bytes2), index, state.networks());
      const took = performance.now() - since;
      tools.note.textContent = `answered in ${took.toFixed(0)} ms · ${moved}`;
      Object.assign(tools.note.dataset, { answer: Number(tools.note.dataset.answer || 0) + 1, took });
      redraw();
    };
    line.ask("imagine", question, answer, say2);
  };
  const pending = /* @__PURE__ */ new Set();
  const seekRelevance = () => {
    state.get("layers").forEach((method, number) => {
      if (!state.isRelevance(method)) return;
      const [key, moment2] = [state.momentKey(number, method), state.now()];
      if (state.relevance.has(key) || pending.has(key) || state.words.standalone) return;
      const question = () => ({
        message: { ask: "relevance", network: number, method, step: moment2.step, ablation: state.edited ? state.get("ablation") : [] },
        buffers: state.edited ? buffersOf(moment2) : []
      });
      const answer = ({ size }, [bytes2]) => {
        pending.delete(key);
        state.relevance.set(key, { grid: new Float32Array(bufferOf(bytes2)), size });
        redraw();
      };
      const failed = (words, details) => {
        pending.delete(key);
        state.relevance.set(key, null);
        say2(words, details);
      };
      if (line.ask(`relevance ${number}`, question, answer, failed)) {
        for (const each of pending) if (each.startsWith(`${number} `)) pending.delete(each);
        pending.add(key);
      }
    });
  };
  const request = (what) => line.ask(
    what,
    () => ({ message: { ask: what, set: Object.fromEntries([...LOOK, "what_if"].map((name) => [name, state.get(name)])) } }),
    ({ file }, [bytes2]) => file && download(file, bytes2),
    say2
  );
  return { imagine, seekRelevance, request };
}

// territory/widgets/js/numbers.js
var percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;
var signed = (value, digits = 2) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
var whole = (count) => Math.round(count).toLocaleString("en");
var minus = (text) => String(text).replace("-", "−");
var clip = (value, low, high) => Math.min(Math.max(value, low), high);
function range(values, low = Infinity, high = -Infinity) {
  for (const value of values) if (!Number.isNaN(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (low > high) return [0, 1];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}
function ticks([low, high], about = 4) {
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((each) => each * power >= rough * (1 - 1e-9));
  const marks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) marks.push(Number((i * step).toPrecision(12)));
  return marks;
}
var linear = ([low, high], [start, end]) => (value) => start + (value - low) / (high - low || 1) * (end - start);

// territory/widgets/js/explorer/words.js
var KEYS_SAY = "Keys: ← → a step, with Shift ten, Home and End, space plays; L layer, H head, P colours, O owners, [ ] overlay, W what if. Tab to a board: arrows move over it, Enter chooses or paints, Escape lets go.";
var FIRST = "Try first: drag the time slider, then click a tile. Then turn on “what if” and move “growth”.";
var GROUNDS = ["water", "plains", "highland", "mountain"];
var troopsOf = (density) => (2 ** (12 * density / 255) - 1).toFixed(0);
function layerName({ name, heads, grid, queries, keys }) {
  if (!heads) return `${name} · ${grid[0]}×${grid[1]} cells`;
  const sides = queries === "one" && keys === "one" ? "1×1" : `${queries} → ${keys}`;
  return `${name} · ${sides}`;
}
function standingOf({ game, recorded: { step }, words }) {
  const land = game.terrain.reduce((sum2, ground) => sum2 + (ground > 0), 0);
  const ordered = words.actions[game.at("action", step)[0]] || "nothing: this is the last moment";
  return `Step ${game.at("step", step)[0]} of ${game.at("step", game.length - 1)[0]} · owns ${percent(game.at("tiles", step)[1] / land, 1)} of the land · ${whole(game.at("troops", step)[1])} troops at home · ordered: ${ordered}`;
}
function tileSays(state, [row, column]) {
  const { game, words } = state;
  const [at, now] = [row * game.columns + column, state.now()];
  const owner = now.owner[at];
  const parts = [`Row ${row}, column ${column}: ${GROUNDS[game.terrain[at]]}${now.city[at] ? " with a city" : ""}`];
  if (game.terrain[at]) parts.push(owner ? words.players[owner] : "nobody's land");
  if (owner) parts.push(`${whole(game.at("troops", now.step)[owner])} troops at home, ${troopsOf(now.density[at])} on a tile`);
  state.networks().forEach(({ name }, number) => {
    const over = state.overOf(number);
    const whose = state.networks().length > 1 ? `${name} ` : "";
    if (!over) return;
    const weight2 = over.grid[cellOf({ grid: over.size }, game, [row, column])];
    parts.push(`${whose}${state.get("layers")[number]} ${minus(weight2.toFixed(3))}`);
  });
  return `${parts.join(" · ")}.`;
}
function layerSays(state, number, over) {
  const asked = state.words.relevance.find(([name]) => name === state.get("layers")[number]);
  if (asked) return over ? asked[1] : `${asked[1]} Asking the kernel …`;
  const [layer, { note }] = [state.layerOf(number), state.networks()[number]];
  return [layer && pictureSays(state, number, layer, over), note].filter(Boolean).join(" ");
}
function pictureSays(state, number, layer, over) {
  const stat = state.words.stats[state.get("stat")][0];
  if (layer.queries === "one" && layer.keys === "one") {
    return "One query and one key: the softmax has nothing to choose from, so this weight is 1.000 in every state, whatever the map shows.";
  }
  if (!over) return `These weights (${layer.queries} → ${layer.keys}) make no grid over the map.`;
  if (!layer.heads) return "How far each cell's gate is open.";
  const token = Math.min(state.get("tokens")[number], layer.others - 1);
  const says = layer.queries === layer.keys && token >= 0 ? "What the class token attends to: the first token, before those of the cells." : {
    "stats cells": `What “${stat}” attends to: its weights over the cells sum to 1. Choose another statistic beside it.`,
    "cells stats": `How much each cell attends to “${stat}”, of its weights over the 16 statistics. Choose another beside it.`,
    "cells cells": state.tile() ? "What the chosen cell attends to." : "What cells attend to, on average: click one to see its own."
  }[`${layer.queries} ${layer.keys}`] || otherSays(layer, token);
  return `${says} ${layer.guess}`.trim();
}
function otherSays({ keys, others }, token) {
  if (keys !== "cells") return `How much each cell attends to token ${Math.max(token, 0) + 1} of ${others}.`;
  if (others === 1) return "What the one query attends to.";
  return token < 0 ? `What ${others} queries attend to, on average: choose a token to see its own.` : `What query ${token + 1} of ${others} attends to.`;
}

// territory/widgets/js/explorer/bar.js
var SPEEDS = [1, 2, 5, 10, 20];
var TELL_MS = 500;
function makePlay(state) {
  let [playing, last, told] = [false, 0, 0];
  const atEnd = () => state.get("step") >= state.game.length - 1;
  const toggle = () => {
    if (!playing && atEnd()) state.seek(0);
    set(!playing);
  };
  const view = button("", toggle, { "data-control": "play", class: "explorer-play primary" });
  const set = (on) => {
    if (playing && !on) state.model.save_changes();
    playing = on;
    view.textContent = on ? "❚❚ pause" : "▶ play";
    view.setAttribute("aria-pressed", String(on));
  };
  const tick = (now) => {
    const period = 1e3 / state.get("speed");
    if (!playing || now - last < period || state.waits()) return;
    last = Math.max(last + period, now - period);
    state.model.set("step", state.get("step") + 1);
    if (now - told >= TELL_MS) {
      told = now;
      state.model.save_changes();
    }
    if (atEnd()) set(false);
  };
  set(false);
  return { view, toggle, tick, stop: () => set(false) };
}
function makeTime(state) {
  const play = makePlay(state);
  const slider = make("input", "explorer-time grow", { type: "range", min: 0, "aria-label": "step" });
  const speed = select("at", SPEEDS.map((each) => [each, `${each} steps/s`]), (value) => state.set("speed", Number(value)));
  const standing = make("p", "explorer-standing");
  slider.addEventListener("pointerdown", play.stop);
  slider.addEventListener("input", () => state.seek(Number(slider.value)));
  const show = () => {
    [slider.max, slider.value] = [state.game.length - 1, state.recorded.step];
    slider.setAttribute("aria-valuetext", `step ${state.recorded.step} of ${state.game.length - 1}`);
    speed.show(state.get("speed"));
    say(standing, standingOf(state));
  };
  return { standing, views: [play.view, slider, speed.view], show, toggle: play.toggle, tick: play.tick };
}
function makeLook(state) {
  const strength = make("input", "", { type: "range", min: 0, max: 1, step: 0.05, "aria-label": "overlay strength" });
  const palettes = Object.keys(state.words.palettes).map((name) => [name, name]);
  const palette = select("palette", palettes, (value) => state.set("palette", value), "colours");
  const ends = [["game", "of the whole game"], ["moment", "of this state"]];
  const scale = select("scale", ends, (value) => state.set("scale", value), "from least to most");
  const owners = make("input", "", { type: "checkbox" });
  strength.addEventListener("input", () => state.set("strength", Number(strength.value)));
  owners.addEventListener("change", () => state.set("owners", owners.checked));
  const show = () => {
    strength.value = state.get("strength");
    owners.checked = state.get("owners");
    palette.show(state.get("palette"));
    scale.show(state.get("scale"));
  };
  const laid = make("label", "tw-field", {}, make("span", "", {}, "overlay"), strength);
  return { views: [laid, palette.view, scale.view, make("label", "", {}, owners, "owners' colours")], show };
}
function makeKeep(state, { request, copy, open }) {
  const { words } = state;
  const keep = (what, label) => button(label, () => request(what));
  const saves = [keep("picture", "save picture"), keep("page", "save page")];
  const follow = make("input", "", { type: "checkbox" });
  const catchUp = keep("catch_up", "catch up");
  const views = [...saves, button("copy state", copy), button("open state", open)];
  if (words.live) views.push(catchUp, make("label", "", {}, follow, "follow"));
  if (words.standalone) for (const each of saves) each.hidden = true;
  let polled = 0;
  const tick = (now) => {
    if (!follow.checked || now - polled < 500) return;
    polled = now;
    request("catch_up");
  };
  return {
    views,
    tick,
    cutOff: () => {
      for (const each of [...saves, catchUp, follow]) each.disabled = true;
      follow.checked = false;
    }
  };
}

// territory/widgets/js/explorer/board.js
var STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
function makeBoard(name, { game, point, leave, act, move }) {
  const canvas = make("canvas", "explorer-board", { "aria-hidden": "true" });
  const [tile, cell] = [make("i", "explorer-tile"), make("i", "explorer-cell")];
  const view = make("div", "explorer-map", {
    tabindex: 0,
    role: "application",
    "data-control": "board",
    "aria-label": `the board as ${name} sees it; arrow keys move over it, Enter chooses or paints, Escape lets go`
  }, canvas, cell, tile);
  const tileAt = (event) => {
    const box = canvas.getBoundingClientRect();
    const at = (place2, start, length, count) => clip(Math.floor((place2 - start) / length * count), 0, count - 1);
    const { rows, columns } = game();
    return [at(event.clientY, box.top, box.height, rows), at(event.clientX, box.left, box.width, columns)];
  };
  view.addEventListener("pointermove", (event) => {
    point(tileAt(event));
    if (event.buttons & 1) act(tileAt(event), true);
  });
  view.addEventListener("pointerdown", (event) => event.button === 0 && act(tileAt(event), false));
  view.addEventListener("pointerleave", leave);
  view.addEventListener("keydown", (event) => {
    if (event.code in STEPS) move(STEPS[event.code], event.shiftKey);
    else if (event.code === "Enter") act(null, false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const mark = (element, box) => {
    element.hidden = box === null;
    if (box === null) return;
    const { rows, columns } = game();
    const [top, left, height, width] = box;
    const sides = { top: top / rows, left: left / columns, height: height / rows, width: width / columns };
    for (const [side, share] of Object.entries(sides)) element.style[side] = `${100 * share}%`;
  };
  const markAt = (place2, grid) => {
    mark(tile, place2 && [...place2, 1, 1]);
    if (!place2 || !grid) return mark(cell, null);
    const [height, width] = [game().rows / grid[0], game().columns / grid[1]];
    mark(cell, [Math.floor(place2[0] / height) * height, Math.floor(place2[1] / width) * width, height, width]);
  };
  const show = (painter, now, over) => showOn(canvas, painter, now, over);
  return { view, show, markAt };
}
function makeHands(state, tools, { explain, tileSays: tileSays2, brush }) {
  const hands = {
    hovered: null,
    point: (place2) => explain(tileSays2(state, hands.hovered = place2)),
    leave: () => hands.hovered = null,
    act: (place2, dragged) => {
      const [at, tool] = [place2 || state.tile(), tools.get()];
      if (tool.tool === "look" || !state.edited) {
        if (place2 && !dragged) state.set("cell", place2);
      } else if (at && !(dragged && ["city", "raze"].includes(tool.tool))) brush(tool, at);
    },
    move: ([down, right], far) => {
      const { rows, columns } = state.game;
      const [row, column] = state.tile() || [Math.floor(rows / 2), Math.floor(columns / 2)];
      const reach = far ? 8 : 1;
      hands.hovered = null;
      state.set("cell", [clip(row + reach * down, 0, rows - 1), clip(column + reach * right, 0, columns - 1)]);
      explain(tileSays2(state, state.tile()));
    }
  };
  return hands;
}

// territory/widgets/js/explorer/keys.js
function shortcutsOf(state, { toggle }) {
  const { get, set, seek } = state;
  const next = (values, value) => values[(values.indexOf(value) + 1) % values.length];
  const layerNames = (number) => state.networks()[number].layers.map(({ name }) => name);
  const nextHead = (head, number) => {
    const heads = state.layerOf(number)?.heads || 0;
    return heads > 1 && head + 1 < heads ? head + 1 : MEAN;
  };
  const strengthen = (steps) => set("strength", clip(Math.round(20 * get("strength") + steps) / 20, 0, 1));
  return {
    Space: toggle,
    ArrowRight: (shift) => seek(get("step") + (shift ? 10 : 1)),
    ArrowLeft: (shift) => seek(get("step") - (shift ? 10 : 1)),
    Home: () => seek(0),
    End: () => seek(state.game.length - 1),
    KeyL: () => set("layers", get("layers").map((name, number) => name ? next(layerNames(number), name) : name)),
    KeyH: () => set("heads", get("heads").map(nextHead)),
    KeyP: () => set("palette", next(Object.keys(state.words.palettes), get("palette"))),
    KeyO: () => set("owners", !get("owners")),
    BracketLeft: () => strengthen(-1),
    BracketRight: () => strengthen(1),
    KeyW: () => state.words.standalone || set("what_if", !get("what_if")),
    Escape: () => set("cell", [])
  };
}
var spoken = (code) => ({ BracketLeft: "[", BracketRight: "]" })[code] || code.replace("Key", "");
function listenToKeys(root, shortcuts) {
  root.setAttribute("aria-keyshortcuts", Object.keys(shortcuts).map(spoken).join(" "));
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea") || event.target.matches("button, summary") && ["Space", "Enter"].includes(event.code)) return;
    if (!(event.code in shortcuts)) return;
    event.preventDefault();
    shortcuts[event.code](event.shiftKey);
  });
}

// territory/widgets/js/explorer/compass.js
var NAMES = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];
var WAIT = 8;
var [CENTRE, RING, RINGS] = [0.9, 0.45, 5];
var RIM = CENTRE + RINGS * RING;
var SHOWN = [0, 0.05, 0.25, 0.5, 1];
var sum = (policy, from, count) => policy.slice(from, from + count).reduce((all, share) => all + share, 0);
var towards = (policy, direction) => sum(policy, 10 * direction, 10);
var builds = (policy) => policy.reduce((all, share, action) => all + (action % 2 ? share : 0), 0);
var partOf = (policy, { direction, ring }) => direction === WAIT ? towards(policy, WAIT) : sum(policy, 10 * direction + 2 * ring, 2);
function sector(direction, ring) {
  const [inner, outer] = [CENTRE + ring * RING, CENTRE + (ring + 1) * RING];
  const at = (radius, eighths) => {
    const angle = (eighths - 2) * Math.PI / 4;
    return `${radius * Math.cos(angle)} ${radius * Math.sin(angle)}`;
  };
  const [first, last] = [direction - 0.5, direction + 0.5];
  return `M${at(inner, first)} L${at(outer, first)} A${outer} ${outer} 0 0 1 ${at(outer, last)} L${at(inner, last)} A${inner} ${inner} 0 0 0 ${at(inner, first)}Z`;
}
function makeCells(shares) {
  const cells = NAMES.flatMap((name, direction) => shares.map((share, ring) => {
    const title2 = draw("title");
    const path = draw("path", { d: sector(direction, ring), "data-order": `${name} ${share}` }, title2);
    return { path, title: title2, direction, ring, name: `${name} ${share}` };
  }));
  const title = draw("title");
  const circle = draw("circle", { r: CENTRE, "data-order": "wait" }, title);
  return [...cells, { path: circle, title, direction: WAIT, name: "wait" }];
}
function makeLabels() {
  return [...NAMES, "wait"].map((name, direction) => {
    const angle = (direction - 2) * Math.PI / 4;
    const [x, y] = direction === WAIT ? [0, 0] : [(RIM + 0.7) * Math.cos(angle), (RIM + 0.65) * Math.sin(angle) - 0.2];
    const [share, was] = [draw("tspan", { x, dy: "1.1em" }), draw("tspan", { x, dy: "1.1em", class: "was" })];
    return { share, was, text: draw("text", { x, y: y - 0.1 }, draw("tspan", { x }, name), share, was) };
  });
}
function makeScale() {
  const swatch = (share) => {
    const box = make("i");
    box.style.opacity = Math.sqrt(share);
    return make("span", "explorer-swatch", {}, make("span", "", {}, box), percent(share));
  };
  return make("p", "explorer-shares quiet", { "aria-hidden": "true" }, ...SHOWN.map(swatch));
}
function makeCompass(shares) {
  const [cells, labels] = [makeCells(shares), makeLabels()];
  const svg = draw(
    "svg",
    { viewBox: "-4.85 -4.5 9.7 9.2", class: "explorer-compass", role: "img" },
    ...cells.map(({ path }) => path),
    ...labels.map(({ text }) => text)
  );
  const build = make("p", "explorer-build");
  const rings = make("p", "quiet", {}, `rings from the middle: ${shares.join(", ")} of the troops`);
  const show = (policy, before2, taken) => {
    for (const cell of cells) {
      const share = partOf(policy, cell);
      cell.path.style.fillOpacity = Math.sqrt(share);
      const chosen = taken >= 0 && Math.floor(taken / 10) === cell.direction && (cell.direction === WAIT || Math.floor(taken % 10 / 2) === cell.ring);
      cell.path.classList.toggle("taken", chosen);
      if (chosen && cell.path.nextSibling !== labels[0].text) svg.insertBefore(cell.path, labels[0].text);
      cell.path.dataset.share = share.toFixed(4);
      say(cell.title, `${cell.name}: ${percent(share, 1)}${chosen ? ", the order that was given" : ""}`);
    }
    labels.forEach(({ share, was }, direction) => {
      say(share, percent(towards(policy, direction)));
      say(was, before2 ? `was ${percent(towards(before2, direction))}` : "");
    });
    say(build, `builds a city: ${percent(builds(policy))}${before2 ? ` (was ${percent(builds(before2))})` : ""}`);
    svg.setAttribute("aria-label", "policy: " + labels.map(({ share }, d) => `${NAMES[d] || "wait"} ${share.textContent}`).join(", "));
  };
  const words = make("div", "explorer-legend", {}, build, makeScale(), rings);
  return { view: make("div", "explorer-answers", {}, make("div", "explorer-policy tw-answer", {}, svg, words)), show };
}

// territory/widgets/js/explorer/curve.js
var [HEIGHT, LEFT, RIGHT, BOTTOM] = [110, 34, 12, 16];
function makeCurve(seek) {
  const [grid, line, cursor] = [draw("g", { class: "grid" }), draw("polyline", { class: "line" }), draw("line", { class: "cursor" })];
  const [dot, other] = [draw("circle", { class: "dot", r: 4.5 }), draw("path", { class: "imagined", d: "M0-6 6 0 0 6-6 0Z" })];
  let [width, room, last] = [0, 320, [0, null]];
  const svg = draw("svg", { height: HEIGHT, "aria-hidden": "true" }, grid, line, cursor, dot, other);
  const box = make("div", "explorer-curve", { "data-control": "value curve" }, svg);
  const said = make("p", "explorer-value tw-answer");
  const legend = make("p", "quiet", {}, "value: the return that the critic expects from here, over the game");
  let [values, across, down] = [[0], () => 0, () => 0];
  const go = (event) => {
    const share = (event.clientX - svg.getBoundingClientRect().left - LEFT) / (width - LEFT - RIGHT);
    seek(Math.round(clip(share, 0, 1) * (values.length - 1)));
  };
  box.addEventListener("pointerdown", go);
  box.addEventListener("pointermove", (event) => event.buttons & 1 && go(event));
  const load = (all) => {
    [values, width] = [all, Math.max(120, room)];
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const [low, high] = range([0, ...all]);
    const margin = (high - low) * 0.06;
    const ends = [low - margin, high + margin];
    across = linear([0, Math.max(1, all.length - 1)], [LEFT, width - RIGHT]);
    down = linear(ends, [HEIGHT - BOTTOM, 4]);
    const rules = ticks(ends, 3).flatMap((mark) => [
      draw("line", { x1: LEFT, x2: width - RIGHT, y1: down(mark), y2: down(mark), class: mark === 0 ? "zero" : "" }),
      draw("text", { x: LEFT - 4, y: down(mark) + 3.5, "text-anchor": "end" }, minus(mark))
    ]);
    const steps = ticks([0, Math.max(1, all.length - 1)], 5).filter(Number.isInteger).map((mark) => draw("text", { x: across(mark), y: HEIGHT - 3, "text-anchor": "middle" }, mark));
    grid.replaceChildren(...rules, ...steps);
    line.setAttribute("points", Array.from(all, (value, step) => `${across(step)},${down(value)}`).join(" "));
  };
  const show = (step, imagined) => {
    last = [step, imagined];
    place(cursor, { x1: across(step), x2: across(step), y1: 4, y2: HEIGHT - BOTTOM });
    place(dot, { cx: across(step), cy: down(values[step]) });
    other.style.display = imagined === null ? "none" : "";
    if (imagined !== null) other.setAttribute("transform", `translate(${across(step)} ${clip(down(imagined), 6, HEIGHT - BOTTOM)})`);
    const now = imagined === null ? values[step] : imagined;
    say(said, `value ${signed(now)}${imagined === null ? "" : ` (was ${signed(values[step])})`}`);
  };
  new ResizeObserver(([{ contentRect }]) => {
    if (!contentRect.width || Math.abs(contentRect.width - width) <= 1) return;
    room = contentRect.width;
    load(values);
    show(...last);
  }).observe(box);
  return { view: make("div", "explorer-values", {}, said, box, legend), load, show };
}

// territory/widgets/js/explorer/side.js
function makeChoice(state, number) {
  const { layers } = state.networks()[number];
  const layer = select("layer", [], (value) => state.setAt("layers", number, value));
  const named = layers.length ? layers.map((each) => [each.name, layerName(each)]) : [["", "no attention that can be read"]];
  const asked = make("optgroup", "", { label: "relevance, asked of the kernel" }, ...options(state.words.relevance.map(([name]) => [name, name])));
  layer.control.append(make("optgroup", "", { label: "attention" }, ...options(named)), asked);
  const head = select("head", [], (value) => state.setAt("heads", number, Number(value)));
  const token = select("token", [], (value) => state.setAt("tokens", number, Number(value)));
  let listed = "";
  const showToken = () => {
    const tokens = tokensOf(state.layerOf(number));
    token.view.hidden = tokens.length < 2;
    if (listed !== String(tokens)) token.control.replaceChildren(...options(tokens));
    listed = String(tokens);
    token.show(Math.max(tokens[0]?.[0] ?? MEAN, Math.min(state.get("tokens")[number], tokens.at(-1)?.[0] ?? MEAN)));
  };
  const show = () => {
    showToken();
    const heads = state.layerOf(number)?.heads || 0;
    layer.show(state.get("layers")[number]);
    if (head.control.childElementCount !== heads + 1) {
      const each = Array.from({ length: heads }, (_, i) => [i, `${i + 1} of ${heads}`]);
      head.control.replaceChildren(...options([[MEAN, heads ? "mean of all" : "–"], ...each]));
    }
    switchOff(head.control, heads < 2);
    head.show(state.headOf(number));
  };
  return { views: layers.some((each) => tokensOf(each).length > 1) ? [layer.view, head.view, token.view] : [layer.view, head.view], show };
}
function makeScale2(players) {
  const [low, bar, high] = [make("output", "low"), make("span", "explorer-bar"), make("output", "high")];
  const exact = make("span", "quiet");
  const strip = (colours) => {
    const view = make("i");
    view.style.background = `linear-gradient(to right, ${colours.filter((_, i) => i % 15 === 0).map((colour) => `rgb(${colour.map(Math.round)})`)})`;
    return view;
  };
  let drawn = "";
  const drawBar = (over) => {
    const look = over && [over.owners, over.strength, over.palette].join();
    if (look === drawn) return;
    drawn = look;
    bar.replaceChildren(...over ? (over.owners ? groundsOf(players) : [GREY]).map((ground) => strip(blend(over.palette, over.strength, ground))) : []);
  };
  const show = (over) => {
    drawBar(over);
    say(low, over ? minus(over.low.toFixed(3)) : "");
    say(high, over ? minus(over.high.toFixed(3)) : "");
    say(exact, !over ? "" : over.owners ? "over your land, others', nobody's" : "");
  };
  return { view: make("div", "explorer-scale", {}, low, bar, high, exact), show };
}
function makeSide(state, number, hands) {
  const { name } = state.networks()[number];
  const [board, choice, scale] = [makeBoard(name, { game: () => state.game, ...hands }), makeChoice(state, number), makeScale2(state.words.colours)];
  const [compass, curve, says] = [makeCompass(state.words.shares), makeCurve(state.seek), make("p", "explorer-says")];
  const title = make(
    "div",
    "tw-bar explorer-title",
    {},
    make("b", "explorer-name", { "data-network": name }, name),
    ...choice.views,
    make("span", "tw-old", {}, "old")
  );
  const left = make("div", "explorer-left", {}, title, board.view, scale.view, says);
  let painter = null;
  const load = () => {
    painter = makePainter(state.words.colours, state.game);
    curve.load(state.game.arrays[`${number}.value`].values);
  };
  const show = () => {
    const [over, look, before2] = [state.overOf(number), state.now().looks[number], state.recorded.looks[number]];
    const imagined = look !== before2;
    board.show(painter, state.now(), over);
    board.markAt(state.tile(), over && over.size);
    choice.show();
    scale.show(over);
    say(says, layerSays(state, number, over));
    compass.show(look.policy, imagined ? before2.policy : null, state.game.at("action", state.recorded.step)[0]);
    curve.show(state.recorded.step, imagined ? look.value : null);
  };
  return { left, policy: compass.view, value: curve.view, load, show };
}

// territory/widgets/js/explorer/state.js
function makeState(model) {
  const get = (name) => model.get(name);
  const state = {
    model,
    get,
    words: { ...get("words"), networks: get("about").networks },
    game: null,
    recorded: null,
    // the moment of the game
    edited: null,
    // a copy of it that what-if changes
    edits: 0,
    // how many changes there have been, each with its number
    relevance: /* @__PURE__ */ new Map(),
    // by network, method and moment: what the kernel said
    waits: () => false,
    // for the kernel's word on this moment
    networks: () => get("about").networks,
    now: () => state.edited || state.recorded,
    tile: () => get("cell").length ? get("cell") : null,
    layerOf: (number, name = get("layers")[number]) => state.networks()[number].layers.find((each) => each.name === name),
    headOf: (number) => get("heads")[number] < (state.layerOf(number)?.heads || 0) ? get("heads")[number] : MEAN,
    isRelevance: (name) => state.words.relevance.some(([method]) => method === name),
    ablated: (number) => get("ablation")[number] || {},
    hasAblation: () => get("ablation").some((each) => Object.keys(each).length > 0),
    set: (name, value) => {
      model.set(name, value);
      model.save_changes();
    },
    setAt: (name, number, value) => state.set(name, get(name).map((old, i) => i === number ? value : old)),
    seek: (step) => state.set("step", clip(step, 0, state.game.length - 1)),
    // What the next relevance answer will be about.
    momentKey: (number, method) => `${number} ${method} ${state.now().step} ${state.edited ? state.edited.serial : 0}`,
    overOf: (number, name, head) => overOf(state, number, name, head)
  };
  return state;
}
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

// territory/widgets/js/explorer/stats.js
var PAIRS = [["cells", "stats", "cell attends to it"], ["stats", "cells", "attends to the cell"]];
function columnsOf(networks) {
  return networks.flatMap(({ name, layers }, number) => PAIRS.flatMap(([queries, keys, says]) => {
    const layer = layers.find((each) => each.queries === queries && each.keys === keys);
    const whose = networks.length > 1 ? `${name.length > 16 ? `${name.slice(0, 15)}…` : name}: ` : "";
    return layer ? [{ number, layer, says: whose + says, asks: queries === "cells" }] : [];
  }));
}
function makeRow([name, sentence], i, columns, group, { choose, change, explain }) {
  const pick = make("input", "", { type: "radio", name: group, "aria-label": `show where ${name} takes part` });
  const slider = make("input", "", { type: "range", min: -1, max: 1, step: 0.01, "aria-label": name });
  const [value, was] = [make("output"), make("span", "was")];
  const weights = columns.map(() => {
    const [bar, number] = [make("b"), make("span", "number")];
    return { bar, number, view: make("span", "weight", {}, make("span", "track", {}, bar), number) };
  });
  pick.hidden = !columns.length;
  const row = make(
    "div",
    "stat",
    { "data-stat": name },
    make("label", "name", {}, pick, name),
    slider,
    value,
    was,
    ...weights.map(({ view }) => view)
  );
  pick.addEventListener("change", () => choose(i));
  slider.addEventListener("input", () => change(i, Number(slider.value)));
  for (const event of ["pointerenter", "focusin"]) row.addEventListener(event, () => explain(`${name}: ${sentence}`));
  return { row, pick, slider, value, was, weights };
}
function makeStats(words, hands) {
  const columns = columnsOf(words.networks);
  const head = make(
    "div",
    "stat headings",
    { "aria-hidden": "true" },
    make("span", "", {}, "statistic"),
    make("span"),
    make("span", "right", {}, "now"),
    make("span", "right", {}, "was"),
    ...columns.map(({ says, layer }) => make("span", "", { title: layer.name }, says))
  );
  const group = `stat-${Math.random().toString(36).slice(2)}`;
  const rows = words.stats.map((stat, i) => makeRow(stat, i, columns, group, hands));
  const view = make("div", "explorer-stats", { role: "group", "aria-label": "statistics" }, head, ...rows.map(({ row }) => row));
  if (columns.length) {
    for (const [name, width] of [["--wide", "clamp(5.6em, 13cqw, 9em)"], ["--narrow", "4em"]]) view.style.setProperty(name, `repeat(${columns.length}, ${width})`);
  }
  const show = (state) => {
    const [now, before2, tile] = [state.now(), state.recorded, state.tile()];
    rows.forEach(({ row, pick, slider, value, was, weights }, i) => {
      const changed = now.stats[i] !== before2.stats[i];
      pick.checked = i === state.get("stat");
      switchOff(slider, state.edited === null);
      slider.value = now.stats[i];
      say(value, signed(now.stats[i], 3));
      say(was, changed ? signed(before2.stats[i], 3) : "");
      row.classList.toggle("changed", changed);
      row.classList.toggle("chosen", pick.checked && !pick.hidden);
      weights.forEach(({ bar, number }, column) => {
        const { layer, number: side, asks } = columns[column];
        const [cell, head2] = [tile && cellOf(layer, state.game, tile), state.get("heads")[side]];
        const pair = asks ? [cell, i] : [i, cell];
        const share = cell === null ? null : weight(layer, now.looks[side].weights[layer.name], head2, ...pair);
        bar.style.width = `${100 * Math.min(1, (share || 0) / layer.high)}%`;
        say(number, share === null ? "–" : percent(share, 1));
      });
    });
  };
  return { view, show };
}

// territory/widgets/js/explorer/thumbs.js
var SAID = { "": "as trained", uniform: "uniform", zero: "zero" };
var HOW = "as trained, uniform (the mean over its cells or keys) or zero";
function picturesOf({ layers }, words) {
  const attention = layers.flatMap(({ name, heads, grid }) => {
    if (!grid) return [{ name, head: MEAN, title: name, target: name, bare: true }];
    const mean = { name, head: MEAN, title: heads > 1 ? `${name} · mean` : name, target: name };
    const each = heads > 1 ? Array.from({ length: heads }, (_, head) => ({ name, head, title: `${name} · head ${head + 1}`, target: `${name} ${head}` })) : [];
    return [mean, ...each];
  });
  return [...attention, ...words.relevance.map(([name]) => ({ name, head: MEAN, title: name, target: null }))];
}
var breakable = (path) => path.split(/(?<=[._])/).flatMap((part) => [part, make("wbr")]);
function makeThumb(state, number, picture, { choose, ablate }) {
  const canvas = make("canvas", "", { "aria-hidden": "true" });
  const empty = make("span", "explorer-empty", { "aria-hidden": "true" }, picture.target ? "one weight" : "ask");
  const name = state.networks().length > 1 ? `${state.networks()[number].name}: ${picture.title}` : picture.title;
  const open = make("button", "explorer-thumb", { type: "button", "aria-label": `show ${name}` }, canvas, empty);
  open.addEventListener("click", () => choose(number, picture));
  const cut2 = make("button", "explorer-ablate", { type: "button", title: HOW });
  cut2.addEventListener("click", () => ablate(number, picture.target));
  const view = make("figure", "", {}, open, make("figcaption", "", { title: name }, ...breakable(picture.title.replace("cross.", ""))), ...picture.target ? [cut2] : []);
  const show = (off) => {
    const over = picture.bare ? null : state.overOf(number, picture.name, picture.head);
    [canvas.hidden, empty.hidden] = [!over, Boolean(over)];
    if (over) {
      const [height, width] = over.size;
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      canvas.getContext("2d").putImageData(new ImageData(paintGrid(over, over.palette), width, height), 0, 0);
    }
    const chosen = state.get("layers")[number] === picture.name && (picture.head === state.headOf(number) || !picture.target);
    open.setAttribute("aria-pressed", String(chosen));
    const how = state.ablated(number)[picture.target] || "";
    say(cut2, SAID[how]);
    cut2.dataset.how = how;
    cut2.setAttribute("aria-label", `ablate ${name}: ${SAID[how]}`);
    switchOff(cut2, off);
  };
  return { view, show };
}
function makeThumbs(state, hands) {
  const rows = state.networks().map((network, number) => {
    const thumbs = picturesOf(network, state.words).map((picture) => makeThumb(state, number, picture, hands));
    const title = state.networks().length > 1 ? [make("b", "explorer-name", { "data-network": network.name }, network.name)] : [];
    return { thumbs, view: make("div", "explorer-row", {}, ...title, ...thumbs.map(({ view: view2 }) => view2)) };
  });
  const view = make("div", "explorer-thumbs", {}, ...rows.map((row) => row.view));
  return { view, show: (off) => rows.forEach(({ thumbs }) => thumbs.forEach((thumb) => thumb.show(off))) };
}
function ablationAfter(all, number, target) {
  const { [target]: how, ...rest } = all[number];
  const next = ABLATIONS[ABLATIONS.indexOf(how) + 1];
  return all.map((each, i) => i !== number ? each : next ? { ...rest, [target]: next } : rest);
}

// territory/widgets/js/explorer/tools.js
var TOOLS = [
  ["look", "choose a tile"],
  ["owner", "paint land"],
  ["density", "paint troops"],
  ["city", "found a city"],
  ["raze", "raze a city"]
];
var OFF = "Change what the network is given (statistics, land, troops, cities), or silence a head: it answers at once.";
var ON = "Each input is moved alone, to see what it does by itself. The game might never get there.";
var PAGE = "What-if is off: this page has the game and what the networks computed in it, but not the networks. Open it in a notebook to ask.";
function makeTools(words, { toggle, reset }) {
  const on = make("input", "", { type: "checkbox" });
  const tool = make("select", "", { "aria-label": "what the pointer does" }, ...options(TOOLS));
  const owner = make("select", "", { "aria-label": "whose land" }, ...options(words.players.map((name, player) => [player, name])));
  owner.value = "1";
  const density = make("input", "", { type: "range", min: 0, max: 255, value: 128, "aria-label": "troops per tile" });
  const brush = make("input", "", { type: "range", min: 1, max: 15, step: 2, value: 5, "aria-label": "brush size in tiles" });
  const troops = make("output");
  const field = (label, ...nodes) => make("label", "tw-field", {}, make("span", "", {}, label), ...nodes);
  const parts = { owner: field("for", owner), density: field("troops", density, troops), brush: field("brush", brush) };
  const back = button("undo all", reset);
  const note = make("span", "explorer-latency", { role: "status" });
  const why = make("p", "explorer-why quiet");
  const pointer = field("pointer", tool);
  const row = make("div", "tw-bar", {}, make("label", "explorer-switch", {}, on, "what if (W)"), pointer, ...Object.values(parts), back);
  const view = make("section", "explorer-whatif", { "aria-label": "what if" }, row, make("div", "explorer-whatline", {}, why, note));
  let cut2 = false;
  const fit = () => {
    for (const part of [pointer, back]) part.hidden = !on.checked;
    parts.owner.hidden = !on.checked || tool.value !== "owner";
    parts.density.hidden = !on.checked || tool.value !== "density";
    parts.brush.hidden = !on.checked || !["owner", "density"].includes(tool.value);
    say(why, words.standalone ? PAGE : on.checked ? ON : OFF);
    say(troops, `${troopsOf(density.value)} a tile`);
  };
  on.addEventListener("change", () => toggle(on.checked));
  for (const each of [tool, density]) each.addEventListener("input", fit);
  return {
    view,
    note,
    cutOff: () => cut2 = true,
    show: (active) => {
      on.checked = active;
      switchOff(on, cut2 || Boolean(words.standalone));
      fit();
    },
    get: () => ({ tool: on.checked ? tool.value : "look", owner: Number(owner.value), density: Number(density.value), brush: Number(brush.value) })
  };
}

// territory/widgets/js/explorer/index.js
var LOOKS = ["layers", "heads", "tokens", "stat", "cell", "strength", "palette", "scale", "speed", "owners"];
var KEEPS = "The recorded game can still be scrubbed. ";
async function render({ model, el }) {
  const state = makeState(model);
  const stepNow = () => Math.min(model.get("step"), state.game.length - 1);
  const open = async () => {
    state.game = await openGame(model.get("game"), model.get("about").index);
    state.recorded = moment(state.game, state.networks(), stepNow());
    state.relevance.clear();
  };
  await open();
  const explanation = make("p", "explorer-explain", {}, KEYS_SAY);
  const explain = (text) => explanation.textContent = text;
  const root = make("div", "tw territory-explorer", {
    tabindex: 0,
    role: "application",
    "aria-label": `Explorer. ${KEYS_SAY}`
  });
  const redraw = oncePerFrame(() => show());
  const lost = () => {
    for (const part of [tools, keep]) part.cutOff();
    if (state.get("what_if")) state.set("what_if", false);
    redraw();
  };
  const connection = makeConnection(model, root, { lost, keeps: KEEPS });
  const tools = makeTools(state.words, { toggle: (on) => state.set("what_if", on), reset: () => reset() });
  state.waits = () => state.edited !== null && connection.line.busy();
  const questions = makeQuestions(state, tools, connection, redraw);
  const brush = (tool, at) => {
    brushOver(state.game, state.edited, state.game.at("density", state.recorded.step), tool, at);
    questions.imagine();
  };
  const hands = makeHands(state, tools, { explain, tileSays, brush });
  const [time, look] = [makeTime(state), makeLook(state)];
  const share = makeShare(state, { explain, begin: (edits) => begin(edits) });
  const keep = makeKeep(state, { request: questions.request, copy: share.copy, open: share.ask });
  const sides = state.networks().map((_, number) => makeSide(state, number, hands));
  const stats = makeStats(state.words, {
    choose: (stat) => state.set("stat", stat),
    change: (stat, value) => {
      state.edited.stats[stat] = value;
      questions.imagine();
    },
    explain
  });
  const thumbs = makeThumbs(state, {
    choose: (number, { name, head }) => {
      state.setAt("heads", number, head);
      state.setAt("layers", number, name);
    },
    ablate: (number, target) => {
      if (!state.get("what_if")) state.set("what_if", true);
      state.set("ablation", ablationAfter(state.get("ablation"), number, target));
    }
  });
  const begin = (edits = null) => {
    connection.line.forget("imagine");
    const on = state.get("what_if") && !state.words.standalone && connection.line.state() !== "lost";
    state.edited = on ? copyOf(state.recorded) : null;
    tools.note.textContent = "";
    if (state.edited && edits) applyEdits(state.edited, edits);
    if (state.edited && (edits || state.hasAblation())) questions.imagine();
    else redraw();
  };
  const reset = () => {
    state.set("ablation", state.get("ablation").map(() => ({})));
    begin();
  };
  const goTo = () => {
    state.recorded = moment(state.game, state.networks(), stepNow());
    begin();
  };
  const show = () => {
    for (const part of [...sides, time, look]) part.show();
    stats.show(state);
    tools.show(state.edited !== null);
    thumbs.show(Boolean(state.words.standalone) || connection.line.state() === "lost");
    if (hands.hovered) explain(tileSays(state, hands.hovered));
    questions.seekRelevance();
  };
  const load = () => {
    for (const side of sides) side.load();
    begin();
  };
  const given = panel("statistics", [make("span", "tw-old", {}, "old")], stats.view);
  given.classList.add("explorer-given");
  const grid = panel("layers and heads in this state", [make("span", "quiet", {}, "click to enlarge; below each: as trained, uniform, zero")], thumbs.view);
  grid.classList.add("explorer-grid");
  const answers = make("div", "explorer-right", {}, ...sides.length > 1 ? [] : [sides[0].policy], given);
  const below = ({ policy, value }) => sides.length > 1 ? make("div", "explorer-pair", {}, policy, value) : value;
  const boards = sides.map((side) => make("section", "explorer-side", { "aria-label": "network" }, side.left, below(side)));
  root.append(
    connection.banner,
    make("div", "explorer-top", {}, time.standing, make("p", "tw-hint", {}, FIRST)),
    make("div", "tw-bar", {}, ...time.views, connection.note),
    tools.view,
    make("div", "explorer-main", {}, ...boards, answers, make("div", "explorer-foot", {}, explanation), grid),
    panel("how it looks, what to keep", [], make("div", "tw-bar", {}, ...look.views, ...keep.views), share.view)
  );
  root.dataset.sides = sides.length;
  listenToKeys(root, shortcutsOf(state, time));
  const listeners = [
    ["change:step change:what_if", goTo],
    ["change:ablation", () => state.edited && questions.imagine()],
    [LOOKS.map((name) => `change:${name}`).join(" "), redraw],
    ["change:game", () => open().then(load)],
    ["msg:custom", (content, buffers) => content.state ? share.use(content.state) : connection.line.hear(content, buffers)]
  ];
  const clock = setInterval(() => [time, keep].forEach((part) => part.tick(performance.now())), 10);
  const resized = new ResizeObserver(redraw);
  resized.observe(root);
  load();
  return mount({ model, el }, root, listeners, () => {
    clearInterval(clock);
    resized.disconnect();
    connection.end();
  });
}
function makeShare(state, { explain, begin }) {
  const box = make("textarea", "", { rows: 2, "aria-label": "a state as text", spellcheck: "false", placeholder: "paste a state here" });
  const text = () => box.value || packState(state.get, state.recorded, state.edited);
  const file = button("save as file", () => download(`explorer-step-${state.get("step")}.txt`, text()));
  const use = button("show this state", () => share.use(box.value));
  const view = make("div", "explorer-share", {}, box, make("div", "tw-bar", {}, use, file));
  view.hidden = true;
  const here = () => ({
    length: state.game.length,
    networks: state.networks(),
    palettes: Object.keys(state.words.palettes),
    relevance: state.words.relevance.map(([name]) => name),
    rows: state.game.rows,
    columns: state.game.columns,
    players: state.words.players.length,
    stats: state.words.stats.length
  });
  const share = {
    view,
    copy: () => {
      box.value = packState(state.get, state.recorded, state.edited);
      view.hidden = false;
      box.select();
      navigator.clipboard?.writeText(box.value).then(() => explain("The state is copied: open it in this game with “open state”."), () => {
      });
      explain("The state stands in the box below: copy it from there.");
      if (state.words.standalone) history.replaceState(null, "", `#${box.value}`);
    },
    ask: () => {
      [view.hidden, box.value] = [false, ""];
      box.focus();
    },
    use: (text2) => {
      try {
        const found = unpackState(text2);
        for (const [name, value] of Object.entries(fitState(found, here()))) state.set(name, value);
        if (found.edits && !state.words.standalone) state.set("what_if", true);
        begin(found.edits || null);
        explain("The state is shown.");
      } catch (error) {
        explain(`This can't be shown: ${error.message}.`);
      }
    }
  };
  return share;
}
var index_default = { render };
export {
  index_default as default,
  render
};
