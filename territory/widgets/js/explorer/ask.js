// What the explorer asks the kernel: what networks make of an imagined state, what their decision rests on, and files.

import { download } from "../dom.js";
import { bufferOf, looksFrom } from "./data.js";
import { LOOK } from "./share.js";

const PATIENCE_MS = 150;

export function makeQuestions(state, tools, { line, say }, redraw) {
  const buffersOf = ({ stats, owner, city, density }) => [stats, owner, city, density].map((each) => each.slice().buffer);

  // Ask what the networks make of the edited moment; only the newest question is worth an answer.
  const imagine = () => {
    state.edited.serial = ++state.edits;
    const about = state.edited;
    // With an ablation the answer comes first: what is not ablated would flash up between two states.
    const late = setTimeout(redraw, state.hasAblation() ? PATIENCE_MS : 0);
    let since = 0;
    const question = () => {
      since = performance.now();
      return { message: { ask: "imagine", step: about.step, ablation: state.get("ablation") }, buffers: buffersOf(about) };
    };
    const answer = ({ index, moved }, [bytes]) => {
      if (state.edited !== about) return;
      clearTimeout(late);
      about.looks = looksFrom(bufferOf(bytes), index, state.networks());
      const took = performance.now() - since;
      tools.note.textContent = `answered in ${took.toFixed(0)} ms · ${moved}`;
      Object.assign(tools.note.dataset, { answer: Number(tools.note.dataset.answer || 0) + 1, took });
      redraw();
    };
    line.ask("imagine", question, answer, say);
  };

  const pending = new Set(); // what is asked for
  // Ask for the relevance maps that are shown and not yet known.
  const seekRelevance = () => {
    state.get("layers").forEach((method, number) => {
      if (!state.isRelevance(method)) return;
      const [key, moment] = [state.momentKey(number, method), state.now()];
      if (state.relevance.has(key) || pending.has(key) || state.words.standalone) return;
      const question = () => ({
        message: { ask: "relevance", network: number, method, step: moment.step, ablation: state.edited ? state.get("ablation") : [] },
        buffers: state.edited ? buffersOf(moment) : [],
      });
      const answer = ({ size }, [bytes]) => {
        pending.delete(key);
        state.relevance.set(key, { grid: new Float32Array(bufferOf(bytes)), size });
        redraw();
      };
      const failed = (words, details) => {
        pending.delete(key);
        state.relevance.set(key, null); // not asked again
        say(words, details);
      };
      if (line.ask(`relevance ${number}`, question, answer, failed)) {
        for (const each of pending) if (each.startsWith(`${number} `)) pending.delete(each);
        pending.add(key);
      }
    });
  };

  const request = (what) => line.ask(
    what,
    () => ({ message: { ask: what, set: Object.fromEntries([...LOOK, "what_if"].map((name) => [name, state.get(name)])) } }),
    ({ file }, [bytes]) => file && download(file, bytes),
    say,
  );
  return { imagine, seekRelevance, request };
}
