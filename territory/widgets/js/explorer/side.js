// One network: its board under its weights, its policy and its value.

import { make, options, say, select, switchOff } from "../dom.js";
import { minus } from "../numbers.js";
import { MEAN, tokensOf } from "./data.js";
import { makeBoard } from "./board.js";
import { makeCompass } from "./compass.js";
import { makeCurve } from "./curve.js";
import { blend, GREY, groundsOf, makePainter } from "../paint.js";
import { layerName, layerSays } from "./words.js";

// Which layer, and which of its heads.
function makeChoice(state, number) {
  const { layers } = state.networks()[number];
  const layer = select("layer", [], (value) => state.setAt("layers", number, value));
  const named = layers.length ? layers.map((each) => [each.name, layerName(each)]) : [["", "no attention that can be read"]];
  const asked = make("optgroup", "", { label: "relevance, asked of the kernel" }, ...options(state.words.relevance.map(([name]) => [name, name])));
  layer.control.append(make("optgroup", "", { label: "attention" }, ...options(named)), asked);
  const head = select("head", [], (value) => state.setAt("heads", number, Number(value)));
  const token = select("token", [], (value) => state.setAt("tokens", number, Number(value)));
  let listed = "";
  const showToken = () => {
    const tokens = tokensOf(state.layerOf(number));
    token.view.hidden = tokens.length < 2;
    if (listed !== String(tokens)) token.control.replaceChildren(...options(tokens));
    listed = String(tokens);
    token.show(Math.max(tokens[0]?.[0] ?? MEAN, Math.min(state.get("tokens")[number], tokens.at(-1)?.[0] ?? MEAN)));
  };
  const show = () => {
    showToken();
    const heads = state.layerOf(number)?.heads || 0;
    layer.show(state.get("layers")[number]);
    if (head.control.childElementCount !== heads + 1) {
      const each = Array.from({ length: heads }, (_, i) => [i, `${i + 1} of ${heads}`]);
      head.control.replaceChildren(...options([[MEAN, heads ? "mean of all" : "–"], ...each]));
    }
    switchOff(head.control, heads < 2);
    head.show(state.headOf(number));
  };
  return { views: layers.some((each) => tokensOf(each).length > 1) ? [layer.view, head.view, token.view] : [layer.view, head.view], show };
}

// The colours from least to greatest with the numbers at their ends, exactly as they are on the board: where owners'
// colours show through, one strip for each ground.
function makeScale(players) {
  const [low, bar, high] = [make("output", "low"), make("span", "explorer-bar"), make("output", "high")];
  const exact = make("span", "quiet");
  const strip = (colours) => {
    const view = make("i");
    view.style.background = `linear-gradient(to right, ${colours.filter((_, i) => i % 15 === 0).map((colour) => `rgb(${colour.map(Math.round)})`)})`;
    return view;
  };
  let drawn = "";
  const drawBar = (over) => {
    const look = over && [over.owners, over.strength, over.palette].join();
    if (look === drawn) return;
    drawn = look;
    bar.replaceChildren(...(over ? (over.owners ? groundsOf(players) : [GREY]).map((ground) => strip(blend(over.palette, over.strength, ground))) : []));
  };
  const show = (over) => {
    drawBar(over);
    say(low, over ? minus(over.low.toFixed(3)) : "");
    say(high, over ? minus(over.high.toFixed(3)) : "");
    say(exact, !over ? "" : over.owners ? "over your land, others', nobody's" : "");
  };
  return { view: make("div", "explorer-scale", {}, low, bar, high, exact), show };
}

export function makeSide(state, number, hands) {
  const { name } = state.networks()[number];
  const [board, choice, scale] = [makeBoard(name, { game: () => state.game, ...hands }), makeChoice(state, number), makeScale(state.words.colours)];
  const [compass, curve, says] = [makeCompass(state.words.shares), makeCurve(state.seek), make("p", "explorer-says")];
  const title = make("div", "tw-bar explorer-title", {}, make("b", "explorer-name", { "data-network": name }, name), ...choice.views,
    make("span", "tw-old", {}, "old"));
  const left = make("div", "explorer-left", {}, title, board.view, scale.view, says);
  let painter = null;
  const load = () => {
    painter = makePainter(state.words.colours, state.game);
    curve.load(state.game.arrays[`${number}.value`].values);
  };
  const show = () => {
    const [over, look, before] = [state.overOf(number), state.now().looks[number], state.recorded.looks[number]];
    const imagined = look !== before;
    board.show(painter, state.now(), over);
    board.markAt(state.tile(), over && over.size);
    choice.show();
    scale.show(over);
    say(says, layerSays(state, number, over));
    compass.show(look.policy, imagined ? before.policy : null, state.game.at("action", state.recorded.step)[0]);
    curve.show(state.recorded.step, imagined ? look.value : null);
  };
  return { left, policy: compass.view, value: curve.view, load, show };
}
