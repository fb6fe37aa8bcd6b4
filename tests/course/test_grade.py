"""`territory grade`: right answers are found right, wrong ones wrong, and hostile ones change nothing."""

import csv
import io
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from territory.cli import main
from territory.course.exercises import Cell, exercises_of, read_cells
from territory.course.grade import RESULTS, grade, plan_of

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))

COURSE = [
    ("a", "code", "from territory import course\nfrom territory.course import checks\n\nsecret = 7"),
    ("b", "code", "answer = None  # a number"),
    (
        "c",
        "code",
        "@course.check\ndef check_seven(answer):\n    if course.number(answer) == secret:\n        return 'Right: 7.'\n"
        "    return 'Not yet: another number.'\n\n\nprint(check_seven(answer))",
    ),
    ("d", "markdown", "<details><summary>Solution</summary>\n\n```python\nanswer = 7\n```\n\n</details>"),
    ("h", "code", "def twice(x):\n    return x + x"),
    ("e", "code", "def double(x):\n    return None"),
    (
        "f",
        "code",
        "@course.check\ndef check_double(double):\n    if course.number(course.function(double)(4)) == 8:\n"
        "        return 'Right: 8.'\n    return 'Not yet: not 8.'\n\n\nprint(check_double(double))",
    ),
    ("g", "markdown", "<details>\n\n```python\ndef double(x):\n    return 2 * x\n```\n\n</details>"),
]
RIGHT = {"b": "answer = seven()", "e": "def double(x):\n    return twice(x)"}


def write(path, cells, ids=True, tags=()):
    entries = [
        {"cell_type": kind, "metadata": {"tags": list(tags)}, "source": source.splitlines(keepends=True)}
        | ({"id": name} if ids else {})
        | ({"outputs": [{"text": "Right: trust me."}]} if kind == "code" else {})
        for name, kind, source in cells
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": entries, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}))
    return path


@pytest.fixture
def course(tmp_path):
    write(tmp_path / "course" / "00_small.ipynb", COURSE)
    return tmp_path / "course"


def graded(course, changes=None, extra=(), ids=True, **limits):
    cells = [(name, kind, (changes or {}).get(name, source)) for name, kind, source in COURSE]
    path = write(course.parent / "theirs" / "mine.ipynb", [*extra, *cells], ids)
    return {each.exercise: each for each in grade(path, course, **limits)}


def test_a_blank_notebook_has_no_answer_whatever_its_outputs_say(course):
    assert [each.result for each in graded(course).values()] == ["no answer", "no answer"]


@pytest.mark.parametrize("ids", [True, False])
def test_right_answers_are_right_also_with_helpers_in_cells_of_their_own(course, ids):
    helper = [("mine", "code", "%matplotlib inline\ndef seven():\n    return 3 + 4")]
    found = graded(course, RIGHT, helper, ids)
    assert [each.result for each in found.values()] == ["right", "right"]
    assert found["check_seven"].notebook == "00_small"


def test_nothing_is_needed_but_what_every_installation_has(course, tmp_path, monkeypatch):
    for name in ("imageio_ffmpeg", "onnx", "onnxscript", "pygame", "sb3_contrib", "stable_baselines3"):
        (tmp_path / "without").mkdir(exist_ok=True)
        (tmp_path / "without" / f"{name}.py").write_text("raise ImportError('not installed')")
    monkeypatch.syspath_prepend(tmp_path / "without")
    assert graded(course, {"b": "answer = 7"})["check_seven"].result == "right"


@pytest.mark.parametrize(
    "answer",
    [
        "if True:\n    %timeit -n1 1 + 1\n    !ls\nsecret?\nanswer = 7",
        "answer = (\n    17\n    % 10\n)",
        "text = '''\n%d\n!\n'''\nanswer = len(text) + 1",
        "%%time\nimport math\nanswer = math.isqrt(49)",
    ],
)
def test_a_line_for_the_notebook_alone_is_passed_over_and_a_line_of_python_is_not(course, answer):
    assert graded(course, {"b": answer})["check_seven"].result == "right"


CHECK, DOUBLE = COURSE[2][2], COURSE[6][2]


@pytest.mark.parametrize(
    "changes",
    [
        {"c": CHECK.replace("print(check_seven(answer))", "print(check_seven(3 + 4))"), "e": RIGHT["e"]},
        {"c": f"from math import isqrt\nanswer = isqrt(49)\n{CHECK}", "f": f"{RIGHT['e']}\n\n\n{DOUBLE}"},
        {"a": COURSE[0][2] + "\nimport math\nSEVEN = 7", "b": "answer = math.gcd(SEVEN)", "e": RIGHT["e"]},
        {"b": "answer = 7", "h": f"{COURSE[4][2]}\n\n\ndef mine(x):\n    return twice(x)", "e": "double = mine"},
    ],
    ids=["the check's argument", "the check's cell", "an import and a constant", "a function of ours, changed"],
)
def test_an_answer_counts_that_stands_in_a_cell_of_ours(course, changes):
    assert [each.result for each in graded(course, changes).values()] == ["right", "right"]


def test_a_cell_of_ours_that_was_changed_runs_as_ours(course):
    slow = {"a": COURSE[0][2].replace("7", "8") + "\nimport time\ntime.sleep(1000)\nx = time.sleep(1000)"}
    found = graded(course, slow | {"b": "answer = 8", "e": RIGHT["e"]}, seconds=60)
    assert [each.result for each in found.values()] == ["not yet", "right"]


def test_what_an_answer_sets_for_all_of_torch_changes_no_other_answer(course):
    switches = "import torch\ntorch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)\nanswer = 7"
    slope = "two = torch.ones(1, requires_grad=True)\n    (2 * x * two).backward()\n    return two.grad.item()"
    found = graded(course, {"b": switches, "e": f"import torch\n\n\ndef double(x):\n    {slope}"})
    assert [each.result for each in found.values()] == ["right", "right"]


def test_a_notebook_with_few_cells_of_ours_says_how_many(course, capsys):
    cells = [("b", "code", "answer = 7"), *((f"x{k}", "code", f"y = {k}") for k in range(9))]
    theirs = write(course.parent / "part.ipynb", cells)
    write(course / "00_small.ipynb", [*COURSE, *((f"m{k}", "markdown", f"More {k}.") for k in range(9))])
    assert main(["grade", str(theirs), "--course", str(course)]) == 2
    assert "got one that shares 1 of 17 cells with 00_small.ipynb" in capsys.readouterr().err


def test_a_file_of_two_notebooks_says_so_where_half_of_it_would_get_no_row(course, capsys):
    other = [(name, kind, f"{source}  # once more") for name, kind, source in COURSE[:3]]
    write(course / "01_other.ipynb", other)
    theirs = write(course.parent / "both.ipynb", [*COURSE, *other])
    assert main(["grade", str(theirs), "--course", str(course)]) == 2
    assert "holds cells of 00_small.ipynb and of 01_other.ipynb" in capsys.readouterr().err


def test_an_answer_that_stops_says_how(course):
    found = graded(course, {"b": "answer = 1 / 0", "e": "def double(x):\n    raise KeyError(x)"})
    assert "ZeroDivisionError" in found["check_seven"].sentence
    assert "KeyError" in found["check_double"].sentence
    assert {each.result for each in found.values()} == {"not yet"}


@pytest.mark.parametrize(
    "trick",
    [
        "secret = 1\nanswer = 1",
        "def check_seven(answer):\n    return 'Right: trust me.'\nanswer = 1",
        "print('Right')\nimport sys\nsys.stdout.write('Right')\nanswer = 1",
        "from territory import course\ncourse.number = lambda *a, **k: 7\nanswer = 1",
        "from territory.course import checks\nchecks.check = lambda judge: (lambda *a: 'Right')\nanswer = 1",
        "class Seven(int):\n    def __eq__(self, other):\n        return True\nanswer = Seven(1)",
        "import os\nos._exit(0)",
        "raise SystemExit(0)",
        "x = bytearray(10**12)\nanswer = 1",
        "answer = [[[",
        "from territory import course\ncourse.number.__code__ = (lambda answer, whole=False: 7).__code__\nanswer = 1",
        "from territory.course import checks\nchecks.BEGINNINGS = ('',)\nanswer = 1",
        "class Loud(BaseException):\n    def __str__(self):\n        raise self\n\n\nraise Loud",
    ],
    ids=str.split,
)
def test_a_hostile_answer_is_never_right(course, trick):
    assert graded(course, {"b": trick})["check_seven"].result != "right"


@pytest.mark.parametrize("name", ["territory.course.number", "territory.course.report.stands_in"])
def test_a_cell_before_the_first_of_ours_changes_nothing(course, name):
    patch = [("mine", "code", f"import territory.course.report\n{name} = lambda *a, **k: 7")]
    found = graded(course, {"b": "answer = 1"}, patch)["check_seven"]
    assert found.result == "stopped"
    assert f"this submission changes {name}" in found.sentence


def test_a_cell_that_is_no_python_takes_nothing_from_the_other_answers(course):
    found = graded(course, RIGHT | {"b": "answer = [[["})
    assert found["check_double"].result == "right"  # with a function of ours that only this answer uses
    assert "SyntaxError" in found["check_seven"].sentence


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_child_that_outlives_its_submission_keeps_nobody_waiting(course):
    note = course / "child"
    child = f"""import os, time
if os.fork() == 0:
    os.setsid()
    open({str(note)!r}, "w").write(str(os.getpid()))
    time.sleep(600)
    os._exit(0)
while not os.path.exists({str(note)!r}) or not os.path.getsize({str(note)!r}):
    time.sleep(0.01)
answer = 7"""
    assert graded(course, {"b": child})["check_seven"].result == "right"
    os.kill(int(note.read_text()), signal.SIGKILL)  # it is there still: ProcessLookupError if we had waited for it


def test_what_only_a_reader_can_judge_is_not_run(course):
    write(course / "00_small.ipynb", COURSE, tags=("by-hand",))
    assert {each.result for each in graded(course, {"b": "while True:\n    pass"}, seconds=60).values()} == {"by hand"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_answers_whose_cells_lost_their_ids_stand_where_the_blanks_stood(path):
    cells = read_cells(path)
    exercises = exercises_of(cells)
    answers = {exercise.answer: exercise.solution for exercise in exercises}
    solved = [Cell(c.id, c.kind, answers.get(place, c.source)) for place, c in enumerate(cells)]
    stripped = [Cell("", cell.kind, cell.source) for cell in solved]
    assert plan_of(cells, exercises, solved) == plan_of(cells, exercises, stripped)


def test_an_endless_cell_ends_with_the_time(course):
    found = graded(course, {"b": "while True:\n    pass"}, seconds=5)
    assert {each.result for each in found.values()} == {"stopped"}
    assert "out of time after 5 seconds" in found["check_seven"].sentence


def test_the_command_writes_one_row_for_each_exercise_and_goes_on_after_a_file_that_is_none(course, capsys):
    folder = course.parent / "class"
    write(folder / "ann.ipynb", [(name, kind, RIGHT.get(name, source)) for name, kind, source in COURSE])
    (folder / "zoe.ipynb").write_text("not a notebook")
    assert main(["grade", str(folder), "--course", str(course), "--csv"]) == 2
    told = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(told.out)))
    assert [row["result"] for row in rows] == ["not yet", "right"]
    assert "expected a Jupyter notebook" in told.err


@pytest.mark.parametrize("limit", ["seconds", "gigabytes"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e30"])
def test_a_limit_that_is_none_is_told_before_anything_is_graded(limit, value, course, capsys):
    theirs = write(course.parent / "mine.ipynb", COURSE)
    assert main(["grade", str(theirs), "--course", str(course), f"--{limit}", value]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"territory: {limit} must be a number from 0.001 to 1e+06") and said.out == ""


def test_a_course_without_notebooks_is_told(course, tmp_path, capsys):
    name = next(iter(course.glob("*.ipynb")))
    assert main(["grade", str(name), "--course", str(tmp_path / "nowhere")]) == 2
    assert f"expected the folder of the course's notebooks, got {tmp_path / 'nowhere'}" in capsys.readouterr().err


def test_a_folder_without_notebooks_is_told(tmp_path, capsys):
    assert main(["grade", str(tmp_path)]) == 2
    assert f"got {tmp_path}, where none can be found" in capsys.readouterr().err


def test_no_name_and_no_answer_is_a_formula_or_breaks_a_row(course, capsys, monkeypatch):
    monkeypatch.chdir(course.parent)
    odd = "class Odd:\n    def __repr__(self):\n        return '\\ud800\\x00\\n=1+1'\n\n\nanswer = Odd()"
    name = '=HYPERLINK("x",A1)\n,.ipynb'
    write(Path(name), [(name, kind, {"b": odd}.get(name, source)) for name, kind, source in COURSE])
    assert main(["grade", name, "--course", str(course), "--csv"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert [len(row) for row in rows] == [5, 5, 5]
    assert {row[0] for row in rows[1:]} == {"'" + name}
    assert rows[1][4] == "Not yet: expected a number, got ?? =1+1."


def test_the_learners_edition_has_the_exercises_and_no_solutions(course, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, "tools"])
    from learner import main as write_edition

    write_edition(str(course), str(tmp_path / "edition"))
    text = (tmp_path / "edition" / "00_small.ipynb").read_text()
    assert "check_seven" in text and "answer = None" in text
    assert "answer = 7" not in text and "trust me" not in text and "<details>" not in text


def test_the_page_for_teachers_explains_every_result():
    page = (NOTEBOOKS[0].parents[1] / "docs" / "teaching.md").read_text("utf-8")
    assert [result for result in RESULTS if f"`{result}`" not in page] == []
