"""Bytes against sums by hand, against a real optimiser, and against what autograd must keep."""

import gc
import sys
import weakref
from collections import Counter
from functools import cache

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.utils._pytree import tree_map

from benchmarks.zoo import Calls
from territory import models, profiling
from territory.errors import BadInput

build = cache(models.build)
MLP = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def bytes_of(model, inputs=None):
    return {(r.what, r.layer): r.bytes for r in profiling.memory_table(model, inputs)}


def test_a_small_network_by_hand():
    table = bytes_of(MLP, torch.zeros(3, 4))
    parameters = (4 * 8 + 8 + 8 * 2 + 2) * 4
    assert table == {
        ("parameters", "all"): parameters,
        ("buffers", "all"): 0,
        ("gradients", "all"): parameters,
        ("adam", "all"): 2 * parameters,
        ("activations", "0"): 3 * 4 * 4,  # the first layer keeps its input for its weight's gradient
        ("activations", "1"): 3 * 8 * 4,  # ReLU keeps its output, and the last layer the same tensor: once
    }


def test_frozen_parameters_have_no_gradient_and_no_adam_state():
    model = nn.Linear(4, 8).requires_grad_(False)
    table = bytes_of(model, torch.zeros(3, 4))
    assert table[("parameters", "all")] == 160
    assert table[("gradients", "all")] == table[("adam", "all")] == 0
    assert not [key for key in table if key[0] == "activations"]


@pytest.mark.parametrize("name", models.names())
def test_adam_state_is_what_adam_really_keeps(name):
    model = models.build(name)
    optimiser = torch.optim.Adam(model.parameters())
    logits, value = model(*profiling.example_inputs(2))
    (logits.sum() + value.sum()).backward()
    optimiser.step()
    kept = sum(s["exp_avg"].nbytes + s["exp_avg_sq"].nbytes for s in optimiser.state.values())
    table = bytes_of(model)
    assert table[("adam", "all")] == kept
    assert table[("gradients", "all")] == sum(p.grad.nbytes for p in model.parameters())
    assert table[("buffers", "all")] == sum(b.nbytes for b in model.buffers())


DIVIDED = 32 * 5 * 8 * 8  # the first convolution's weights, divided instead of the map's numbers


def test_activations_of_the_baseline_by_formula():
    batch = 3
    table = bytes_of(build("baseline"), profiling.example_inputs(batch))
    expected = {  # float32 numbers each stage keeps per example
        "map_branch.blocks.0.conv": 5 * 128 * 128 // 4,  # the map, kept as bytes
        "map_branch.blocks.0.relu": 32 * 32 * 32,
        "map_branch.blocks.1.relu": 64 * 16 * 16,
        "map_branch.blocks.2.relu": 64 * 14 * 14,
        "map_branch": 512,
        "global_branch.0": 16,
        "fusion": 640,
        "model": 256,
    }
    kept = {key: batch * numbers for key, numbers in expected.items()}
    kept["map_branch.blocks.0.conv"] += DIVIDED
    assert {key: table[("activations", key)] for key in expected} == {key: 4 * size for key, size in kept.items()}


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")  # which torch itself calls for them
def test_forward_derivatives_keep_what_they_multiply_and_their_zeros_are_nowhere():
    class Along(nn.Linear):
        def forward(self, x):
            with forward_ad.dual_level():
                moved = super().forward(forward_ad.make_dual(x, torch.ones_like(x)))  # those of weights are zero
                return sum(forward_ad.unpack_dual(moved))

    model, x = Along(4, 4), torch.zeros(2, 4)
    assert bytes_of(model, x)["activations", "model"] == 2 * (2 * 4 * 4)  # x and its ones
    assert profiling.peak_memory(model, x).peak > profiling.peak_memory(nn.Linear(4, 4), x).peak


WRAP = "_make_wrapper_subclass"  # the only way that torch has


class Wrapped(torch.Tensor):
    """Holds its numbers in another tensor, and doesn't say where."""

    @staticmethod
    def __new__(cls, inner):
        outer = getattr(torch.Tensor, WRAP)(cls, inner.shape, dtype=inner.dtype)
        outer.inner = inner
        return outer

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        args, kwargs = tree_map(lambda each: each.inner if isinstance(each, cls) else each, (args, kwargs or {}))
        return tree_map(lambda each: cls(each) if isinstance(each, torch.Tensor) else each, func(*args, **kwargs))


def test_a_tensor_that_wraps_another_is_as_large_as_what_it_holds():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    model[1].weight = nn.Parameter(Wrapped(torch.rand(3, 4)))
    table = bytes_of(model, torch.zeros(2, 4))
    assert table["parameters", "all"] == 4 * (5 * 4 + 5 * 3)
    assert table["activations", "1"] == 2 * 4 * 4


class KeepsItself(torch.autograd.Function):
    """Keeps one tensor as torch wants it, others where torch doesn't look; the weight is no activation."""

    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x)
        ctx.twice, ctx.others, ctx.weight = 2 * x, [x, {"more": x + 1}], weight
        return ctx.twice @ weight.t()

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient @ ctx.weight, gradient.t() @ ctx.twice


def test_what_a_networks_own_function_keeps_is_counted_wherever_it_keeps_it():
    class Own(nn.Linear):
        def forward(self, x):
            return KeepsItself.apply(x, self.weight)

    table = bytes_of(nn.Sequential(nn.Linear(4, 4), Own(4, 3)), torch.zeros(2, 4))
    assert table["activations", "0"] == 2 * 4 * 4
    assert table["activations", "1"] == 3 * 2 * 4 * 4  # x, twice and more; x in the list is the same


@pytest.mark.parametrize("name, options", [("baseline", {}), ("attention", {"norm": "group"})])
def test_only_activations_grow_and_they_grow_with_the_batch(name, options):
    one, four = (bytes_of(build(name, **options), profiling.example_inputs(batch)) for batch in (1, 4))
    for table in (one, four):
        table[("activations", "map_branch.blocks.0.conv")] -= 4 * DIVIDED
    assert four == {key: size * (4 if key[0] == "activations" else 1) for key, size in one.items()}


def test_the_model_is_left_as_it_was():
    model = models.build("attention", norm="batch").eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    profiling.memory_table(model, profiling.example_inputs(2))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(module.training or module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_meta_tensors_have_no_bytes_to_count():
    with torch.device("meta"):
        model = models.build("attention")
    with pytest.raises(BadInput, match="needs real tensors; got meta"):
        profiling.memory_table(model)


def test_wrong_inputs_are_named_and_the_model_is_released():
    with pytest.raises(BadInput, match=r"cannot take inputs of shapes \(2, 5\)"):
        profiling.memory_table(MLP, torch.zeros(2, 5))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in MLP.modules())


def test_no_activation_stays_in_memory_once_it_was_counted():
    seen, model = [], nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    model[1].register_forward_hook(lambda layer, args, out: seen.append(weakref.ref(out)))
    profiling.memory_table(model, torch.zeros(3, 4))
    gc.collect()
    assert seen and [each() for each in seen] == [None] * len(seen)


def test_a_tensor_that_is_read_in_many_steps_takes_a_time_that_grows_with_their_number():
    def calls(steps):
        counted = Counter()
        sys.setprofile(lambda frame, event, of: counted.update([event]))
        try:
            profiling.memory_table(
                Calls(lambda s, x: sum(row.square() for row in s.fc(x)), fc=MLP[0]), torch.zeros(steps, 4)
            )
        finally:
            sys.setprofile(None)
        return counted.total()

    calls(10)  # what is imported at the first call
    assert calls(1000) < 6 * calls(250)  # four times as many; sixteen times, if each step went through all before it


def test_what_a_network_looks_at_step_by_step_is_counted_once_and_whole():
    def forward(s, x):
        return sum(s.layer(x[:, step]) for step in range(x.shape[1])) + s.layer(x).sum()

    table = bytes_of(Calls(forward, layer=nn.Linear(8, 8)), torch.zeros(2, 6, 8))
    assert table[("activations", "layer")] == 2 * 6 * 8 * 4  # rows of a step lie apart, with those of others between
