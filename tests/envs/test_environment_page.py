"""The environment's page and docstring say what the code says."""

import inspect

from territory.envs import TerritoryEnv
from territory.world.layout import Plane, Stat
from tools import environment


def test_the_page_and_the_docstring_are_what_the_command_makes():
    assert environment.PAGE.read_text("utf-8") == environment.page(), "run python -m tools.environment"
    assert environment.docstring_lines() in inspect.getsource(TerritoryEnv), "run python -m tools.environment"


def test_every_entry_of_an_observation_is_on_the_page():
    page = environment.page()
    assert all(f"| {int(each)} | `{each.name}` |" in page for each in (*Plane, *Stat))
