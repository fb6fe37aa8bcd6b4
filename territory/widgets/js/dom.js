// What all front ends build their pages from.

const SVG = "http://www.w3.org/2000/svg";

export function place(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

function fill(node, attributes, children) {
  place(node, attributes);
  node.append(...children);
  return node;
}

export function make(tag, className = "", attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (tag === "output") node.setAttribute("aria-live", "off"); // else every number would be read out at every step
  return fill(node, attributes, children);
}

export const draw = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// Other words in a node, if they are others: setting the same again would have the page lay everything out again.
export function say(node, text) {
  if (node.textContent !== String(text)) node.textContent = text;
}

export function options(pairs) {
  return pairs.map(([value, text]) => make("option", "", { value }, text));
}

// A labelled choice: `shown` is what stands before it ("" for none), `label` what a screen reader calls it.
export function select(label, choices, set, shown = label) {
  const control = make("select", "", { "aria-label": label }, ...options(choices));
  control.addEventListener("change", () => set(control.value));
  const view = make("label", "tw-field", {}, ...(shown ? [make("span", "", {}, shown)] : []), control);
  return { view, control, show: (value) => (control.value = String(value)) };
}

export function button(label, press, attributes = {}) {
  const view = make("button", "", { type: "button", ...attributes }, label);
  view.addEventListener("click", press);
  return view;
}

// A panel: a title, controls beside it, and what it holds.
export function panel(title, tools, ...children) {
  const head = make("header", "tw-head", {}, make("b", "tw-title", {}, title), ...tools);
  return make("section", "tw-panel", { "aria-label": title }, head, ...children);
}

// A control that is switched off under the reader's focus hands it to the whole view: else the next key would go to
// the page around, where JupyterLab has other plans for it.
export function switchOff(control, off) {
  if (control.disabled === off) return;
  if (off && control.matches(":focus")) control.closest(".tw").focus();
  control.disabled = off;
}

// What is typed here is meant for this view, in a select or on a slider too: JupyterLab takes letters and arrows for
// orders to its cells ("x" cuts one). What is pressed with Ctrl, such as to save, goes on to it.
function keepKeys(root) {
  root.addEventListener("keydown", (event) => event.ctrlKey || event.metaKey || event.altKey || event.stopPropagation());
}

export function download(name, bytes) {
  const link = make("a", "", { href: URL.createObjectURL(new Blob([bytes])), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// Puts a view into the page. What is given back is called when the page lets go of it: it takes the listeners off
// the model, and calls `end`.
export function mount({ model, el }, root, listeners, end) {
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

// Whatever calls it and however often, `show` runs once in the next frame.
export function oncePerFrame(show) {
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

// The picture that lies in the notebook before this widget is for when there is no kernel: hidden while this lives.
// JupyterLab hides it by a style, and has those of other cells in the same page; other front ends have other pages.
function hideStill(el) {
  const follows = (one, other) => Boolean(one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING);
  const placed = new ResizeObserver(() => { // not before it lies in the page
    placed.disconnect();
    if (el.closest(".jp-OutputArea-child")) return;
    const mark = [...document.querySelectorAll("[data-territory-still]")].filter((each) => follows(each, el)).at(-1);
    const picture = mark && [...document.images].find((each) => follows(mark, each) && follows(each, el) && !el.contains(each));
    if (picture) picture.style.display = "none";
  });
  placed.observe(el);
}
