"""The network through torch.compile: the same run, exact like any other, and a clear word where it can't be."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from territory.errors import BadInput
from territory.training import PPO, TrainConfig
from territory.training.build import compile_in_place

COMPILER = os.environ.get("CXX", "g++")
needs_compiler = pytest.mark.skipif(shutil.which(COMPILER) is None, reason="torch.compile needs a C++ compiler")

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # of torch, by torch

CONFIG = TrainConfig(
    model="tokens", height=32, width=32, num_bots=1, max_steps=3, num_envs=4, num_steps=8, minibatch_size=16,
    update_epochs=2, total_timesteps=96, device="cpu", compile=True, checkpoint_every=1,
)  # fmt: skip

RUN = """
import json, sys
from territory.training import TrainConfig, run
config = TrainConfig.from_dict(json.loads(sys.argv[1]))
made = run.resume(config.runs_dir + "/" + config.name) if sys.argv[2] == "resume" else run.start(config)
made.train(stop=lambda: made.ppo.finished_updates == int(sys.argv[3]))
"""


def _train(config: TrainConfig, how: str, until: int) -> None:
    told = json.dumps(config.as_dict())
    subprocess.run([sys.executable, "-c", RUN, told, how, str(until)], check=True, timeout=400)


@needs_compiler
def test_a_compiled_run_goes_on_after_a_stop_as_if_it_had_not_stopped(tmp_path):
    config = replace(CONFIG, runs_dir=str(tmp_path))
    _train(replace(config, name="whole"), "start", 3)
    _train(replace(config, name="parts"), "start", 1)
    _train(replace(config, name="parts"), "resume", 3)
    logs = ((tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("whole", "parts"))
    whole, parts = ([json.loads(line) for line in lines] for lines in logs)
    for record in whole + parts:
        assert record.pop("seconds") > 0 and record.pop("steps_per_second") > 0
    assert len(whole) == 3 and whole == parts
    assert whole[0]["ratio_deviation"] == 0 and whole[0]["episodes"] > 0


@needs_compiler
def test_a_compiled_network_answers_and_learns_like_the_plain_one():
    compiled, plain = PPO(CONFIG), PPO(replace(CONFIG, compile=False))
    assert [*compiled.model.state_dict()] == [*plain.model.state_dict()]
    one, other = (next(ppo.updates()) for ppo in (compiled, plain))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 2  # asked, and learned from
    for name in ("policy_loss", "value_loss", "entropy", "grad_norm"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-3, abs=1e-5)


def test_compile_names_what_is_missing():
    def without_compiler():
        raise torch._dynamo.exc.BackendCompilerFailed(None, RuntimeError("No working C++ compiler found"), None)

    with pytest.raises(BadInput, match=r"No working C\+\+ compiler found.*without compile"):
        compile_in_place(torch.nn.Linear(1, 1), without_compiler)


def test_asking_a_network_once_teaches_batch_norm_nothing():
    model = torch.nn.BatchNorm1d(3)
    compile_in_place(model, lambda: model.forward(torch.ones(4, 3)))
    assert model.num_batches_tracked == 0
