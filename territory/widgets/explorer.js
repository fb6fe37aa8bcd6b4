// The face of AttentionExplorer. The whole game is in the page, so time, layers and cells answer at once; only what-if
// asks the kernel. The same code runs in a saved page, where nobody answers.

// What the pointer and the arrow keys do on a board.
function makeHands(state, tools, { explain, imagine }) {
  const hands = {
    hovered: null,
    point: (place) => explain(tileSays(state, (hands.hovered = place))),
    leave: () => (hands.hovered = null),
    act: (place, dragged) => {
      const [at, tool] = [place || state.tile(), tools.get()];
      if (tool.tool === "look" || !state.edited) {
        if (place && !dragged) state.set("cell", place);
        return;
      }
      if (!at || (dragged && ["city", "raze"].includes(tool.tool))) return;
      paint(state.game, state.edited, state.game.at("density", state.recorded.step), tool, at);
      imagine();
    },
    move: ([down, right], far) => {
      const { rows, columns } = state.game;
      const [row, column] = state.tile() || [Math.floor(rows / 2), Math.floor(columns / 2)];
      const [reach, clip] = [far ? 8 : 1, (value, most) => Math.min(Math.max(value, 0), most - 1)];
      hands.hovered = null; // the keyboard's tile is read out, not the resting pointer's
      state.set("cell", [clip(row + reach * down, rows), clip(column + reach * right, columns)]);
      explain(tileSays(state, state.tile()));
    },
  };
  return hands;
}

async function render({ model, el }) {
  const state = makeState(model);
  const open = async () => {
    state.game = await openGame(model.get("game"), model.get("about").index);
    const step = Math.min(model.get("step"), state.game.length - 1); // a live game may still be on its way
    state.recorded = moment(state.game, state.networks(), step);
  };
  await open();

  const explanation = make("p", "explorer-explain", { role: "status", "aria-live": "polite" }, KEYS_SAY);
  const explain = (text) => (explanation.textContent = text);
  let frame = 0;
  const redraw = () => {
    if (!frame) frame = requestAnimationFrame(() => ((frame = 0), show()));
  };
  const tools = makeTools(state.words, { toggle: (on) => state.set("what_if", on), reset: () => questions.begin() });
  const questions = makeQuestions(state, tools, { redraw, explain });
  const hands = makeHands(state, tools, { explain, imagine: questions.imagine });
  const [time, look, keep] = [makeTime(state), makeLook(state), makeKeep(state)];
  const sides = state.networks().map((_, number) => makeSide(state, number, hands));
  const stats = makeStats(state.words, {
    choose: (stat) => state.set("stat", stat),
    change: (stat, value) => {
      state.edited.stats[stat] = value;
      questions.imagine();
    },
    explain,
  });

  const root = make("div", "territory-explorer", {
    tabindex: 0, role: "application", "aria-label": `Explorer. ${KEYS_SAY}`, "data-lm-suppress-shortcuts": "true",
  },
  ...time.views, make("div", "row", {}, ...look.views, keep.view),
  make("div", "explorer-sides", {}, ...sides.map(({ view }) => view)), explanation, tools.view, stats.view);
  root.style.setProperty("--sides", sides.length);
  listenToKeys(root, shortcutsOf(state, time));

  const show = () => {
    for (const part of [...sides, time, look]) part.show();
    stats.show(state);
    tools.show(state.edited !== null);
    if (hands.hovered) explain(tileSays(state, hands.hovered));
  };
  const goTo = () => {
    state.recorded = moment(state.game, state.networks(), Math.min(model.get("step"), state.game.length - 1));
    questions.begin();
  };
  const load = () => {
    for (const side of sides) side.load();
    questions.begin();
  };
  const looks = ["layers", "heads", "stat", "cell", "strength", "palette", "scale", "speed"];
  const silence = listen(model, [
    ["change:step change:what_if", goTo],
    [looks.map((name) => `change:${name}`).join(" "), redraw],
    ["change:game", () => open().then(load)],
    ["msg:custom", questions.hear],
  ]);
  const clock = setInterval(() => [time, keep].forEach((part) => part.tick(performance.now())), 10);

  load();
  el.classList.add("territory-widget");
  el.append(root);
  return () => {
    clearInterval(clock);
    silence();
  };
}
