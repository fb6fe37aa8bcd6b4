// A saved page: a model that keeps its state itself and asks nobody.

function openPage() {
  const read = (id) => document.getElementById(id).textContent;
  const state = JSON.parse(read("state"));
  state.game = new DataView(Uint8Array.from(atob(read("game")), (letter) => letter.charCodeAt(0)).buffer);
  const listeners = [];
  const model = {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      for (const [events, listener] of listeners) if (events.split(" ").includes(`change:${name}`)) listener();
    },
    save_changes: () => {},
    send: () => {},
    on: (events, listener) => listeners.push([events, listener]),
    off: () => {},
  };
  render({ model, el: document.getElementById("explorer") });
}
openPage();
