"""One of every picture that `territory.viz` draws, from made-up numbers: ``python -m tests.helpers.gallery``.

What it writes into `tests/data/gallery` is what `tests/viz/test_gallery.py` compares with. Look at each picture before
you commit it: the comparison only says that nothing has changed.
"""

import io
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

from territory import viz
from territory.interpret import Curves
from territory.profiling import Machine, MacsRecord, NetworkDesign, ParameterRecord, RooflineRecord, build_design
from territory.world.replay import Frame

FOLDER = Path(__file__).parents[1] / "data" / "gallery"
DPI = 60  # a notebook shows them at 100: small files, and every letter still there
SIDE, PLAYERS = 32, 4
LAYERS = [("map_branch", "conv1"), ("map_branch", "conv2"), ("fusion", "fusion"), ("actor", "out")]


class Draw:
    """The numbers of one gallery: another seed, other numbers in every picture."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def share(self, *shape: int) -> np.ndarray:
        return self.rng.random(shape)

    def frame(self) -> Frame:
        """Players around seeds of their own, on plains with hills, a lake, two cities and an attack."""
        rows, columns = np.mgrid[:SIDE, :SIDE]
        centres = self.rng.integers(4, SIDE - 4, (PLAYERS, 2))
        away = np.hypot(rows[..., None] - centres[:, 0], columns[..., None] - centres[:, 1])
        waves = np.sin(rows / 5 + self.rng.random() * 6) + np.cos(columns / 6 + self.rng.random() * 6)
        terrain = np.digitize(waves, (-1.3, 0.6, 1.4)).astype(np.uint8)
        near = (away.min(axis=-1) < 9) & (terrain > 0)
        owner = np.where(near, away.argmin(axis=-1) + 1, 0).astype(np.uint8)
        city = np.zeros_like(owner)
        city[tuple(np.argwhere(owner == 1)[5])] = city[tuple(np.argwhere(owner == 2)[-5])] = 1
        attacks = np.zeros((PLAYERS + 1, 9 + PLAYERS))
        attacks[1, 2] = 500  # the agent pushes east
        tiles = np.bincount(owner.reshape(-1), minlength=PLAYERS + 1).astype(np.int32)
        planes = np.stack([owner == 1, owner > 1, (owner == 0) & (terrain > 0), owner / PLAYERS, city])
        obs = {"map": (255 * planes).astype(np.uint8), "global": (2 * self.share(16) - 1).astype(np.float32)}
        mask = self.rng.random(90) < 0.5
        return Frame(7, obs, mask, owner, terrain, city, tiles * 30.0, tiles, 24, 0.0, attacks)

    def network(self) -> nn.Module:
        wide = int(self.rng.integers(8, 64))
        return build_design(NetworkDesign(channels=(wide, 2 * wide, 2 * wide), features=4 * wide))

    def policy(self) -> np.ndarray:
        weights = self.share(90) ** 6
        return weights / weights.sum()

    def directions(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        worth = self.rng.normal(size=(14, 8)) * self.share(14, 1)
        choices = {"who looks": worth.argmax(1), "who doesn't": self.rng.integers(8, size=14)}
        worth[0, choices["who looks"][0] - 4] = np.nan
        choices["who doesn't"][0] = choices["who looks"][0]
        return worth, choices

    def interval(self) -> tuple[float, float, float]:
        low, middle, high = np.sort(self.share(3) * 2)
        return middle, low, high

    def parameters(self) -> list[ParameterRecord]:
        counts = self.rng.integers(1_000, 90_000, len(LAYERS))
        return [
            ParameterRecord(*layer, (int(count),), int(count), count / counts.sum())
            for layer, count in zip(LAYERS, counts, strict=True)
        ]

    def macs(self) -> list[MacsRecord]:
        counts = self.rng.integers(1_000, 90_000, len(LAYERS))
        return [
            MacsRecord(*layer, (1, 8), int(count), 2 * int(count), count / counts.sum(), 0, 0)
            for layer, count in zip(LAYERS, counts, strict=True)
        ]

    def roofline(self) -> list[RooflineRecord]:
        kinds = zip(LAYERS, self.share(4) * 30 + 0.5, self.share(4), self.share(4) * 0.6 + 0.2, strict=True)
        return [
            RooflineRecord(*layer, 400, 20, x, seconds, ROOF.roof(x), below * ROOF.roof(x))
            for layer, x, seconds, below in kinds
        ]

    def tables(self) -> dict:
        return {"parameters": self.parameters(), "MACs": self.macs()}

    def curves(self) -> dict:
        steps = np.arange(0, 50_000, 5_000)
        runs = {name: np.sort(self.share(3, len(steps)), axis=1) for name in ("tokens", "attention")}
        return {name: [list(zip(steps, seed, strict=True)) for seed in seeds] for name, seeds in runs.items()}

    def learning(self) -> list[dict]:
        steps = range(0, 50_000, 5_000)
        rates = np.sort(self.share(2, 10), axis=1).T
        return [
            {"step": step, "win_rate": win, "land_share": land} for step, (win, land) in zip(steps, rates, strict=True)
        ]

    def groups(self) -> dict:
        layers = ("spatial.1", "spatial.2", "spatial.3")
        return {layer: {name: self.interval() for name in ("trained", "untrained")} for layer in layers}

    def view(self, name: str, overlay: bool) -> viz.View:
        values = np.cumsum(self.share(20) - 0.5)
        look = {"title": "spatial.2, step 7", "low": 0, "high": 1}
        lying = {"overlay": self.share(8, 8), "look": look} if overlay else {}
        return viz.View(name, self.frame(), self.policy(), values, 7, values[7] + 1, **lying)

    def rows(self) -> dict:
        return {stat: {"policy": self.interval(), "asked": self.interval()} for stat in ("rank", "time", "cities")}

    def removal(self) -> dict:
        names, shares = ("occlusion", "own land", "random"), np.linspace(0, 1, 9)
        return {name: Curves(shares, np.sort(self.share(4, 9)), np.sort(self.share(4, 9))) for name in names}

    def relevance(self) -> dict:
        return {name: 2 * self.share(8, 8) - 1 for name in ("occlusion", "Grad-CAM")}

    def trained(self) -> list[dict]:
        fields = [field for names in viz.TRAINING_PANELS.values() for field in names]
        curves = {field: np.sort(self.share(12)) for field in fields}
        return [{"step": 384 * step, **{f: curve[step] for f, curve in curves.items()}} for step in range(12)]

    def playing(self) -> Figure:
        frame, before = self.frame(), 2 * self.share(16) - 1
        return viz.playing_figure(viz.board_picture(frame, 8), frame.obs, frame.mask, before, "step 7")


ROOF = Machine(flops=100.0, bandwidth=10.0)
PICTURES: dict[str, Callable] = {
    "plot_action_compass": lambda draw: viz.plot_action_compass(draw.policy(), chosen=24),
    "plot_architecture": lambda draw: viz.plot_architecture(draw.network()),
    "plot_attention": lambda draw: viz.plot_attention(draw.frame(), draw.share(8, 8), title="spatial.2"),
    "plot_board": lambda draw: viz.plot_board(draw.frame()),
    "plot_directions": lambda draw: viz.plot_directions(*draw.directions()),
    "plot_growth": lambda draw: viz.plot_growth({"random": draw.share() / 4, "steady": 0.5 + draw.share() / 4}),
    "plot_intervals": lambda draw: viz.plot_intervals(draw.groups(), chance=1),
    "plot_learning_curve": lambda draw: viz.plot_learning_curve(draw.learning()),
    "plot_mask": lambda draw: viz.plot_mask(draw.share(90) < 0.5),
    "plot_memory": lambda draw: viz.plot_memory({name: tuple(99 * draw.share(2)) for name in draw.curves()}, 50),
    "plot_parameter_shares": lambda draw: viz.plot_parameter_shares(draw.parameters()),
    "plot_planes": lambda draw: viz.plot_planes(draw.frame().obs["map"]),
    "plot_relevance": lambda draw: viz.plot_relevance(draw.frame(), draw.relevance()),
    "plot_removal": lambda draw: viz.plot_removal(draw.removal()),
    "plot_rows": lambda draw: viz.plot_rows(draw.rows(), chance=1),
    "plot_roofline": lambda draw: viz.plot_roofline(draw.roofline(), ROOF),
    "plot_seed_panels": lambda draw: viz.plot_seed_panels(draw.curves(), goal=0.9, label="won"),
    "plot_seeds": lambda draw: viz.plot_seeds(draw.curves(), goal=0.9),
    "plot_shares": lambda draw: viz.plot_shares(draw.tables()),
    "plot_stats": lambda draw: viz.plot_stats(2 * draw.share(16) - 1, before=2 * draw.share(16) - 1),
    "plot_value": lambda draw: viz.plot_value(np.cumsum(draw.share(40) - 0.5), step=11),
    "playing_figure": lambda draw: draw.playing(),
    "seen_figure": lambda draw: viz.seen_figure([draw.view("tokens", True), draw.view("baseline", False)]),
    "training_figure": lambda draw: viz.training_figure(
        draw.trained(), viz.board_picture(draw.frame(), 2), "tokens", "step 7"
    ),
    "shares_figure": lambda draw: viz.shares_figure(draw.tables(), "all of it"),
}


def picture(name: str, seed: int = 0) -> Image.Image:
    """One picture as it is compared: in matplotlib's own style and font, whatever this machine's settings."""
    with matplotlib.rc_context(matplotlib.rcParamsDefault | {"backend": "agg"}):
        drawn = PICTURES[name](Draw(seed))
        figure = drawn if isinstance(drawn, Figure) else drawn.figure
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=DPI)
        matplotlib.pyplot.close("all")
    return Image.open(file).convert("RGB")


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    for name in PICTURES:
        picture(name).save(FOLDER / f"{name}.png", optimize=True)
    print(f"{len(PICTURES)} pictures in {FOLDER}")


if __name__ == "__main__":
    main()
