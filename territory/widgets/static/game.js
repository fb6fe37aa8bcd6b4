/* Made by tools/bundle.py from territory/widgets/js. Sources: 8ef6e22ec6974e172076f27b63351105b17c8d5e36302331dfd5c67762da2750 */

// territory/widgets/js/dom.js
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
  const go2 = (question) => {
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
    go2(question);
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
      else go2(question);
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

// territory/widgets/js/numbers.js
var percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;
var minus = (text) => String(text).replace("-", "−");
var clip = (value, low, high) => Math.min(Math.max(value, low), high);

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

// territory/widgets/js/game/orders.js
var WAIT = 8;
var HOLD_MS = 350;
function ask(model, what, details = {}, ...controls) {
  return { ask: what, ...details, set: Object.fromEntries(controls.map((name) => [name, model.get(name)])) };
}
var order = (model, direction) => ask(model, "order", { direction }, "intensity", "build");
var go = (model) => ask(model, "go", { after: model.get("scene").step }, "player", "intensity", "build");
function makeOrders(model, line, sorry, now = () => performance.now()) {
  let [held, last, seen] = [null, 0, 0];
  const send = (message) => line.ask("order", () => ({ message }), () => {
  }, sorry);
  const hold = (message) => {
    held = { message, since: now() };
    send(message());
  };
  const tick = () => {
    const [time, period, { step }] = [now(), 1e3 / model.get("speed"), model.get("scene")];
    if (line.busy() || line.state() === "lost") return;
    if (step !== seen) [seen, last] = [step, time];
    if (time - last < period) return;
    if (held && time - held.since > HOLD_MS) send(held.message());
    else if (!held && model.get("running")) send(go(model));
    else return;
    seen = step + 1;
    last = Math.max(last + period, time - period);
  };
  return { send, hold, tick, release: () => held = null, isHeld: () => held !== null };
}

// territory/widgets/js/game/board.js
function makeBoard(model, explain) {
  const canvas = make("canvas", "territory-board", { role: "img", "aria-label": "the board" });
  const arrow = make("canvas", "territory-arrow", { "aria-hidden": "true" });
  const view = make("div", "territory-map", { "data-control": "board" }, canvas, arrow);
  const show = boardOn(canvas, model.get("words").colours);
  const draw = () => {
    show(model.get("board"), model.get("scene").size);
    if (arrow.width !== canvas.width || arrow.height !== canvas.height) [arrow.width, arrow.height] = [canvas.width, canvas.height];
  };
  const clear = () => arrow.getContext("2d").clearRect(0, 0, arrow.width, arrow.height);
  const drawArrow = () => {
    clear();
    const { from, to, direction } = model.get("aim");
    if (direction === WAIT || !view.matches(":hover")) return;
    const side = arrow.width / model.get("scene").size[1];
    drawLine(arrow.getContext("2d"), ...[from, to].map((place2) => place2.map((at) => (at + 0.5) * side)));
  };
  view.addEventListener("pointermove", (event) => {
    const { row, column } = tileUnder(model, canvas, event);
    const { planes } = model.get("words");
    const values = planes.map(([name], plane) => `${name} ${valueAt(model, plane, row, column)}`);
    explain(`Row ${row}, column ${column}: ${values.join(" · ")}.`);
  });
  return { view, canvas, draw, drawArrow, clear };
}
function drawLine(pen, [top, left], [row, column]) {
  for (const [colour, width] of [["#fff", 6], ["#14181c", 3]]) {
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    pen.moveTo(left, top);
    pen.lineTo(column, row);
    pen.stroke();
    pen.beginPath();
    pen.arc(column, row, 3 + width / 2, 0, 7);
    pen.fill();
  }
}
function tileUnder(model, picture, event) {
  const [rows, columns] = model.get("scene").size;
  const box = picture.getBoundingClientRect();
  const row = Math.floor((event.clientY - box.top) / box.height * rows);
  const column = Math.floor((event.clientX - box.left) / box.width * columns);
  return { row: clip(row, 0, rows - 1), column: clip(column, 0, columns - 1) };
}
function valueAt(model, plane, row, column) {
  const [rows, columns] = model.get("scene").size;
  return model.get("planes").getUint8((plane * rows + row) * columns + column);
}
function listenToBoard({ view, canvas }, model, orders, line) {
  let spot = null;
  view.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    view.closest(".tw").focus();
    view.setPointerCapture(event.pointerId);
    spot = tileUnder(model, canvas, event);
    orders.hold(() => ask(model, "attack", spot, "intensity", "build"));
  });
  view.addEventListener("pointermove", (event) => {
    spot = tileUnder(model, canvas, event);
    if (!orders.isHeld() && !model.get("scene").over) line.ask("aim", () => ({ message: ask(model, "aim", spot) }));
  });
}

// territory/widgets/js/game/compass.js
function makeCompass(model, orders) {
  const { compass, shares } = model.get("words");
  const view = make("div", "territory-compass", { role: "group", "aria-label": "directions; filled is allowed" });
  const blocks = compass.map(([direction, name]) => {
    const cells = [1, 0].flatMap((_, build) => shares.map((share, intensity) => {
      const index = direction * 10 + intensity * 2 + build;
      const what = (direction === WAIT ? "wait" : `${name} ${share}`) + (build ? " + city" : "");
      return make("i", "", { "data-index": index, "data-what": what });
    }));
    const grid = make("span", "territory-mask", { "aria-hidden": "true" }, ...cells);
    const button2 = make("button", "", { type: "button", "data-direction": direction, "aria-label": name }, name, grid);
    listenToDirection(button2, direction, model, orders);
    view.append(button2);
    return { direction, button: button2, cells };
  });
  const draw = (off) => {
    const { mask, over } = model.get("scene");
    const [intensity, build] = [model.get("intensity"), Number(model.get("build"))];
    for (const { direction, button: button2, cells } of blocks) {
      const chosen = direction * 10 + (direction === WAIT ? 0 : intensity * 2) + build;
      switchOff(button2, off || over || !mask[chosen]);
      for (const cell of cells) {
        const index = Number(cell.dataset.index);
        cell.classList.toggle("on", Boolean(mask[index]));
        cell.classList.toggle("chosen", index === chosen);
        cell.title = `${index}: ${cell.dataset.what}, ${mask[index] ? "allowed" : "masked"}`;
      }
    }
  };
  const point = (direction) => {
    for (const each of blocks) each.button.classList.toggle("aimed", each.direction === direction);
  };
  return { view, draw, point };
}
function makeLegend(shares) {
  const row = (name, on) => [make("span", "", {}, name), ...shares.map(() => make("i", on ? "on" : ""))];
  const heads = [make("span"), ...shares.map((share) => make("b", "", {}, share))];
  const boxes = make("div", "territory-legend", { "aria-hidden": "true" }, ...heads, ...row("order", true), ...row("+ city", false));
  return make("div", "", {}, boxes, make("p", "quiet", {}, "Ten boxes a direction: how many of the troops, without and with a city. Filled is allowed, ringed is chosen."));
}
function listenToDirection(button2, direction, model, orders) {
  const choose = (index) => {
    if (direction !== WAIT) model.set("intensity", Math.floor(index % 10 / 2));
    model.set("build", index % 2 === 1);
    model.save_changes();
  };
  button2.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || button2.disabled) return;
    event.preventDefault();
    button2.closest(".tw").focus();
    const cell = event.target.closest("i");
    if (cell && !cell.classList.contains("on")) return;
    if (cell) choose(Number(cell.dataset.index));
    orders.hold(() => order(model, direction));
  });
  button2.addEventListener("click", (event) => event.detail === 0 && orders.send(order(model, direction)));
}

// territory/widgets/js/game/controls.js
function choice(model, name, label, pairs) {
  const { view, control, show } = select(label, pairs, (value) => {
    model.set(name, typeof model.get(name) === "number" ? Number(value) : value);
    model.save_changes();
  });
  return { view, control, show: () => show(model.get(name)) };
}
function toggle(model, name, label) {
  const control = button(label, () => {
    model.set(name, !model.get(name));
    model.save_changes();
  });
  return { control, view: control, show: () => control.setAttribute("aria-pressed", String(model.get(name))) };
}
function number(model, name, label, most) {
  const control = make("input", "", { type: "number", min: name === "seed" ? 0 : 1, max: most, "aria-label": label });
  const show = () => {
    if (!control.matches(":focus")) control.value = model.get(name);
  };
  control.addEventListener("change", () => {
    if (!control.checkValidity() || control.value === "") {
      control.value = model.get(name);
      return;
    }
    model.set(name, Number(control.value));
    model.save_changes();
  });
  return { control, view: make("label", "tw-field", {}, make("span", "", {}, label), control), show };
}
function makeControls(model, orders, line, sorry) {
  const words = model.get("words");
  const pairs = (names) => names.map((name) => [name, name]);
  const parts = {
    intensity: choice(model, "intensity", "send", words.shares.map((share, i) => [i, `${i + 1}: ${share} of the troops`])),
    build: toggle(model, "build", "with a city (B)"),
    running: toggle(model, "running", "run on (P)"),
    speed: choice(model, "speed", "at", [1, 2, 5, 10, 20].map((steps) => [steps, `${steps} steps/s`])),
    player: choice(model, "player", "who plays", pairs(words.agents)),
    num_bots: number(model, "num_bots", "against", words.max_bots),
    opponents: choice(model, "opponents", "of kind", pairs(words.opponents)),
    seed: number(model, "seed", "map seed", 2 ** 31 - 1)
  };
  const again = button("new game", () => orders.send(ask(model, "restart", {}, "seed", "num_bots", "opponents")));
  const undo = button("undo (U)", () => orders.send(ask(model, "undo")));
  const keep = ({ file }, [bytes2]) => download(file, bytes2);
  const save = button("save the game", () => line.ask("save", () => ({ message: ask(model, "save") }), keep, sorry));
  const row = (...nodes) => make("div", "tw-bar", {}, ...nodes.map((node) => node.view || node));
  const view = panel(
    "your order and your game",
    [],
    row(parts.intensity, parts.build, undo),
    row(parts.running, parts.speed, parts.player),
    row(parts.num_bots, parts.opponents, parts.seed),
    row(again, save)
  );
  const show = (off) => {
    const { over, mask, step } = model.get("scene");
    for (const part of Object.values(parts)) part.show();
    switchOff(parts.running.control, off || over);
    switchOff(parts.build.control, off || !mask.some((allowed, index) => allowed && index % 2 === 1));
    switchOff(undo, off || step === 0);
    for (const each of [again, save, parts.player.control, parts.num_bots.control, parts.opponents.control, parts.seed.control]) switchOff(each, off);
  };
  return { view, show, build: parts.build.control, run: parts.running.control, undo };
}

// territory/widgets/js/game/keys.js
var KEYS = {
  KeyQ: 7,
  KeyW: 0,
  KeyE: 1,
  KeyA: 6,
  KeyS: WAIT,
  KeyD: 2,
  KeyZ: 5,
  KeyX: 4,
  KeyC: 3,
  Space: WAIT,
  ArrowUp: 0,
  ArrowRight: 2,
  ArrowDown: 4,
  ArrowLeft: 6,
  Numpad7: 7,
  Numpad8: 0,
  Numpad9: 1,
  Numpad4: 6,
  Numpad5: WAIT,
  Numpad6: 2,
  Numpad1: 5,
  Numpad2: 4,
  Numpad3: 3
};
var HINT = "Click the map or the compass, or press Q W E / A · D / Z X C or the arrows; S or space waits; hold to repeat. 1 to 5 how many troops, B with a city, P runs on, U undoes.";
var SPOKEN = [..."QWEASDZXC", "Space", "ArrowUp", "ArrowRight", "ArrowDown", "ArrowLeft", ..."12345BPU"];
function listenToKeys(root, model, orders, { build, run, undo }) {
  const buttons = { KeyB: build, KeyP: run, KeyU: undo };
  root.setAttribute("aria-keyshortcuts", SPOKEN.join(" "));
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, pre")) return;
    const onButton = event.target.matches("button, summary") && ["Space", "Enter"].includes(event.code);
    if (onButton || ["Tab", "Escape"].includes(event.code)) return;
    if (event.code in KEYS) {
      event.preventDefault();
      if (!event.repeat) orders.hold(() => order(model, KEYS[event.code]));
    } else if (/^Digit[1-5]$/.test(event.code)) {
      model.set("intensity", Number(event.code.at(-1)) - 1);
      model.save_changes();
    } else if (event.code in buttons && !buttons[event.code].disabled) buttons[event.code].click();
  });
  for (const event of ["keyup", "blur"]) root.addEventListener(event, orders.release);
}

// territory/widgets/js/game/panels.js
function makePlanes(model, explain) {
  const view = make("div", "territory-planes");
  const draws = model.get("words").planes.map(([name, sentence], plane) => {
    const canvas = make("canvas", "", { role: "img", "aria-label": name });
    const figure = make("figure", "", { tabindex: 0, "data-plane": name }, canvas, make("figcaption", "", {}, name));
    canvas.addEventListener("pointermove", (event) => {
      const { row, column } = tileUnder(model, canvas, event);
      explain(`${name}: ${valueAt(model, plane, row, column)} at row ${row}, column ${column}. ${sentence}`);
    });
    figure.addEventListener("focus", () => explain(`${name}: ${sentence}`));
    view.append(figure);
    return () => {
      const [rows, columns] = model.get("scene").size;
      if (canvas.width !== columns || canvas.height !== rows) [canvas.width, canvas.height] = [columns, rows];
      const data = model.get("planes");
      const image = new ImageData(columns, rows);
      const words = new Uint32Array(image.data.buffer);
      const first = plane * rows * columns;
      for (let i = 0; i < words.length; i++) words[i] = 4278190080 + data.getUint8(first + i) * 65793;
      canvas.getContext("2d").putImageData(image, 0, 0);
    };
  });
  return { view, draw: () => draws.forEach((draw) => draw()) };
}
function makeStats(model, explain) {
  const view = make("div", "territory-stats");
  const rows = model.get("words").stats.map(([name, sentence]) => {
    const bar = make("b", "");
    const mark = make("s", "");
    const [value, change] = [make("span", "value"), make("span", "change")];
    const row = make(
      "div",
      "",
      { tabindex: 0, "data-stat": name },
      make("span", "name", {}, name),
      make("span", "bar", {}, bar, mark),
      value,
      change
    );
    for (const event of ["pointerenter", "focus"]) row.addEventListener(event, () => explain(`${name}: ${sentence}`));
    view.append(row);
    return { bar, mark, value, change };
  });
  const draw = () => {
    const { stats, before } = model.get("scene");
    rows.forEach(({ bar, mark, value, change }, i) => {
      const [now, then] = [stats[i], before[i]];
      bar.style.left = `${50 + 50 * Math.min(now, 0)}%`;
      bar.style.width = `${50 * Math.abs(now)}%`;
      mark.style.left = `${50 + 50 * then}%`;
      say(value, minus(now.toFixed(3)));
      const step = now - then;
      say(change, Math.abs(step) < 5e-4 ? "" : `${step > 0 ? "▲ +" : "▼ −"}${Math.abs(step).toFixed(3)}`);
    });
  };
  return { view, draw };
}
function makeLand(model) {
  const view = make("div", "territory-land", { role: "img" });
  const draw = () => {
    const { colours, players } = model.get("words");
    const shares = model.get("scene").land;
    const said = shares.map((share, i) => `${players[i]} ${percent(share, 1)}`);
    view.replaceChildren(...shares.map((share, i) => {
      const part = make("span", "", { title: said[i] });
      part.style.width = `${100 * share}%`;
      part.style.background = `rgb(${colours[i + 1]})`;
      return part;
    }));
    view.setAttribute("aria-label", said.join(", "));
  };
  return { view, draw };
}

// territory/widgets/js/game/index.js
var FIRST = "Try first: click the map a little outside your blue land, then hold the button. Grow before the others do.";
function render({ model, el }) {
  const explanation = make("p", "territory-explain", {}, HINT);
  const explain = (text) => explanation.textContent = text;
  const root = make("div", "tw territory-game", {
    tabindex: 0,
    role: "application",
    "aria-label": `Territory. ${HINT}`
  });
  const lost = () => {
    orders.release();
    if (model.get("running")) model.set("running", false);
    drawScene();
  };
  const connection = makeConnection(model, root, { lost });
  const { line } = connection;
  const sorry = (words, details) => {
    orders.release();
    model.set("running", false);
    model.save_changes();
    connection.say(words, details);
  };
  const orders = makeOrders(model, line, sorry);
  const [board, compass, planes] = [makeBoard(model, explain), makeCompass(model, orders), makePlanes(model, explain)];
  const [stats, land, controls] = [makeStats(model, explain), makeLand(model), makeControls(model, orders, line, sorry)];
  const status = make("p", "territory-status", { role: "status", "aria-live": "polite" });
  const standing = make("p", "territory-standing");
  root.append(
    connection.banner,
    make(
      "div",
      "territory-left tw-answer",
      {},
      make("div", "tw-bar", {}, standing, make("span", "tw-old", {}, "old")),
      board.view,
      land.view,
      make("p", "quiet", {}, "the land, by player: who owns 80 % of it (the stroke) wins"),
      status,
      connection.note,
      make("p", "tw-hint", {}, FIRST),
      explanation
    ),
    make(
      "div",
      "territory-right",
      {},
      panel("where to: the ninety actions", [], make("div", "territory-where", {}, compass.view, makeLegend(model.get("words").shares))),
      controls.view,
      panel("what an agent is given: five planes", [], planes.view)
    ),
    panel("and sixteen statistics", [make("span", "quiet", {}, "bar: now; stroke: a step ago")], make("div", "territory-given", {}, stats.view))
  );
  const forget = () => {
    board.clear();
    compass.point(null);
  };
  listenToBoard(board, model, orders, line);
  board.view.addEventListener("pointerleave", forget);
  listenToKeys(root, model, orders, controls);
  const ends = ["pointerup", "pointercancel"];
  for (const event of ends) window.addEventListener(event, orders.release);
  const drawControls = () => {
    const off = line.state() === "lost";
    compass.draw(off);
    controls.show(off);
  };
  const drawScene = () => {
    const scene = model.get("scene");
    say(standing, `Step ${scene.step} · ${scene.standing}`);
    status.textContent = scene.line;
    root.classList.toggle("over", scene.over);
    root.dataset.wide = scene.size[1] > 1.8 * scene.size[0];
    for (const part of [board, planes, land, stats]) part.draw();
    drawControls();
    if (!orders.isHeld()) forget();
  };
  const drawSoon = oncePerFrame(drawScene);
  const aimed = () => {
    board.drawArrow();
    compass.point(model.get("aim").direction);
  };
  const traits = ["intensity", "build", "running", "speed", "player", "num_bots", "opponents", "seed"];
  const listeners = [
    ["change:scene", () => {
      if (model.get("scene").over) orders.release();
      drawSoon();
    }],
    [traits.map((name) => `change:${name}`).join(" "), drawControls],
    ["change:aim", aimed],
    ["msg:custom", line.hear]
  ];
  const clock = setInterval(orders.tick, 10);
  drawScene();
  return mount({ model, el }, root, listeners, () => {
    clearInterval(clock);
    for (const event of ends) window.removeEventListener(event, orders.release);
    connection.end();
  });
}
var index_default = { render };
export {
  index_default as default,
  render
};
