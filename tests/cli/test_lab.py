"""`territory lab` brings the course to a learner, and never replaces what the learner has written."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import territory
from territory.cli import main
from territory.cli.lab import MARK, copy_course, shipped_course
from territory.errors import BadInput


@pytest.fixture
def course(tmp_path):
    """A small course of two notebooks and a hidden folder, as it would lie in the package."""
    folder = tmp_path / "package" / "course"
    (folder / "data").mkdir(parents=True)
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "00.ipynb").write_text("left behind")
    (folder / "00.ipynb").write_text("game")
    (folder / "01.ipynb").write_text("bloat")
    (folder / "data" / "map.png").write_bytes(b"\x00\r\n\x1a")
    return folder


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name[0] != "."}


def test_the_course_is_copied_whole_and_without_what_jupyter_left_behind(course, tmp_path):
    place, said = copy_course(course, tmp_path / "mine" / "course")
    assert place == tmp_path / "mine" / "course"
    assert files(place) == {"00.ipynb", "01.ipynb", "data/map.png"}
    assert (place / "data" / "map.png").read_bytes() == b"\x00\r\n\x1a"
    assert "3 files copied" in said


def test_a_learners_work_is_left_as_it_is(course, tmp_path):
    place, _ = copy_course(course, tmp_path / "mine")
    (place / "00.ipynb").write_text("my answers")
    again, said = copy_course(course, tmp_path / "mine")
    assert again == place and (place / "00.ipynb").read_text() == "my answers"
    assert "left as you have it" in said


def test_a_copy_that_was_cut_off_is_completed(course, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "00.ipynb").write_text("game")
    place, said = copy_course(course, tmp_path / "mine")
    assert place == tmp_path / "mine" and "2 files copied" in said and len(files(place)) == 3


def test_a_newer_course_goes_beside_the_old_one_and_says_so(course, tmp_path, monkeypatch):
    old, _ = copy_course(course, tmp_path / "mine")
    (old / "01.ipynb").write_text("my answers")
    (course / "01.ipynb").write_text("bloat, told better")
    monkeypatch.setattr(territory, "__version__", "9.9")
    new, said = copy_course(course, tmp_path / "mine")
    assert new == tmp_path / "mine-9.9"
    assert (old / "01.ipynb").read_text() == "my answers"
    assert (new / "01.ipynb").read_text() == "bloat, told better"
    assert str(old) in said and str(new) in said and "left as it is" in said
    assert copy_course(course, tmp_path / "mine")[0] == new, "asked again it is found again"


def test_two_courses_of_one_version_get_folders_of_their_own(course, tmp_path):
    places = []
    for words in ("first", "second", "third"):
        (course / "00.ipynb").write_text(words)
        places.append(copy_course(course, tmp_path / "mine")[0])
    version = territory.__version__
    assert [place.name for place in places] == ["mine", f"mine-{version}", f"mine-{version}-2"]
    assert [(place / "00.ipynb").read_text() for place in places] == ["first", "second", "third"]


def test_a_folder_with_other_files_of_these_names_is_left_alone(course, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "00.ipynb").write_text("an experiment of my own")
    place, said = copy_course(course, tmp_path / "mine")
    assert place != tmp_path / "mine" and files(tmp_path / "mine") == {"00.ipynb"}
    assert "other work" in said


def test_the_course_that_ships_has_every_notebook(root):
    assert {path.name for path in (root / "notebooks").glob("*.ipynb")} <= files(shipped_course())


def test_the_pages_that_notebooks_link_are_copied_to_where_jupyter_looks_for_them(course, tmp_path):
    (course / "00.ipynb").write_text("See the [Glossary](../docs/glossary.md).")
    with pytest.raises(BadInput, match=r"could not be copied.*glossary\.md"):  # the package has lost it
        copy_course(course, tmp_path / "mine")
    (course.parent / "docs").mkdir()
    (course.parent / "docs" / "glossary.md").write_text("One name a thing.")
    (course.parent / "docs" / "speed.md").write_text("No notebook links it.")
    place, _ = copy_course(course, tmp_path / "mine")
    assert files(place) == {"00.ipynb", "01.ipynb", "data/map.png", "docs/glossary.md"}
    (place / "docs" / "glossary.md").write_text("My own words.")
    assert copy_course(course, tmp_path / "mine")[0] == place
    assert (place / "docs" / "glossary.md").read_text() == "My own words."


@pytest.fixture
def started(monkeypatch):
    """With what JupyterLab would be started, instead of starting it."""
    starts = []
    monkeypatch.setattr("jupyterlab.labapp.LabApp.launch_instance", starts.append)
    return starts


def test_the_command_copies_and_opens_the_folder(started, tmp_path, capsys):
    assert main(["lab", "--path", str(tmp_path / "mine"), "--no-browser"]) == 0
    (options,) = started
    assert "--no-browser" in options and options[-1] == str(tmp_path / "mine")
    assert {"00_the_game.ipynb", "docs/glossary.md"} <= files(tmp_path / "mine")
    assert str(tmp_path / "mine") in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signal")
def test_who_ends_the_command_ends_the_server(tmp_path):
    command = [sys.executable, "-m", "territory", "lab", "--path", str(tmp_path / "mine"), "--no-browser"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as lab:
        address = next(found for line in lab.stderr if (found := re.search(rb"http://[\w.]+:(\d+)/lab", line)))
        lab.send_signal(signal.SIGTERM)
        lab.stderr.read()  # which the server would hold open
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(address[1])))


def test_without_a_path_a_clone_opens_its_own_notebooks(started, root):
    assert main(["lab"]) == 0
    assert started[0][-1] == str(root) and "--no-browser" not in started[0]
    assert "--LabApp.default_url=/lab/tree/notebooks" in started[0], "their links to docs/ need the folder above"


def test_a_file_where_the_folder_should_be_is_one_sentence(started, tmp_path, capsys):
    (tmp_path / "mine").write_text("notes")
    assert main(["lab", "--path", str(tmp_path / "mine")]) == 2
    assert "expected a folder for the course, got a file" in capsys.readouterr().err
    assert started == []


@pytest.mark.skipif(os.name != "posix", reason="FIFOs and links are POSIX's")
def test_a_folder_of_anything_else_than_files_ends_in_a_sentence_or_beside_it(course, tmp_path):
    for name in ("00.ipynb", MARK):
        folder = tmp_path / f"pipe {name}"
        folder.mkdir()
        os.mkfifo(folder / name)
        if name == MARK:
            with pytest.raises(BadInput, match="got a FIFO"):
                copy_course(course, folder)
        else:
            assert copy_course(course, folder)[0] != folder
    (tmp_path / "mark").mkdir()
    (tmp_path / "mark" / MARK).write_bytes(b"\xff\xfe")
    assert copy_course(course, tmp_path / "mark")[0] != tmp_path / "mark"
    (tmp_path / "circle").symlink_to("circle")
    for path in ("a\0b", "~nobody-of-this-name/x", tmp_path / "circle"):
        with pytest.raises(BadInput, match="could not be copied into"):
            copy_course(course, Path(path))


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"territory {territory.__version__}\n"
