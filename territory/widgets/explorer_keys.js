// The keys: everything that the controls do, without the mouse.

function shortcutsOf(state, time) {
  const { get, set, seek } = state;
  const next = (values, value) => values[(values.indexOf(value) + 1) % values.length];
  const layerNames = (number) => state.networks()[number].layers.map(({ name }) => name);
  const nextHead = (head, number) => {
    const heads = state.layerOf(number)?.heads || 0;
    return heads > 1 && head + 1 < heads ? head + 1 : MEAN;
  };
  const strengthen = (steps) => set("strength", Math.min(1, Math.max(0, Math.round(20 * get("strength") + steps) / 20)));
  return {
    Space: time.toggle,
    ArrowRight: (shift) => seek(get("step") + (shift ? 10 : 1)),
    ArrowLeft: (shift) => seek(get("step") - (shift ? 10 : 1)),
    Home: () => seek(0),
    End: () => seek(state.game.length - 1),
    KeyL: () => set("layers", get("layers").map((name, number) => (name ? next(layerNames(number), name) : name))),
    KeyH: () => set("heads", get("heads").map(nextHead)),
    KeyP: () => set("palette", next(Object.keys(state.words.palettes), get("palette"))),
    BracketLeft: () => strengthen(-1),
    BracketRight: () => strengthen(1),
    KeyW: () => state.words.standalone || set("what_if", !get("what_if")),
    Escape: () => set("cell", []),
  };
}

const spoken = (code) => ({ BracketLeft: "[", BracketRight: "]" })[code] || code.replace("Key", "");

function listenToKeys(root, shortcuts) {
  root.setAttribute("aria-keyshortcuts", Object.keys(shortcuts).map(spoken).join(" "));
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation(); // JupyterLab has keys of its own
    if (event.target.matches("input, select") || (event.target.matches("button") && event.code === "Space")) return;
    if (!(event.code in shortcuts)) return;
    event.preventDefault();
    shortcuts[event.code](event.shiftKey);
  });
}
