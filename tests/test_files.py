"""Files: whole or not at all, only where they are files, no larger than expected, one process at a time."""

import os
import subprocess
import sys
import tracemalloc
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from territory import files
from territory.errors import BadInput
from territory.files import (
    FolderLock,
    as_typed,
    check_writable,
    read_arrays,
    read_bytes,
    write_atomically,
    write_whole,
    writing,
)

posix = pytest.mark.skipif(os.name != "posix", reason="FIFOs, devices and locks are POSIX's")


@pytest.mark.parametrize("path", ["runs/mine", "my runs/ünï (2)", "it's; $HOME", "-r/mine"])
@posix
def test_a_path_in_a_command_that_is_told_comes_as_it_is_when_it_is_typed(path):
    code = (
        "import argparse; parser = argparse.ArgumentParser(); parser.add_argument('at'); print(parser.parse_args().at)"
    )
    typed = f'{sys.executable} -c "{code}" {as_typed(path)}'
    heard = subprocess.run(["sh", "-c", typed], capture_output=True, text=True, check=True).stdout.rstrip("\n")
    assert os.path.normpath(heard) == path


def test_what_is_written_replaces_the_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two" and [each.name for each in path.parent.iterdir()] == ["file.txt"]


def test_a_link_stays_a_link_to_the_file_that_was_written(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_atomically(tmp_path / "link", b"one")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_bytes() == b"one"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(27, "File too large")])
def test_a_full_disk_is_a_sentence_and_the_old_file_is_there_still(tmp_path, monkeypatch, error):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(BadInput, match=f"file can't be written \\({error.strerror}\\)"):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and [each.name for each in tmp_path.iterdir()] == ["file"]


@posix
def test_fifos_devices_and_folders_are_neither_read_nor_written(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "a FIFO"), ("/dev/null", "a device"), (tmp_path, "a folder")):
        with pytest.raises(BadInput, match=f"expected a map, got {kind}"):
            read_bytes(path, 10, "map")
        for write in (check_writable, lambda path: write_atomically(path, b"x")):
            with pytest.raises(BadInput, match=f"is {kind}"):
                write(path)


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="only Linux has it")
def test_what_only_looks_like_a_file_is_refused():
    from territory.agent import checkpoint

    with pytest.raises(BadInput, match=r"can't be read|is empty"):
        checkpoint.read("/proc/self/mem")


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "é" * 300])
def test_a_name_that_can_not_be_one_is_a_short_sentence(tmp_path, name):
    for use in (lambda path: read_bytes(path, 1), check_writable, lambda path: write_atomically(path, b"")):
        with pytest.raises(BadInput) as refused:
            use(str(tmp_path / name))
        assert len(str(refused.value)) < 600 and "\0" not in str(refused.value)


def test_a_folder_that_can_only_be_read_is_told_before_the_work(tmp_path, monkeypatch):
    check_writable(tmp_path / "new" / "file")
    monkeypatch.setattr(os, "access", lambda folder, mode: folder != tmp_path)  # as for who is not root
    with pytest.raises(BadInput, match=f"export: .*file can't be written .no permission to write into {tmp_path}"):
        check_writable(tmp_path / "new" / "file", "export")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 40)  # a hole: no disk holds it
    with pytest.raises(BadInput, match="at most 100 bytes, got 1,099,511,627,776"):
        read_bytes(tmp_path / "large", 100)


def npz(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def declared(shape, dtype="|u1", data=b""):
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    "member",
    [
        declared((10**11,)),  # 93 GiB that would be allocated
        declared((1 << 20,), data=bytes(1 << 20)),  # a kilobyte that unpacks to a megabyte
        declared((4,), data=bytes(1 << 20)),  # more than is declared
        declared((-1,)),
        declared((2**40, 2**40)),
        declared((4,), "|O", bytes(4)),
        declared((4,), "<M8[s]", bytes(32)),
        declared((True,), data=b"1"),
        declared("(" * 5000),
        declared((4,), "|u1" + " " * 20_000, bytes(4)),
        b"\x93NUMPY\x02\x00" + (1 << 30).to_bytes(4, "little") + bytes(1 << 20),  # a header of a gigabyte
        b"no array",
        b"\x93NUMPY\x09\x00",
    ],
)
def test_an_array_is_unpacked_only_where_it_is_one_and_small_enough(tmp_path, member):
    with pytest.raises(BadInput, match="is not a replay, or a damaged one") as refused:
        read_arrays(npz(tmp_path / "game.npz", actions=member), {"actions": 1000}, "replay")
    assert "\n" not in str(refused.value)


def test_no_more_of_a_header_is_unpacked_than_an_array_has(tmp_path):
    data = b"\x93NUMPY\x02\x00" + (1 << 28).to_bytes(4, "little") + bytes(1 << 28)
    npz(tmp_path / "game.npz", actions=data)
    del data
    tracemalloc.start()
    with pytest.raises(BadInput):
        read_arrays(tmp_path / "game.npz", {"actions": 1000}, "replay")
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()


@pytest.mark.parametrize("path", [3, None, 1.5, True, b"x", [], object()], ids=lambda path: type(path).__name__)
def test_what_is_no_path_is_refused(path):
    for use in (
        lambda path: read_bytes(path, 1),
        check_writable,
        lambda path: write_atomically(path, b""),
    ):
        with pytest.raises(BadInput, match="expected the path of a f"):
            use(path)


def test_arrays_come_back_as_they_were_saved(tmp_path):
    arrays = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.asfortranarray(np.arange(4).reshape(2, 2)),
        "c": np.zeros((0, 3)),
    }
    np.savez_compressed(tmp_path / "file.npz", **arrays)
    found = read_arrays(tmp_path / "file.npz", {"a": 48, "b": 32, "c": 0}, "file")
    assert all(np.array_equal(found[name], array) and found[name].flags.writeable for name, array in arrays.items())
    with pytest.raises(BadInput, match="it should hold a, b"):
        read_arrays(tmp_path / "file.npz", {"a": 48, "b": 32}, "file")


@posix
def test_a_locked_folder_is_refused_to_other_processes_until_it_is_released(tmp_path):
    code = "import sys; from territory.files import FolderLock; FolderLock(sys.argv[1], 'run')"

    def other_process():
        return subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)

    lock = FolderLock(tmp_path, "run")
    assert FolderLock(tmp_path, "run") is lock  # the same process may
    assert "in use by another process" in other_process().stderr
    del lock
    assert other_process().returncode == 0


def test_where_folders_cant_be_locked_a_hidden_file_in_them_is_instead(tmp_path, monkeypatch):
    held = set()

    def locking(descriptor, mode, length):
        place = os.fstat(descriptor).st_ino
        if place in held:
            raise OSError("Resource deadlock avoided")
        held.add(place)

    monkeypatch.setattr(files, "fcntl", None)
    monkeypatch.setattr(files, "msvcrt", SimpleNamespace(LK_NBLCK=2, locking=locking))
    lock = FolderLock(tmp_path, "run")
    assert FolderLock(tmp_path, "run") is lock
    assert [each.name[0] for each in tmp_path.iterdir()] == ["."]  # it is no part of the run
    monkeypatch.setattr(FolderLock, "_held", {})  # as in another process
    with pytest.raises(BadInput, match="in use by another process"):
        FolderLock(tmp_path, "run")


def test_a_message_is_one_line_whatever_a_name_in_it_holds():
    assert str(BadInput("no run\n  in a\tfolder")) == "no run in a folder"


def test_a_name_that_a_library_cant_write_is_a_sentence():
    with pytest.raises(BadInput, match=r"run\\udcff can't be written"), writing("run\udcff"):
        "run\udcff".encode()


def test_an_error_in_between_leaves_no_half_file(tmp_path):
    with pytest.raises(ZeroDivisionError), write_whole(tmp_path / "film.gif") as unfinished:
        unfinished.write_bytes(b"half")
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []
