// What a network would do: its ninety actions as a compass, and its value over the game.

const SVG = "http://www.w3.org/2000/svg";
const NAMES = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];
const WAIT = 8;
const [CENTRE, RING, RINGS] = [0.9, 0.45, 5];
const RIM = CENTRE + RINGS * RING;

function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

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

// Sectors: direction by intensity, the weakest order inside; building or not is summed over and said below.
function makeCompass(shares) {
  const cells = NAMES.flatMap((name, direction) => shares.map((share, ring) => {
    const title = draw("title");
    const path = draw("path", { d: sector(direction, ring), "data-order": `${name} ${share}` }, title);
    return { path, title, direction, ring, name: `${name} ${share}` };
  }));
  const middle = draw("title");
  cells.push({ path: draw("circle", { r: CENTRE, "data-order": "wait" }, middle), title: middle, direction: WAIT, name: "wait" });
  const labels = [...NAMES, "wait"].map((name, direction) => {
    const angle = ((direction - 2) * Math.PI) / 4;
    const [x, y] = direction === WAIT ? [0, 0] : [(RIM + 0.65) * Math.cos(angle), (RIM + 0.5) * Math.sin(angle)];
    const [share, was] = [draw("tspan", { x, dy: "1.1em" }), draw("tspan", { x, dy: "1.1em", class: "was" })];
    return { share, was, text: draw("text", { x, y: y - 0.1 }, draw("tspan", { x }, name), share, was) };
  });
  const svg = draw("svg", { viewBox: "-4.5 -4.1 9 8.5", class: "explorer-compass", role: "img" },
    ...cells.map(({ path }) => path), ...labels.map(({ text }) => text));
  const build = make("span", "explorer-build");
  const rings = `rings from the middle: ${shares.join(", ")} of the troops`;
  const summary = make("p", "explorer-summary", {}, rings, make("br"), build);
  const part = (policy, { direction, ring }) => (direction === WAIT
    ? policy.slice(10 * WAIT).reduce((sum, share) => sum + share, 0)
    : policy[10 * direction + 2 * ring] + policy[10 * direction + 2 * ring + 1]);
  const towards = (policy, direction) => policy.slice(10 * direction, 10 * direction + 10).reduce((sum, share) => sum + share, 0);
  const show = (policy, before, taken) => {
    for (const cell of cells) {
      const share = part(policy, cell);
      cell.path.style.fillOpacity = Math.sqrt(share);
      const chosen = taken >= 0 && Math.floor(taken / 10) === cell.direction &&
        (cell.direction === WAIT || Math.floor((taken % 10) / 2) === cell.ring);
      cell.path.classList.toggle("taken", chosen);
      if (chosen) svg.insertBefore(cell.path, labels[0].text); // its outline over its neighbours
      cell.path.dataset.share = share.toFixed(4);
      cell.title.textContent = `${cell.name}: ${percent(share, 1)}${chosen ? ", the order that was given" : ""}`;
    }
    labels.forEach(({ share, was }, direction) => {
      share.textContent = percent(towards(policy, direction));
      was.textContent = before ? `was ${percent(towards(before, direction))}` : "";
    });
    const builds = (from) => from.reduce((sum, share, action) => sum + (action % 2 ? share : 0), 0);
    build.textContent = `builds a city: ${percent(builds(policy))}${before ? ` (was ${percent(builds(before))})` : ""}`;
    svg.setAttribute("aria-label", "policy: " + labels.map(({ share }, d) => `${NAMES[d] || "wait"} ${share.textContent}`).join(", "));
  };
  return { view: make("div", "explorer-policy", {}, svg, summary), show };
}

// The value over the whole game: click or drag to go there.
function makeCurve(seek) {
  const line = draw("polyline", { class: "line" });
  const zero = draw("line", { class: "zero" });
  const cursor = draw("line", { class: "cursor" });
  const [dot, other] = [make("i", "explorer-dot"), make("i", "explorer-dot imagined")];
  const svg = draw("svg", { preserveAspectRatio: "none", "aria-hidden": "true" }, zero, line, cursor);
  const box = make("div", "explorer-curve", { "data-control": "value curve" }, svg, dot, other);
  const said = make("p", "explorer-value");
  let [values, low, high] = [[0], 0, 1];
  const go = (event) => {
    const { left, width } = svg.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
    seek(Math.round(share * (values.length - 1)));
  };
  box.addEventListener("pointerdown", go);
  box.addEventListener("pointermove", (event) => event.buttons & 1 && go(event));
  const load = (all) => {
    [values, low, high] = [all, Math.min(0, ...all), Math.max(0, ...all)];
    const margin = (high - low || 1) * 0.08;
    [low, high] = [low - margin, high + margin];
    svg.setAttribute("viewBox", `0 0 ${Math.max(1, values.length - 1)} 1`);
    line.setAttribute("points", Array.from(values, (value, step) => `${step},${height(value)}`).join(" "));
    for (const [name, value] of Object.entries({ x1: 0, x2: values.length, y1: height(0), y2: height(0) })) zero.setAttribute(name, value);
  };
  const height = (value) => (high - value) / (high - low);
  const place = (mark, step, value) => {
    mark.style.left = `${(100 * step) / Math.max(1, values.length - 1)}%`;
    mark.style.top = `${100 * Math.min(1, Math.max(0, height(value)))}%`;
  };
  const show = (step, imagined) => {
    for (const [name, value] of Object.entries({ x1: step, x2: step, y1: 0, y2: 1 })) cursor.setAttribute(name, value);
    place(dot, step, values[step]);
    other.hidden = imagined === null;
    if (imagined !== null) place(other, step, imagined);
    const now = imagined === null ? values[step] : imagined;
    said.textContent = `value ${signed(now)}${imagined === null ? "" : ` (was ${signed(values[step])})`}`;
  };
  return { view: make("div", "explorer-values", {}, said, box), load, show };
}
