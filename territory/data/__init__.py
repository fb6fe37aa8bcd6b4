"""What the studies measured, one JSON file each: ``territory.load_study("learning")``.

A study takes minutes to hours, so its results are kept here and read by notebooks, the verdict and the docs. In a clone
of the repository ``python -m studies.NAME`` makes each file again.
"""

import json
from pathlib import Path
from typing import Any

from territory.errors import BadInput

DATA = Path(__file__).parent


def load_study(name: str) -> Any:
    """The results of a study as its file holds them, most often a list with one dictionary for each run.

    Raises BadInput: there is no study of that name; says which there are.
    """
    if name not in study_names():
        raise BadInput(f"expected the name of a study, one of {', '.join(study_names())}; got {name!r}")
    return json.loads((DATA / f"{name}.json").read_text("utf-8"))


def study_names() -> tuple[str, ...]:
    """The names of all studies whose results are kept."""
    return tuple(sorted(path.stem for path in DATA.glob("*.json")))
