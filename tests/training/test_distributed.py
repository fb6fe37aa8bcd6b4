"""However many processes share a run, it is the same run."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from territory.agent import checkpoint
from territory.errors import BadInput
from territory.models.policy import sample
from territory.training import TrainConfig, run
from territory.training.distributed import ProcessGroup, init_process_group

pytestmark = pytest.mark.slow

SMALL = TrainConfig(
    height=32, width=32, num_bots=2, max_steps=20, num_envs=4, num_steps=16, minibatch_size=4, update_epochs=2,
    device="cpu", name="run", total_timesteps=4 * 64,
)  # fmt: skip


AFTER_THE_RUN = """
import os, pathlib, sys
from territory.cli import main
assert main(sys.argv[1:]) == 0
tasks = pathlib.Path("/proc/self/task")  # a process's threads, on Linux
names = [task.joinpath("comm").read_text().strip() for task in tasks.iterdir()] if tasks.is_dir() else []
left = [name for name in names if "gloo" in name]
pathlib.Path(__file__).with_name("left-" + os.environ["RANK"]).write_text(str(left))
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """``territory train`` in two processes: the folder of its runs, and what it printed."""
    folder = tmp_path_factory.mktemp("runs")
    (script := folder / "after.py").write_text(AFTER_THE_RUN)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    command += ["train", *flags_of(SMALL), "--runs-dir", str(folder)]
    done = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def flags_of(config: TrainConfig) -> list[str]:
    names = {"num_envs": "n-envs"}
    changed = {k: v for k, v in config.as_dict().items() if v != getattr(TrainConfig(), k) and k != "runs_dir"}
    return [word for k, v in changed.items() for word in ("--" + names.get(k, k.replace("_", "-")), str(v))]


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="only Linux lists a process's threads there")
def test_no_thread_of_the_group_outlives_the_run(shared):
    """One that did would now and then abort a process that has done all its work."""
    folder, _ = shared
    assert [(folder / f"left-{rank}").read_text() for rank in range(2)] == ["[]", "[]"]


def test_two_processes_train_the_network_that_one_trains_with_all_the_games_and_one_can_go_on_for_them(shared):
    folder, printed = shared
    assert printed.count("done:") == 1  # one of the two speaks
    alone = run.start(replace(SMALL, runs_dir=str(folder), name="alone"))
    alone.train()
    assert_alike(folder / "run", folder / "alone")

    for name in ("run", "alone"):  # what two began, one continues
        longer = replace(SMALL, runs_dir=str(folder), name=name, total_timesteps=6 * 64)
        run.resume(folder / name, longer).train()
    assert_alike(folder / "run", folder / "alone")


def assert_alike(shared, alone) -> None:
    """The same games, bit for bit, and the same network and log up to the order of additions."""
    ours, theirs = checkpoint.read(shared).arrays, checkpoint.read(alone).arrays
    assert set(ours) == set(theirs)
    for name, array in ours.items():
        if name.startswith(("model.", "optimizer.", "envs.episodes.returns")):
            np.testing.assert_allclose(array, theirs[name], rtol=1e-4, atol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(array, theirs[name], err_msg=name)
    for one, other in zip(*map(read_log, (shared, alone)), strict=True):
        assert one == pytest.approx(other, rel=1e-2, abs=1e-5, nan_ok=True)


def read_log(folder) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    own = ("seconds", "steps_per_second", "ratio_deviation")  # two clocks, and rounding alone
    return [{k: v for k, v in line.items() if v is not None and k not in own} for line in lines]


def test_each_sample_of_a_run_belongs_to_one_process():
    index, games = torch.randperm(5 * 6), 2  # five steps of six games, two for each of three processes
    held = [ProcessGroup(rank, 3).local_rows(index, games) for rank in range(3)]
    assert [sorted(rows.tolist()) for rows in held] == [list(range(10))] * 3
    everyone = torch.arange(30).reshape(5, 6)
    kept = [everyone[:, ProcessGroup(rank, 3).local_slice(6)].flatten()[rows] for rank, rows in enumerate(held)]
    assert sorted(torch.cat(kept).tolist()) == list(range(30))


def test_actions_are_sampled_as_torch_samples_and_all_processes_draw_the_same_numbers():
    probabilities = torch.rand(6, 90).masked_fill(torch.rand(6, 90) < 0.7, 0.0)
    whole = sample(probabilities, torch.Generator().manual_seed(1))
    assert torch.equal(whole, torch.multinomial(probabilities, 1, generator=torch.Generator().manual_seed(1))[:, 0])
    for group in (ProcessGroup(rank, 3) for rank in range(3)):
        own = group.local_slice(6)
        assert torch.equal(whole[own], sample(probabilities[own], torch.Generator().manual_seed(1), group.rank, 3))


def test_an_action_of_probability_zero_is_never_sampled_and_the_others_as_often_as_they_should():
    probabilities = torch.tensor([0.0, 0.25, 0.0, 0.75]).expand(40_000, 4)
    counts = sample(probabilities, torch.Generator().manual_seed(0)).bincount(minlength=4) / 40_000
    assert counts[0] == counts[2] == 0
    assert counts[1].item() == pytest.approx(0.25, abs=0.01)  # the standard error is 0.002


def test_with_one_process_every_collective_is_a_no_op():
    index = torch.randperm(6)
    assert ProcessGroup().local_rows(index, 3) is index
    assert ProcessGroup().local_slice(4) == slice(0, 4)
    assert ProcessGroup().all_gather(index) is index


def test_games_that_can_not_be_shared_evenly_are_refused():
    with pytest.raises(BadInput, match="2 processes can't share 5 games"):
        ProcessGroup(0, 2).local_slice(5)


@pytest.mark.parametrize("told", [{"WORLD_SIZE": "many"}, {"WORLD_SIZE": "2"}, {"WORLD_SIZE": "2", "RANK": "2"}])
def test_a_part_of_what_torchrun_sets_is_told(told, monkeypatch):
    """As a cluster's own scheduler may leave it."""
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=r"not there, or can't be: .*Start it by torchrun"), init_process_group("cpu"):
        pass


def test_batch_norm_is_refused_with_several_processes():
    with pytest.raises(BadInput, match="take --norm group"):
        ProcessGroup(0, 2).broadcast_parameters(torch.nn.BatchNorm2d(3))
