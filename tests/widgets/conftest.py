"""A short game and a fresh network, made once."""

import matplotlib
import numpy as np
import pytest
import torch

from territory import models
from territory.world import WorldParams
from territory.world.replay import record

matplotlib.use("Agg")


@pytest.fixture(scope="session")
def replay():
    rng = np.random.default_rng(0)
    params = WorldParams(height=64, width=64, num_bots=2, max_steps=12)
    return record(lambda obs, mask: rng.choice(np.flatnonzero(mask)), params, seed=3)


@pytest.fixture(scope="session")
def network():
    torch.manual_seed(0)
    return models.build("attention", norm="group").eval()
