// What a network would do: its ninety actions as a compass, with a scale.

import { draw, make, say } from "../dom.js";
import { percent } from "../numbers.js";

const NAMES = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];
const WAIT = 8;
const [CENTRE, RING, RINGS] = [0.9, 0.45, 5];
const RIM = CENTRE + RINGS * RING;
const SHOWN = [0, 0.05, 0.25, 0.5, 1]; // shares in the scale below

const sum = (policy, from, count) => policy.slice(from, from + count).reduce((all, share) => all + share, 0);
export const towards = (policy, direction) => sum(policy, 10 * direction, 10);
export const builds = (policy) => policy.reduce((all, share, action) => all + (action % 2 ? share : 0), 0);
// The share of one sector: a direction at one intensity, building or not.
export const partOf = (policy, { direction, ring }) =>
  direction === WAIT ? towards(policy, WAIT) : sum(policy, 10 * direction + 2 * ring, 2);

function sector(direction, ring) {
  const [inner, outer] = [CENTRE + ring * RING, CENTRE + (ring + 1) * RING];
  const at = (radius, eighths) => {
    const angle = ((eighths - 2) * Math.PI) / 4; // from east, clockwise, since y grows downwards
    return `${radius * Math.cos(angle)} ${radius * Math.sin(angle)}`;
  };
  const [first, last] = [direction - 0.5, direction + 0.5];
  return `M${at(inner, first)} L${at(outer, first)} A${outer} ${outer} 0 0 1 ${at(outer, last)} L${at(inner, last)} ` +
    `A${inner} ${inner} 0 0 0 ${at(inner, first)}Z`;
}

function makeCells(shares) {
  const cells = NAMES.flatMap((name, direction) => shares.map((share, ring) => {
    const title = draw("title");
    const path = draw("path", { d: sector(direction, ring), "data-order": `${name} ${share}` }, title);
    return { path, title, direction, ring, name: `${name} ${share}` };
  }));
  const title = draw("title");
  const circle = draw("circle", { r: CENTRE, "data-order": "wait" }, title);
  return [...cells, { path: circle, title, direction: WAIT, name: "wait" }];
}

function makeLabels() {
  return [...NAMES, "wait"].map((name, direction) => {
    const angle = ((direction - 2) * Math.PI) / 4;
    const [x, y] = direction === WAIT ? [0, 0] : [(RIM + 0.7) * Math.cos(angle), (RIM + 0.65) * Math.sin(angle) - 0.2];
    const [share, was] = [draw("tspan", { x, dy: "1.1em" }), draw("tspan", { x, dy: "1.1em", class: "was" })];
    return { share, was, text: draw("text", { x, y: y - 0.1 }, draw("tspan", { x }, name), share, was) };
  });
}

function makeScale() {
  const swatch = (share) => {
    const box = make("i");
    box.style.opacity = Math.sqrt(share);
    return make("span", "explorer-swatch", {}, make("span", "", {}, box), percent(share));
  };
  return make("p", "explorer-shares quiet", { "aria-hidden": "true" }, ...SHOWN.map(swatch));
}

// Sectors: direction by intensity, the weakest order inside; building or not is summed over and said below.
export function makeCompass(shares) {
  const [cells, labels] = [makeCells(shares), makeLabels()];
  const svg = draw("svg", { viewBox: "-4.85 -4.5 9.7 9.2", class: "explorer-compass", role: "img" },
    ...cells.map(({ path }) => path), ...labels.map(({ text }) => text));
  const build = make("p", "explorer-build");
  const rings = make("p", "quiet", {}, `rings from the middle: ${shares.join(", ")} of the troops`);
  const show = (policy, before, taken) => {
    for (const cell of cells) {
      const share = partOf(policy, cell);
      cell.path.style.fillOpacity = Math.sqrt(share);
      const chosen = taken >= 0 && Math.floor(taken / 10) === cell.direction &&
        (cell.direction === WAIT || Math.floor((taken % 10) / 2) === cell.ring);
      cell.path.classList.toggle("taken", chosen);
      if (chosen && cell.path.nextSibling !== labels[0].text) svg.insertBefore(cell.path, labels[0].text); // its outline over its neighbours
      cell.path.dataset.share = share.toFixed(4);
      say(cell.title, `${cell.name}: ${percent(share, 1)}${chosen ? ", the order that was given" : ""}`);
    }
    labels.forEach(({ share, was }, direction) => {
      say(share, percent(towards(policy, direction)));
      say(was, before ? `was ${percent(towards(before, direction))}` : "");
    });
    say(build, `builds a city: ${percent(builds(policy))}${before ? ` (was ${percent(builds(before))})` : ""}`);
    svg.setAttribute("aria-label", "policy: " + labels.map(({ share }, d) => `${NAMES[d] || "wait"} ${share.textContent}`).join(", "));
  };
  const words = make("div", "explorer-legend", {}, build, makeScale(), rings);
  return { view: make("div", "explorer-answers", {}, make("div", "explorer-policy tw-answer", {}, svg, words)), show };
}
