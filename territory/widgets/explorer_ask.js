// What-if: the state that sliders and brush describe goes to the kernel, what the networks make of it comes back.

function makeQuestions(state, tools, { redraw, explain }) {
  let [asked, answered, pending, since] = [0, 0, false, 0];
  const begin = () => {
    asked = answered = asked + 1; // whatever is still on its way belongs to another state
    state.edited = state.get("what_if") && !state.words.standalone ? copyOf(state.recorded) : null;
    pending = false;
    tools.note.textContent = "";
    redraw();
  };
  const ask = () => {
    const { stats, owner, city, density, step } = state.edited;
    since = performance.now();
    pending = false;
    answered = asked;
    const buffers = [stats, owner, city, density].map((each) => each.slice().buffer);
    state.model.send({ ask: "imagine", serial: ++asked, step }, undefined, buffers);
  };
  // One question on its way, one in hand: moving faster than the network answers never piles up questions.
  const imagine = () => {
    redraw();
    if (asked !== answered) pending = true;
    else ask();
  };
  const answer = ({ serial, index, moved }, bytes) => {
    if (serial !== asked || !state.edited) return;
    answered = asked;
    const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    state.edited.looks = looksFrom(own, index, state.networks());
    const took = performance.now() - since;
    tools.note.textContent = `answered in ${took.toFixed(0)} ms · ${moved}`;
    Object.assign(tools.note.dataset, { answer: serial, took });
    redraw();
    if (pending) ask();
  };
  const hear = (content, buffers = []) => {
    if (content.file) return download(content.file, buffers[0]);
    if (!content.sorry) return answer(content, buffers[0]);
    answered = asked;
    explain(content.sorry);
  };
  return { begin, imagine, hear };
}
