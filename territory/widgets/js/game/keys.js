// The keys: by place on the keyboard, so that they form the same compass on every layout.

import { order, WAIT } from "./orders.js";

const KEYS = {
  KeyQ: 7, KeyW: 0, KeyE: 1, KeyA: 6, KeyS: WAIT, KeyD: 2, KeyZ: 5, KeyX: 4, KeyC: 3, Space: WAIT,
  ArrowUp: 0, ArrowRight: 2, ArrowDown: 4, ArrowLeft: 6,
  Numpad7: 7, Numpad8: 0, Numpad9: 1, Numpad4: 6, Numpad5: WAIT, Numpad6: 2, Numpad1: 5, Numpad2: 4, Numpad3: 3,
};
export const HINT =
  "Click the map or the compass, or press Q W E / A · D / Z X C or the arrows; S or space waits; hold to repeat. " +
  "1 to 5 how many troops, B with a city, P runs on, U undoes.";

const SPOKEN = [..."QWEASDZXC", "Space", "ArrowUp", "ArrowRight", "ArrowDown", "ArrowLeft", ..."12345BPU"];

export function listenToKeys(root, model, orders, { build, run, undo }) {
  const buttons = { KeyB: build, KeyP: run, KeyU: undo };
  root.setAttribute("aria-keyshortcuts", SPOKEN.join(" "));
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, pre")) return;
    const onButton = event.target.matches("button, summary") && ["Space", "Enter"].includes(event.code);
    if (onButton || ["Tab", "Escape"].includes(event.code)) return;
    if (event.code in KEYS) {
      event.preventDefault();
      if (!event.repeat) orders.hold(() => order(model, KEYS[event.code]));
    } else if (/^Digit[1-5]$/.test(event.code)) {
      model.set("intensity", Number(event.code.at(-1)) - 1);
      model.save_changes();
    } else if (event.code in buttons && !buttons[event.code].disabled) buttons[event.code].click();
  });
  for (const event of ["keyup", "blur"]) root.addEventListener(event, orders.release);
}
