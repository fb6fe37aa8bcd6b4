// The face of AttentionExplorer. The whole game is in the page, so time, layers and cells answer at once; what-if,
// ablation and relevance ask the kernel. The same code runs in a saved page, where nobody may answer.

import { button, download, make, mount, oncePerFrame, panel } from "../dom.js";
import { makeConnection } from "../health.js";
import { makeQuestions } from "./ask.js";
import { makeKeep, makeLook, makeTime } from "./bar.js";
import { makeHands } from "./board.js";
import { copyOf, moment, openGame } from "./data.js";
import { listenToKeys, shortcutsOf } from "./keys.js";
import { brushOver } from "../paint.js";
import { applyEdits, fitState, packState, unpackState } from "./share.js";
import { makeSide } from "./side.js";
import { makeState } from "./state.js";
import { makeStats } from "./stats.js";
import { ablationAfter, makeThumbs } from "./thumbs.js";
import { makeTools } from "./tools.js";
import { FIRST, KEYS_SAY, tileSays } from "./words.js";

const LOOKS = ["layers", "heads", "tokens", "stat", "cell", "strength", "palette", "scale", "speed", "owners"];
const KEEPS = "The recorded game can still be scrubbed. ";

export async function render({ model, el }) {
  const state = makeState(model);
  const stepNow = () => Math.min(model.get("step"), state.game.length - 1); // a live game may still be on its way
  const open = async () => {
    state.game = await openGame(model.get("game"), model.get("about").index);
    state.recorded = moment(state.game, state.networks(), stepNow());
    state.relevance.clear();
  };
  await open();

  const explanation = make("p", "explorer-explain", {}, KEYS_SAY);
  const explain = (text) => (explanation.textContent = text);
  const root = make("div", "tw territory-explorer", {
    tabindex: 0, role: "application", "aria-label": `Explorer. ${KEYS_SAY}`,
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
    explain,
  });
  const thumbs = makeThumbs(state, {
    choose: (number, { name, head }) => {
      state.setAt("heads", number, head);
      state.setAt("layers", number, name);
    },
    ablate: (number, target) => {
      if (!state.get("what_if")) state.set("what_if", true);
      state.set("ablation", ablationAfter(state.get("ablation"), number, target));
    },
  });

  // A new moment, or what-if begins or ends: edits are forgotten, ablations are not.
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
  const answers = make("div", "explorer-right", {}, ...(sides.length > 1 ? [] : [sides[0].policy]), given);
  const below = ({ policy, value }) => (sides.length > 1 ? make("div", "explorer-pair", {}, policy, value) : value);
  const boards = sides.map((side) => make("section", "explorer-side", { "aria-label": "network" }, side.left, below(side)));
  root.append(
    connection.banner,
    make("div", "explorer-top", {}, time.standing, make("p", "tw-hint", {}, FIRST)),
    make("div", "tw-bar", {}, ...time.views, connection.note),
    tools.view,
    make("div", "explorer-main", {}, ...boards, answers, make("div", "explorer-foot", {}, explanation), grid),
    panel("how it looks, what to keep", [], make("div", "tw-bar", {}, ...look.views, ...keep.views), share.view),
  );
  root.dataset.sides = sides.length;
  listenToKeys(root, shortcutsOf(state, time));

  const listeners = [
    ["change:step change:what_if", goTo],
    ["change:ablation", () => state.edited && questions.imagine()],
    [LOOKS.map((name) => `change:${name}`).join(" "), redraw],
    ["change:game", () => open().then(load)],
    ["msg:custom", (content, buffers) => (content.state ? share.use(content.state) : connection.line.hear(content, buffers))],
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

// Copying and opening states: text in a box, a small file, or what Python sends.
function makeShare(state, { explain, begin }) {
  const box = make("textarea", "", { rows: 2, "aria-label": "a state as text", spellcheck: "false", placeholder: "paste a state here" });
  const text = () => box.value || packState(state.get, state.recorded, state.edited);
  const file = button("save as file", () => download(`explorer-step-${state.get("step")}.txt`, text()));
  const use = button("show this state", () => share.use(box.value));
  const view = make("div", "explorer-share", {}, box, make("div", "tw-bar", {}, use, file));
  view.hidden = true;
  const here = () => ({
    length: state.game.length, networks: state.networks(), palettes: Object.keys(state.words.palettes),
    relevance: state.words.relevance.map(([name]) => name), rows: state.game.rows, columns: state.game.columns,
    players: state.words.players.length, stats: state.words.stats.length,
  });
  const share = {
    view,
    copy: () => {
      box.value = packState(state.get, state.recorded, state.edited);
      view.hidden = false;
      box.select();
      navigator.clipboard?.writeText(box.value).then(() => explain("The state is copied: open it in this game with “open state”."), () => {});
      explain("The state stands in the box below: copy it from there.");
      if (state.words.standalone) history.replaceState(null, "", `#${box.value}`);
    },
    ask: () => {
      [view.hidden, box.value] = [false, ""];
      box.focus();
    },
    use: (text) => {
      try {
        const found = unpackState(text);
        for (const [name, value] of Object.entries(fitState(found, here()))) state.set(name, value);
        if (found.edits && !state.words.standalone) state.set("what_if", true);
        begin(found.edits || null);
        explain("The state is shown.");
      } catch (error) {
        explain(`This can't be shown: ${error.message}.`);
      }
    },
  };
  return share;
}

export default { render };
