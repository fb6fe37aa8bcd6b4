"""Checkpoint files: whole or not at all, and a clear word about every file that is not one."""

import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from territory import models
from territory.agent import checkpoint as files
from territory.agent.checkpoint import Checkpoint
from territory.errors import BadInput


@pytest.fixture
def content() -> Checkpoint:
    model = models.build("attention", norm="group")
    content = Checkpoint("attention", model.options, {"seed": 1}, {"step": 5}, {"win_rate": 0.5})
    content.add_group(files.MODEL, files.model_arrays(model))
    content.arrays["words"] = np.array([2**64 - 1, 3], dtype=np.uint64)
    content.arrays["flags"] = np.array([[True], [False]])
    content.arrays["scalar"] = np.float64(0.25)
    return content


@pytest.fixture
def path(tmp_path, content):
    path = tmp_path / files.FILE_NAME
    files.write(path, content)
    return path


def test_what_is_written_is_read(path, content):
    again = files.read(path)
    assert (again.model, again.config, again.progress, again.results) == (
        content.model, content.config, content.progress, content.results
    )  # fmt: skip
    assert set(again.arrays) == set(content.arrays)
    for name, array in content.arrays.items():
        assert again.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(again.arrays[name], array)


def test_a_folder_stands_for_the_checkpoint_inside(path):
    assert files.read(path.parent).model == "attention"


def test_the_network_comes_back_with_its_weights(path, content):
    model = files.build_model(files.read(path))
    for name, array in files.model_arrays(model).items():
        np.testing.assert_array_equal(array, content.arrays[f"model.{name}"])
    assert not model.training


def shipped_in(bits, content, path):
    """The network, its arrays in so many bits, the network that comes back, and the bytes of the file."""
    model = files.build_model(content)
    small = Checkpoint(content.model, content.options, {})
    small.add_group(files.MODEL, files.model_arrays(model, bits=bits))
    files.write(path, small)
    return model, small, files.build_model(files.read(path)), path.stat().st_size


def test_half_precision_halves_the_file_and_rounds_the_weights(tmp_path, content):
    model, _, again, size = shipped_in(16, content, tmp_path / "half.safetensors")
    assert size < 2.1 * 517_982
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert other.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_bytes_quarter_the_file_and_every_weight_is_within_half_a_step_of_its_row(tmp_path, content):
    model, small, again, size = shipped_in(8, content, tmp_path / "small.safetensors")
    assert size < 1.1 * 517_982
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert other.dtype == torch.float32
        step = one.detach().abs().reshape(len(one), -1).amax(1) / 127 if one.ndim > 1 else torch.zeros(len(one))
        worst = (one - other).detach().abs().reshape(len(one), -1).amax(1)
        assert (worst <= 0.501 * step).all()
    twice = files.model_arrays(again, bits=8)
    assert all(
        (array == small.arrays[f"model.{name}"]).all() for name, array in twice.items() if array.dtype == np.int8
    )


def test_a_write_that_fails_leaves_the_old_file(path, content, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(BadInput, match=r"No space left on device"):
        files.write(path, content)
    assert path.read_bytes() == before


@pytest.mark.parametrize("share", [0.00001, 0.001, 0.5, 0.999])
def test_a_file_that_is_cut_off_is_refused(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: max(12, int(len(whole) * share))])
    with pytest.raises(BadInput, match="cut off or damaged: copy or download it again"):
        files.read(path)


def test_an_empty_file_is_refused(path):
    path.write_bytes(b"")
    with pytest.raises(BadInput, match="empty"):
        files.read(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"no checkpoint at .*gone"):
        files.read(tmp_path / "gone.safetensors")


def test_a_pickle_is_refused_and_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("exploded").touch, ())

    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(BadInput, match="not a safetensors file"):
        files.read(path)
    assert not (tmp_path / "exploded").exists()


def test_a_safetensors_file_of_another_program_is_refused(tmp_path):
    save_file({"weight": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(BadInput, match="not a checkpoint of territory"):
        files.read(tmp_path / "other.safetensors")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model": "attention"}', '{"surprise": 1}'])
def test_a_damaged_description_is_refused(tmp_path, text):
    save_file({"a": np.zeros(1)}, tmp_path / "x.safetensors", metadata={"format": files.FORMAT, "content": text})
    with pytest.raises(BadInput, match="damaged"):
        files.read(tmp_path / "x.safetensors")


def test_a_description_with_fields_of_a_later_version_is_of_another_version_and_not_damaged(tmp_path):
    told = json.dumps({"model": "tokens", "options": {}, "config": {}, "lineage": [], "temperature": 1})
    save_file({"a": np.zeros(1)}, tmp_path / "x.safetensors", metadata={"format": files.FORMAT, "content": told})
    with pytest.raises(BadInput, match=r"describes no lineage, temperature: .* another version of territory"):
        files.read(tmp_path / "x.safetensors")


def test_weights_of_another_network_are_refused(content):
    content.model, content.options = "baseline", {}
    with pytest.raises(BadInput, match="another network than 'baseline'"):
        files.build_model(content)


def test_a_network_that_does_not_exist_is_refused(content):
    content.model = "oracle"
    with pytest.raises(BadInput, match="'oracle'"):
        files.build_model(content)


def test_the_description_is_plain_json(path):
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        assert json.loads(file.metadata()["content"])["model"] == "attention"
