// The face of GamePlayer: draws what Python sends and asks Python for every move. It knows no rule of the game.

const WAIT = 8;
const HOLD_MS = 350; // held longer than this, a key or button repeats
const KEYS = {
  KeyQ: 7, KeyW: 0, KeyE: 1, KeyA: 6, KeyS: WAIT, KeyD: 2, KeyZ: 5, KeyX: 4, KeyC: 3, Space: WAIT,
  ArrowUp: 0, ArrowRight: 2, ArrowDown: 4, ArrowLeft: 6,
  Numpad7: 7, Numpad8: 0, Numpad9: 1, Numpad4: 6, Numpad5: WAIT, Numpad6: 2, Numpad1: 5, Numpad2: 4, Numpad3: 3,
}; // by place on the keyboard, so that they form the same compass on every layout
const HINT =
  "Click the map or the compass, or press Q W E / A · D / Z X C or the arrows; S or space waits; hold to repeat. " +
  "1 to 5 how many troops, B with a city, P runs on.";

function make(tag, className, attributes = {}, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// What controls say travels with what they are for: a change of a control on its own may be overtaken.
function ask(model, what, details, ...controls) {
  return { ask: what, ...details, set: Object.fromEntries(controls.map((name) => [name, model.get(name)])) };
}

// One question on its way, one in hand: pressing faster than the kernel plays never piles up orders.
function makeLine(model) {
  let waiting = false;
  let next = null;
  const send = (message) => {
    if (waiting) {
      next = message;
      return;
    }
    waiting = true;
    model.send(message);
  };
  const answered = () => {
    waiting = false;
    const message = next;
    next = null;
    if (message) send(message);
  };
  return { send, answered, busy: () => waiting };
}

function makeBoard(model, explain) {
  const canvas = make("canvas", "territory-board", { role: "img", "aria-label": "the board" });
  const arrow = make("canvas", "territory-arrow", { "aria-hidden": "true" });
  const view = make("div", "territory-map", {}, canvas, arrow);
  const tileAt = (event) => tileUnder(model, canvas, event);
  let drawn = 0;
  const draw = async () => {
    const turn = ++drawn;
    const picture = await createImageBitmap(new Blob([model.get("board")], { type: "image/png" }));
    if (turn !== drawn) return; // a later picture was quicker
    for (const each of [canvas, arrow]) {
      if (each.width !== picture.width || each.height !== picture.height) {
        [each.width, each.height] = [picture.width, picture.height];
      }
    }
    canvas.getContext("2d").drawImage(picture, 0, 0);
  };
  const clear = () => arrow.getContext("2d").clearRect(0, 0, arrow.width, arrow.height);
  const drawArrow = () => {
    clear();
    const { from, to, direction } = model.get("aim");
    if (direction === WAIT || !view.matches(":hover")) return;
    const pen = arrow.getContext("2d");
    const side = arrow.width / model.get("scene").size[1];
    const [[top, left], [row, column]] = [from, to];
    for (const [colour, width] of [["#fff", 6], ["#14181c", 3]]) {
      pen.strokeStyle = pen.fillStyle = colour;
      pen.lineWidth = width;
      pen.beginPath();
      pen.moveTo((left + 0.5) * side, (top + 0.5) * side);
      pen.lineTo((column + 0.5) * side, (row + 0.5) * side);
      pen.stroke();
      pen.beginPath();
      pen.arc((column + 0.5) * side, (row + 0.5) * side, 3 + width / 2, 0, 7);
      pen.fill();
    }
  };
  view.addEventListener("pointermove", (event) => {
    const { row, column } = tileAt(event);
    const { planes } = model.get("words");
    const values = planes.map(([name], plane) => `${name} ${valueAt(model, plane, row, column)}`);
    explain(`Row ${row}, column ${column}: ${values.join(" · ")}.`);
  });
  return { view, tileAt, draw, drawArrow, clear };
}

// The tile of a picture that the pointer is over, or the nearest one.
function tileUnder(model, picture, event) {
  const [rows, columns] = model.get("scene").size;
  const box = picture.getBoundingClientRect();
  const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
  const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
  return { row: Math.min(Math.max(row, 0), rows - 1), column: Math.min(Math.max(column, 0), columns - 1) };
}

function valueAt(model, plane, row, column) {
  const [rows, columns] = model.get("scene").size;
  return model.get("planes").getUint8((plane * rows + row) * columns + column);
}

// A button for each direction with its ten actions in it: five shares from left to right, below them with a city.
function makeCompass(model, press) {
  const { compass, shares } = model.get("words");
  const view = make("div", "territory-compass", { role: "group", "aria-label": "directions; filled is allowed" });
  const blocks = compass.map(([direction, name]) => {
    const cells = [1, 0].flatMap((_, build) => shares.map((share, intensity) => {
      const index = direction * 10 + intensity * 2 + build;
      const what = (direction === WAIT ? "wait" : `${name} ${share}`) + (build ? " + city" : "");
      return make("i", "", { "data-index": index, "data-what": what });
    }));
    const grid = make("span", "territory-mask", { "aria-hidden": "true" }, ...cells);
    const button = make("button", "", { type: "button", "data-direction": direction, "aria-label": name }, name, grid);
    press(button, direction);
    view.append(button);
    return { direction, button, cells };
  });
  const draw = () => {
    const { mask, over } = model.get("scene");
    const [intensity, build] = [model.get("intensity"), Number(model.get("build"))];
    for (const { direction, button, cells } of blocks) {
      const chosen = direction * 10 + (direction === WAIT ? 0 : intensity * 2) + build;
      button.disabled = over || !mask[chosen];
      for (const cell of cells) {
        const index = Number(cell.dataset.index);
        cell.classList.toggle("on", Boolean(mask[index]));
        cell.classList.toggle("chosen", index === chosen);
        cell.title = `${index}: ${cell.dataset.what}, ${mask[index] ? "allowed" : "masked"}`;
      }
    }
  };
  const choose = (index) => {
    if (Math.floor(index / 10) !== WAIT) model.set("intensity", Math.floor((index % 10) / 2));
    model.set("build", index % 2 === 1);
    model.save_changes();
  };
  const point = (direction) => {
    for (const each of blocks) each.button.classList.toggle("aimed", each.direction === direction);
  };
  return { view, draw, point, choose };
}

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
      for (let i = 0; i < words.length; i++) words[i] = 0xff000000 + data.getUint8(first + i) * 0x010101; // grey
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
    const row = make("div", "", { tabindex: 0, "data-stat": name }, make("span", "name", {}, name),
      make("span", "bar", {}, bar, mark), value, change);
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
      value.textContent = now.toFixed(3).replace("-", "−");
      const step = now - then;
      change.textContent = Math.abs(step) < 5e-4 ? "" : `${step > 0 ? "▲ +" : "▼ −"}${Math.abs(step).toFixed(3)}`;
    });
  };
  return { view, draw };
}

// Everyone's share of the land in one line, with the stroke that wins.
function makeLand(model) {
  const view = make("div", "territory-land", { role: "img" });
  const draw = () => {
    const { colours, players } = model.get("words");
    const shares = model.get("scene").land;
    const said = shares.map((share, i) => `${players[i]} ${(100 * share).toFixed(1)} %`);
    view.replaceChildren(...shares.map((share, i) => {
      const part = make("span", "", { title: said[i] });
      part.style.width = `${100 * share}%`;
      part.style.background = colours[i];
      return part;
    }));
    view.setAttribute("aria-label", said.join(", "));
  };
  return { view, draw };
}

function choice(model, name, label, options) {
  const select = make("select", "", { "aria-label": label },
    ...options.map(([value, text]) => make("option", "", { value }, text)));
  const show = () => (select.value = String(model.get(name)));
  select.addEventListener("change", () => {
    model.set(name, typeof model.get(name) === "number" ? Number(select.value) : select.value);
    model.save_changes();
  });
  show();
  model.on(`change:${name}`, show);
  return make("label", "", {}, label, select);
}

function toggle(model, name, label) {
  const button = make("button", "territory-toggle", { type: "button" }, label);
  const show = () => button.setAttribute("aria-pressed", String(model.get(name)));
  button.addEventListener("click", () => {
    model.set(name, !model.get(name));
    model.save_changes();
  });
  show();
  model.on(`change:${name}`, show);
  return button;
}

function number(model, name, label, most) {
  const input = make("input", "", { type: "number", min: name === "seed" ? 0 : 1, max: most, "aria-label": label });
  const show = () => (input.value = model.get(name));
  input.addEventListener("change", () => {
    if (!input.checkValidity() || input.value === "") return show();
    model.set(name, Number(input.value));
    model.save_changes();
  });
  show();
  model.on(`change:${name}`, show);
  return make("label", "", {}, label, input);
}

function download(name, bytes) {
  const link = make("a", "", { href: URL.createObjectURL(new Blob([bytes])), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function render({ model, el }) {
  const words = model.get("words");
  const line = makeLine(model);
  let held = null; // what is asked again while a key or button is down, and since when

  const hold = (message) => {
    held = { message, since: performance.now() };
    line.send(message());
  };
  const release = () => (held = null);
  const order = (direction) => ask(model, "order", { direction }, "intensity", "build");

  const root = make("div", "territory-game", {
    tabindex: 0, role: "application", "aria-label": `Territory. ${HINT}`, "data-lm-suppress-shortcuts": "true",
  });
  const explanation = make("p", "territory-explain", {}, HINT);
  const explain = (text) => (explanation.textContent = text);

  const board = makeBoard(model, explain);
  let spot = null; // where the pointer is, while it is down
  board.view.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    root.focus();
    board.view.setPointerCapture(event.pointerId);
    spot = board.tileAt(event);
    hold(() => ask(model, "push", spot, "intensity", "build"));
  });
  board.view.addEventListener("pointermove", (event) => {
    spot = board.tileAt(event);
    if (!held && !line.busy() && !model.get("scene").over) model.send(ask(model, "aim", spot));
  });
  const forget = () => {
    board.clear();
    compass.point(null);
  };
  board.view.addEventListener("pointerleave", forget);

  const compass = makeCompass(model, (button, direction) => {
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || button.disabled) return;
      event.preventDefault(); // keys go on to mean directions, not "this button again"
      root.focus();
      const cell = event.target.closest("i");
      if (cell && !cell.classList.contains("on")) return;
      if (cell) compass.choose(Number(cell.dataset.index));
      hold(() => order(direction));
    });
    button.addEventListener("click", (event) => event.detail === 0 && line.send(order(direction))); // Enter
  });
  const planes = makePlanes(model, explain);
  const stats = makeStats(model, explain);
  const land = makeLand(model);

  const status = make("p", "territory-status", { role: "status", "aria-live": "polite" });
  const standing = make("p", "territory-standing");
  const build = toggle(model, "build", "with a city (B)");
  const run = toggle(model, "running", "run on (P)");
  const again = make("button", "", { type: "button" }, "new game");
  again.addEventListener("click", () => line.send(ask(model, "restart", {}, "seed", "num_bots", "opponents")));
  const save = make("button", "", { type: "button" }, "save the game");
  save.addEventListener("click", () => model.send(ask(model, "save")));
  const shares = words.shares.map((share, i) => [i, `${i + 1}: ${share} of the troops`]);
  const rivals = words.opponents.map((name) => [name, name]);
  const speeds = [1, 2, 5, 10, 20].map((steps) => [steps, `${steps} steps/s`]);
  const controls = make("div", "territory-controls", {},
    make("div", "row", {}, choice(model, "intensity", "send ", shares), build),
    make("div", "row", {}, run, choice(model, "speed", "at ", speeds)),
    make("div", "row", {}, number(model, "num_bots", "against ", words.max_bots), choice(model, "opponents", "of kind ", rivals)),
    make("div", "row", {}, number(model, "seed", "map seed ", 2 ** 31 - 1), again, save));

  root.append(
    make("div", "territory-left", {}, standing, board.view, land.view, status),
    make("div", "territory-right", {}, compass.view, controls, planes.view),
    explanation,
    stats.view,
  );

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
    event.stopPropagation();
    const onButton = event.target.matches("button") && ["Space", "Enter"].includes(event.code);
    if (onButton || ["Tab", "Escape"].includes(event.code)) return;
    if (event.code in KEYS) {
      event.preventDefault();
      if (!event.repeat) hold(() => order(KEYS[event.code]));
    } else if (/^Digit[1-5]$/.test(event.code)) {
      model.set("intensity", Number(event.code.at(-1)) - 1);
      model.save_changes();
    } else if (event.code === "KeyB" && !build.disabled) build.click();
    else if (event.code === "KeyP" && !run.disabled) run.click();
  });
  root.addEventListener("keyup", release);
  root.addEventListener("blur", release);
  window.addEventListener("pointerup", release);
  window.addEventListener("pointercancel", release);

  const drawScene = () => {
    const scene = model.get("scene");
    standing.textContent = `Step ${scene.step} · ${scene.standing}`;
    status.textContent = scene.line;
    root.classList.toggle("over", scene.over);
    run.disabled = scene.over;
    build.disabled = !scene.mask.some((allowed, index) => allowed && index % 2 === 1);
    if (scene.over) release();
    [land, compass, stats].forEach((part) => part.draw());
  };
  const answered = () => {
    drawScene();
    if (!held) forget(); // the border that the arrow set out from has moved
    line.answered();
  };
  const aimed = () => {
    board.drawArrow();
    compass.point(model.get("aim").direction);
  };
  const listeners = [
    ["change:scene", answered],
    ["change:board", board.draw],
    ["change:planes", planes.draw],
    ["change:intensity change:build", compass.draw],
    ["change:aim", aimed],
    ["msg:custom", (content, buffers) => download(content.file, buffers[0])],
  ];
  for (const [event, listener] of listeners) model.on(event, listener);

  let last = 0;
  const clock = setInterval(() => {
    const [now, period] = [performance.now(), 1000 / model.get("speed")];
    if (line.busy() || now - last < period) return;
    if (held && now - held.since > HOLD_MS) line.send(held.message());
    else if (!held && model.get("running")) line.send(order(WAIT));
    else return;
    last = Math.max(last + period, now - period); // a tick that came late does not delay those after it
  }, 10);

  drawScene();
  board.draw();
  planes.draw();
  el.classList.add("territory-widget");
  el.append(root);
  return () => {
    clearInterval(clock);
    window.removeEventListener("pointerup", release);
    window.removeEventListener("pointercancel", release);
    for (const [event, listener] of listeners) model.off(event, listener);
  };
}

export default { render };
