"""The notebooks as a course: links to the one before and after, the glossary, and no private words."""

import re
import subprocess
import symtable
import sys
from pathlib import Path

import pytest

from territory.course.exercises import exercises_of, read_cells

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PRIVATE = (
    "barracks",
    "newborn",
    "by heart",
    "give or take",
    "rolls dice",
    "ancestor",
    "the smell",
    "knock out",
    "dearer",
)


def words_of(path):
    return "\n".join(cell.source for cell in read_cells(path) if cell.kind == "markdown")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_links_its_neighbours_and_the_glossary(path):
    words, place = words_of(path), NOTEBOOKS.index(path)
    assert "(../docs/glossary.md)" in words
    for neighbour in NOTEBOOKS[max(0, place - 1) : place] + NOTEBOOKS[place + 1 : place + 2]:
        assert f"({neighbour.name})" in words


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_link_to_a_file_leads_somewhere(path):
    for target in re.findall(r"\]\((?!http)([^)#]+)", words_of(path)):
        assert (FOLDER / target).exists(), target


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_speaks_in_the_fields_words(path):
    found = [word for word in PRIVATE if word in words_of(path).casefold()]
    assert not found


def names_in(source):
    """Names that a cell binds on its own level, and those that it takes from other cells, in functions too."""
    tables = [symtable.symtable(source, "cell", "exec")]
    bound = {each.get_name() for each in tables[0].get_symbols() if each.is_assigned() or each.is_imported()}
    for table in tables:
        tables += table.get_children()
    globals_read = (each for table in tables for each in table.get_symbols() if each.is_global())
    return bound, {each.get_name() for each in globals_read} - bound


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_cell_gives_another_meaning_to_a_name_that_an_earlier_cell_takes(path):
    """Whoever runs all cells and then goes back to an exercise finds everything as its check expects it."""
    cells = read_cells(path)
    blanks = {exercise.answer for exercise in exercises_of(cells)}
    bound, taken = zip(*(names_in(cell.source if cell.kind == "code" else "") for cell in cells), strict=True)
    for place in range(len(cells)):
        later = set().union(*(bound[each] for each in range(place + 1, len(cells)) if each not in blanks))
        assert not taken[place] & set().union(*bound[:place]) & later, f"cell {place}"


def test_a_word_of_the_glossary_that_stands_in_code_letters_is_a_network():
    page = (FOLDER.parent / "docs" / "glossary.md").read_text("utf-8")
    assert {"`baseline`", "`attention`", "`tokens`"} <= set(re.findall(r"`\w+`", page))


def test_a_name_that_no_notebook_begins_with_is_told_where_their_times_are_measured():
    command = [sys.executable, str(FOLDER.parent / "tools" / "notebook_times.py"), "99"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "such as 00 or 05; got 99" in done.stderr
