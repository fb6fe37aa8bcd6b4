// What the screen says about the kernel: that it is waited for, and that it is gone.

import { button, make } from "./dom.js";
import { makeLine } from "./line.js";

const GONE = {
  restarting: "The kernel was restarted, or died and was started again",
  terminating: "The kernel was shut down",
  dead: "The kernel died",
};
const TO_DO = "Run the notebook's cells again from the top, this one too, to go on.";

// Calls `gone(why)` once the kernel that this model lives in is gone, as far as the page around can tell.
function watchKernel(model, gone) {
  const kernel = model.widget_manager?.kernel;
  const onStatus = (_kernel, status) => {
    const now = status === "autorestarting" ? "restarting" : status;
    if (now in GONE) gone(now);
  };
  const onDisposed = () => gone("terminating");
  const onLive = () => gone("restarting"); // told when the manager gives its models up
  kernel?.statusChanged?.connect(onStatus);
  kernel?.disposed?.connect(onDisposed);
  model.on("comm_live_update", onLive);
  return () => {
    kernel?.statusChanged?.disconnect(onStatus);
    kernel?.disposed?.disconnect(onDisposed);
    model.off("comm_live_update", onLive);
  };
}

// The line of a widget, with a banner that says what happens to it.
//
// `lost`: called once when nobody will answer any more. `keeps`: what still works then, in words. The root's
// data-kernel is "quiet", "asked", "slow" or "lost", so that styles can mark what is old.
export function makeConnection(model, root, { lost, keeps = "" }) {
  const note = make("p", "tw-waiting", { role: "status" });
  const [text, details] = [make("span"), make("pre", "", { tabindex: 0, "aria-label": "details" })];
  const more = make("details", "", {}, make("summary", "", {}, "details"), details);
  const hide = button("×", () => (banner.hidden = true), { "aria-label": "close this message" });
  const banner = make("div", "tw-banner", { role: "alert" }, text, more, hide);
  banner.hidden = true;
  root.dataset.kernel = "quiet";
  const say = (words, extra = "", canHide = true) => {
    [text.textContent, details.textContent] = [words, extra];
    [more.hidden, hide.hidden, banner.hidden] = [!extra, !canHide, false];
  };
  const changed = (state, seconds) => {
    root.dataset.kernel = state;
    note.textContent = state !== "slow" ? "" : `waiting for the kernel, ${Math.floor(seconds)} s${seconds < 10 ? "" :
      ": it is busy, or it was restarted (then run this cell again)"}`;
  };
  const send = (message, buffers) => model.send(message, undefined, buffers);
  const line = makeLine(send, { changed });
  const gone = (status) => {
    if (line.state() === "lost") return;
    line.lose();
    say(`${GONE[status]}: nothing here is computed any more, and what you see is from before. ${keeps}${TO_DO}`, "", false);
    lost();
  };
  const unwatch = watchKernel(model, gone);
  const clock = setInterval(line.tick, 200);
  return {
    line, banner, note, say,
    end: () => {
      clearInterval(clock);
      unwatch();
      root.remove(); // JupyterLab keeps what lay around it for as long as its page is open
    },
  };
}
