"""Configurations: what is refused, and why; what survives the way through JSON."""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from territory.errors import BadInput
from territory.training import TrainConfig
from territory.training.build import pick_device


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_envs": 10}, "a minibatch_size of 320 does"),
        ({"minibatch_size": 4096}, "must divide n_envs"),
        ({"num_envs": 7, "num_steps": 1, "minibatch_size": 2}, "a minibatch_size of 7 does"),
        ({"minibatch_size": 1}, "an advantage normalised by itself is 0"),
        ({"num_envs": 0}, "at least 1, got 0"),
        ({"num_steps": 2.5}, "whole number"),
        ({"gamma": 1.5}, "from 0 to 1, got 1.5"),
        ({"gae_lambda": float("nan")}, "gae_lambda"),
        ({"learning_rate": 0}, "from 1e-12"),
        ({"learning_rate": "fast"}, "learning_rate must be a number from 1e-12 to 1e.09, got 'fast'"),
        ({"ent_coef": -0.1}, "ent_coef must be a number from 0"),
        ({"warmup_updates": -1}, "at least 0, got -1"),
        ({"augment": True, "update_epochs": 1}, "update_epochs of 2 or more"),
        ({"target_kl": 0}, "target_kl must be a number from 1e-12"),
        ({"seed": 1_000_000}, "held out for evaluation"),
        ({"update_epochs": 2**31}, "update_epochs must be a whole number from 1 to 100"),
        ({"seed": 10**5000}, "a whole number of 16610 bits"),
        ({"num_envs": 10**5000}, "samples in memory at once, got a whole number"),
        ({"device": "tpu"}, "auto, cpu, cuda, mps"),
        ({"norm": "layer"}, "group, batch"),
        ({"precision": "int8"}, "fp32, bf16"),
        ({"num_bots": 51}, "1 to 50"),
        ({"opponents": "5xnation+boat"}, "written like 5xnation"),
        ({"opponents": "0xnation+5xbot"}, "1 to 50 opponents"),
        ({"opponents": "5xrandom+5xbot"}, "no checkpoint keeps"),
        ({"opponents": 5}, "must be a name of"),
        ({"height": 100}, "multiple of 32"),
        ({"model": "baseline", "height": 64}, "128x128 only"),
        ({"name": "a/b"}, "without slashes"),
        ({"name": ".."}, "without slashes"),
    ],
)
def test_impossible_combinations_are_refused_with_the_reason(changes, message):
    with pytest.raises(BadInput, match=message):
        TrainConfig(**changes)


def test_the_documents_own_flags_make_a_configuration():
    config = TrainConfig(model="attention", device="cpu", num_envs=12, num_bots=5)
    assert config.batch_size == 12 * 64
    assert config.num_updates == 131  # 100,000 / 768 = 130.2, rounded up


def test_a_configuration_survives_json():
    of_numpy: dict[str, Any] = {"seed": np.int64(3), "num_envs": np.int32(16)}
    config = TrainConfig(**of_numpy, target_kl=0.02)
    assert TrainConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config


def test_a_configuration_of_another_version_is_refused():
    with pytest.raises(BadInput, match="no field warp_speed"):
        TrainConfig.from_dict({"warp_speed": 9})


def test_a_device_that_is_not_there_is_a_clear_error():
    import torch

    absent = [
        name
        for name, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()))
        if not there
    ]
    assert absent, "no machine has both"
    with pytest.raises(BadInput, match=rf"{absent[0]} was asked for.*Usable: .*cpu"):
        pick_device(absent[0])
    assert pick_device("cpu").type == "cpu"
    assert pick_device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(BadInput, match="got 'abacus'"):
        pick_device("abacus")


def test_a_configuration_opens_no_file_and_brings_in_neither_torch_nor_numba():
    code = (
        "import sys; from territory.training import TrainConfig\n"
        "opened = []; sys.addaudithook(lambda event, args: event == 'open' and opened.append(args))\n"
        "TrainConfig(opponents='5xtokens+5xnobody', init='gone.safetensors')\n"
        "print(opened + [name for name in ('torch', 'numba', 'safetensors') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_numpys_numbers_are_welcome_and_truth_values_are_none():
    config = TrainConfig(seed=np.int64(3), learning_rate=np.float32(0.5), gamma=1)
    assert (config.seed, config.learning_rate, config.gamma) == (3, 0.5, 1.0)
    json.dumps(config.as_dict())
    for name in ("seed", "learning_rate", "num_envs", "target_kl"):
        with pytest.raises(BadInput, match=f"{name} must be a"):
            TrainConfig(**{name: True})


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\nb", "a\x1b[31m", "\udcff"])
def test_a_name_that_is_no_folders_or_cant_be_shown_is_refused(name):
    with pytest.raises(BadInput, match="name is the name of one folder"):
        TrainConfig(name=name)
