// The line to the kernel, with a clock that the test turns.

import assert from "node:assert/strict";
import { test } from "node:test";

import { makeOrders } from "../../../territory/widgets/js/game/orders.js";
import { makeLine, SLOW_MS } from "../../../territory/widgets/js/line.js";

function setUp() {
  const seen = { sent: [], states: [], time: 0 };
  seen.line = makeLine((message) => seen.sent.push(message), { now: () => seen.time, changed: (state) => seen.states.push(state) });
  seen.ask = (kind, done, failed) => seen.line.ask(kind, () => ({ message: { ask: kind, at: seen.time } }), done, failed);
  return seen;
}

test("one question is on its way, and of each kind the newest is in hand", () => {
  const { line, ask, sent } = setUp();
  for (let i = 0; i < 5; i++) ask("imagine");
  ask("picture");
  assert.deepEqual(sent.map(({ ask: what }) => what), ["imagine"]);
  line.hear({ re: sent[0].id });
  line.hear({ re: sent[1].id });
  line.hear({ re: sent[2].id });
  assert.deepEqual(sent.map(({ ask: what }) => what), ["imagine", "imagine", "picture"]);
  assert.equal(line.busy(), false);
});

test("a question is made when it leaves, so it is as new as can be", () => {
  const seen = setUp();
  seen.ask("imagine");
  seen.ask("imagine");
  seen.time = 500;
  seen.line.hear({ re: seen.sent[0].id });
  assert.equal(seen.sent[1].at, 500);
});

test("an answer goes to whoever asked, an error too, and both free the line", () => {
  const seen = setUp();
  const heard = [];
  seen.ask("a", (content, [bytes]) => heard.push([content.value, bytes]), () => heard.push("failed"));
  seen.ask("b", () => heard.push("done"), (words, details) => heard.push([words, details]));
  seen.line.hear({ re: seen.sent[0].id, value: 7 }, ["bytes"]);
  seen.line.hear({ re: seen.sent[1].id, error: "no room", details: "Traceback" });
  assert.deepEqual(heard, [[7, "bytes"], ["no room", "Traceback"]]);
  assert.equal(seen.line.state(), "quiet");
});

test("a handler that throws does not hold the line", () => {
  const seen = setUp();
  seen.ask("a", () => {
    throw new Error("in the page");
  });
  seen.ask("b");
  assert.throws(() => seen.line.hear({ re: seen.sent[0].id }), /in the page/);
  assert.equal(seen.sent.length, 2);
});

test("answers to other questions are not taken for this one's", () => {
  const seen = setUp();
  seen.ask("a");
  assert.equal(seen.line.hear({ re: 99 }), false);
  assert.equal(seen.line.hear({ state: "pushed by the kernel" }), false);
  assert.equal(seen.line.busy(), true);
});

test("after a second without an answer the screen is told, and again when it comes", () => {
  const seen = setUp();
  seen.ask("a");
  seen.time = SLOW_MS - 1;
  seen.line.tick();
  assert.deepEqual(seen.states, ["asked"]);
  seen.time = SLOW_MS;
  seen.line.tick();
  assert.equal(seen.line.state(), "slow");
  seen.time = 4000;
  assert.equal(seen.line.seconds(), 4);
  seen.line.hear({ re: seen.sent[0].id });
  assert.deepEqual(seen.states, ["asked", "slow", "quiet"]);
});

test("what was forgotten may be answered, but nobody listens", () => {
  const seen = setUp();
  const heard = [];
  seen.ask("imagine", () => heard.push("old"));
  seen.ask("imagine", () => heard.push("old too"));
  seen.line.forget("imagine");
  seen.line.hear({ re: seen.sent[0].id });
  assert.deepEqual([heard, seen.sent.length, seen.line.state()], [[], 1, "quiet"]);
});

test("a line that is lost takes no question and stays lost", () => {
  const seen = setUp();
  seen.ask("a");
  seen.ask("b");
  seen.line.lose();
  assert.equal(seen.ask("c"), false);
  assert.equal(seen.line.hear({ re: seen.sent[0].id }), false);
  assert.deepEqual([seen.line.state(), seen.sent.length], ["lost", 1]);
});

test("an answer to one view of a widget is none to another, in this page or in another tab", () => {
  const [here, there] = [[], []];
  const [one, other] = [makeLine((message) => here.push(message)), makeLine((message) => there.push(message))];
  let heard = "";
  one.ask("go", () => ({ message: {} }), () => (heard += "one"));
  other.ask("go", () => ({ message: {} }), () => (heard += "other"));
  assert.equal(other.hear({ re: here[0].id }), false);
  assert.equal(one.hear({ re: here[0].id }), true);
  assert.equal(heard, "one");
  assert.equal(other.busy(), true);
});

test("a game that runs on in two views goes at the pace of one", () => {
  const traits = { speed: 5, running: true, player: "you", intensity: 1, build: false, scene: { step: 0 } };
  let [time, waiting] = [0, []];
  const view = () => {
    const line = makeLine((message) => waiting.push({ line, message, due: time + 30 }), { now: () => time });
    return makeOrders({ get: (name) => traits[name] }, line, () => {}, () => time);
  };
  const views = [view(), view()];
  for (; time < 10_000; time += 10) {
    for (const { message, line } of waiting.filter(({ due }) => due <= time)) {
      if (message.after === traits.scene.step) traits.scene = { step: traits.scene.step + 1 };
      line.hear({ re: message.id });
    }
    waiting = waiting.filter(({ due }) => due > time);
    for (const { tick } of views) tick();
  }
  assert.ok(traits.scene.step >= 48 && traits.scene.step <= 52, `${traits.scene.step} steps in ten seconds`);
});
