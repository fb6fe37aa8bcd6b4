"""`territory lab`: the course in a folder of the learner's own, opened in JupyterLab."""

import filecmp
import hashlib
import importlib.util
import itertools
import os
import re
from pathlib import Path

import territory
from territory.errors import BadInput, shown
from territory.files import read_bytes, write_atomically

PACKAGE = Path(territory.__file__).parent
SHIPPED = PACKAGE / "notebooks"  # in an installed package
CLONED = PACKAGE.parent / "notebooks"  # in a clone of the repository
MARK = ".territory-course"  # in each copy: which course it was copied from
FOLDER = "territory-course"
PAGE = re.compile(rb"\]\(\.\./(docs/[\w-]+\.md)\)")  # Jupyter shows nothing above its folder: it looks for docs/ inside


def lab(path: str | None = None, browser: bool = True) -> int:
    """Open the course in JupyterLab; an installed package first copies it into a folder.

    What a learner has written is never replaced: where the folder holds another version of the course, the new one
    goes into a folder beside it.

    Args:
        path: The folder of the course; by default territory-course here, and in a clone its own notebooks.
        browser: Open a browser window; otherwise only print the address.
    """
    if path is None and not SHIPPED.is_dir():
        folder, options = CLONED.parent, [f"--LabApp.default_url=/lab/tree/{CLONED.name}"]  # docs/ are beside them
    else:
        (folder, said), options = copy_course(shipped_course(), Path(path or FOLDER)), []
        print(said)
    if importlib.util.find_spec("jupyterlab") is None:
        raise BadInput(
            f"the course is in {folder}, and JupyterLab is not installed in this Python: "
            'pip install "territory-course[lab]"'
        )
    if not browser:
        options.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")  # else Jupyter refuses root
    from jupyterlab.labapp import LabApp

    # In this process, so that whatever ends it (Ctrl-C, a kill, a closed terminal) is heeded by the server itself.
    LabApp.launch_instance([*options, str(folder)])
    return 0


def shipped_course() -> Path:
    """The folder of notebooks that came with this package."""
    for folder in (SHIPPED, CLONED):
        if folder.is_dir():
            return folder
    raise BadInput(f"expected the course's notebooks in {SHIPPED}, found none: install territory-course again")


def copy_course(course: Path, folder: Path) -> tuple[Path, str]:
    """Put the course into a folder without touching what a learner has changed there.

    The folder that now holds this course, which is another one where the given one was taken; and a sentence that says
    what was done.
    """
    try:
        mark = mark_of(course)
        folder = folder.expanduser().resolve()
        beside = f"{folder.name}-{territory.__version__}"
        names = itertools.chain((folder.name, beside), (f"{beside}-{number}" for number in itertools.count(2)))
        place = next(each for each in map(folder.with_name, names) if _is_free(each, course, mark))
        missing = {name: source for name, source in _files(course).items() if not (place / name).exists()}
        for name, source in missing.items():
            write_atomically(place / name, source.read_bytes())
        write_atomically(place / MARK, mark.encode())  # last, so that a copy that was cut off is completed by the next
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in the name; nobody's home, links in a circle
        raise BadInput(f"the course could not be copied into {shown(str(folder))}: {error}") from None
    said = f"the course in {place} is left as you have it"
    if place != folder:
        said = (
            f"{folder} holds other work or another version of the course, and was left as it is; the course of "
            f"territory-course {territory.__version__} is beside it in {place}"
        )
    elif missing:
        said = f"the course of territory-course {territory.__version__} is in {place} ({len(missing)} files copied)"
    return place, said


def mark_of(course: Path) -> str:
    """The version of a course, and a digest of all its files: what tells one course from another."""
    digest = hashlib.sha256()
    for name, source in _files(course).items():
        digest.update(name.as_posix().encode() + b"\0" + source.read_bytes())
    return f"{territory.__version__} {digest.hexdigest()[:16]}\n"


def _files(course: Path) -> dict[Path, Path]:
    """What is copied, by its place in the copy: the course, and the pages beside it that its notebooks link.

    Without hidden files and what Python or Jupyter leave behind.
    """
    found = {path.relative_to(course): path for path in sorted(course.rglob("*")) if path.is_file()}
    own = {name: path for name, path in found.items() if not any(p[0] == "." or p == "__pycache__" for p in name.parts)}
    notebooks = [path.read_bytes() for path in own.values() if path.suffix == ".ipynb"]
    pages = sorted({page.decode() for notebook in notebooks for page in PAGE.findall(notebook)})
    return own | {Path(page): course.parent / page for page in pages}


def _is_free(place: Path, course: Path, mark: str) -> bool:
    """Whether this course may go there: it is the one that the folder holds, or nothing there would be replaced."""
    if place.exists() and not place.is_dir():
        raise BadInput(f"expected a folder for the course, got a file: {place}")
    if os.path.lexists(place / MARK):
        return read_bytes(place / MARK, 1000, "mark of a course") == mark.encode()
    there = {name: source for name, source in _files(course).items() if (place / name).exists()}
    return all(filecmp.cmp(place / name, there[name], shallow=False) for name in there)  # a FIFO equals no file
