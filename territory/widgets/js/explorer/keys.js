// The keys: everything that the controls do, without the mouse.

import { clip } from "../numbers.js";
import { MEAN } from "./data.js";

export function shortcutsOf(state, { toggle }) {
  const { get, set, seek } = state;
  const next = (values, value) => values[(values.indexOf(value) + 1) % values.length];
  const layerNames = (number) => state.networks()[number].layers.map(({ name }) => name);
  const nextHead = (head, number) => {
    const heads = state.layerOf(number)?.heads || 0;
    return heads > 1 && head + 1 < heads ? head + 1 : MEAN;
  };
  const strengthen = (steps) => set("strength", clip(Math.round(20 * get("strength") + steps) / 20, 0, 1));
  return {
    Space: toggle,
    ArrowRight: (shift) => seek(get("step") + (shift ? 10 : 1)),
    ArrowLeft: (shift) => seek(get("step") - (shift ? 10 : 1)),
    Home: () => seek(0),
    End: () => seek(state.game.length - 1),
    KeyL: () => set("layers", get("layers").map((name, number) => (name ? next(layerNames(number), name) : name))),
    KeyH: () => set("heads", get("heads").map(nextHead)),
    KeyP: () => set("palette", next(Object.keys(state.words.palettes), get("palette"))),
    KeyO: () => set("owners", !get("owners")),
    BracketLeft: () => strengthen(-1),
    BracketRight: () => strengthen(1),
    KeyW: () => state.words.standalone || set("what_if", !get("what_if")),
    Escape: () => set("cell", []),
  };
}

const spoken = (code) => ({ BracketLeft: "[", BracketRight: "]" })[code] || code.replace("Key", "");

export function listenToKeys(root, shortcuts) {
  root.setAttribute("aria-keyshortcuts", Object.keys(shortcuts).map(spoken).join(" "));
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea") || (event.target.matches("button, summary") && ["Space", "Enter"].includes(event.code))) return;
    if (!(event.code in shortcuts)) return;
    event.preventDefault();
    shortcuts[event.code](event.shiftKey);
  });
}
