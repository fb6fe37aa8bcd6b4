"""How quickly the instruments answer, in a real browser with a real kernel: ``python -m tests.helpers.instruments``."""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from tests.helpers.lab_browser import Lab, browser_page, lab_server, write_notebook

SETUP = """
import gymnasium, torch
from territory import load_agent, widgets
from territory.profiling import compare_calls
from territory.world import WorldParams
from territory.world.replay import record
torch.set_num_threads({threads})
agent = load_agent("{agent}")
game = record(agent.act, WorldParams(num_bots=5, max_steps=120), seed=1_000_007)
explorer = widgets.AttentionExplorer(game, agent, step=20)
explorer
"""
PLAYER = """
widgets.GamePlayer(gymnasium.make("Territory-v0", num_bots=5), seed=7)
"""
PEER = """
frame = explorer.record.frames[20]
state = [torch.from_numpy(frame.obs[key])[None] for key in ("map", "global")]
def forward():
    with torch.inference_mode():
        agent.model(*state)
print("forward", compare_calls({"forward": forward}, repeats=40)[0].median)
"""
IN_VIEW = "view => view.scrollIntoView({block: 'start'})"  # what is out of sight is not drawn
# From the slider's move to the frame after the answer: everything that a person waits for. In milliseconds.
WHAT_IF = """async count => {
  const root = document.querySelector(".territory-explorer");
  const drawn = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  root.querySelector(".explorer-whatif input").click();
  [...root.querySelectorAll(".explorer-ablate")].at(-1).click(); // a head stays ablated, all thumbnails are redrawn
  await new Promise(done => setTimeout(done, 2000));
  const [slider, note, took] = [root.querySelector("[aria-label=rank]"), root.querySelector(".explorer-latency"), []];
  for (let i = 0; i < count; i++) {
    const answered = new Promise(done => {
      const watcher = new MutationObserver(() => { watcher.disconnect(); done(); });
      watcher.observe(note, {attributes: true, attributeFilter: ["data-answer"]});
    });
    const start = performance.now();
    slider.value = Math.cos(i);
    slider.dispatchEvent(new Event("input"));
    await answered;
    await drawn();
    took.push(performance.now() - start);
  }
  return took;
}"""
# When each state of the game was shown as the kernel computes it with that head ablated, in milliseconds.
PLAY = """async count => {
  const root = document.querySelector(".territory-explorer");
  const parts = [".explorer-time", "[aria-label=at]", ".explorer-latency"];
  const [slider, speed, note] = parts.map(each => root.querySelector(each));
  [speed.value, slider.value] = ["20", "0"];
  speed.dispatchEvent(new Event("change"));
  slider.dispatchEvent(new Event("input"));
  await new Promise(done => setTimeout(done, 1000));
  const times = [];
  const done = new Promise(done => new MutationObserver(() => requestAnimationFrame(now => {
    times.push(now);
    if (times.length === count) done();
  })).observe(note, {attributes: true, attributeFilter: ["data-answer"]}));
  root.querySelector(".explorer-play").click();
  await done;
  root.querySelector(".explorer-play").click();
  return times;
}"""
# When each of the kernel's frames was shown, in milliseconds.
FRAMES = """async count => {
  const root = document.querySelector(".territory-game");
  const [speed, times] = [root.querySelector("[aria-label^=at]"), []];
  speed.value = "20";
  speed.dispatchEvent(new Event("change"));
  const done = new Promise(done => new MutationObserver(() => {
    requestAnimationFrame(now => { times.push(now); if (times.length === count) done(); });
  }).observe(root.querySelector(".territory-standing"), {childList: true}));
  [...root.querySelectorAll("button")].find(button => button.textContent.startsWith("run on")).click();
  await done;
  return times;
}"""


def measure(folder: Path, agent: str, threads: int, questions: int, frames: int) -> dict:
    """Milliseconds of each what-if, and of each frame's showing; seconds of a forward pass before and after."""
    sources = [SETUP.format(agent=agent, threads=threads), PLAYER, PEER, PEER]
    write_notebook(folder / "instruments.ipynb", *sources)
    with lab_server(folder) as address, browser_page() as page:
        lab = Lab(page)
        lab.begin(address)
        page.set_viewport_size({"width": 1280, "height": 1400})  # the explorer with all its thumbnails in one view
        lab.open("instruments.ipynb")
        lab.run_all()
        page.locator(".territory-explorer").evaluate(IN_VIEW)
        took = page.evaluate(WHAT_IF, questions)
        played = page.evaluate(PLAY, min(frames, len_of_game(page)))
        page.locator(".territory-game").evaluate(IN_VIEW)
        shown = page.evaluate(FRAMES, frames)
        passes = [float(lab.printed(cell).split()[-1]) for cell in (2, 3)]
        assert lab.errors == [] and lab.outside == []
    arrays = {name: np.array(times) for name, times in (("what_if", took), ("played", played), ("frames", shown))}
    return arrays | {"forward": 1000 * float(np.mean(passes))}


def len_of_game(page) -> int:
    """The states of the explorer's game that can be gone to from its first."""
    return int(page.locator(".explorer-time").get_attribute("max"))


def report(agent: str, measured: dict) -> str:
    """The figures as ratios."""
    middle, late = np.percentile(measured["what_if"], (50, 95))
    forward = measured["forward"]
    rates = "; ".join(
        f"{what} {1000 / gaps.mean():.1f} came, 95th percentile between two {np.percentile(gaps, 95) / 50:.2f} of a "
        "twentieth of a second"
        for what, gaps in (("played", np.diff(measured["played"])), ("of the game", np.diff(measured["frames"])))
    )
    return (
        f"{agent}, what if, from the slider's move to the answer drawn ({len(measured['what_if'])} questions): "
        f"median {middle / forward:.1f}, 95th percentile {late / forward:.1f} times one forward pass; "
        f"{middle / 100:.2f} and {late / 100:.2f} of the goal of 100 ms\n"
        f"128x128 frames through the kernel, asked for 20 a second, explorer with that head ablated and game: {rates}"
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.helpers.instruments", description=__doc__)
    parser.add_argument("--agent", default="tokens", help="whose network answers")
    parser.add_argument("--threads", type=int, default=2, help="that torch uses")
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--frames", type=int, default=100)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder), asked.agent, asked.threads, asked.questions, asked.frames)
    print(report(asked.agent, measured))


if __name__ == "__main__":
    main()
