"""Training states that no training left behind: refused in a sentence, before a kernel sees them."""

import os
from dataclasses import replace

import numpy as np
import pytest
from helpers import kills

import territory
from studies.games import config_of
from territory.agent import checkpoint as files
from territory.agent import load_agent, save_agent
from territory.errors import BadInput
from territory.training import run
from territory.training.rollout import Update


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two updates, and what its checkpoint holds."""
    made = run.start(replace(kills.RUN, runs_dir=str(tmp_path_factory.mktemp("runs")), checkpoint_every=100))
    made.train(stop=lambda: made.ppo.finished_updates == 2)
    return made


def resumed_with(trained, **arrays):
    """What resuming says once some arrays of the checkpoint are others."""
    content = files.read(trained.folder)
    sound = trained.checkpoint.read_bytes()
    content.arrays |= {name.replace("__", "."): array for name, array in arrays.items()}
    files.write(trained.checkpoint, content)
    try:
        with pytest.raises(BadInput) as refused:
            run.resume(trained.folder)
    finally:
        trained.checkpoint.write_bytes(sound)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("tiles", 2**31 - 1, "tiles is the number of a player's own"),
        ("cities", -5, "cities is the number"),
        ("owner", 255, "an owner is 0 to 3"),
        ("terrain", 9, "terrain is 0 to 3"),
        ("city", 7, "a city is 0 or 1"),
        ("kind", 200, "a kind is one of"),
        ("step", 2**30, "step is 0 to 20"),
        ("tick", -1, "tick is ticks_per_step times step"),
        ("land", 1, "land is the number of passable tiles"),
        ("alive", False, "a player lives as long as it has land"),
        ("troops", np.nan, "not finite"),
        ("gold", -1e30, "finite numbers of at least 0"),
        ("attacks", 1e300, "finite numbers of at least 0"),
        ("tiles_before", -1, "tiles_before are of the land"),
    ],
)
def test_a_world_that_breaks_its_own_rules_is_refused(trained, name, value, said):
    array = files.read(trained.folder).arrays[f"envs.world.{name}"].copy()
    array[0] = value
    assert said in resumed_with(trained, **{f"envs__world__{name}": array})


def test_numbers_that_are_none_are_refused_wherever_they_stand(trained):
    arrays = files.read(trained.folder).arrays
    for name in (
        "model.actor.0.weight",
        "optimizer.3.exp_avg",
        "episodes.latest",
        "obs.global",
        "envs.episodes.returns",
    ):
        array = np.atleast_1d(arrays[name]).copy()
        if not array.size:
            continue
        array.reshape(-1)[-1] = np.inf
        assert "finite" in resumed_with(trained, **{name.replace(".", "__"): array.reshape(arrays[name].shape)}), name
    negative = -np.abs(arrays["optimizer.3.exp_avg_sq"]) - 1
    assert "optimizer.3.exp_avg_sq is negative" in resumed_with(trained, optimizer__3__exp_avg_sq=negative)


def test_arrays_of_other_sizes_names_and_counts_are_refused(trained):
    arrays = files.read(trained.folder).arrays
    assert "mask should be bool (4, 90), got bool (2, 90)" in resumed_with(trained, mask=arrays["mask"][:2])
    assert "obs.map should be uint8" in resumed_with(trained, obs__map=arrays["obs.map"][:, :4])
    assert "its record is not the one of update 9" in resumed_with(trained, update=np.array([9]))
    assert "of another training: optimizer.999.step" in resumed_with(trained, optimizer__999__step=np.float32(1))
    assert "observations are not those" in resumed_with(trained, obs__map=255 - arrays["obs.map"])
    assert "random numbers" in resumed_with(trained, generator=np.full_like(arrays["generator"], 255))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("step", np.nan, "step should be a whole number of 0 or more, got nan"),
        ("episodes", -1, "episodes should be a whole number of 0 or more, got -1"),
        ("total_steps", True, "total_steps should be a whole number of 0 or more, got True"),
        ("seconds", np.inf, "seconds should be a finite number, got inf"),
        ("entropy", None, "entropy should be a finite number, got None"),
    ],
)
def test_a_record_whose_numbers_nobody_can_go_on_from_is_refused(trained, name, value, said):
    record = files.read(trained.folder).progress
    with pytest.raises(BadInput, match=said):
        Update.from_dict(record | {name: value})
    assert Update.from_dict(record).as_dict() == pytest.approx(record, nan_ok=True)


@pytest.mark.skipif(os.name != "posix", reason="FIFOs are POSIX's")
def test_a_log_that_is_no_log_is_refused_before_anything_is_trained(trained):
    log = trained.folder / "log.jsonl"
    sound, before = log.read_bytes(), run.read_log(trained.folder)
    log.unlink()
    os.mkfifo(log)
    with pytest.raises(BadInput, match="expected a log, got a FIFO"):
        run.resume(trained.folder)
    log.unlink()
    log.write_bytes(sound[:-30])
    assert run.read_log(trained.folder) == (before[0][:-1], True) and before[1] is False
    log.write_bytes(sound[:-30] + b"\n")
    for read in (run.read_log, run.resume):
        with pytest.raises(BadInput, match=r"line 2 of .*log.jsonl is damaged: .* delete it"):
            read(trained.folder)
    log.write_bytes(sound)


def test_a_run_that_went_on_elsewhere_is_not_trained_over(trained):
    first = run.resume(trained.folder)
    first.save()
    other = run.resume(trained.folder)
    other.train(stop=lambda: True)
    with pytest.raises(BadInput, match="went on in another process: take it up from there"):
        next(first.updates())


def test_an_agent_whose_rival_is_gone_is_loaded_evaluated_exported_and_distilled(trained, tmp_path):
    agent = load_agent(trained.folder)
    agent.config["opponents"] = "2xgone+1xbot"
    save_agent(agent, tmp_path / "left.safetensors")
    left = load_agent(tmp_path / "left.safetensors")
    assert territory.evaluate(left, num_bots=2, games=1).games == 1
    save_agent(left, tmp_path / "again.safetensors", bits=16)
    assert config_of(left, model="tokens").opponents == "2xgone+1xbot"


def test_a_network_that_diverged_is_not_saved_and_not_played(trained, tmp_path):
    agent = load_agent(trained.folder)
    obs = {"map": np.zeros((5, 32, 32), np.uint8), "global": np.zeros(16, np.float32)}
    agent.model.actor[-1].bias.data[:] = 3e38
    agent.model.actor[-1].weight.data[:] = 3e38
    with pytest.raises(BadInput, match="output is not finite"):
        agent.act(obs)
    with pytest.raises(BadInput, match=r"actor\.2\.weight are not all finite"):
        save_agent(agent, tmp_path / "half.safetensors", bits=16)  # more than 16 bits can hold
    agent.model.actor[-1].weight.data[:] = np.nan
    with pytest.raises(BadInput, match="training diverged"):
        save_agent(agent, tmp_path / "nan.safetensors")
    assert list(tmp_path.iterdir()) == []
