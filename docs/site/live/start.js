// Before the explorer starts: how the page looks, and who answers it. Served over http, a network in this page; in a
// file, nobody.
(() => {
  // The site's theme, where the reader has chosen one: the site's pages keep it here, and change it under a frame.
  const look = () => {
    const chosen = localStorage.getItem("mode");
    document.documentElement.style.colorScheme = ["light", "dark"].includes(chosen) ? chosen : "light dark";
  };
  look();
  addEventListener("storage", look);
  if (parent !== window) {
    document.documentElement.dataset.framed = "";
    const tell = () => parent.postMessage({ height: document.body.offsetHeight }, "*");
    new ResizeObserver(tell).observe(document.body);
  }

  const read = (id) => document.getElementById(id).textContent;
  const note = document.getElementById("live-note");
  if (location.protocol === "file:") {
    note.textContent = "Opened as a file: this is the recorded game. What-if, ablation and relevance run a network in "
      + "the page, which browsers allow only where it is served over http.";
    return;
  }
  const start = async () => {
    const [{ live }, ort] = await Promise.all([import("./live.js"), import("./ort.wasm.bundle.min.mjs")]);
    const [state, about] = [JSON.parse(read("state")), JSON.parse(read("live"))];
    return live(ort, { state, about, game: read("game"), base: document.baseURI });
  };
  let answerer = null;
  window.territoryAnswer = async (message, buffers) => {
    answerer ??= start();
    return (await answerer)(message, buffers);
  };
})();
