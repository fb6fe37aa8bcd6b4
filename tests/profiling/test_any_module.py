"""Whatever torch module a learner brings, and however it takes its inputs: every profiler has something to say."""

import pytest
import torch
from torch import nn

from territory import profiling
from territory.errors import BadInput


class OfADict(nn.Module):
    """Takes a gymnasium observation as it comes, and gives a dict back."""

    def __init__(self):
        super().__init__()
        self.see, self.read = nn.Conv2d(2, 3, kernel_size=3), nn.Linear(4, 3)

    def forward(self, obs):
        return {"seen": [self.see(obs["map"])], "read": self.read(obs["global"])}


class OneLayerTwice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(self.layer(x))


MODULES = {
    "of a dict": (OfADict(), {"map": torch.rand(2, 2, 8, 8), "global": torch.rand(2, 4)}, 2 * (3 * 36 * 18 + 12)),
    "one layer twice": (OneLayerTwice(), torch.rand(2, 4), 2 * 2 * 16),
    "an embedding": (nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2)), torch.arange(6).view(2, 3), 6 * 8),
    "in place, by channel": (
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3, groups=4)),
        torch.rand(1, 2, 8, 8),
        36 * 4 * 18 + 16 * 4 * 9,
    ),
}
PROFILERS = {
    "macs": lambda module, inputs: sum(record.macs for record in profiling.macs_table(module, inputs)),
    "memory": lambda module, inputs: sum(record.bytes for record in profiling.memory_table(module, inputs)),
    "peak": lambda module, inputs: profiling.peak_memory(module, inputs).peak,
    "latency": lambda module, inputs: profiling.latency(module, inputs, "train", repeats=1, warmup=0).median,
    "time by layer": lambda module, inputs: sum(r.forward for r in profiling.time_table(module, inputs, "train", 1, 0)),
}


@pytest.mark.parametrize("name", MODULES)
def test_every_profiler_measures_it(name):
    module, inputs, macs = MODULES[name]
    measured = {what: profile(module, inputs) for what, profile in PROFILERS.items()}
    assert measured["macs"] == macs
    parameters = sum(parameter.nbytes for parameter in module.parameters())
    assert measured["peak"] >= measured["memory"] > 4 * parameters  # weights, gradients, Adam's two averages, and more
    assert measured["latency"] > 0 and measured["time by layer"] > 0


def test_what_it_asserts_about_its_inputs_is_told_with_their_shapes():
    encoder = nn.TransformerEncoderLayer(8, nhead=2, batch_first=True)
    with pytest.raises(BadInput, match=r"TransformerEncoderLayer cannot take inputs of shapes \(1, 5, 128, 128\)"):
        profiling.macs_table(encoder)


def test_a_layer_that_has_no_size_yet_is_named():
    with pytest.raises(BadInput, match="lazy layers"):
        profiling.parameter_table(nn.Sequential(nn.Flatten(), nn.LazyLinear(3)))
