// The face of AttentionExplorer. The whole game is in the page, so time, layers and cells answer at once; only what-if
// asks the kernel. The same code runs in a saved page, where nobody answers.

const KEYS_SAY =
  "Keys: ← → a step, with Shift ten, Home and End, space plays; L layer, H head, P palette, [ ] overlay, W what if. " +
  "Tab to a board: arrows move over it, Enter chooses or paints, Escape lets go.";
const GROUNDS = ["water", "plains", "highland", "mountain"];

function make(tag, className = "", attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function select(label, options, set) {
  const view = make("select", "", { "aria-label": label }, ...options.map(([value, text]) => make("option", "", { value }, text)));
  view.addEventListener("change", () => set(view.value));
  return { view: make("label", "", {}, `${label} `, view), show: (value) => (view.value = String(value)), control: view };
}

const layerName = ({ name, heads, grid, queries, keys }) => {
  if (!heads) return `${name} · ${grid[0]}×${grid[1]} cells`;
  return `${name} · ${heads} ${heads > 1 ? "heads" : "head"}, ${queries === "one" && keys === "one" ? "1×1" : `${queries} → ${keys}`}`;
};

function download(name, bytes) {
  const link = make("a", "", { href: URL.createObjectURL(new Blob([bytes])), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function render({ model, el }) {
  const words = { ...model.get("words"), networks: model.get("about").networks };
  const networks = () => model.get("about").networks;
  const get = (name) => model.get(name);
  const set = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const setAt = (name, number, value) => set(name, get(name).map((old, i) => (i === number ? value : old)));

  let game = await openGame(get("game"), get("about").index);
  let recorded = moment(game, networks(), get("step"));
  let edited = null; // a copy of it that what-if changes
  let [asked, answered, pending, since] = [0, 0, false, 0];
  let hovered = null;
  const now = () => edited || recorded;
  const layerOf = (number) => networks()[number].layers.find(({ name }) => name === get("layers")[number]);
  const tile = () => (get("cell").length ? get("cell") : null);

  // --- what is there ---
  const root = make("div", "territory-explorer", { tabindex: 0, role: "application", "aria-label": `Explorer. ${KEYS_SAY}`, "data-lm-suppress-shortcuts": "true" });
  const explanation = make("p", "explorer-explain", { role: "status", "aria-live": "polite" }, KEYS_SAY);
  const explain = (text) => (explanation.textContent = text);
  const play = make("button", "explorer-play", { type: "button", "aria-pressed": "false" }, "▶ play");
  const time = make("input", "explorer-time", { type: "range", min: 0, "aria-label": "step" });
  const standing = make("p", "explorer-standing");
  const speed = select("at", [1, 2, 5, 10, 20].map((each) => [each, `${each} steps/s`]), (value) => set("speed", Number(value)));
  const strength = make("input", "", { type: "range", min: 0, max: 1, step: 0.05, "aria-label": "overlay strength" });
  const palette = select("palette", Object.keys(words.palettes).map((name) => [name, name]), (value) => set("palette", value));
  const scale = select("scale", [["game", "of the whole game"], ["moment", "of this moment"]], (value) => set("scale", value));
  const buttons = Object.fromEntries([["picture", "save picture"], ["page", "save page"], ["catch_up", "catch up"]].map(
    ([what, label]) => [what, make("button", "", { type: "button" }, label)]));
  const follow = make("input", "", { type: "checkbox" });
  const saves = make("span", "explorer-saves", {}, buttons.picture, buttons.page);
  if (words.live) saves.append(buttons.catch_up, make("label", "", {}, follow, "follow"));
  saves.hidden = Boolean(words.standalone);

  const seek = (step) => set("step", Math.min(Math.max(step, 0), game.length - 1));
  const stats = makeStats(words, {
    choose: (stat) => set("stat", stat),
    change: (stat, value) => {
      edited.stats[stat] = value;
      imagine();
    },
    explain,
  });
  const tools = makeTools(words, {
    toggle: (on) => set("what_if", on),
    reset: () => begin(),
    changed: () => {},
  });
  let painter = makePainter(words.colours, game);
  const sides = networks().map(({ name, note, layers }, number) => {
    const board = makeBoard(name, {
      game: () => game,
      point: (place) => describe((hovered = place)),
      leave: () => (hovered = null),
      act: (place, dragged) => act(place, dragged),
      move: ([down, right], far) => {
        const [row, column] = tile() || [Math.floor(game.rows / 2), Math.floor(game.columns / 2)];
        const clip = (value, most) => Math.min(Math.max(value, 0), most - 1);
        const reach = far ? 8 : 1;
        hovered = null; // the keyboard's tile is read out, not the resting pointer's
        set("cell", [clip(row + reach * down, game.rows), clip(column + reach * right, game.columns)]);
        describe(get("cell"));
      },
    });
    const layer = select("layer", layers.length ? layers.map((each) => [each.name, layerName(each)]) : [["", "no attention"]],
      (value) => setAt("layers", number, value));
    const head = select("head", [], (value) => setAt("heads", number, Number(value)));
    const bar = make("span", "explorer-bar");
    const [low, high, says] = [make("output", "low"), make("output", "high"), make("p", "explorer-says")];
    const [compass, curve] = [makeCompass(words.shares), makeCurve(seek)];
    const left = make("div", "explorer-left", {}, board.view, make("div", "explorer-scale", {}, low, bar, high), says);
    const right = make("div", "explorer-right", {}, compass.view, curve.view);
    const title = make("div", "row", {}, make("b", "", {}, name), layer.view, head.view);
    const view = make("section", "explorer-side", { "aria-label": name }, title, make("div", "explorer-pair", {}, left, right));
    return { view, board, layer, head, bar, low, high, says, compass, curve, note };
  });
  root.append(
    make("div", "row", {}, play, time, speed.view),
    standing,
    make("div", "row", {}, make("label", "", {}, "overlay ", strength), palette.view, scale.view, saves),
    make("div", "explorer-sides", {}, ...sides.map(({ view }) => view)),
    explanation, tools.view, stats.view,
  );
  root.style.setProperty("--sides", sides.length);

  // --- what is shown ---
  const overOf = (number) => {
    const layer = layerOf(number);
    if (!layer || !layer.grid) return null;
    const weights = now().looks[number].weights[layer.name];
    const grid = overlay(layer, weights, { head: get("heads")[number], stat: get("stat"), cell: tile() && cellOf(layer, game, tile()) });
    if (!grid) return null;
    const [low, high] = get("scale") === "game" ? [layer.low, layer.high] : [Math.min(...grid), Math.max(...grid)];
    return { grid, size: layer.grid, low, high, strength: get("strength"), palette: words.palettes[get("palette")] };
  };
  const saysOf = (number, over) => {
    const layer = layerOf(number);
    if (!layer) return sides[number].note;
    const name = words.stats[get("stat")][0];
    if (layer.queries === "one" && layer.keys === "one") {
      return "One query and one key: the softmax has nothing to choose from, so this weight is 1.000 in every state, whatever the map shows.";
    }
    if (!over) return `These weights (${layer.queries} → ${layer.keys}) make no grid over the map.`;
    if (!layer.heads) return "How far each cell's gate is open.";
    return { "stats cells": `Where “${name}” looks: its weights over the cells sum to 1. Choose another statistic below.`,
      "cells stats": `How much each cell looks at “${name}”, of its weights over the 16 statistics. Choose another below.`,
      "cells cells": tile() ? "Where the chosen cell looks." : "Where cells look, on average: click one to see its own." }[`${layer.queries} ${layer.keys}`];
  };
  const showSide = (side, number) => {
    const over = overOf(number);
    const layer = layerOf(number);
    painter(side.board.canvas, now(), over);
    side.board.markAt(tile(), over && over.size);
    side.layer.show(get("layers")[number]);
    const heads = layer ? layer.heads : 0;
    if (side.head.control.childElementCount !== heads + 1) {
      const choices = [[MEAN, heads ? "mean of all" : "–"], ...Array.from({ length: heads }, (_, i) => [i, `${i + 1} of ${heads}`])];
      side.head.control.replaceChildren(...choices.map(([value, text]) => make("option", "", { value }, text)));
    }
    side.head.control.disabled = heads < 2;
    side.head.show(get("heads")[number]);
    const stops = over ? over.palette.filter((_, i) => i % 15 === 0).map((colour) => `rgb(${colour})`) : ["transparent", "transparent"];
    side.bar.style.background = `linear-gradient(to right, ${stops})`;
    [side.low.textContent, side.high.textContent] = over ? [over.low.toFixed(3), over.high.toFixed(3)] : ["", ""];
    side.says.textContent = saysOf(number, over);
    const [look, before] = [now().looks[number], recorded.looks[number]];
    const changed = look !== before;
    side.compass.show(look.policy, changed ? before.policy : null, game.at("action", recorded.step)[0]);
    side.curve.show(recorded.step, changed ? look.value : null);
  };
  const showStanding = () => {
    const { step } = recorded;
    const land = game.terrain.reduce((sum, ground) => sum + (ground > 0), 0);
    const order = words.actions[game.at("action", step)[0]] || "nothing: this is the last moment";
    standing.textContent = `Step ${game.at("step", step)[0]} of ${game.at("step", game.length - 1)[0]} · owns ${percent(game.at("tiles", step)[1] / land, 1)} of the land · ` +
      `${Math.round(game.at("troops", step)[1]).toLocaleString("en")} troops at home · ordered: ${order}`;
  };
  const show = () => {
    sides.forEach(showSide);
    stats.show(now(), recorded, {
      stat: get("stat"), editable: edited !== null, headOf: (number) => get("heads")[number],
      cellOfLayer: (layer) => tile() && cellOf(layer, game, tile()),
    });
    showStanding();
    [time.max, time.value, strength.value] = [game.length - 1, recorded.step, get("strength")];
    palette.show(get("palette"));
    scale.show(get("scale"));
    speed.show(get("speed"));
    tools.show(edited !== null);
    if (hovered) describe(hovered);
  };
  let frame = 0;
  const redraw = () => {
    if (!frame) frame = requestAnimationFrame(() => ((frame = 0), show()));
  };

  const describe = ([row, column]) => {
    const [at, state] = [row * game.columns + column, now()];
    const owner = state.owner[at];
    const parts = [`Row ${row}, column ${column}: ${GROUNDS[game.terrain[at]]}${state.city[at] ? " with a city" : ""}`];
    if (game.terrain[at]) parts.push(owner ? words.players[owner] : "nobody's land");
    if (owner) parts.push(`${Math.round(game.at("troops", state.step)[owner]).toLocaleString("en")} troops at home, ${(2 ** ((12 * state.density[at]) / 255) - 1).toFixed(0)} on a tile`);
    sides.forEach((side, number) => {
      const over = overOf(number);
      const whose = sides.length > 1 ? `${networks()[number].name} ` : "";
      if (over) parts.push(`${whose}${layerOf(number).name} ${over.grid[cellOf({ grid: over.size }, game, [row, column])].toFixed(3)}`);
    });
    explain(`${parts.join(" · ")}.`);
  };

  // --- what-if ---
  const begin = () => {
    asked = answered = asked + 1; // whatever is still on its way belongs to another state
    edited = get("what_if") && !words.standalone ? copyOf(recorded) : null;
    pending = false;
    tools.note.textContent = "";
    redraw();
  };
  const ask = () => {
    const { stats: values, owner, city, density, step } = edited;
    since = performance.now();
    pending = false;
    answered = asked;
    model.send({ ask: "imagine", serial: ++asked, step }, undefined, [values, owner, city, density].map((each) => each.slice().buffer));
  };
  // One question on its way, one in hand: moving faster than the network answers never piles up questions.
  const imagine = () => {
    redraw();
    if (asked !== answered) pending = true;
    else ask();
  };
  const act = (place, dragged) => {
    const at = place || tile();
    const tool = tools.get();
    if (tool.tool === "look" || !edited) {
      if (place && !dragged) set("cell", place);
      return;
    }
    if (!at || (dragged && ["city", "raze"].includes(tool.tool))) return;
    paint(game, edited, game.at("density", recorded.step), tool, at);
    imagine();
  };
  const hear = (content, buffers = []) => {
    if (content.file) return download(content.file, buffers[0]);
    if (content.sorry) {
      answered = asked;
      return explain(content.sorry);
    }
    if (content.serial !== asked || !edited) return;
    answered = asked;
    const bytes = buffers[0];
    edited.looks = looksFrom(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength), content.index, networks());
    const took = performance.now() - since;
    tools.note.textContent = `answered in ${took.toFixed(0)} ms · ${content.moved}`;
    Object.assign(tools.note.dataset, { answer: content.serial, took });
    redraw();
    if (pending) ask();
  };

  // --- what is done ---
  const goTo = () => {
    recorded = moment(game, networks(), Math.min(get("step"), game.length - 1)); // a live game may still be on its way
    begin();
  };
  let playing = false;
  const setPlaying = (on) => {
    playing = on;
    play.textContent = on ? "❚❚ pause" : "▶ play";
    play.setAttribute("aria-pressed", String(on));
  };
  const togglePlay = () => {
    if (!playing && get("step") === game.length - 1) seek(0);
    setPlaying(!playing);
  };
  play.addEventListener("click", togglePlay);
  time.addEventListener("input", () => seek(Number(time.value)));
  strength.addEventListener("input", () => set("strength", Number(strength.value)));
  for (const [what, button] of Object.entries(buttons)) button.addEventListener("click", () => request(what));
  const request = (what) => {
    const names = ["step", "strength", "palette", "scale", "stat", "cell", "layers", "heads", "what_if"];
    model.send({ ask: what, set: Object.fromEntries(names.map((name) => [name, get(name)])) });
  };

  const next = (values, value) => values[(values.indexOf(value) + 1) % values.length];
  const layerNames = (number) => networks()[number].layers.map(({ name }) => name);
  const shortcuts = {
    Space: togglePlay,
    ArrowRight: (shift) => seek(get("step") + (shift ? 10 : 1)),
    ArrowLeft: (shift) => seek(get("step") - (shift ? 10 : 1)),
    Home: () => seek(0),
    End: () => seek(game.length - 1),
    KeyL: () => set("layers", get("layers").map((name, number) => (name ? next(layerNames(number), name) : name))),
    KeyH: () => set("heads", get("heads").map((head, number) => ((layerOf(number)?.heads || 0) < 2 ? MEAN : head + 1 < layerOf(number).heads ? head + 1 : MEAN))),
    KeyP: () => set("palette", next(Object.keys(words.palettes), get("palette"))),
    BracketLeft: () => set("strength", Math.max(0, Math.round(20 * get("strength") - 1) / 20)),
    BracketRight: () => set("strength", Math.min(1, Math.round(20 * get("strength") + 1) / 20)),
    KeyW: () => words.standalone || set("what_if", !get("what_if")),
    Escape: () => set("cell", []),
  };
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation();
    if (event.target.matches("input, select") || (event.target.matches("button") && event.code === "Space")) return;
    if (!(event.code in shortcuts)) return;
    event.preventDefault();
    shortcuts[event.code](event.shiftKey);
  });

  const reload = async () => {
    game = await openGame(get("game"), get("about").index);
    painter = makePainter(words.colours, game);
    sides.forEach(({ curve }, number) => curve.load(game.arrays[`${number}.value`].values));
    goTo();
  };
  const listeners = [
    ["change:step change:what_if", goTo],
    ["change:layers change:heads change:stat change:cell change:strength change:palette change:scale change:speed", redraw],
    ["change:game", reload],
    ["msg:custom", hear],
  ];
  for (const [event, listener] of listeners) model.on(event, listener);
  let [last, polled] = [0, 0];
  const clock = setInterval(() => {
    const moment = performance.now();
    if (follow.checked && moment - polled > 500) {
      polled = moment;
      request("catch_up");
    }
    const period = 1000 / get("speed");
    if (!playing || moment - last < period) return;
    last = Math.max(last + period, moment - period);
    if (get("step") >= game.length - 1) setPlaying(false);
    else seek(get("step") + 1);
  }, 10);

  sides.forEach(({ curve }, number) => curve.load(game.arrays[`${number}.value`].values));
  begin();
  el.classList.add("territory-widget");
  el.append(root);
  return () => {
    clearInterval(clock);
    for (const [event, listener] of listeners) model.off(event, listener);
  };
}
