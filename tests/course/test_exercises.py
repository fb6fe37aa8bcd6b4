"""Finding the exercises of a notebook, and the cells that each needs."""

import json

import pytest

from territory.course.exercises import Cell, exercises_of, names_bound, needed, parsed, read_cells
from territory.errors import BadInput
from tools.learner import main, without_solutions

CELLS = [
    Cell("a", "code", "import numpy as np\nfrom territory import course"),
    Cell("b", "code", "total = 3\nfor name in ('x', 'y'):\n    print(name)"),
    Cell("c", "code", "board = {}\nunused = total"),
    Cell("d", "code", "board['x'] = np.ones(total)"),
    Cell("e", "code", "answer = None"),
    Cell("f", "code", "def check_sum(answer):\n    return [name for name in board]\n\n\nprint(check_sum(answer))"),
    Cell("g", "markdown", "Text\n<details>\n\n```python\nanswer = total + 1\n```\n\n</details>\nmore"),
]


def test_an_exercise_is_a_blank_a_check_and_a_solution():
    (exercise,) = exercises_of(CELLS)
    assert (exercise.check, exercise.names, exercise.answer, exercise.call) == ("check_sum", ("answer",), 4, 5)
    assert exercise.solution == "answer = total + 1\n"


def test_a_cell_is_needed_if_it_binds_or_changes_what_is_used():
    assert [CELLS[place].id for place in needed(CELLS, 5)] == ["a", "b", "c", "d", "e"]


def test_a_name_of_a_loop_or_of_a_comprehension_needs_no_cell():
    cells = [
        Cell("a", "code", "name = 1"),
        Cell("b", "code", "[name for name in 'xy']\nfor name in 'xy':\n    print(name)"),
    ]
    assert needed(cells, 1) == []


def test_a_module_that_is_only_used_needs_the_cell_that_imports_it_and_no_other():
    cells = [Cell("a", "code", "import viz"), Cell("b", "code", "viz.plot(1)"), Cell("c", "code", "viz.plot(2)")]
    assert needed(cells, 2) == [0]


def test_what_a_cell_binds():
    assert names_bound("a, b = 1, 2\nc.d = 3\ne[0] = 4\nf.append(5)\ndef g(): h = 1") == {"a", "b", "c", "e", "f", "g"}
    assert names_bound("this is no Python") == set()


def test_names_of_a_loop_inside_an_expression_are_neither_bound_nor_taken():
    cells = [
        Cell("a", "code", "each = 1"),
        Cell("b", "code", "found = [each for each in range(3)]"),
        Cell("c", "code", "found"),
    ]
    assert names_bound(cells[1].source) == {"found"}
    assert needed(cells, 2) == [1]


def test_what_a_function_calls_its_own_may_still_be_taken_from_a_cell_before():
    cells = [
        Cell("a", "code", "answer = 3"),
        Cell("b", "code", "def check(answer):\n    answer = 2\nprint(check(answer))"),
    ]
    assert needed(cells, 1) == [0]


def test_solutions_go_and_the_rest_stays():
    assert without_solutions(CELLS[6].source) == "Text\n\nmore"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 3}', '{"cells": {}}', '{"cells": [1]}', "\x00"])
def test_a_file_that_is_no_notebook_is_told(tmp_path, content):
    (path := tmp_path / "x.ipynb").write_text(content)
    with pytest.raises(BadInput, match="expected a Jupyter notebook"):
        read_cells(path)


def test_a_notebook_is_read_also_without_ids(tmp_path):
    (path := tmp_path / "x.ipynb").write_text(
        json.dumps({"cells": [{"cell_type": "code", "source": ["a = 1\n", "b"]}]})
    )
    assert read_cells(path) == [Cell("", "code", "a = 1\nb")]


@pytest.mark.parametrize("source", ["answer = [[[", "a = '\ud800'", "a\0b", "(" * 5000])
def test_a_cell_that_can_not_be_looked_at_binds_nothing(source):
    assert parsed(source) is None
    assert names_bound(source) == set()
    assert needed([Cell("", "code", "a = 1"), Cell("", "code", source)], 1, source) == []


@pytest.mark.parametrize("source", ["x = " + "-" * 5000 + "1", "x = " + "1+" * 9000 + "1", "x = 1" + "+ 1" * 100_000])
def test_a_cell_that_is_nested_deeply_binds_what_this_python_can_parse(source):
    assert names_bound(source) == (set() if parsed(source) is None else {"x"})
    assert needed([Cell("", "code", "a = 1"), Cell("", "code", source)], 1, source) == []


def test_an_edition_without_solutions_is_not_written_over_the_course(tmp_path):
    with pytest.raises(SystemExit, match="its solutions would be lost"):
        main(str(tmp_path), f"{tmp_path}/.")


def test_the_pages_that_a_notebook_links_come_with_the_learners_edition(tmp_path):
    for name, text in (("docs/glossary.md", "One name a thing."), ("docs/speed.md", "Nobody links it.")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    cell = {"cell_type": "markdown", "metadata": {}, "source": "[Glossary](../docs/glossary.md)"}
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}}))
    main(str(tmp_path / "notebooks"), str(tmp_path / "edition"))
    assert [path.name for path in (tmp_path / "edition" / "docs").iterdir()] == ["glossary.md"]
