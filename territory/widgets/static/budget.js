/* Made by tools/bundle.py from territory/widgets/js. Sources: 8ef6e22ec6974e172076f27b63351105b17c8d5e36302331dfd5c67762da2750 */

// territory/widgets/js/dom.js
var SVG = "http://www.w3.org/2000/svg";
function place(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}
function fill(node, attributes, children) {
  place(node, attributes);
  node.append(...children);
  return node;
}
function make(tag, className = "", attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (tag === "output") node.setAttribute("aria-live", "off");
  return fill(node, attributes, children);
}
var draw = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
function options(pairs) {
  return pairs.map(([value, text]) => make("option", "", { value }, text));
}
function select(label, choices, set, shown = label) {
  const control = make("select", "", { "aria-label": label }, ...options(choices));
  control.addEventListener("change", () => set(control.value));
  const view = make("label", "tw-field", {}, ...shown ? [make("span", "", {}, shown)] : [], control);
  return { view, control, show: (value) => control.value = String(value) };
}
function button(label, press, attributes = {}) {
  const view = make("button", "", { type: "button", ...attributes }, label);
  view.addEventListener("click", press);
  return view;
}
function panel(title, tools, ...children) {
  const head = make("header", "tw-head", {}, make("b", "tw-title", {}, title), ...tools);
  return make("section", "tw-panel", { "aria-label": title }, head, ...children);
}
function switchOff(control, off) {
  if (control.disabled === off) return;
  if (off && control.matches(":focus")) control.closest(".tw").focus();
  control.disabled = off;
}
function keepKeys(root) {
  root.addEventListener("keydown", (event) => event.ctrlKey || event.metaKey || event.altKey || event.stopPropagation());
}
function mount({ model, el }, root, listeners, end) {
  keepKeys(root);
  for (const [event, listener] of listeners) model.on(event, listener);
  el.classList.add("territory-widget");
  el.append(root);
  hideStill(el);
  return () => {
    for (const [event, listener] of listeners) model.off(event, listener);
    end();
  };
}
function oncePerFrame(show) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      show();
    });
  };
}
function hideStill(el) {
  const follows = (one, other) => Boolean(one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING);
  const placed = new ResizeObserver(() => {
    placed.disconnect();
    if (el.closest(".jp-OutputArea-child")) return;
    const mark = [...document.querySelectorAll("[data-territory-still]")].filter((each) => follows(each, el)).at(-1);
    const picture = mark && [...document.images].find((each) => follows(mark, each) && follows(each, el) && !el.contains(each));
    if (picture) picture.style.display = "none";
  });
  placed.observe(el);
}

// territory/widgets/js/line.js
var SLOW_MS = 1e3;
function makeLine(send, { now = () => performance.now(), changed = () => {
} } = {}) {
  const mine = Math.random().toString(36).slice(2);
  let [serial, asked, lost] = [0, null, false];
  const held = /* @__PURE__ */ new Map();
  const state = () => lost ? "lost" : !asked ? "quiet" : now() - asked.since >= SLOW_MS ? "slow" : "asked";
  let told = "quiet";
  const tell = () => {
    const next2 = state();
    if (next2 === told && next2 !== "slow") return;
    told = next2;
    changed(next2, line.seconds());
  };
  const go = (question) => {
    asked = { ...question, id: `${mine} ${++serial}`, since: now() };
    const { message, buffers } = question.make();
    send({ ...message, id: asked.id }, buffers);
    tell();
  };
  const next = () => {
    const [kind] = held.keys();
    if (asked || kind === void 0) return;
    const question = held.get(kind);
    held.delete(kind);
    go(question);
  };
  const line = {
    state,
    // Seconds that the question on its way has waited.
    seconds: () => asked ? (now() - asked.since) / 1e3 : 0,
    busy: () => asked !== null,
    // Ask: `make` is called when the question leaves, so it is as new as can be. False where nobody can answer.
    ask(kind, make2, done = () => {
    }, failed = () => {
    }) {
      if (lost) return false;
      const question = { kind, make: make2, done, failed };
      if (asked) held.set(kind, question);
      else go(question);
      return true;
    },
    // What comes in: true if it answers the question that is on its way.
    hear(content, buffers = []) {
      if (!asked || content.re !== asked.id) return false;
      const { done, failed } = asked;
      asked = null;
      try {
        if (content.error) failed(content.error, content.details || "");
        else done(content, buffers);
      } finally {
        next();
        tell();
      }
      return true;
    },
    // What is on its way or in hand is about something that is gone: its answer will not be heard.
    forget(kind) {
      held.delete(kind);
      if (asked && asked.kind === kind) Object.assign(asked, { done: () => {
      }, failed: () => {
      } });
    },
    // The other end is gone.
    lose() {
      [lost, asked] = [true, null];
      held.clear();
      tell();
    },
    tick: tell
  };
  return line;
}

// territory/widgets/js/health.js
var GONE = {
  restarting: "The kernel was restarted, or died and was started again",
  terminating: "The kernel was shut down",
  dead: "The kernel died"
};
var TO_DO = "Run the notebook's cells again from the top, this one too, to go on.";
function watchKernel(model, gone) {
  const kernel = model.widget_manager?.kernel;
  const onStatus = (_kernel, status) => {
    const now = status === "autorestarting" ? "restarting" : status;
    if (now in GONE) gone(now);
  };
  const onDisposed = () => gone("terminating");
  const onLive = () => gone("restarting");
  kernel?.statusChanged?.connect(onStatus);
  kernel?.disposed?.connect(onDisposed);
  model.on("comm_live_update", onLive);
  return () => {
    kernel?.statusChanged?.disconnect(onStatus);
    kernel?.disposed?.disconnect(onDisposed);
    model.off("comm_live_update", onLive);
  };
}
function makeConnection(model, root, { lost, keeps = "" }) {
  const note = make("p", "tw-waiting", { role: "status" });
  const [text, details] = [make("span"), make("pre", "", { tabindex: 0, "aria-label": "details" })];
  const more = make("details", "", {}, make("summary", "", {}, "details"), details);
  const hide = button("×", () => banner.hidden = true, { "aria-label": "close this message" });
  const banner = make("div", "tw-banner", { role: "alert" }, text, more, hide);
  banner.hidden = true;
  root.dataset.kernel = "quiet";
  const say = (words, extra = "", canHide = true) => {
    [text.textContent, details.textContent] = [words, extra];
    [more.hidden, hide.hidden, banner.hidden] = [!extra, !canHide, false];
  };
  const changed = (state, seconds) => {
    root.dataset.kernel = state;
    note.textContent = state !== "slow" ? "" : `waiting for the kernel, ${Math.floor(seconds)} s${seconds < 10 ? "" : ": it is busy, or it was restarted (then run this cell again)"}`;
  };
  const send = (message, buffers) => model.send(message, void 0, buffers);
  const line = makeLine(send, { changed });
  const gone = (status) => {
    if (line.state() === "lost") return;
    line.lose();
    say(`${GONE[status]}: nothing here is computed any more, and what you see is from before. ${keeps}${TO_DO}`, "", false);
    lost();
  };
  const unwatch = watchKernel(model, gone);
  const clock = setInterval(line.tick, 200);
  return {
    line,
    banner,
    note,
    say,
    end: () => {
      clearInterval(clock);
      unwatch();
      root.remove();
    }
  };
}

// territory/widgets/js/numbers.js
var percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;
var whole = (count) => Math.round(count).toLocaleString("en");
var minus = (text) => String(text).replace("-", "−");
function short(count) {
  const [size, unit] = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]].find(([each]) => Math.abs(count) >= each) || [1, ""];
  return minus(`${Number((count / size).toPrecision(3))}${unit}`);
}

// territory/widgets/js/budget/scales.js
function gauge(count, limit) {
  const most = Math.max(count, limit) * 1.06;
  return { bar: count / most, limit: limit / most, fits: count <= limit };
}
function verdict(count, limit) {
  if (count <= limit) return `within the budget: ${Math.round(100 * (limit - count) / limit)} % of it are left`;
  return `${(count / limit).toFixed(1)} times the budget`;
}
function largest(layers, kinds, share = 0.01) {
  const totals = kinds.map((kind) => layers.reduce((sum, layer) => sum + layer[kind], 0));
  const shares = (layer) => kinds.map((kind, i) => totals[i] ? layer[kind] / totals[i] : 0);
  const shown = layers.filter((layer) => Math.max(...shares(layer)) >= share).map((layer) => ({ name: layer.name, shares: shares(layer) }));
  const rest = layers.filter((layer) => Math.max(...shares(layer)) < share);
  if (rest.length) shown.push({ name: `${rest.length} smaller layers`, shares: kinds.map((_, i) => rest.reduce((sum, layer) => sum + shares(layer)[i], 0)) });
  return shown;
}
function boxes(grids, height) {
  let x = 8;
  return grids.map((grid) => {
    const side = grid.side ? Math.max(6, height * Math.sqrt(grid.side) / Math.sqrt(128)) : 8;
    const depth = Math.max(3, 2.2 * Math.sqrt(grid.channels));
    const box = { ...grid, x, side, depth: grid.side ? depth : 6, tall: grid.side ? side : Math.max(12, 2.6 * Math.sqrt(grid.channels)) };
    x += side + box.depth + 54;
    return box;
  });
}

// territory/widgets/js/budget/drawings.js
var KINDS = [["parameters", "parameters"], ["macs", "MACs"]];
function makeGauge(words) {
  const [bar, limit] = [make("b"), make("s")];
  const [count, says] = [make("output", "budget-count"), make("strong", "budget-verdict")];
  const view = make(
    "div",
    "budget-gauge tw-answer",
    {},
    make("p", "", {}, count, " parameters · ", says),
    make("div", "budget-track", { "aria-hidden": "true" }, bar, limit),
    make("p", "quiet", {}, `the line: the budget of ${whole(words.budget)}`)
  );
  const show = ({ parameters }) => {
    const { bar: width, limit: at, fits } = gauge(parameters, words.budget);
    [bar.style.width, limit.style.left] = [`${100 * width}%`, `${100 * at}%`];
    [count.textContent, says.textContent] = [whole(parameters), `${fits ? "✓ fits" : "✗ does not fit"}: ${verdict(parameters, words.budget)}`];
    view.dataset.fits = fits;
  };
  return { view, show };
}
function makeDiagram() {
  const svg = draw("svg", { role: "img", class: "budget-diagram" });
  const height = 84;
  const show = ({ grids, layers }) => {
    const placed = boxes(grids, height);
    const last = placed.at(-1);
    const total = layers.reduce((sum, layer) => sum + layer.parameters, 0);
    const nodes = placed.flatMap((box, i) => {
      const [top, right] = [10 + (height - box.tall) / 2, box.x + box.side];
      const up = box.depth * 0.6;
      const size = grids[i].side ? `${grids[i].side}×${grids[i].side}×${box.channels}` : `${box.channels}`;
      const front = draw("rect", { x: box.x, y: top + up / 2, width: box.side, height: box.tall, class: "front" });
      const edge = `M${box.x} ${top + up / 2}l${box.depth} ${-up}h${box.side}l${-box.depth} ${up}Z`;
      const flank = `M${right} ${top + up / 2}l${box.depth} ${-up}v${box.tall}l${-box.depth} ${up}Z`;
      const arrow = i ? [
        draw("path", { d: `M${box.x - 40} ${10 + height / 2}h30m-5 -4l5 4l-5 4`, class: "arrow" }),
        draw("text", { x: box.x - 26, y: 4 + height / 2, class: "kind" }, i === placed.length - 1 ? "linear" : "conv")
      ] : [];
      return [
        draw("path", { d: edge, class: "top" }),
        draw("path", { d: flank, class: "flank" }),
        front,
        ...arrow,
        draw("text", { x: box.x + (box.side + box.depth) / 2, y: height + 32 }, box.name),
        draw("text", { x: box.x + (box.side + box.depth) / 2, y: height + 46, class: "size" }, size)
      ];
    });
    svg.setAttribute("viewBox", `0 0 ${last.x + last.side + last.depth + 40} ${height + 54}`);
    svg.setAttribute("aria-label", `from the map to the features: ${grids.map((grid) => `${grid.name} ${grid.side ? `${grid.side} by ${grid.side} by ` : ""}${grid.channels}`).join(", ")}; ${short(total)} parameters`);
    svg.replaceChildren(...nodes);
  };
  return { view: svg, show };
}
function makeBars() {
  const rows = make("div", "budget-rows");
  const key = make("p", "quiet budget-key", {}, make("i", "parameters"), "share of the parameters", make("i", "macs"), "share of the MACs");
  const show = ({ layers }) => {
    rows.replaceChildren(...largest(layers, KINDS.map(([kind]) => kind)).map(({ name, shares }) => make(
      "div",
      "budget-row",
      {},
      make("span", "name", { title: name }, name),
      make("span", "bars", {}, ...shares.map((share, i) => {
        const bar = make("b", KINDS[i][0]);
        bar.style.width = `${100 * share * 0.82}%`;
        return make("span", "", {}, bar, make("output", "", { "aria-label": `${name}: share of the ${KINDS[i][1]}` }, percent(share, 1)));
      }))
    )));
  };
  return { view: make("div", "tw-answer", {}, rows, key), show };
}
function makeField({ side }) {
  const svg = draw("svg", { viewBox: `-2 -2 ${side + 4} ${side + 4}`, role: "img", class: "budget-field" });
  const says = make("p", "budget-says");
  const show = ({ field, step, cells }) => {
    const [rows, columns] = cells;
    const at = [Math.floor(rows / 2), Math.floor(columns / 2)].map((cell, i) => (side - cells[i] * step[i]) / 2 + (cell + 0.5) * step[i]);
    const box = (size, name) => draw("rect", { x: at[1] - size[1] / 2, y: at[0] - size[0] / 2, width: size[1], height: size[0], class: name });
    const lines = step[0] < 3 ? [] : Array.from({ length: rows + 1 }, (_, i) => (side - rows * step[0]) / 2 + i * step[0]).filter((x) => x >= 0 && x <= side).flatMap((x) => [draw("path", { d: `M${x} 0V${side}M0 ${x}H${side}`, class: "grid" })]);
    svg.replaceChildren(draw("rect", { x: 0, y: 0, width: side, height: side, class: "board" }), ...lines, box(field, "window"), box(step, "cell"));
    says.textContent = `The last grid has ${rows} × ${columns} cells. Each (orange) sees ${field[0]} × ${field[1]} (blue) of ${side} × ${side} tiles.`;
    svg.setAttribute("aria-label", says.textContent);
  };
  return { view: make("div", "budget-sees tw-answer", {}, svg, says), show };
}

// territory/widgets/js/budget/index.js
var NAMES = { channels: "channels", kernels: "kernel", strides: "stride" };
var SINGLE = { pooling: "pooling after conv 1", reading: "last grid", features: "map features" };
var FIRST = "Try first: replace “flatten” by “mean” and see which number falls; then double the stride of conv 1.";
function render({ model, el }) {
  const words = model.get("words");
  const root = make("div", "tw territory-budget", { tabindex: -1 });
  const connection = makeConnection(model, root, { lost: () => timed() });
  const { line } = connection;
  const sizes = makeSizes(model, words, (change) => {
    for (const [name, value] of Object.entries(change)) model.set(name, value);
    line.ask("design", () => ({ message: { ask: "design", set: Object.fromEntries(TRAITS.map((name) => [name, model.get(name)])) } }), () => {
    }, connection.say);
    show();
  });
  const time = button("time it", () => {
    timing = line.ask("time", () => ({ message: { ask: "time" } }), timed, (said, details) => {
      timed();
      connection.say(said, details);
    });
    show();
  }, { class: "primary", "aria-label": "Time it" });
  let timing = false;
  const timed = () => {
    timing = false;
    show();
  };
  const [gauge2, diagram, bars, field] = [makeGauge(words), makeDiagram(), makeBars(), makeField(words)];
  const drawings = [gauge2, diagram, bars, field];
  const [problem, goal, macs] = [make("p", "budget-problem", { role: "status" }), make("p", "budget-goal tw-answer", { role: "status" }), make("p", "budget-macs tw-answer")];
  const show = oncePerFrame(() => {
    const report = model.get("report");
    const gone = line.state() === "lost";
    sizes.show(gone);
    problem.textContent = report.problem ? `Impossible: ${report.problem}` : "";
    problem.hidden = !report.problem;
    root.dataset.impossible = Boolean(report.problem);
    switchOff(time, gone || timing || Boolean(report.problem));
    time.textContent = timing ? "timing …" : "time it";
    goal.textContent = goalSays(report, words, timing);
    goal.dataset.reached = Boolean(report.reached);
    if (report.problem) return;
    macs.textContent = `${whole(report.macs)} MACs: ${(report.macs / report.rival_macs).toFixed(2)} times ${words.rival}'s`;
    for (const each of drawings) each.show(report);
  });
  root.append(
    connection.banner,
    make("p", "tw-hint", {}, FIRST),
    gauge2.view,
    make(
      "div",
      "budget-main",
      {},
      make(
        "div",
        "budget-left",
        {},
        panel("the sizes", [], sizes.view, problem),
        panel("is it faster?", [], make("div", "tw-bar", {}, time, goal), connection.note),
        panel("what a cell sees", [], field.view)
      ),
      make(
        "div",
        "budget-right",
        {},
        panel("the network", [make("span", "tw-old", {}, "old")], diagram.view),
        panel("where it all sits", [], macs, bars.view)
      )
    )
  );
  const listeners = [
    [["report", ...TRAITS].map((name) => `change:${name}`).join(" "), show],
    ["msg:custom", line.hear]
  ];
  show();
  return mount({ model, el }, root, listeners, connection.end);
}
var TRAITS = ["channels", "kernels", "strides", "pooling", "reading", "features"];
function makeSizes(model, { offers, single }, change) {
  const parts = [];
  const add = (label, values, read, write, shown) => {
    const part = select(label, values.map((value) => [value, value]), write, shown);
    parts.push(() => part.show(read()), (off) => switchOff(part.control, off));
    return part.view;
  };
  const set = (name, i) => (value) => change({ [name]: model.get(name).map((old, at) => at === i ? Number(value) : old) });
  const table = make(
    "div",
    "budget-sizes",
    {},
    make("span"),
    ...Object.values(NAMES).map((name) => make("span", "quiet", {}, name)),
    ...[0, 1, 2].flatMap((i) => [
      make("b", "", {}, `conv ${i + 1}`),
      ...Object.entries(NAMES).map(([name, label]) => add(`conv ${i + 1} ${label}`, offers[name][i], () => model.get(name)[i], set(name, i), ""))
    ])
  );
  const rest = Object.entries(SINGLE).map(([name, label]) => add(label, single[name], () => model.get(name), (value) => change({ [name]: name === "features" ? Number(value) : value })));
  return { view: make("div", "", {}, table, make("div", "budget-rest", {}, ...rest)), show: (off) => parts.forEach((each) => each(off)) };
}
function goalSays(report, { rival }, timing) {
  if (report.problem) return "";
  if (timing) return `Timing it and ${rival}, taking turns …`;
  if (!report.timed) return `Not timed yet. The goal: within the budget, and a faster training step than ${rival}'s.`;
  const { ratio } = report.timed;
  return `${ratio.toFixed(2)} times as fast as ${rival} (a training step of 12 boards). ${report.reached ? "✓ Goal reached." : "The goal is not reached."}`;
}
var index_default = { render };
export {
  index_default as default,
  render
};
