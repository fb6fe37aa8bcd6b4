"""The stopwatch against a clock that the test winds itself: no test here depends on the machine's speed."""

import pytest
import torch
from torch import nn

from territory import models, profiling
from territory.errors import BadInput

X = torch.zeros(1, 2)


class Clock:
    """Time stands still unless a model's forward moves it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Sleeper(nn.Module):
    """Takes the given seconds of the clock, call by call."""

    def __init__(self, clock, seconds):
        super().__init__()
        self.clock, self.seconds, self.calls = clock, list(seconds), 0
        self.layer = nn.Linear(2, 1)

    def __deepcopy__(self, memo):
        return self  # so that the test sees the calls of a training run too

    def forward(self, x):
        self.clock.now += self.seconds[self.calls]
        self.calls += 1
        return self.layer(x)


def test_median_and_quartiles_without_the_warm_up():
    clock = Clock()
    model = Sleeper(clock, [100, 100, 1, 5, 2, 4, 3])  # two slow calls to warm up, then 1..5 in disorder
    record = profiling.latency(model, X, repeats=5, warmup=2, clock=clock)
    assert (record.name, record.low, record.median, record.high, record.repeats) == ("Sleeper", 2, 3, 4, 5)


@pytest.mark.parametrize("mode", ["forward", "train"])
def test_models_take_turns(mode):
    clock = Clock()
    fast, slow = Sleeper(clock, [9, 1, 1, 1]), Sleeper(clock, [9, 4, 4, 4])
    order = []
    fast.register_forward_hook(lambda *_: order.append("fast"))
    slow.register_forward_hook(lambda *_: order.append("slow"))
    records = profiling.compare_latency({"fast": fast, "slow": slow}, X, mode, repeats=3, warmup=1, clock=clock)
    assert [(r.name, r.median) for r in records] == [("fast", 1), ("slow", 4)]
    assert order == ["fast", "slow"] * 4


def test_the_forward_call_is_in_evaluation_mode_without_gradients_and_the_other_trains():
    seen = []
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    model.register_forward_hook(lambda m, _args, out: seen.append((m.training, out.requires_grad)))
    profiling.latency(model, torch.zeros(3, 2), repeats=1, warmup=0)
    profiling.latency(model, torch.zeros(3, 2), mode="train", repeats=1, warmup=0)
    assert seen == [(False, False), (True, True)]


@pytest.mark.parametrize("mode", ["forward", "train"])
@pytest.mark.parametrize("name", models.names())
def test_both_networks_can_be_timed_and_stay_as_they_were(name, mode):
    model = models.build(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    record = profiling.latency(model, profiling.example_inputs(2), mode, repeats=2, warmup=1)
    assert record.name == name and 0 < record.low <= record.median <= record.high
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert model.training and all(parameter.grad is None for parameter in model.parameters())


def test_any_shape_of_output_can_be_trained():
    class Nested(nn.Linear):
        def forward(self, x):
            y = super().forward(x)
            return {"a": y, "b": [y, (y,)]}

    assert profiling.latency(Nested(2, 1), X, mode="train", repeats=1, warmup=0).repeats == 1


@pytest.mark.parametrize(
    "change, message",
    [
        ({"mode": "backward"}, "mode must be one of forward, train; got 'backward'"),
        ({"repeats": 0}, "repeats must be a whole number of at least 1, got 0"),
        ({"warmup": -1}, "warmup must be a whole number of at least 0, got -1"),
        ({"models": {}}, "expected at least one model; got none"),
        ({"models": [nn.Linear(3, 3)]}, r"expected models by name, as in .*; got list"),
        ({"inputs": torch.zeros(1, 7)}, r"cannot take inputs of shapes \(1, 7\)"),
    ],
)
def test_what_cannot_be_timed_is_refused(change, message):
    with pytest.raises(BadInput, match=message):
        profiling.compare_latency(**{"models": {"m": nn.Linear(2, 1)}, "inputs": X, **change})


@pytest.mark.parametrize("change", [{"repeats": 0}, {"repeats": 2.5}, {"warmup": -1}])
def test_so_are_other_calls_that_cannot_be_timed(change):
    with pytest.raises(BadInput, match="must be a whole number of at least"):
        profiling.compare_calls({"nothing": list}, **change)


def test_a_pass_that_leaves_out_every_branch_is_timed_without_its_backward_pass():
    class Branch(nn.Linear):
        def forward(self, x):
            return x if self.training else x + super().forward(x)

    model, x = nn.Sequential(Branch(8, 8), Branch(8, 8)), torch.rand(2, 8)
    assert profiling.latency(model, x, "train", repeats=2).median > 0
    assert {record.backward for record in profiling.time_table(model, x, "train", 2)} == {0.0}
    assert profiling.peak_memory(model, x).peak > 0
    assert sum(record.macs for record in profiling.layer_table(model, x)) == (2 + 3) * 128


@pytest.mark.parametrize("mode", ["forward", "train"])
def test_recurrent_weights_lie_in_one_piece_while_they_are_timed(monkeypatch, mode):
    network, gathered, ran = nn.LSTM(4, 8, 2), [], []
    monkeypatch.setattr(nn.LSTM, "flatten_parameters", lambda layer: gathered.append(len(ran)))
    network.register_forward_pre_hook(lambda *_: ran.append(1))
    profiling.latency(network, torch.rand(3, 2, 4), mode=mode, repeats=2, warmup=1)
    assert gathered == [0] and ran  # before the first pass; on a processor nothing is moved
