// What is asked of the kernel, and when: an order, a key that is held, a game that runs on by itself.

export const WAIT = 8;
export const HOLD_MS = 350; // held longer than this, a key or button repeats

// What controls say travels with what they are for: a change of a control on its own may be overtaken.
export function ask(model, what, details = {}, ...controls) {
  return { ask: what, ...details, set: Object.fromEntries(controls.map((name) => [name, model.get(name)])) };
}

export const order = (model, direction) => ask(model, "order", { direction }, "intensity", "build");
// A step of a game that runs on. Several views may see it run: of those that would go on from one step, one does.
export const go = (model) => ask(model, "go", { after: model.get("scene").step }, "player", "intensity", "build");

// Orders to the kernel, one at a time, the newest in hand. `sorry`: what to do with an answer in words.
export function makeOrders(model, line, sorry, now = () => performance.now()) {
  let [held, last, seen] = [null, 0, 0];
  const send = (message) => line.ask("order", () => ({ message }), () => {}, sorry);
  // What is asked again while a key or button is down, and since when.
  const hold = (message) => {
    held = { message, since: now() };
    send(message());
  };
  const tick = () => {
    const [time, period, { step }] = [now(), 1000 / model.get("speed"), model.get("scene")];
    if (line.busy() || line.state() === "lost") return;
    if (step !== seen) [seen, last] = [step, time]; // another view went on, or this one by a press
    if (time - last < period) return;
    if (held && time - held.since > HOLD_MS) send(held.message());
    else if (!held && model.get("running")) send(go(model));
    else return;
    seen = step + 1;
    last = Math.max(last + period, time - period); // a tick that came late does not delay those after it
  };
  return { send, hold, tick, release: () => (held = null), isHeld: () => held !== null };
}
