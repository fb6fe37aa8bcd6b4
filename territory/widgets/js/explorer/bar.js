// The controls above the boards: time, what lies over the map, and what to keep.

import { button, make, say, select } from "../dom.js";
import { standingOf } from "./words.js";

const SPEEDS = [1, 2, 5, 10, 20];
const TELL_MS = 500;

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
    const period = 1000 / state.get("speed");
    if (!playing || now - last < period || state.waits()) return; // each state gets its answer
    last = Math.max(last + period, now - period); // a tick that came late does not delay those after it
    state.model.set("step", state.get("step") + 1);
    if (now - told >= TELL_MS) { // not of each step: a message to the kernel costs the page more than the step does
      told = now;
      state.model.save_changes();
    }
    if (atEnd()) set(false); // with the last moment, not one tick after it
  };
  set(false);
  return { view, toggle, tick, stop: () => set(false) };
}

export function makeTime(state) {
  const play = makePlay(state);
  const slider = make("input", "explorer-time grow", { type: "range", min: 0, "aria-label": "step" });
  const speed = select("at", SPEEDS.map((each) => [each, `${each} steps/s`]), (value) => state.set("speed", Number(value)));
  const standing = make("p", "explorer-standing");
  slider.addEventListener("pointerdown", play.stop); // a thumb that is held does not run away
  slider.addEventListener("input", () => state.seek(Number(slider.value)));
  const show = () => {
    [slider.max, slider.value] = [state.game.length - 1, state.recorded.step];
    slider.setAttribute("aria-valuetext", `step ${state.recorded.step} of ${state.game.length - 1}`);
    speed.show(state.get("speed"));
    say(standing, standingOf(state));
  };
  return { standing, views: [play.view, slider, speed.view], show, toggle: play.toggle, tick: play.tick };
}

export function makeLook(state) {
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

// Files of the view, a state to carry elsewhere, and for a live game what it has played since.
export function makeKeep(state, { request, copy, open }) {
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
    views, tick,
    cutOff: () => {
      for (const each of [...saves, catchUp, follow]) each.disabled = true;
      follow.checked = false;
    },
  };
}
