"""Time by layer against a clock that the layers themselves wind: no test here depends on the machine's speed."""

import pytest
import torch
from torch import nn

from territory import models, profiling
from territory.errors import BadInput


class Clock:
    """Time stands still unless a layer moves it. Copies of a model share it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def __deepcopy__(self, memo):
        return self


class _Slow(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, clock, forward, backward):
        ctx.clock, ctx.seconds = clock, backward
        clock.now += forward
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        ctx.clock.now += ctx.seconds
        return gradient, None, None, None


class Slow(nn.Module):
    """Takes so many seconds forward, so many backward."""

    def __init__(self, clock, forward, backward):
        super().__init__()
        self.clock, self.seconds = clock, (forward, backward)
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return _Slow.apply(x * self.weight, self.clock, *self.seconds)


class Two(nn.Module):
    """Two branches from one layer, joined by work of its own."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock
        self.first, self.left = Slow(clock, 1, 2), nn.Sequential(Slow(clock, 3, 4), nn.Identity())
        self.right = Slow(clock, 5, 6)

    def forward(self, x):
        x = self.first(x)
        return _Slow.apply(self.left(x) + self.right(x), self.clock, 7, 8)


def times(model, *args, **kwargs):
    return {r.layer: (r.forward, r.backward) for r in profiling.time_table(model, *args, **kwargs)}


X = torch.zeros(1, 2)


def test_each_module_has_its_own_time_forward_and_backward():
    clock = Clock()
    table = times(Two(clock), X, "train", repeats=2, warmup=1, clock=clock)
    assert table == {"model": (7, 8), "first": (1, 2), "0": (3, 4), "right": (5, 6)}


def test_forward_alone_has_no_backward_time_and_shares_add_up():
    clock = Clock()
    records = profiling.time_table(Two(clock), X, repeats=1, warmup=0, clock=clock)
    assert [(r.layer, r.backward) for r in records] == [("model", 0), ("first", 0), ("0", 0), ("right", 0)]
    assert [r.share for r in records] == [7 / 16, 1 / 16, 3 / 16, 5 / 16]


def test_a_change_in_place_is_the_changing_layers_time():
    class Changes(nn.Module):
        def __init__(self):
            super().__init__()
            self.slow, self.relu, self.last = Slow(clock, 1, 2), nn.ReLU(inplace=True), Slow(clock, 3, 4)

        def forward(self, x):
            return self.last(self.relu(self.slow(x)))

    clock = Clock()
    table = times(Changes(), torch.ones(1, 2), "train", repeats=1, warmup=0, clock=clock)
    assert table == {"model": (0, 0), "slow": (1, 2), "relu": (0, 0), "last": (3, 4)}


def test_the_median_counts_and_the_warm_up_does_not():
    clock = Clock()
    model = Slow(clock, 0, 0)
    seconds = iter([100, 1, 9, 2])
    model.register_forward_pre_hook(lambda *_: setattr(model, "seconds", (next(seconds), 0)))
    assert times(model, X, repeats=3, warmup=1, clock=clock) == {"model": (2, 0)}


@pytest.mark.parametrize("mode", ["forward", "train"])
@pytest.mark.parametrize("name", models.names())
def test_every_layer_with_parameters_takes_time_and_the_model_stays_as_it_was(name, mode):
    model = models.build(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    records = profiling.time_table(model, profiling.example_inputs(2), mode, repeats=1, warmup=0)
    times = {(r.part, r.layer): r for r in records}
    assert all(times[r.part, r.layer].forward > 0 for r in profiling.parameter_table(model))
    if mode == "train":
        assert all(times[r.part, r.layer].backward > 0 for r in profiling.parameter_table(model))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters()) and model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_watching_does_not_make_attention_write_its_weights_down(monkeypatch):
    model = models.build("tokens")
    seen = []
    monkeypatch.setattr(type(model.cross_attention.map_to_stats.weights), "forward", lambda *_: seen.append("written"))
    profiling.time_table(model, repeats=1, warmup=0)
    assert not seen


def test_layers_side_by_side_are_the_three_tables():
    model = models.build("attention", norm="group")
    records = profiling.layer_table(model, repeats=1)
    named = {(r.part, r.layer): r for r in records}
    assert len(named) == len(records)
    for weight in profiling.parameter_table(model):
        assert named[weight.part, weight.layer].parameters == weight.parameters
    for work in profiling.macs_table(model):
        assert named[work.part, work.layer].macs == work.macs + work.backward_macs
    for share in ("parameter_share", "macs_share", "time_share"):
        assert sum(getattr(r, share) for r in records) == pytest.approx(1)
    assert named["map_branch", "blocks.0.relu"].parameters == 0 < named["map_branch", "blocks.0.relu"].seconds


@pytest.mark.parametrize(
    "change, message",
    [
        ({"mode": "backward"}, "mode must be one of forward, train; got 'backward'"),
        ({"repeats": 0}, "repeats must be a whole number of at least 1, got 0"),
        ({"warmup": -1}, "warmup must be a whole number of at least 0, got -1"),
        ({"inputs": torch.zeros(1, 7)}, r"cannot take inputs of shapes \(1, 7\)"),
    ],
)
def test_what_cannot_be_timed_is_refused(change, message):
    with pytest.raises(BadInput, match=message):
        profiling.time_table(**{"model": nn.Linear(2, 1), "inputs": X, **change})


def test_a_frozen_model_cannot_be_timed_in_training():
    with pytest.raises(BadInput, match=r"no parameter to train\. Is all of it frozen"):
        profiling.time_table(nn.Linear(2, 1).requires_grad_(False), X, "train")


def test_nor_one_whose_layers_torch_does_not_see():
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Linear(2, 1)]

        def forward(self, x):
            return self.layers[0](x)

    with pytest.raises(BadInput, match=r"no parameter to train\. Are its layers in a plain list"):
        profiling.time_table(Listed(), X, "train")
