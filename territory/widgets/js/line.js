// The line to the kernel. Every question has a number, an answer in words or numbers, and a deadline on the screen.
//
// One question is on its way, and of each kind one in hand, the newest: asking faster than the kernel answers piles
// nothing up. An answer that comes back with an error frees the line like any other. Nothing here needs a page.

export const SLOW_MS = 1000; // without an answer for longer, the screen says so

export function makeLine(send, { now = () => performance.now(), changed = () => {} } = {}) {
  const mine = Math.random().toString(36).slice(2); // answers reach every view and every tab: each knows its own
  let [serial, asked, lost] = [0, null, false];
  const held = new Map(); // by kind: the newest question that could not go yet
  const state = () => (lost ? "lost" : !asked ? "quiet" : now() - asked.since >= SLOW_MS ? "slow" : "asked");
  let told = "quiet";
  const tell = () => {
    const next = state();
    if (next === told && next !== "slow") return;
    told = next;
    changed(next, line.seconds());
  };

  const go = (question) => {
    asked = { ...question, id: `${mine} ${++serial}`, since: now() };
    const { message, buffers } = question.make();
    send({ ...message, id: asked.id }, buffers);
    tell();
  };
  const next = () => {
    const [kind] = held.keys();
    if (asked || kind === undefined) return;
    const question = held.get(kind);
    held.delete(kind);
    go(question);
  };

  const line = {
    state,
    // Seconds that the question on its way has waited.
    seconds: () => (asked ? (now() - asked.since) / 1000 : 0),
    busy: () => asked !== null,
    // Ask: `make` is called when the question leaves, so it is as new as can be. False where nobody can answer.
    ask(kind, make, done = () => {}, failed = () => {}) {
      if (lost) return false;
      const question = { kind, make, done, failed };
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
      if (asked && asked.kind === kind) Object.assign(asked, { done: () => {}, failed: () => {} });
    },
    // The other end is gone.
    lose() {
      [lost, asked] = [true, null];
      held.clear();
      tell();
    },
    tick: tell,
  };
  return line;
}
