// A saved page: a model that keeps its state itself. It asks nobody, unless the page around brings somebody who
// answers: `window.territoryAnswer(message, buffers)`, a promise of `[content, buffers]` as the kernel would send them.

import { MARK } from "./share.js";
import { render } from "./index.js";

function openPage() {
  const read = (id) => document.getElementById(id).textContent;
  const state = JSON.parse(read("state"));
  state.game = new DataView(Uint8Array.from(atob(read("game")), (letter) => letter.charCodeAt(0)).buffer);
  const answer = window.territoryAnswer;
  if (answer) state.words.standalone = false;
  const listeners = [];
  const tell = (event, ...what) => {
    for (const [events, listener] of listeners) if (events.split(" ").includes(event)) listener(...what);
  };
  const model = {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      tell(`change:${name}`);
    },
    save_changes: () => {},
    send: async (message, _callbacks, buffers) => {
      if (!answer) return;
      const [content, bytes] = await answer(message, buffers).catch((error) => [{ error: error.message }, []]);
      tell("msg:custom", { ...content, re: message.id }, bytes);
    },
    on: (events, listener) => listeners.push([events, listener]),
    off: () => {},
  };
  const openLinked = () => location.hash.includes(MARK) && tell("msg:custom", { state: decodeURIComponent(location.hash) });
  render({ model, el: document.getElementById("explorer") }).then(openLinked);
  window.addEventListener("hashchange", openLinked); // another state, put into the same tab
}
openPage();
