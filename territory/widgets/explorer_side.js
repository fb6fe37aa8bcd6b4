// One network: its board under its attention, its policy and its value.

function select(label, choices, set) {
  const control = make("select", "", { "aria-label": label }, ...options(choices));
  control.addEventListener("change", () => set(control.value));
  return { view: make("label", "", {}, `${label} `, control), show: (value) => (control.value = String(value)), control };
}

// Which layer, and which of its heads.
function makeChoice(state, number) {
  const { layers } = state.networks()[number];
  const named = layers.length ? layers.map((each) => [each.name, layerName(each)]) : [["", "no attention"]];
  const layer = select("layer", named, (value) => state.setAt("layers", number, value));
  const head = select("head", [], (value) => state.setAt("heads", number, Number(value)));
  const show = () => {
    const heads = state.layerOf(number)?.heads || 0;
    layer.show(state.get("layers")[number]);
    if (head.control.childElementCount !== heads + 1) {
      const each = Array.from({ length: heads }, (_, i) => [i, `${i + 1} of ${heads}`]);
      head.control.replaceChildren(...options([[MEAN, heads ? "mean of all" : "–"], ...each]));
    }
    switchOff(head.control, heads < 2);
    head.show(state.get("heads")[number]);
  };
  return { views: [layer.view, head.view], show };
}

// The colours from least to greatest, with the numbers at their ends.
function makeScale() {
  const [low, bar, high] = [make("output", "low"), make("span", "explorer-bar"), make("output", "high")];
  const show = (over) => {
    const stops = over ? over.palette.filter((_, i) => i % 15 === 0).map((colour) => `rgb(${colour})`) : ["transparent", "transparent"];
    bar.style.background = `linear-gradient(to right, ${stops})`;
    [low.textContent, high.textContent] = over ? [over.low.toFixed(3), over.high.toFixed(3)] : ["", ""];
  };
  return { view: make("div", "explorer-scale", {}, low, bar, high), show };
}

function makeSide(state, number, hands) {
  const { name } = state.networks()[number];
  const [board, choice, scale] = [makeBoard(name, { game: () => state.game, ...hands }), makeChoice(state, number), makeScale()];
  const [compass, curve, says] = [makeCompass(state.words.shares), makeCurve(state.seek), make("p", "explorer-says")];
  const left = make("div", "explorer-left", {}, board.view, scale.view, says);
  const right = make("div", "explorer-right", {}, compass.view, curve.view);
  const title = make("div", "row", {}, make("b", "", {}, name), ...choice.views);
  const view = make("section", "explorer-side", { "aria-label": name }, title, make("div", "explorer-pair", {}, left, right));
  let painter = null;
  const load = () => {
    painter = makePainter(state.words.colours, state.game);
    curve.load(state.game.arrays[`${number}.value`].values);
  };
  const show = () => {
    const [over, look, before] = [state.overOf(number), state.now().looks[number], state.recorded.looks[number]];
    const imagined = look !== before;
    painter(board.canvas, state.now(), over);
    board.markAt(state.tile(), over && over.size);
    choice.show();
    scale.show(over);
    says.textContent = layerSays(state, number, over);
    compass.show(look.policy, imagined ? before.policy : null, state.game.at("action", state.recorded.step)[0]);
    curve.show(state.recorded.step, imagined ? look.value : null);
  };
  return { view, load, show };
}
