// The line to the kernel.

export const WAIT = 8;
const HOLD_MS = 350; // held longer than this, a key or button repeats

// What controls say travels with what they are for: a change of a control on its own may be overtaken.
export function ask(model, what, details, ...controls) {
  return { ask: what, ...details, set: Object.fromEntries(controls.map((name) => [name, model.get(name)])) };
}

export const order = (model, direction) => ask(model, "order", { direction }, "intensity", "build");

// One question on its way, one in hand: pressing faster than the kernel plays never piles up orders.
export function makeLine(model) {
  let [waiting, next, held, last] = [false, null, null, 0];
  const send = (message) => {
    if (waiting) {
      next = message;
      return;
    }
    waiting = true;
    model.send(message);
  };
  const answered = () => {
    const message = next;
    [waiting, next] = [false, null];
    if (message) send(message);
  };
  // What is asked again while a key or button is down, and since when.
  const hold = (message) => {
    held = { message, since: performance.now() };
    send(message());
  };
  const tick = () => {
    const [now, period] = [performance.now(), 1000 / model.get("speed")];
    if (waiting || now - last < period) return;
    if (held && now - held.since > HOLD_MS) send(held.message());
    else if (!held && model.get("running")) send(order(model, WAIT));
    else return;
    last = Math.max(last + period, now - period); // a tick that came late does not delay those after it
  };
  return { send, answered, hold, tick, release: () => (held = null), busy: () => waiting, isHeld: () => held !== null };
}
