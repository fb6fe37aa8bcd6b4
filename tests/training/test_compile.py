"""The network through torch.compile: the same run, exact like any other, and a clear word where it can't be."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from territory.agent import checkpoint
from territory.errors import BadInput
from territory.training import PPO, TrainConfig
from territory.training.build import compile_in_place

COMPILER = os.environ.get("CXX", "g++")
needs_compiler = pytest.mark.skipif(shutil.which(COMPILER) is None, reason="torch.compile needs a C++ compiler")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),  # of torch, by torch
]

CONFIG = TrainConfig(
    model="tokens", height=32, width=32, num_bots=1, max_steps=3, num_envs=4, num_steps=8, minibatch_size=16,
    update_epochs=2, total_timesteps=96, device="cpu", compile=True, checkpoint_every=1,
)  # fmt: skip

WHOLE = """
import json, shutil, sys, torch
from territory.training import TrainConfig, run
made = run.start(TrainConfig.from_dict(json.loads(sys.argv[1])))
made.train(lambda update: update.update == 1 and shutil.copytree(made.folder, made.folder.with_name("parts")))
print(torch._dynamo.utils.counters["stats"]["unique_graphs"])
"""
REST = "import sys; from territory.training import run; run.resume(sys.argv[1]).train()"
# One number at a time: the C++ of vectors takes its compiler a third longer, and is torch's own matter.
PLAIN_LOOPS = "import torch._inductor.config\ntorch._inductor.config.cpp.simdlen = 1\n"
ALONE = {"TORCHINDUCTOR_COMPILE_THREADS": "1"}  # helpers for so few kernels take longer to start than they save


def _python(code: str, argument: str) -> str:
    """What it prints in a process of its own: a compiler's memory stays with whoever has called it."""
    command = [sys.executable, "-c", PLAIN_LOOPS + code, argument]
    return subprocess.run(
        command, env=os.environ | ALONE, check=True, timeout=400, stdout=subprocess.PIPE, text=True
    ).stdout


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A compiled run of three updates, how many graphs it has, and beside it its folder as it was after the first."""
    config = replace(CONFIG, runs_dir=str(tmp_path_factory.mktemp("runs")), name="whole")
    graphs = int(_python(WHOLE, json.dumps(config.as_dict())).split()[-1])
    return Path(config.runs_dir) / "whole", graphs


def _log(folder: Path) -> list[dict]:
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    for record in records:
        assert record.pop("seconds") > 0 and record.pop("steps_per_second") > 0
    return records


@needs_compiler
def test_a_compiled_run_goes_on_in_another_process_as_if_it_had_not_stopped(whole):
    folder, _ = whole
    parts = folder.with_name("parts")
    assert len(_log(parts)) == 1
    _python(REST, str(parts))
    assert len(_log(folder)) == 3 and _log(folder) == _log(parts)
    assert _log(folder)[0]["ratio_deviation"] == 0 and _log(folder)[0]["episodes"] > 0


@needs_compiler
def test_a_compiled_network_answers_and_learns_like_the_plain_one(whole):
    folder, graphs = whole
    plain = PPO(replace(CONFIG, compile=False))
    assert {f"model.{name}" for name in plain.model.state_dict()} <= set(checkpoint.read(folder).arrays)
    assert graphs >= 2  # asked, and learned from
    one = next(plain.updates()).as_dict()
    for name in ("policy_loss", "value_loss", "entropy", "grad_norm"):
        assert _log(folder)[0][name] == pytest.approx(one[name], rel=1e-3, abs=1e-5)


def test_compile_names_what_is_missing():
    def without_compiler():
        raise torch._dynamo.exc.BackendCompilerFailed(None, RuntimeError("No working C++ compiler found"), None)

    with pytest.raises(BadInput, match=r"No working C\+\+ compiler found.*without compile"):
        compile_in_place(torch.nn.Linear(1, 1), without_compiler)


def test_asking_a_network_once_teaches_batch_norm_nothing():
    model = torch.nn.BatchNorm1d(3)
    compile_in_place(model, lambda: model.forward(torch.ones(4, 3)))
    assert model.num_batches_tracked == 0
