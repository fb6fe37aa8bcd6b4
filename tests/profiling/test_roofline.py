"""The roofline's numbers, with a clock that the test winds itself."""

import math
from itertools import count

import pytest
import torch
from torch import nn

from benchmarks.zoo import Calls
from territory import models, profiling
from territory.errors import BadInput
from territory.profiling import Machine

MACHINE = Machine(flops=100.0, bandwidth=10.0)


def test_the_roof_is_memory_first_and_arithmetic_then():
    assert [MACHINE.roof(intensity) for intensity in (1, 10, 50)] == [10, 100, 100]


def test_a_linear_layer_by_hand():
    ticks = count()  # every look at the clock takes a second
    (record,) = profiling.roofline(
        nn.Sequential(nn.Linear(10, 20)), torch.zeros(3, 10), MACHINE, repeats=1, clock=lambda: float(next(ticks))
    )
    flops, moved = 2 * 3 * 10 * 20, 4 * (3 * 10 + 10 * 20 + 20 + 3 * 20)
    assert (record.flops, record.bytes) == (flops, moved)
    assert record.intensity == flops / moved
    assert record.achieved == flops / record.seconds and record.seconds == 1
    assert record.roof == 10 * record.intensity  # below 10 FLOPs per byte memory decides


def test_an_argument_that_is_handed_over_three_times_is_read_once():
    record = profiling.roofline(nn.TransformerEncoderLayer(8, 2, 16), torch.zeros(5, 3, 8), MACHINE, repeats=1)[0]
    x, weights = 5 * 3 * 8, 3 * 8 * 8 + 3 * 8
    assert record.layer == "self_attn" and record.bytes == 4 * (x + weights + x)


@pytest.mark.parametrize("name", models.names())
def test_every_layer_that_multiplies_is_there(name):
    model = models.build(name)
    records = profiling.roofline(model, profiling.example_inputs(2), MACHINE, repeats=1)
    assert [(r.part, r.layer, r.flops) for r in records] == [
        (r.part, r.layer, r.flops) for r in profiling.macs_table(model, profiling.example_inputs(2))
    ]


def test_torchs_own_encoder_is_there_layer_by_layer():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    records = profiling.roofline(nn.TransformerEncoder(layer, 1), torch.randn(2, 5, 8), MACHINE, repeats=1)
    assert [r.layer for r in records] == ["0.self_attn", "0.linear1", "0.linear2"]


def test_more_examples_use_a_linear_layers_weights_more_often():
    layer = nn.Sequential(nn.Linear(100, 100))
    one, many = (profiling.roofline(layer, torch.zeros(b, 100), MACHINE, repeats=1)[0] for b in (1, 100))
    assert one.intensity < 0.6 and many.intensity > 15  # FLOPs per byte: 2 per weight of 4 bytes, and 16.5


def test_the_machine_is_measured_by_its_best_run():
    ticks = iter([0.0, 4.0, 10.0, 12.0, 20.0, 21.0, 30.0, 38.0])  # two products of 4 and 2 s, two copies of 1 and 8 s
    machine = profiling.measure_machine(repeats=2, clock=lambda: next(ticks))
    assert machine.flops == 2 * 1024**3 / 2
    assert machine.bandwidth == 2 * 2**26 / 1


def test_no_repeats_are_refused():
    with pytest.raises(BadInput, match="of at least 1, got 0"):
        profiling.measure_machine(repeats=0)


def test_a_result_that_is_kept_between_passes_is_no_missing_row():
    def first_time(s, x):
        s.kept = s.layer(x) if s.kept is None else s.kept
        return s.kept

    model = Calls(first_time, layer=nn.Linear(4, 4), kept=None)
    with pytest.raises(BadInput, match="layer multiplies in one pass and not in the next"):
        profiling.roofline(model, torch.zeros(2, 4), MACHINE, repeats=1)


def test_a_machine_that_is_none_is_refused():
    with pytest.raises(BadInput, match="machine: expected what measure_machine gives; got 5"):
        profiling.roofline(nn.Linear(4, 4), torch.zeros(2, 4), 5)


def test_a_clock_that_stands_still_leaves_no_row_out():
    (record,) = profiling.roofline(nn.Linear(4, 4), torch.zeros(2, 4), MACHINE, repeats=1, clock=lambda: 0.0)
    assert (record.flops, record.seconds, record.achieved) == (64, 0, math.inf)
