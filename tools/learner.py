"""The learner's edition of the course, without solutions and outputs: ``python tools/learner.py notebooks learner``."""

import json
import sys
from pathlib import Path

from territory.cli.lab import PAGE
from territory.course.exercises import SOLUTION


def main(source: str, target: str) -> None:
    """Write every notebook of one folder into another, and the pages that they link."""
    folder = Path(target)
    if folder.resolve() == Path(source).resolve():
        raise SystemExit(f"expected another folder than {source} to write to: its solutions would be lost")
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(Path(source).glob("*.ipynb")):
        notebook = json.loads(path.read_text("utf-8"))
        notebook["cells"] = [cell for cell in map(blank, notebook["cells"]) if cell["source"]]
        notebook["metadata"].pop("widgets", None)
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        (folder / path.name).write_text(text, "utf-8")
        print(folder / path.name)
        for page in sorted({page.decode() for page in PAGE.findall(path.read_bytes())}):
            (folder / page).parent.mkdir(exist_ok=True)
            (folder / page).write_bytes((Path(source).parent / page).read_bytes())


def blank(cell: dict) -> dict:
    """A cell without its outputs, or without its hidden solutions."""
    if cell["cell_type"] == "code":
        return cell | {"outputs": [], "execution_count": None}
    return cell | {"source": without_solutions("".join(cell["source"])).splitlines(keepends=True)}


def without_solutions(source: str) -> str:
    """A Markdown cell without its hidden solutions."""
    return SOLUTION.sub("", source).strip("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
