"""The worst moment of a pass: by hand where every tensor is known, and against what must be kept."""

import pytest
import torch
from torch import nn

from territory import models, profiling
from territory.errors import BadInput

N = 1000
WEIGHT, BIAS = 4 * N * N, 4 * N


def test_a_forward_pass_by_hand():
    model = nn.Sequential(nn.Linear(N, N), nn.ReLU(), nn.Linear(N, N))
    record = profiling.peak_memory(model, torch.zeros(500, N), "forward")
    assert record.standing == 2 * (WEIGHT + BIAS) + 4 * 500 * N  # weights and the input
    assert record.peak - record.standing == 2 * (4 * 500 * N)  # of the results in a row, two at once


def test_a_training_step_by_hand():
    record = profiling.peak_memory(nn.Linear(N, N), torch.zeros(1, N))
    parameters = WEIGHT + BIAS
    assert record.standing == pytest.approx(3 * parameters + 4 * N, abs=100)  # weights, Adam's two means; its counters
    # The worst moment is in Adam's step: all gradients, the root of the weight's second mean, and that root scaled.
    assert record.peak - record.standing == pytest.approx(parameters + 2 * WEIGHT, rel=0.01)


@pytest.mark.parametrize("name", models.names())
def test_the_peak_is_at_least_what_must_be_kept_and_grows_with_the_batch(name):
    model = models.build(name)
    small, large = (profiling.peak_memory(model, profiling.example_inputs(batch)) for batch in (2, 64))
    kept = {r.what: 0 for r in profiling.memory_table(model)}
    for record in profiling.memory_table(model, profiling.example_inputs(64)):
        kept[record.what] += record.bytes
    assert large.peak > small.peak > small.standing
    assert large.standing >= kept["parameters"] + kept["adam"]
    assert large.peak >= kept["parameters"] + kept["adam"] + kept["activations"]
    assert profiling.peak_memory(model, profiling.example_inputs(64), "forward").peak < large.peak


def test_the_model_is_left_as_it_was():
    model = models.build("attention", norm="batch").eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    profiling.peak_memory(model)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not model.training and all(parameter.grad is None for parameter in model.parameters())


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(BadInput, match="mode must be one of forward, train; got 'backward'"):
        profiling.peak_memory(nn.Linear(2, 1), torch.zeros(1, 2), "backward")
    with pytest.raises(BadInput, match="no parameter to train"):
        profiling.peak_memory(nn.Linear(2, 1).requires_grad_(False), torch.zeros(1, 2))
    with pytest.raises(BadInput, match="knows the CPU and CUDA; the model is on meta"):
        profiling.peak_memory(nn.Linear(2, 1, device="meta"), torch.zeros(1, 2, device="meta"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_allocator_says_the_same_up_to_its_rounding():
    model, x = nn.Sequential(nn.Linear(N, N), nn.ReLU(), nn.Linear(N, N)), torch.zeros(500, N)
    cpu, gpu = (profiling.peak_memory(model.to(kind), x.to(kind), "forward") for kind in ("cpu", "cuda"))
    assert gpu.standing == cpu.standing
    assert cpu.peak <= gpu.peak < cpu.peak + 2**26  # cuBLAS takes a workspace


def test_torchs_transformer_layer_is_seen_from_inside():
    layer, x = nn.TransformerEncoderLayer(32, nhead=2, dim_feedforward=256, batch_first=True), torch.rand(4, 16, 32)
    record = profiling.peak_memory(layer, x, "forward")
    assert record.peak - record.standing >= 2 * 4 * 16 * 256 * 4  # the wide layer, before and behind its ReLU
    with torch.autocast("cpu", torch.bfloat16):
        assert profiling.peak_memory(layer, x, "forward").peak > record.standing
