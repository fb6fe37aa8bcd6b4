// All layers and heads of this moment at a glance: click one to enlarge it, click below it to ablate it.

import { make, say, switchOff } from "../dom.js";
import { ABLATIONS, MEAN } from "./data.js";
import { paintGrid } from "../paint.js";

const SAID = { "": "as trained", uniform: "uniform", zero: "zero" };
const HOW = "as trained, uniform (the mean over its cells or keys) or zero";

// Every picture that a network has: its layers, and of those with several heads each; then the relevance methods.
function picturesOf({ layers }, words) {
  const attention = layers.flatMap(({ name, heads, grid }) => {
    if (!grid) return [{ name, head: MEAN, title: name, target: name, bare: true }];
    const mean = { name, head: MEAN, title: heads > 1 ? `${name} · mean` : name, target: name };
    const each = heads > 1 ? Array.from({ length: heads }, (_, head) => ({ name, head, title: `${name} · head ${head + 1}`, target: `${name} ${head}` })) : [];
    return [mean, ...each];
  });
  return [...attention, ...words.relevance.map(([name]) => ({ name, head: MEAN, title: name, target: null }))];
}

// A module's path as nodes: it may go on in another line after a dot or a dash.
const breakable = (path) => path.split(/(?<=[._])/).flatMap((part) => [part, make("wbr")]);

function makeThumb(state, number, picture, { choose, ablate }) {
  const canvas = make("canvas", "", { "aria-hidden": "true" });
  const empty = make("span", "explorer-empty", { "aria-hidden": "true" }, picture.target ? "one weight" : "ask");
  const name = state.networks().length > 1 ? `${state.networks()[number].name}: ${picture.title}` : picture.title;
  const open = make("button", "explorer-thumb", { type: "button", "aria-label": `show ${name}` }, canvas, empty);
  open.addEventListener("click", () => choose(number, picture));
  const cut = make("button", "explorer-ablate", { type: "button", title: HOW });
  cut.addEventListener("click", () => ablate(number, picture.target));
  const view = make("figure", "", {}, open, make("figcaption", "", { title: name }, ...breakable(picture.title.replace("cross.", ""))), ...(picture.target ? [cut] : []));
  const show = (off) => {
    const over = picture.bare ? null : state.overOf(number, picture.name, picture.head);
    [canvas.hidden, empty.hidden] = [!over, Boolean(over)];
    if (over) {
      const [height, width] = over.size;
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      canvas.getContext("2d").putImageData(new ImageData(paintGrid(over, over.palette), width, height), 0, 0);
    }
    const chosen = state.get("layers")[number] === picture.name && (picture.head === state.headOf(number) || !picture.target);
    open.setAttribute("aria-pressed", String(chosen));
    const how = state.ablated(number)[picture.target] || "";
    say(cut, SAID[how]);
    cut.dataset.how = how;
    cut.setAttribute("aria-label", `ablate ${name}: ${SAID[how]}`);
    switchOff(cut, off);
  };
  return { view, show };
}

export function makeThumbs(state, hands) {
  const rows = state.networks().map((network, number) => {
    const thumbs = picturesOf(network, state.words).map((picture) => makeThumb(state, number, picture, hands));
    const title = state.networks().length > 1 ? [make("b", "explorer-name", { "data-network": network.name }, network.name)] : [];
    return { thumbs, view: make("div", "explorer-row", {}, ...title, ...thumbs.map(({ view }) => view)) };
  });
  const view = make("div", "explorer-thumbs", {}, ...rows.map((row) => row.view));
  return { view, show: (off) => rows.forEach(({ thumbs }) => thumbs.forEach((thumb) => thumb.show(off))) };
}

// The ablation traits after a click on one target of one network: as trained, uniform, zero, and as trained again.
export function ablationAfter(all, number, target) {
  const { [target]: how, ...rest } = all[number];
  const next = ABLATIONS[ABLATIONS.indexOf(how) + 1];
  return all.map((each, i) => (i !== number ? each : next ? { ...rest, [target]: next } : rest));
}
