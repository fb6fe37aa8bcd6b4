// What both front ends build their pages from.

function make(tag, className = "", attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function options(pairs) {
  return pairs.map(([value, text]) => make("option", "", { value }, text));
}

// A control that is switched off under the reader's focus hands it to the whole view: else the next key would go to
// the page around, where JupyterLab has other plans for it.
function switchOff(control, off) {
  if (off && control.matches(":focus")) control.closest("[tabindex]:not(button, input, select)").focus();
  control.disabled = off;
}

function download(name, bytes) {
  const link = make("a", "", { href: URL.createObjectURL(new Blob([bytes])), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// Listeners of a model, taken off again when the page lets go of the view.
function listen(model, listeners) {
  for (const [event, listener] of listeners) model.on(event, listener);
  return () => {
    for (const [event, listener] of listeners) model.off(event, listener);
  };
}
