"""Make the website: ``python tools/site.py site`` (``make site``). With ``--run`` every notebook runs first.

Pages lie in the site as their sources lie in the repository, so a link between two files of the repository is one
between two pages.
"""

import argparse
import importlib
import shutil
import sys
from pathlib import Path

from live import write_explorers
from sphinx.cmd.build import main as sphinx

import territory

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "site"  # what only the site has: its first page, its style
TOP = ("README.md", "MODELS.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "pyproject.toml")
ROOMS = ("errors", "stats", "files", "world", "world.rules", "envs", "models", "agent", "training", "profiling")
ROOMS += ("interpret", "verdict", "viz", "widgets")


def gather(source: Path) -> None:
    """Put everything that becomes a page into one folder, in the repository's layout."""
    shutil.rmtree(source, ignore_errors=True)
    skip = shutil.ignore_patterns(".*", "site", "__pycache__", "*.py")
    shutil.copytree(ROOT / "notebooks", source / "notebooks", ignore=skip)
    shutil.copytree(ROOT / "docs", source / "docs", ignore=skip)
    shutil.copytree(PAGES, source, ignore=shutil.ignore_patterns("__pycache__", "live"), dirs_exist_ok=True)
    (source / "studies").mkdir()
    shutil.copy(ROOT / "studies" / "README.md", source / "studies" / "README.md")
    for name in TOP:
        shutil.copy(ROOT / name, source / name)


def write_reference(folder: Path) -> None:
    """A page for each room of the package, from its docstrings, and an index of them."""
    folder.mkdir()
    entries = []
    for room in ROOMS:
        module = importlib.import_module(f"territory.{room}")
        for name in getattr(module, "__all__", ()):
            setattr(module, name, getattr(module, name))  # those that load on first use: autodoc wants them there
        entries.append(room)
        (folder / f"{room}.md").write_text(_room_page(module), "utf-8")
    index = "# Reference\n\nFrom the docstrings of the package, room by room, the lowest first.\n\n"
    toctree = "\n".join(f"territory.{room} <{room}>" for room in entries)
    (folder / "index.md").write_text(f"{index}```{{toctree}}\n:maxdepth: 1\n\n{toctree}\n```\n", "utf-8")


def _room_page(module) -> str:
    """A heading, and autodoc's words for the module and all that it offers."""
    imported = ":imported-members:\n" if hasattr(module, "__all__") else ""
    automodule = f".. automodule:: {module.__name__}\n   :members:\n   {imported}"
    return f"# `{module.__name__}`\n\n```{{eval-rst}}\n{automodule}\n```\n"


def make_site(target: Path, run: bool = False) -> int:
    """Build the site into a folder, in the place of an earlier one; Sphinx's exit status, which a warning makes 1."""
    if target.is_dir() and any(target.iterdir()) and not (target / "searchindex.js").is_file():
        raise SystemExit(f"expected a new folder or an earlier site to write into; {target} holds something else")
    work = ROOT / "build" / "site"
    shutil.rmtree(work, ignore_errors=True)
    source, built = work / "source", work / "html"
    write_explorers(work / "explorer")
    gather(source)
    write_reference(source / "reference")
    options = ["-D", "nb_execution_mode=force"] if run else []
    # Sphinx's and MyST's own notes stay in build/, beside what they made.
    options += ["-d", str(work / "doctrees")]
    failed = sphinx(["-b", "html", "-W", "--keep-going", "-q", "-j", "2", *options, str(source), str(built)])
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(built, target)
    shutil.copytree(work / "explorer", target / "explorer", dirs_exist_ok=True)
    return failed


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path, help="the folder of the site, made if missing")
    parser.add_argument("--run", action="store_true", help="run every notebook first, in a copy")
    options = parser.parse_args(arguments)
    print(f"territory {territory.__version__}: the site goes into {options.target}", flush=True)
    return make_site(options.target, options.run)


if __name__ == "__main__":
    sys.exit(main())
