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
function switchOff(control, off) {
  if (control.disabled === off) return;
  if (off && control.matches(":focus")) control.closest(".tw").focus();
  control.disabled = off;
}
function keepKeys(root) {
  root.addEventListener("keydown", (event) => event.ctrlKey || event.metaKey || event.altKey || event.stopPropagation());
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
  const say = (words, extra = "", canHide = true) => {
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
    say(`${GONE[status]}: nothing here is computed any more, and what you see is from before. ${keeps}${TO_DO}`, "", false);
    lost();
  };
  const unwatch = watchKernel(model, gone);
  const clock = setInterval(line.tick, 200);
  return {
    line,
    banner,
    note,
    say,
    end: () => {
      clearInterval(clock);
      unwatch();
      root.remove();
    }
  };
}

// territory/widgets/js/numbers.js
var percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;
var minus = (text) => String(text).replace("-", "−");
var clip = (value, low, high) => Math.min(Math.max(value, low), high);
function short(count) {
  const [size, unit] = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]].find(([each]) => Math.abs(count) >= each) || [1, ""];
  return minus(`${Number((count / size).toPrecision(3))}${unit}`);
}
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
function smooth(values, weight) {
  let [sum, mass] = [0, 0];
  return values.map((value) => {
    if (Number.isNaN(value)) return value;
    sum = weight * sum + (1 - weight) * value;
    mass = weight * mass + (1 - weight);
    return sum / mass;
  });
}
function nearest(sorted, value) {
  return sorted.reduce((best, each, i) => Math.abs(each - value) < Math.abs(sorted[best] - value) ? i : best, 0);
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
function boardOn(canvas, players) {
  let [painter, known, sides] = [null, [], ""];
  return (board, [rows, columns]) => {
    const part = (i) => new Uint8Array(board.buffer, board.byteOffset + i * rows * columns, rows * columns);
    const terrain = part(0);
    if (sides !== `${rows} ${columns}` || terrain.some((ground, tile) => ground !== known[tile])) {
      [known, sides] = [terrain, `${rows} ${columns}`];
      painter = makePainter(players, { rows, columns, terrain });
    }
    showOn(canvas, painter, { ...tilesOf(part(1)), fronts: part(2) });
  };
}
function levelOf(value, low, high) {
  const share = high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0;
  return Math.floor(share * 255);
}

// territory/widgets/js/monitor/game.js
function makeGame(model, ask) {
  const canvas = make("canvas", "", { role: "img", "aria-label": "a game of the agent that is trained" });
  const [title, scene, results] = [make("p"), make("p", "monitor-scene"), make("p", "monitor-results", { role: "img" })];
  const watch = make("input", "", { type: "checkbox" });
  watch.addEventListener("change", () => ask("watching", { watching: watch.checked }));
  const speeds = [1, 2, 5, 10, 20].map((each) => [each, `${each} steps/s`]);
  const speed = select("game speed", speeds, (value) => ask("speed", { speed: Number(value) }), "at");
  const view = make(
    "section",
    "tw-panel monitor-game",
    { "aria-label": "its game" },
    title,
    canvas,
    scene,
    results,
    make("div", "tw-bar", {}, make("label", "", {}, watch, "play on"), speed.view)
  );
  const show = boardOn(canvas, model.get("words").colours);
  const drawGame = () => {
    const game = model.get("game");
    view.hidden = !game.number;
    if (!game.number) return;
    show(model.get("board"), game.size);
    title.replaceChildren(make("b", "", {}, `game ${game.number}`), " of the agent as it is now");
    scene.textContent = game.line;
    results.replaceChildren(game.results.length ? "games before: " : "", ...game.results.map((each) => make("span", each.won ? "won" : "", { title: each.line }, each.won ? "✓" : "×")));
    results.setAttribute("aria-label", `games before: ${game.results.filter((each) => each.won).length} of ${game.results.length} won`);
  };
  const drawControls = () => {
    watch.checked = model.get("watching");
    speed.show(model.get("speed"));
  };
  return { view, drawGame, drawControls, cutOff: () => [watch, speed.control].forEach((each) => switchOff(each, true)) };
}
var GO = { running: "❚❚ pause (P)", ready: "▶ start (P)", pausing: "pausing …" };
function makeSwitch(model, ask) {
  const line = make("p", "monitor-line tw-answer");
  const spoke = make("span", "tw-spoken", { role: "status" });
  const bar = make("b");
  const progress = make("div", "monitor-progress", { role: "progressbar", "aria-label": "steps", "aria-valuemin": 0 }, bar);
  let asked = "";
  const press = (what) => () => {
    if (ask(what)) asked = { pause: "pausing", stop: "stopping" }[what] || "";
    show();
  };
  const go = button("", () => press(model.get("status").state === "running" ? "pause" : "start")(), { class: "monitor-go primary" });
  const stop = button("■ stop (S)", press("stop"));
  let [before, off] = ["", false];
  const show = () => {
    const status = model.get("status");
    if (status.state !== "running") asked = "";
    const state = asked || status.state;
    line.textContent = asked ? `${asked}, after this update · ${status.line}` : status.line;
    bar.style.width = `${100 * status.step / Math.max(1, status.total)}%`;
    for (const [name, value] of [["max", status.total], ["now", status.step]]) progress.setAttribute(`aria-value${name}`, value);
    go.textContent = GO[state] || "▶ go on (P)";
    switchOff(go, off || !status.live || ["stopping", "pausing", "finished", "failed"].includes(state));
    switchOff(stop, off || !status.live || state === "stopping" || status.resting && status.state !== "paused");
    if (state !== before) spoke.textContent = line.textContent;
    before = state;
  };
  const cutOff = () => {
    off = true;
    show();
  };
  return { view: make("div", "monitor-top", {}, make("div", "tw-bar", {}, line, go, stop), progress, spoke), go, stop, show, cutOff };
}

// territory/widgets/js/monitor/runs.js
var SHARES = ["win_rate", "land_share", "idle_share", "clip_fraction"];
var spoken = (name) => name.replaceAll("_", " ");
var isShare = (names) => names.every((name) => SHARES.includes(name));
function written(name, value) {
  if (value === void 0 || Number.isNaN(value)) return "–";
  if (SHARES.includes(name)) return percent(value, 1);
  return minus(Math.abs(value) >= 1e3 ? Math.round(value).toLocaleString("en") : value.toPrecision(3));
}
function readColumns(bytes2, fields, from, length) {
  const column = (row) => Array.from({ length }, (_, i) => bytes2.getFloat64(from + 8 * (row * length + i), true));
  return { length, ...Object.fromEntries(fields.map((name, row) => [name, column(row)])) };
}
function readRuns(get) {
  const { fields } = get("words");
  const own = get("history");
  const runs = own.byteLength || !get("others").names?.length ? [{ name: get("words").name, columns: readColumns(own, fields, 0, own.byteLength / 8 / fields.length) }] : [];
  let from = 0;
  for (const [i, name] of (get("others").names || []).entries()) {
    const length = get("others").lengths[i];
    runs.push({ name, columns: readColumns(get("compared"), fields, from, length) });
    from += 8 * fields.length * length;
  }
  return runs;
}
function curvesOf(runs, names, weight, hidden = /* @__PURE__ */ new Set()) {
  return runs.flatMap(({ name: run, columns }, number) => hidden.has(run) ? [] : names.map((field, i) => ({
    run,
    field,
    steps: columns.step,
    raw: columns[field],
    values: weight ? smooth(columns[field], weight) : columns[field],
    colour: runs.length > 1 ? number : i,
    dash: i
  })));
}
var pointsOf = (steps, values, across, down) => steps.flatMap((step, i) => Number.isNaN(values[i]) ? [] : [`${across(step).toFixed(2)},${down(values[i]).toFixed(2)}`]).join(" ");

// territory/widgets/js/monitor/panel.js
var colourOf = (number) => `var(--c${number % 6})`;
var DASHES = ["", "7 4", "2 3"];
var [LEFT, RIGHT, TOP, BOTTOM, LETTER] = [46, 8, 8, 20, 11];
function makePanel(title, fields, { choose, wide, sentences }) {
  const height = wide && !choose ? 190 : 150;
  const legend = make("div", "monitor-legend");
  const plot = draw("svg", { height, role: "img", "aria-label": title });
  const head = make("figcaption", "", {}, ...choose ? [choose] : [make("b", "", {}, title.split(":")[0]), make("span", "quiet", {}, title.split(":")[1] || "")]);
  const view = make("figure", wide ? "monitor-panel wide" : "monitor-panel", {}, head, legend, plot);
  let [names, across] = [fields, () => 0];
  const show = (runs, { at, weight, hidden }) => {
    const width = Math.max(180, plot.clientWidth || 370);
    plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const curves = curvesOf(runs, names, weight, hidden);
    const share = isShare(names) && names.includes("win_rate");
    const y = share ? [0, 1] : range(curves.flatMap(({ raw }) => raw));
    const x = [0, Math.max(1, ...curves.flatMap(({ steps: steps2 }) => steps2.at(-1) ?? 0))];
    const marks = ticks(y, wide ? 4 : 3);
    const texts = marks.map((mark) => share ? `${Math.round(100 * mark)} %` : Math.abs(mark) >= 1e3 ? short(mark) : minus(mark));
    const left = Math.max(LEFT, 8 + 0.62 * LETTER * Math.max(0, ...texts.map((text) => text.length)));
    across = linear(x, [left, width - RIGHT]);
    across.inverse = linear([left, width - RIGHT], x);
    const down = linear(y, [height - BOTTOM, TOP]);
    const grid = marks.flatMap((mark, i) => [
      draw("line", { x1: left, x2: width - RIGHT, y1: down(mark), y2: down(mark), class: "grid" }),
      draw("text", { x: left - 5, y: down(mark) + 4, "text-anchor": "end" }, texts[i])
    ]);
    const anchor = (mark) => mark === 0 ? "start" : across(mark) > width - 30 ? "end" : "middle";
    const told = ticks(x, wide ? 8 : 4);
    const room = across(told[1] ?? x[1]) - left > 60;
    const steps = told.map((mark) => draw("text", { x: across(mark), y: height - 5, "text-anchor": anchor(mark) }, mark || !room ? short(mark) : "step 0"));
    const line = ({ run, field, colour, dash }, points, extra) => draw("polyline", { points, class: extra, stroke: colourOf(colour), "stroke-dasharray": DASHES[dash], "data-field": field, "data-run": run });
    const raws = weight ? curves.map((curve) => line(curve, pointsOf(curve.steps, curve.raw, across, down), "raw")) : [];
    const lines = curves.map((curve) => line(curve, pointsOf(curve.steps, curve.values, across, down), ""));
    const cursor = at === null ? [] : [draw("line", { x1: across(at), x2: across(at), y1: TOP, y2: height - BOTTOM, class: "cursor" })];
    plot.replaceChildren(...grid, ...steps, ...raws, ...lines, ...cursor);
    const place2 = (curve) => at === null ? curve.steps.length - 1 : nearest(curve.steps, at);
    legend.replaceChildren(...curves.map((curve) => make(
      "span",
      "",
      { "data-field": curve.field, "data-run": curve.run },
      sample(curve),
      runs.length > 1 ? `${curve.run}: ` : "",
      names.length > 1 || runs.length < 2 ? `${spoken(curve.field)} ` : "",
      make("output", "", {}, curve.steps.length ? written(curve.field, curve.raw[place2(curve)]) : "–")
    )));
  };
  const stepAt = (event) => {
    const box = plot.getBoundingClientRect();
    return across.inverse(event.clientX - box.left);
  };
  return {
    view,
    plot,
    show,
    stepAt,
    choose: (name) => names = [name],
    names: () => names,
    says: () => names.map((name) => sentences[name]).join(" ")
  };
}
function sample({ colour, dash }) {
  const line = draw("line", { x1: 0, x2: 22, y1: 5, y2: 5, stroke: colourOf(colour), "stroke-dasharray": DASHES[dash] });
  return draw("svg", { width: 22, height: 10, "aria-hidden": "true" }, line);
}

// territory/widgets/js/monitor/index.js
var HINT = "P pauses and goes on, S stops. Point at a curve, or press ← → Home End, to read it update by update; Escape follows the newest.";
var FIRST = "Try first: start, let it run for some updates, then pause and point at a curve.";
function render({ model, el }) {
  const words = model.get("words");
  const root = make("div", "tw territory-monitor", {
    tabindex: 0,
    role: "application",
    "aria-label": `Training. ${HINT}`
  });
  const lost = () => {
    [control, game].forEach((part) => part.cutOff());
    root.dataset.state = "lost";
  };
  const connection = makeConnection(model, root, { lost });
  const ask = (what, set = {}) => connection.line.ask(what, () => ({ message: { ask: what, set } }), () => {
  }, connection.say);
  const [control, game] = [makeSwitch(model, ask), makeGame(model, ask)];
  const explanation = make("p", "monitor-explain", {}, HINT);
  const explain = (text) => explanation.textContent = text;
  const { sentences } = words;
  const panels = words.panels.map(([title, fields], i) => makePanel(title, fields, { wide: i === 0, sentences }));
  const shown = new Set(panels.flatMap((panel) => panel.names()));
  const rest = words.fields.filter((name) => name !== "step" && !shown.has(name));
  const other = select("another curve", rest.map((name) => [name, spoken(name)]), (name) => {
    panels.at(-1).choose(name);
    drawCurves();
    explain(sentences[name]);
  }, "");
  panels.push(makePanel("another curve", [rest[0]], { choose: other.view, wide: true, sentences }));
  let runs = readRuns(model.get);
  const reading = { at: null, weight: 0, hidden: /* @__PURE__ */ new Set() };
  const drawCurves = () => panels.forEach((panel) => panel.show(runs, reading));
  const first = () => runs[0].columns;
  const place2 = () => reading.at === null ? first().length - 1 : nearest(first().step, reading.at);
  const read = (number) => {
    const { length, step } = first();
    const at = number === null || !length ? null : clip(number, 0, length - 1);
    reading.at = at === null ? null : step[at];
    explain(at === null ? HINT : `Update ${at + 1} of ${length}, after ${step[at].toLocaleString("en")} steps.`);
    drawCurves();
  };
  for (const panel of panels) {
    panel.plot.addEventListener("pointermove", (event) => first().length && read(nearest(first().step, panel.stepAt(event))));
    panel.plot.addEventListener("pointerleave", () => read(null));
    panel.view.addEventListener("pointerenter", () => explain(panel.says()));
  }
  const drawGame = oncePerFrame(game.drawGame);
  const tools = makeTools(() => runs, reading, drawCurves);
  const update = oncePerFrame(() => {
    control.show();
    if (root.dataset.state !== "lost") root.dataset.state = model.get("status").state;
    runs = readRuns(model.get);
    tools.show();
    drawCurves();
  });
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, pre")) return;
    const moves = { ArrowLeft: place2() - 1, ArrowRight: place2() + 1, Home: 0, End: first().length - 1, Escape: null };
    if (event.code in moves) {
      event.preventDefault();
      read(moves[event.code]);
    } else if (event.code === "KeyP" && !event.repeat) control.go.click();
    else if (event.code === "KeyS" && !event.repeat) control.stop.click();
  });
  root.append(
    connection.banner,
    control.view,
    make("div", "tw-bar", {}, make("p", "tw-hint grow", {}, model.get("status").live ? FIRST : HINT), connection.note, make("span", "tw-old", {}, "old"), tools.view),
    make("div", "monitor-parts tw-answer", {}, make("div", "tw-panel monitor-curves", {}, ...panels.map(({ view }) => view)), game.view),
    explanation
  );
  const resized = new ResizeObserver(oncePerFrame(drawCurves));
  resized.observe(root);
  const listeners = [
    ["change:status change:others", update],
    ["change:game", drawGame],
    ["change:watching change:speed", game.drawControls],
    ["msg:custom", connection.line.hear]
  ];
  [update, game.drawGame, game.drawControls].forEach((each) => each());
  return mount({ model, el }, root, listeners, () => {
    resized.disconnect();
    connection.end();
  });
}
function makeTools(runsNow, reading, redraw) {
  const weight = make("input", "", { type: "range", min: 0, max: 0.95, step: 0.05, value: 0, "aria-label": "smoothing" });
  weight.addEventListener("input", () => {
    reading.weight = Number(weight.value);
    redraw();
  });
  const boxes = make("span", "monitor-runs");
  const view = make("div", "tw-bar", {}, boxes, make("label", "tw-field", {}, make("span", "", {}, "smoothing"), weight));
  let known = "";
  const show = () => {
    const names = runsNow().map(({ name }) => name);
    if (names.join("\n") === known) return;
    known = names.join("\n");
    boxes.replaceChildren(...names.length < 2 ? [] : names.map((name, i) => {
      const box = make("input", "", { type: "checkbox", "aria-label": `show ${name}` });
      box.checked = !reading.hidden.has(name);
      box.addEventListener("change", () => {
        reading.hidden[box.checked ? "delete" : "add"](name);
        redraw();
      });
      const label = make("label", "", {}, box, name);
      label.style.borderColor = colourOf(i);
      return label;
    }));
  };
  return { view, show };
}
var index_default = { render };
export {
  index_default as default,
  render
};
