"""Draw docs/pictures/architecture.svg: the floors of the package, what each room holds, and which rooms import which.

    python tools/architecture.py           draw it
    python tools/architecture.py --check   exit with 1 if the committed picture is not today's

Floors come from import-linter's contract in pyproject.toml, arrows from the imports themselves (read by grimp). Where a
room is also reached over others, its direct arrow is left out, so that the picture can be read.
"""

import sys
import tomllib
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "pictures" / "architecture.svg"
ROOMS = {
    "widgets": "game, explorer, budget, monitor",
    "cli": "train, evaluate, play, …",
    "course": "checks, grading, exercises",
    "viz": "every picture",
    "verdict": "the document's claims, checked",
    "training": "PPO and the run folder",
    "profiling": "parameters, MACs, memory, time",
    "interpret": "what attention does",
    "agent": "Agent, Checkpoint, Decoding",
    "envs": "gymnasium, PettingZoo, opponents",
    "models": "the networks and their policy",
    "guests": "any torch module, run and watched",
    "world": "the game: NumPy and Numba",
    "errors": "one exception",
    "stats": "intervals",
    "files": "safe reading and writing",
    "data": "what the studies measured",
}
WIDTH, HEIGHT, GAP, FLOOR = 212, 54, 22, 118  # of a room, between rooms, from floor to floor, in pixels
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; text-anchor: middle }
  .what { font-size: 11px; fill: #57606a }
  rect { fill: #f6f8fa; stroke: #57606a; rx: 6px }
  path { fill: none; stroke: #0969da; stroke-opacity: .38; stroke-width: 1.4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .what { fill: #9198a1 } rect { fill: #151b23; stroke: #9198a1 } path { stroke: #4493f8 }
  }"""


def floors() -> list[list[str]]:
    """The rooms of each floor, from the top, as the layers contract has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    separated = [layer.replace("|", " ").replace(":", " ").split() for layer in layers]
    return [[room for name in names if (room := name.strip("()")) in ROOMS] for names in separated if names]


def arrows(rooms: set[str]) -> set[tuple[str, str]]:
    """(importer, imported) between rooms, from the code's own import statements."""
    graph = grimp.build_graph("territory", include_external_packages=False)
    found = set()
    for module in graph.modules:
        here = module.split(".")[1:2]
        for other in graph.find_modules_directly_imported_by(module):
            there = other.split(".")[1:2]
            if here and there and here != there and {*here, *there} <= rooms:
                found.add((here[0], there[0]))
    return found


def clear(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The arrows without those that a longer way implies (the transitive reduction: imports have no circle)."""

    def reached(room: str) -> set[str]:
        return {to for start, to in pairs if start == room for to in {to, *reached(to)}}

    return {(a, b) for a, b in pairs if not any(b in reached(way) for start, way in pairs if start == a and way != b)}


def sizes(room: str) -> tuple[int, int]:
    """(files, lines) of a room's Python."""
    folder, file = ROOT / "territory" / room, ROOT / "territory" / f"{room}.py"
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [file]
    return len(files), sum(len(path.read_text("utf-8").splitlines()) for path in files)


def draw() -> str:
    """The whole picture as SVG text."""
    plan = [floor for floor in floors() if floor]
    widest = max(map(len, plan))
    width = widest * (WIDTH + GAP) + GAP
    corner = {}
    for row, floor in enumerate(plan):
        left = (width - len(floor) * (WIDTH + GAP) + GAP) / 2
        corner |= {room: (left + column * (WIDTH + GAP), GAP + row * FLOOR) for column, room in enumerate(floor)}
    lines = [_arrow(corner[above], corner[below]) for above, below in sorted(clear(arrows(set(corner))))]
    boxes = [_room(room, *corner[room]) for room in corner]
    height = GAP + (len(plan) - 1) * FLOOR + HEIGHT + GAP
    title = "Rooms of the territory package, floor by floor; each arrow points from a room to one it imports"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">\n'
        f"<title>{title}</title>\n<style>{STYLE}\n</style>\n" + "\n".join(lines + boxes) + "\n</svg>\n"
    )


def _arrow(above: tuple[float, float], below: tuple[float, float]) -> str:
    x, y = above[0] + WIDTH / 2, above[1] + HEIGHT
    to_x, to_y = below[0] + WIDTH / 2, below[1]
    bend = (to_y - y) / 2
    return f'<path d="M{x:g} {y:g} C{x:g} {y + bend:g} {to_x:g} {to_y - bend:g} {to_x:g} {to_y:g}"/>'


def _room(room: str, x: float, y: float) -> str:
    middle = x + WIDTH / 2
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}"/>'
        f'<text x="{middle:g}" y="{y + 22:g}">{escape(room)}</text>'
        f'<text class="what" x="{middle:g}" y="{y + 41:g}">{escape(ROOMS[room])}</text>'
    )


def main() -> int:
    """Draw, or check; and print each room's size, which the picture leaves out because it changes daily."""
    picture = draw()
    if "--check" in sys.argv[1:]:
        return int(picture != PICTURE.read_text("utf-8"))
    PICTURE.write_text(picture, "utf-8")
    for room in (room for floor in floors() for room in floor):
        print("{:12} {:3} files {:6,} lines".format(room, *sizes(room)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
