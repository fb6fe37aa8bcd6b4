/* Made by tools/bundle.py from territory/widgets/js. Sources: 2289ec0176f27422d3f0653ecf3b909747a96a16f2c5b6e55a3cd584bb3c8c58 */

// territory/widgets/js/dom.js
function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
function make(tag, className = "", attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  return fill(node, attributes, children);
}
function options(pairs) {
  return pairs.map(([value, text]) => make("option", "", { value }, text));
}
function switchOff(control, off) {
  if (control.disabled === off) return;
  if (off && control.matches(":focus")) control.closest(".tw").focus();
  control.disabled = off;
}
function download(name, bytes) {
  const link = make("a", "", { href: URL.createObjectURL(new Blob([bytes])), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1e4);
}
function listen(model, listeners) {
  for (const [event, listener] of listeners) model.on(event, listener);
  return () => {
    for (const [event, listener] of listeners) model.off(event, listener);
  };
}

// territory/widgets/js/game/line.js
var WAIT = 8;
var HOLD_MS = 350;
function ask(model, what, details, ...controls) {
  return { ask: what, ...details, set: Object.fromEntries(controls.map((name) => [name, model.get(name)])) };
}
var order = (model, direction) => ask(model, "order", { direction }, "intensity", "build");
function makeLine(model) {
  let [waiting, next, held, last] = [false, null, null, 0];
  const send = (message) => {
    if (waiting) {
      next = message;
      return;
    }
    waiting = true;
    model.send(message);
  };
  const answered = () => {
    const message = next;
    [waiting, next] = [false, null];
    if (message) send(message);
  };
  const hold = (message) => {
    held = { message, since: performance.now() };
    send(message());
  };
  const tick = () => {
    const [now, period] = [performance.now(), 1e3 / model.get("speed")];
    if (waiting || now - last < period) return;
    if (held && now - held.since > HOLD_MS) send(held.message());
    else if (!held && model.get("running")) send(order(model, WAIT));
    else return;
    last = Math.max(last + period, now - period);
  };
  return { send, answered, hold, tick, release: () => held = null, busy: () => waiting, isHeld: () => held !== null };
}

// territory/widgets/js/game/board.js
function makeBoard(model, explain) {
  const canvas = make("canvas", "territory-board", { role: "img", "aria-label": "the board" });
  const arrow = make("canvas", "territory-arrow", { "aria-hidden": "true" });
  const view = make("div", "territory-map", { "data-control": "board" }, canvas, arrow);
  let drawn = 0;
  const draw = async () => {
    const turn = ++drawn;
    const picture = await createImageBitmap(new Blob([model.get("board")], { type: "image/png" }));
    if (turn !== drawn) return;
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
    const { row, column } = tileUnder(model, canvas, event);
    const { planes } = model.get("words");
    const values = planes.map(([name], plane) => `${name} ${valueAt(model, plane, row, column)}`);
    explain(`Row ${row}, column ${column}: ${values.join(" · ")}.`);
  });
  return { view, canvas, draw, drawArrow, clear };
}
function tileUnder(model, picture, event) {
  const [rows, columns] = model.get("scene").size;
  const box = picture.getBoundingClientRect();
  const row = Math.floor((event.clientY - box.top) / box.height * rows);
  const column = Math.floor((event.clientX - box.left) / box.width * columns);
  return { row: Math.min(Math.max(row, 0), rows - 1), column: Math.min(Math.max(column, 0), columns - 1) };
}
function valueAt(model, plane, row, column) {
  const [rows, columns] = model.get("scene").size;
  return model.get("planes").getUint8((plane * rows + row) * columns + column);
}
function listenToBoard({ view, canvas }, model, line) {
  let spot = null;
  view.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    view.closest(".territory-game").focus();
    view.setPointerCapture(event.pointerId);
    spot = tileUnder(model, canvas, event);
    line.hold(() => ask(model, "push", spot, "intensity", "build"));
  });
  view.addEventListener("pointermove", (event) => {
    spot = tileUnder(model, canvas, event);
    if (!line.isHeld() && !line.busy() && !model.get("scene").over) model.send(ask(model, "aim", spot));
  });
}

// territory/widgets/js/game/compass.js
function makeCompass(model, line) {
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
    listenToDirection(button, direction, model, line);
    view.append(button);
    return { direction, button, cells };
  });
  const draw = () => {
    const { mask, over } = model.get("scene");
    const [intensity, build] = [model.get("intensity"), Number(model.get("build"))];
    for (const { direction, button, cells } of blocks) {
      const chosen = direction * 10 + (direction === WAIT ? 0 : intensity * 2) + build;
      switchOff(button, over || !mask[chosen]);
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
function listenToDirection(button, direction, model, line) {
  const choose = (index) => {
    if (direction !== WAIT) model.set("intensity", Math.floor(index % 10 / 2));
    model.set("build", index % 2 === 1);
    model.save_changes();
  };
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || button.disabled) return;
    event.preventDefault();
    button.closest(".territory-game").focus();
    const cell = event.target.closest("i");
    if (cell && !cell.classList.contains("on")) return;
    if (cell) choose(Number(cell.dataset.index));
    line.hold(() => order(model, direction));
  });
  button.addEventListener("click", (event) => event.detail === 0 && line.send(order(model, direction)));
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
      value.textContent = now.toFixed(3).replace("-", "−");
      const step = now - then;
      change.textContent = Math.abs(step) < 5e-4 ? "" : `${step > 0 ? "▲ +" : "▼ −"}${Math.abs(step).toFixed(3)}`;
    });
  };
  return { view, draw };
}
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

// territory/widgets/js/game/controls.js
function choice(model, name, label, pairs) {
  const select = make("select", "", { "aria-label": label }, ...options(pairs));
  const show = () => select.value = String(model.get(name));
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
  const show = () => input.value = model.get(name);
  input.addEventListener("change", () => {
    if (!input.checkValidity() || input.value === "") return show();
    model.set(name, Number(input.value));
    model.save_changes();
  });
  show();
  model.on(`change:${name}`, show);
  return make("label", "", {}, label, input);
}
function makeControls(model, line) {
  const words = model.get("words");
  const button = (label, press) => {
    const view2 = make("button", "", { type: "button" }, label);
    view2.addEventListener("click", press);
    return view2;
  };
  const build = toggle(model, "build", "with a city (B)");
  const run = toggle(model, "running", "run on (P)");
  const again = button("new game", () => line.send(ask(model, "restart", {}, "seed", "num_bots", "opponents")));
  const save = button("save the game", () => model.send(ask(model, "save")));
  const shares = words.shares.map((share, i) => [i, `${i + 1}: ${share} of the troops`]);
  const rivals = words.opponents.map((name) => [name, name]);
  const speeds = [1, 2, 5, 10, 20].map((steps) => [steps, `${steps} steps/s`]);
  const view = make(
    "div",
    "territory-controls",
    {},
    make("div", "row", {}, choice(model, "intensity", "send ", shares), build),
    make("div", "row", {}, run, choice(model, "speed", "at ", speeds)),
    make("div", "row", {}, number(model, "num_bots", "against ", words.max_bots), choice(model, "opponents", "of kind ", rivals)),
    make("div", "row", {}, number(model, "seed", "map seed ", 2 ** 31 - 1), again, save)
  );
  return { view, build, run };
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
var HINT = "Click the map or the compass, or press Q W E / A · D / Z X C or the arrows; S or space waits; hold to repeat. 1 to 5 how many troops, B with a city, P runs on.";
var SPOKEN = [..."QWEASDZXC", "Space", "ArrowUp", "ArrowRight", "ArrowDown", "ArrowLeft", ..."12345BP"];
function listenToKeys(root, model, line, { build, run }) {
  root.setAttribute("aria-keyshortcuts", SPOKEN.join(" "));
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
    event.stopPropagation();
    const onButton = event.target.matches("button") && ["Space", "Enter"].includes(event.code);
    if (onButton || ["Tab", "Escape"].includes(event.code)) return;
    if (event.code in KEYS) {
      event.preventDefault();
      if (!event.repeat) line.hold(() => order(model, KEYS[event.code]));
    } else if (/^Digit[1-5]$/.test(event.code)) {
      model.set("intensity", Number(event.code.at(-1)) - 1);
      model.save_changes();
    } else if (event.code === "KeyB" && !build.disabled) build.click();
    else if (event.code === "KeyP" && !run.disabled) run.click();
  });
  for (const event of ["keyup", "blur"]) root.addEventListener(event, line.release);
}

// territory/widgets/js/game/index.js
function render({ model, el }) {
  const line = makeLine(model);
  const explanation = make("p", "territory-explain", {}, HINT);
  const explain = (text) => explanation.textContent = text;
  const [board, compass, planes] = [makeBoard(model, explain), makeCompass(model, line), makePlanes(model, explain)];
  const [stats, land, controls] = [makeStats(model, explain), makeLand(model), makeControls(model, line)];
  const status = make("p", "territory-status", { role: "status", "aria-live": "polite" });
  const standing = make("p", "territory-standing");
  const root = make(
    "div",
    "tw territory-game",
    {
      tabindex: 0,
      role: "application",
      "aria-label": `Territory. ${HINT}`,
      "data-lm-suppress-shortcuts": "true"
    },
    make("div", "territory-left", {}, standing, board.view, land.view, status),
    make("div", "territory-right", {}, compass.view, controls.view, planes.view),
    explanation,
    stats.view
  );
  const forget = () => {
    board.clear();
    compass.point(null);
  };
  listenToBoard(board, model, line);
  board.view.addEventListener("pointerleave", forget);
  listenToKeys(root, model, line, controls);
  const ends = ["pointerup", "pointercancel"];
  for (const event of ends) window.addEventListener(event, line.release);
  const drawScene = () => {
    const scene = model.get("scene");
    standing.textContent = `Step ${scene.step} · ${scene.standing}`;
    status.textContent = scene.line;
    root.classList.toggle("over", scene.over);
    switchOff(controls.run, scene.over);
    switchOff(controls.build, !scene.mask.some((allowed, index) => allowed && index % 2 === 1));
    if (scene.over) line.release();
    for (const part of [land, compass, stats]) part.draw();
  };
  const answered = () => {
    drawScene();
    if (!line.isHeld()) forget();
    line.answered();
  };
  const aimed = () => {
    board.drawArrow();
    compass.point(model.get("aim").direction);
  };
  const silence = listen(model, [
    ["change:scene", answered],
    ["change:board", board.draw],
    ["change:planes", planes.draw],
    ["change:intensity change:build", compass.draw],
    ["change:aim", aimed],
    ["msg:custom", (content, buffers) => download(content.file, buffers[0])]
  ]);
  const clock = setInterval(line.tick, 10);
  drawScene();
  for (const part of [board, planes]) part.draw();
  el.classList.add("territory-widget");
  el.append(root);
  return () => {
    clearInterval(clock);
    for (const event of ends) window.removeEventListener(event, line.release);
    silence();
  };
}
var index_default = { render };
export {
  index_default as default,
  render
};
