// The face of TrainingMonitor: draws what Python sends and asks Python for everything else. It computes nothing.

const HINT =
  "P pauses and goes on, S stops. Point at a curve, or press ← → Home End, to read it update by update; Escape follows the newest.";
const DASHES = ["", "7 4", "2 3"]; // so that curves are told apart without colour
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [520, 150, 64, 8, 8, 22]; // of a panel, in its own units; LEFT holds "0.0005" in the larger letters
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
const make = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const spoken = (name) => name.replaceAll("_", " ");

function written(name, value) {
  if (Number.isNaN(value)) return "–";
  if (["win_rate", "land_share", "idle_share", "clip_fraction"].includes(name)) return `${(100 * value).toFixed(1)} %`;
  return (Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3)).replace("-", "−");
}

// The records as one column of numbers for each field.
function readHistory(model) {
  const fields = model.get("words").fields;
  const bytes = model.get("history");
  const length = bytes.byteLength / 8 / fields.length;
  const column = (row) => Array.from({ length }, (_, i) => bytes.getFloat64(8 * (row * length + i), true));
  return { length, ...Object.fromEntries(fields.map((name, row) => [name, column(row)])) };
}

// A scale that holds all numbers, with round ones to write beside it.
function ticks(values, low = Infinity, high = -Infinity) {
  for (const value of values) if (!Number.isNaN(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (low > high) [low, high] = [0, 1];
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const rough = (high - low) / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((each) => each * power >= rough);
  const marks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) marks.push(i * step);
  return { low, high, marks };
}

function makePanel(title, fields, choose) {
  const legend = make("div", { class: "monitor-legend" });
  const plot = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  const view = make("figure", { class: "monitor-panel" }, make("figcaption", {}, choose || make("b", {}, title)), legend, plot);
  let names = fields;

  const show = (history, total, at) => {
    const values = names.flatMap((name) => history[name]);
    const share = names.includes("win_rate");
    const y = share ? ticks([], 0, 1) : ticks(values);
    const x = ticks([], 0, total);
    const across = (step) => LEFT + ((WIDTH - LEFT - RIGHT) * step) / total;
    const down = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - y.low) / (y.high - y.low));
    const grid = y.marks.flatMap((mark) => [
      draw("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: down(mark), y2: down(mark), class: "grid" }),
      draw("text", { x: LEFT - 5, y: down(mark) + 4, "text-anchor": "end" }, share ? `${Math.round(100 * mark)} %` : String(Number(mark.toPrecision(6))).replace("-", "−")),
    ]);
    const anchor = (mark) => (mark === 0 ? "start" : mark > 0.9 * total ? "end" : "middle"); // none is cut off at an edge
    const steps = x.marks.map((mark) =>
      draw("text", { x: across(mark), y: HEIGHT - 6, "text-anchor": anchor(mark) }, mark >= 1000 ? `${mark / 1000}k` : mark));
    const curves = names.map((name, i) => {
      const points = history[name].flatMap((value, n) => (Number.isNaN(value) ? [] : [`${across(history.step[n])},${down(value)}`]));
      return draw("polyline", { points: points.join(" "), class: `line-${i}`, "stroke-dasharray": DASHES[i], "data-field": name });
    });
    const cursor = at === null ? [] : [draw("line", { x1: across(history.step[at]), x2: across(history.step[at]), y1: TOP, y2: HEIGHT - BOTTOM, class: "cursor" })];
    plot.replaceChildren(...grid, ...steps, ...curves, ...cursor);
    const place = at ?? history.length - 1;
    legend.replaceChildren(...names.map((name, i) => make("span", { "data-field": name },
      fillLine(i), `${spoken(name)} `, make("output", {}, history.length ? written(name, history[name][place]) : "–"))));
  };
  const nearest = (event, history, total) => {
    const box = plot.getBoundingClientRect();
    const step = ((((event.clientX - box.left) / box.width) * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT)) * total;
    return history.step.reduce((best, each, i) => (Math.abs(each - step) < Math.abs(history.step[best] - step) ? i : best), 0);
  };
  return { view, plot, show, nearest, choose: (name) => (names = [name]), names: () => names };
}

function fillLine(i) {
  const line = draw("line", { x1: 0, x2: 22, y1: 5, y2: 5, class: `line-${i}`, "stroke-dasharray": DASHES[i] });
  return draw("svg", { width: 22, height: 10, "aria-hidden": "true" }, line);
}

function render({ model, el }) {
  const words = model.get("words");
  const ask = (what, value) => model.send({ ask: what, value });
  const root = make("div", { class: "tw territory-monitor", tabindex: 0, role: "application", "aria-label": `Training. ${HINT}`, "data-lm-suppress-shortcuts": "true" });

  // --- the switch ---
  const line = make("p", { class: "monitor-line" });
  const spoke = make("span", { class: "monitor-spoken", role: "status", "aria-live": "polite" });
  const bar = make("b");
  const progress = make("div", { class: "monitor-progress", role: "progressbar", "aria-label": "steps", "aria-valuemin": 0 }, bar);
  const go = make("button", { type: "button", class: "monitor-go" });
  const stop = make("button", { type: "button" }, "■ stop (S)");
  go.addEventListener("click", () => ask(model.get("status").state === "running" ? "pause" : "start"));
  stop.addEventListener("click", () => ask("stop"));

  // --- the curves ---
  const panels = words.panels.map(([title, fields]) => makePanel(title, fields));
  const shown = new Set(panels.flatMap((panel) => panel.names()));
  const others = words.fields.filter((name) => name !== "step" && !shown.has(name));
  const choice = make("select", { "aria-label": "another curve" }, ...others.map((name) => make("option", { value: name }, spoken(name))));
  const other = makePanel("another curve", [others[0]], choice);
  choice.addEventListener("change", () => {
    other.choose(choice.value);
    drawCurves();
    explain(words.sentences[choice.value]);
  });
  panels.push(other);
  const explanation = make("p", { class: "monitor-explain" }, HINT);
  const explain = (text) => (explanation.textContent = text);
  let history = readHistory(model);
  let at = null; // the update that is read; null: the newest
  const drawCurves = () => panels.forEach((panel) => panel.show(history, model.get("status").total, at));
  const read = (place) => {
    at = place === null || !history.length ? null : Math.min(Math.max(place, 0), history.length - 1);
    explain(at === null ? HINT : `Update ${at + 1} of ${history.length}, after ${history.step[at].toLocaleString("en")} steps.`);
    drawCurves();
  };
  for (const panel of panels) {
    panel.plot.addEventListener("pointermove", (event) => read(panel.nearest(event, history, model.get("status").total)));
    panel.plot.addEventListener("pointerleave", () => read(null));
    panel.view.addEventListener("pointerenter", () => explain(panel.names().map((name) => words.sentences[name]).join(" ")));
  }

  // --- the game ---
  const canvas = make("canvas", { role: "img", "aria-label": "a game of the agent that is trained" });
  const [title, scene, results] = [make("p"), make("p", { class: "monitor-scene" }), make("p", { class: "monitor-results" })];
  const watch = make("input", { type: "checkbox" });
  watch.addEventListener("change", () => ask("watching", watch.checked));
  const speed = make("select", { "aria-label": "game speed" }, ...[1, 2, 5, 10, 20].map((each) => make("option", { value: each }, `${each} steps/s`)));
  speed.addEventListener("change", () => ask("speed", Number(speed.value)));
  let turn = 0;
  const drawBoard = async () => {
    const mine = ++turn;
    const picture = await createImageBitmap(new Blob([model.get("board")], { type: "image/png" }));
    if (mine !== turn) return; // a later picture was quicker
    if (canvas.width !== picture.width || canvas.height !== picture.height) [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext("2d").drawImage(picture, 0, 0);
  };
  const drawGame = () => {
    const game = model.get("game");
    title.replaceChildren(make("b", {}, `game ${game.number}`), " of the agent as it is now");
    scene.textContent = game.line;
    results.replaceChildren(...game.results.map((each) => make("span", { title: each.line, class: each.won ? "won" : "" }, each.won ? "✓" : "×")));
    results.setAttribute("aria-label", `games before: ${game.results.filter((each) => each.won).length} of ${game.results.length} won`);
  };
  const drawControls = () => {
    watch.checked = model.get("watching");
    speed.value = String(model.get("speed"));
  };

  let before = "";
  const drawStatus = () => {
    const status = model.get("status");
    line.textContent = status.line;
    bar.style.width = `${(100 * status.step) / status.total}%`;
    for (const [name, value] of [["max", status.total], ["now", status.step]]) progress.setAttribute(`aria-value${name}`, value);
    go.textContent = status.state === "running" ? "❚❚ pause (P)" : status.state === "ready" ? "▶ start (P)" : "▶ go on (P)";
    go.disabled = ["stopping", "finished", "failed"].includes(status.state);
    stop.disabled = status.state === "stopping" || (status.resting && status.state !== "paused");
    root.dataset.state = status.state;
    if (status.state !== before) spoke.textContent = status.line; // said once, not at every update
    before = status.state;
    history = readHistory(model);
    drawCurves();
  };

  let due = false; // news may come quicker than a busy browser draws: then it draws the newest only
  const newsCame = () => {
    if (!due) requestAnimationFrame(() => {
      due = false;
      drawStatus();
    });
    due = true;
  };

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
    event.stopPropagation();
    const place = at ?? history.length - 1;
    const moves = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: history.length - 1, Escape: null };
    if (event.code in moves) {
      event.preventDefault();
      read(moves[event.code]);
    } else if (event.code === "KeyP" && !event.repeat) go.click();
    else if (event.code === "KeyS" && !event.repeat) stop.click();
  });

  root.append(
    make("div", { class: "row" }, line, go, stop), progress, spoke,
    make("div", { class: "monitor-parts" },
      make("div", { class: "monitor-curves" }, ...panels.map(({ view }) => view)),
      make("div", { class: "monitor-game" }, title, canvas, scene, results,
        make("div", { class: "row" }, make("label", {}, watch, "play on"), make("label", {}, "at ", speed)))),
    explanation,
  );
  const listeners = [
    ["change:status", newsCame],
    ["change:board", drawBoard],
    ["change:game", drawGame],
    ["change:watching change:speed", drawControls],
  ];
  for (const [event, listener] of listeners) model.on(event, listener);
  [drawStatus, drawBoard, drawGame, drawControls].forEach((each) => each());
  el.classList.add("territory-widget");
  el.append(root);
  return () => listeners.forEach(([event, listener]) => model.off(event, listener));
}

export default { render };
