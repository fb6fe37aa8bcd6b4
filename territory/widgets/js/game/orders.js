// What is asked of the kernel, and when: an order, a key that is held, a game that runs on by itself.

export const WAIT = 8;
export const HOLD_MS = 350; // held longer than this, a key or button repeats

// What controls say travels with what they are for: a change of a control on its own may be overtaken.
export function ask(model, what, details = {}, ...controls) {
  return { ask: what, ...details, set: Object.fromEntries(controls.map((name) => [name, model.get(name)])) };
}

export const order = (model, direction) => ask(model, "order", { direction }, "intensity", "build");
export const go = (model) => (model.get("player") === "you" ? order(model, WAIT) : ask(model, "go", {}, "player"));

// Orders to the kernel, one at a time, the newest in hand. `sorry`: what to do with an answer in words.
export function makeOrders(model, line, sorry, now = () => performance.now()) {
  let [held, last] = [null, 0];
  const send = (message) => line.ask("order", () => ({ message }), () => {}, sorry);
  // What is asked again while a key or button is down, and since when.
  const hold = (message) => {
    held = { message, since: now() };
    send(message());
  };
  const tick = () => {
    const [time, period] = [now(), 1000 / model.get("speed")];
    if (line.busy() || line.state() === "lost" || time - last < period) return;
    if (held && time - held.since > HOLD_MS) send(held.message());
    else if (!held && model.get("running")) send(go(model));
    else return;
    last = Math.max(last + period, time - period); // a tick that came late does not delay those after it
  };
  return { send, hold, tick, release: () => (held = null), busy: line.busy, isHeld: () => held !== null };
}
