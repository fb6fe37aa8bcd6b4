// The controls above the boards: time, what lies over the map, and what to keep.

const SPEEDS = [1, 2, 5, 10, 20];

function makePlay(state) {
  const view = make("button", "explorer-play", { type: "button", "data-control": "play" });
  let [playing, last] = [false, 0];
  const set = (on) => {
    playing = on;
    view.textContent = on ? "❚❚ pause" : "▶ play";
    view.setAttribute("aria-pressed", String(on));
  };
  const atEnd = () => state.get("step") >= state.game.length - 1;
  const toggle = () => {
    if (!playing && atEnd()) state.seek(0);
    set(!playing);
  };
  const tick = (now) => {
    const period = 1000 / state.get("speed");
    if (!playing || now - last < period) return;
    last = Math.max(last + period, now - period); // a tick that came late does not delay those after it
    state.seek(state.get("step") + 1);
    if (atEnd()) set(false); // with the last moment, not one tick after it
  };
  view.addEventListener("click", toggle);
  set(false);
  return { view, toggle, tick };
}

function makeTime(state) {
  const play = makePlay(state);
  const slider = make("input", "explorer-time", { type: "range", min: 0, "aria-label": "step" });
  const speed = select("at", SPEEDS.map((each) => [each, `${each} steps/s`]), (value) => state.set("speed", Number(value)));
  const standing = make("p", "explorer-standing");
  slider.addEventListener("input", () => state.seek(Number(slider.value)));
  const show = () => {
    [slider.max, slider.value] = [state.game.length - 1, state.recorded.step];
    speed.show(state.get("speed"));
    standing.textContent = standingOf(state);
  };
  return { views: [make("div", "row", {}, play.view, slider, speed.view), standing], show, toggle: play.toggle, tick: play.tick };
}

function makeLook(state) {
  const strength = make("input", "", { type: "range", min: 0, max: 1, step: 0.05, "aria-label": "overlay strength" });
  const palettes = Object.keys(state.words.palettes).map((name) => [name, name]);
  const palette = select("palette", palettes, (value) => state.set("palette", value));
  const ends = [["game", "of the whole game"], ["moment", "of this moment"]];
  const scale = select("scale", ends, (value) => state.set("scale", value));
  strength.addEventListener("input", () => state.set("strength", Number(strength.value)));
  const show = () => {
    strength.value = state.get("strength");
    palette.show(state.get("palette"));
    scale.show(state.get("scale"));
  };
  return { views: [make("label", "", {}, "overlay ", strength), palette.view, scale.view], show };
}

// Files of the view, and for a live game what it has played since: all come from the kernel.
function makeKeep({ model, get, words }) {
  const carried = ["step", "strength", "palette", "scale", "stat", "cell", "layers", "heads", "what_if"];
  const request = (what) => model.send({ ask: what, set: Object.fromEntries(carried.map((name) => [name, get(name)])) });
  const button = (what, label) => {
    const view = make("button", "", { type: "button" }, label);
    view.addEventListener("click", () => request(what));
    return view;
  };
  const follow = make("input", "", { type: "checkbox" });
  const view = make("span", "explorer-saves", {}, button("picture", "save picture"), button("page", "save page"));
  if (words.live) view.append(button("catch_up", "catch up"), make("label", "", {}, follow, "follow"));
  view.hidden = Boolean(words.standalone);
  let polled = 0;
  const tick = (now) => {
    if (!follow.checked || now - polled < 500) return;
    polled = now;
    request("catch_up");
  };
  return { view, tick };
}
