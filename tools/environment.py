"""Make docs/environment.md and the tables in `TerritoryEnv`'s docstring from the code: ``python -m tools.environment``.

Planes, statistics, actions and arguments are read where they are defined, with the comments beside them.
"""

import inspect
import re
from pathlib import Path

from territory.envs import TerritoryEnv, single
from territory.world.actions import INTENSITIES, NUM_ACTIONS, Direction
from territory.world.layout import Plane, Stat
from territory.world.params import WorldParams

PAGE, TEMPLATE = Path(__file__).parents[1] / "docs" / "environment.md", Path(__file__).with_suffix(".md")
BEGIN, END = "    Planes of ``obs[", "    ``reset(seed=s)``"  # the generated lines of the docstring lie between


def comments(defined: type) -> dict[str, tuple[str, str]]:
    """For each name that a class body sets: its value and the comment beside it, as written."""
    line = re.compile(r"^    (\w+)(?:: \w+)? = (.+?)(?:  # (.*))?$", re.MULTILINE)
    return {name: (value, comment) for name, value, comment in line.findall(inspect.getsource(defined))}


def entries(layout: type) -> list[tuple[str, str, str]]:
    """Index, name and meaning of each member of `Plane` or `Stat`."""
    return [
        (value, name, meaning or name.lower().replace("_", " ")) for name, (value, meaning) in comments(layout).items()
    ]


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Rows as Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


def docstring_lines() -> str:
    """The part of `TerritoryEnv`'s docstring that names planes, statistics and actions."""
    lines = ['Planes of ``obs["map"]``, uint8 (5, height, width):']
    lines += [f"    {index} {name}: {meaning}" for index, name, meaning in entries(Plane)]
    lines += ['Entries of ``obs["global"]``, float32 (16,), each within [-1, 1]:']
    lines += [f"    {index} {name}: {meaning}" for index, name, meaning in entries(Stat)]
    names = ", ".join(direction.name for direction in Direction)
    lines += [
        f"Actions, Discrete({NUM_ACTIONS}): direction * 10 + intensity * 2 + build, with",
        f"    direction: {names}",
    ]
    lines += [
        f"    intensity: {', '.join(f'{share:.0%}' for share in INTENSITIES)} of the troops",
        "    build: a city, 0 or 1",
    ]
    return "".join(f"    {line}\n" for line in lines) + "\n"


def page() -> str:
    """docs/environment.md."""
    usual = WorldParams()
    arguments = [(f"`{name}`", value, meaning) for name, (value, meaning) in comments(WorldParams).items()]
    rows = {
        "planes": table(
            ("index", "plane", "value"), [(i, f"`{name}`", meaning) for i, name, meaning in entries(Plane)]
        ),
        "stats": table(("index", "entry", "value"), [(i, f"`{name}`", meaning) for i, name, meaning in entries(Stat)]),
        "directions": table(
            ("direction", *(d.name for d in Direction)), [("number", *(str(int(d)) for d in Direction))]
        ),
        "intensities": table(
            ("intensity", *(str(i) for i in range(len(INTENSITIES)))),
            [("of the troops at home", *(f"{share:.0%}" for share in INTENSITIES))],
        ),
        "arguments": table(("argument", "default", "meaning"), arguments),
    }
    return TEMPLATE.read_text("utf-8").format(**rows, actions=NUM_ACTIONS, params=usual)


def main() -> None:
    """Write both."""
    PAGE.write_text(page(), "utf-8")
    path = Path(str(single.__file__))
    source = path.read_text("utf-8")
    before, rest = source.split(BEGIN, 1)
    path.write_text(before + docstring_lines() + END + rest.split(END, 1)[1], "utf-8")
    print(f"wrote {PAGE.name} and the docstring of {TerritoryEnv.__name__}")


if __name__ == "__main__":
    main()
