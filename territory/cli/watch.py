"""``territory play``: a game in the terminal, two map rows to a line of half blocks."""

import shutil
import sys
import time
from typing import Any

import gymnasium
import numpy as np

from territory.training.device import keep_threads
from territory.training.evaluation import Policy
from territory.world.actions import describe
from territory.world.layout import Stat

CLEAR, HOME, PLAIN, TO_END = "\x1b[2J", "\x1b[H", "\x1b[0m", "\x1b[K"


def watch(policy: Policy, seed: int, fps: float, **options: Any) -> None:
    """Play one game, drawing each step; where the output is no terminal, only the last.

    ``options`` of the environment that are None come from how an agent was trained.
    """
    trained = getattr(policy, "config", {})
    options |= {name: trained[name] for name in ("height", "width", "max_steps") if trained and not options.get(name)}
    options = {name: value for name, value in options.items() if value is not None}
    env = gymnasium.make("Territory-v0", render_mode="rgb_array", **options)
    live = sys.stdout.isatty()
    with keep_threads():
        obs, info = env.reset(seed=seed)
    over, step, gained = False, 0, 0.0
    while not over:
        batched = {name: array[None] for name, array in obs.items()}
        action = int(policy(batched, info["action_mask"][None])[0])
        obs, reward, terminated, truncated, info = env.step(action)
        over, step, gained = terminated or truncated, step + 1, gained + reward
        if live or over:
            draw(env.render(), f"step {step}  {describe(action):<16} land {obs['global'][Stat.LAND_SHARE]:.0%}", live)
        if live:
            time.sleep(1 / fps)
    ending = "won" if info["win"] else "eliminated" if terminated else "time is up"
    print(
        f"{ending} after {step} steps: {info['land_share']:.0%} of the land, rank {info['rank']}, return {gained:.2f}"
    )
    env.close()


def draw(picture: np.ndarray, caption: str, live: bool) -> None:
    """Print a picture ``(H, W, 3)`` and a line below it; ``live`` draws over the one before."""
    columns, rows = shutil.get_terminal_size()
    shown = half_blocks(picture, columns, rows - 2)
    print((HOME if live else "") + shown + "\n" + caption + (TO_END if live else ""), flush=True)


def half_blocks(picture: np.ndarray, columns: int, rows: int) -> str:
    """A picture uint8 ``(H, W, 3)`` as coloured text of at most ``columns`` x ``rows`` characters.

    ▀ shows one pixel in its own colour and the one below it in its background's. Larger pictures are thinned out.
    """
    height, width = picture.shape[:2]
    stride = max(1, -(-width // max(1, columns)), -(-height // (2 * max(1, rows))))
    thin = picture[::stride, ::stride]
    if len(thin) % 2:
        thin = np.concatenate([thin, thin[-1:]])
    return "\n".join(_line(above, below) for above, below in zip(thin[::2], thin[1::2], strict=True))


def _line(above: np.ndarray, below: np.ndarray) -> str:
    cells, last = [], None
    for pair in np.concatenate([above, below], axis=1).tolist():
        if pair != last:  # colours hold until changed: a third of the text
            cells.append("\x1b[38;2;{};{};{};48;2;{};{};{}m".format(*pair))
            last = pair
        cells.append("▀")
    return "".join(cells) + PLAIN
