"""MACs against closed formulas, and against torch's own operator count."""

import math
from functools import cache
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode, register_flop_formula

from benchmarks.zoo import Calls
from territory import models, profiling
from territory.errors import BadInput
from territory.guests.call import roots_of
from territory.models.cross_attention import CrossAttention
from territory.profiling.macs import macs_of

build = cache(models.build)

BASELINE = [  # cells out x channels out x window, then inputs x outputs
    32 * 32 * 32 * (5 * 8 * 8),
    16 * 16 * 64 * (32 * 4 * 4),
    14 * 14 * 64 * (64 * 3 * 3),
    12_544 * 512,
    16 * 128,
    128 * 128,
    640 * 256,
    256 * 128,
    128 * 90,
    256 * 128,
    128,
]
ATTENTION = [
    32 * 32 * 32 * (5 * 8 * 8),
    32 * 32 * 32,  # the gate: one output per cell over 32 channels
    8 * 8 * 64 * (32 * 4 * 4),
    8 * 8 * 64,
    4 * 4 * 128 * (64 * 4 * 4),
    4 * 4 * 128,
    128 * 256,
    16 * 128,
    128 * 128,
    256 * 128,  # q, k, v
    128 * 128,
    128 * 128,
    128 * 128,
    128 + 128,  # one query, one key: q.k, then weight x value
    512 * 256,
    256 * 128,
    128 * 90,
    256 * 128,
    128,
]


@pytest.mark.parametrize("name, expected", [("baseline", BASELINE), ("attention", ATTENTION)])
@pytest.mark.parametrize("batch", [1, 3])
def test_each_layer_by_formula(name, expected, batch):
    table = profiling.macs_table(build(name), profiling.example_inputs(batch))
    assert [r.macs for r in table] == [batch * macs for macs in expected]
    assert all(r.flops == 2 * r.macs for r in table)
    assert sum(r.share for r in table) == pytest.approx(1)


def torchs_own_count(model, inputs):
    """FLOPs forward and backward, as FlopCounterMode has them where nothing is fused."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        outputs = model(*inputs)
        forward = counter.get_total_flops()
        sum(root.sum() for root in roots_of(outputs)).backward()
        return forward, counter.get_total_flops() - forward


@pytest.mark.parametrize("name, options", [*((name, {}) for name in models.names()), ("attention", {"heads": 4})])
def test_the_sums_are_torchs_own_counts(name, options):
    inputs = profiling.example_inputs(2)
    table = profiling.macs_table(models.build(name, **options), inputs)
    counted = sum(r.flops for r in table), sum(r.backward_flops for r in table)
    assert counted == torchs_own_count(models.build(name, **options), inputs)
    assert "(other)" not in [r.part for r in table]


@pytest.mark.parametrize("name, expected", [("baseline", BASELINE), ("attention", ATTENTION)])
def test_backward_costs_twice_the_forward_but_for_layers_that_read_the_observation(name, expected):
    table = profiling.macs_table(build(name))
    first = {("map_branch", "blocks.0.conv"), ("global_branch", "0")}  # nobody asks for the gradient of the map
    by_formula = [macs * (1 if (r.part, r.layer) in first else 2) for r, macs in zip(table, expected, strict=True)]
    assert [r.backward_macs for r in table] == by_formula
    assert all(r.backward_flops == 2 * r.backward_macs for r in table)


def test_a_frozen_layer_passes_the_gradient_on_and_has_none_itself():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5), nn.Linear(5, 6))
    model[1].requires_grad_(False)
    table = profiling.macs_table(model, torch.zeros(2, 3))
    assert [r.backward_macs for r in table] == [2 * 3 * 4, 2 * 4 * 5, 2 * (2 * 5 * 6)]
    frozen = profiling.macs_table(model.requires_grad_(False), torch.zeros(2, 3))
    assert [r.backward_macs for r in frozen] == [0, 0, 0]


def test_a_layer_whose_output_nobody_uses_has_no_backward_pass():
    class Wasteful(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(3, 4), nn.Linear(3, 4)

        def forward(self, x):
            self.unused(x)
            return self.used(x)

    table = {r.layer: (r.macs, r.backward_macs) for r in profiling.macs_table(Wasteful(), torch.zeros(2, 3))}
    assert table == {"used": (24, 24), "unused": (24, 0)}


def test_strided_grouped_and_transposed_convolutions_by_formula():
    model = nn.Sequential(
        nn.Conv2d(4, 8, 3, stride=2, padding=1),  # 9x9 -> 5x5
        nn.Conv2d(8, 8, 3, padding=1, groups=8),  # depthwise
        nn.Conv2d(8, 6, 1),
        nn.ConvTranspose2d(6, 4, 3, stride=2, groups=2),  # 5x5 -> 11x11
    )
    table = profiling.macs_table(model, torch.zeros(2, 4, 9, 9))
    cells = 2 * 5 * 5
    macs = [cells * 8 * 4 * 9, cells * 8 * 9, cells * 6 * 8, cells * 6 * (2 * 9)]
    assert [r.macs for r in table] == macs
    assert [r.backward_macs for r in table] == [macs[0], *(2 * n for n in macs[1:])]


def test_torch_counts_the_weight_gradient_of_a_grouped_convolution_once_per_group_too_often():
    """Why `macs_table` brings its own formula for it; when torch is put right, this fails and the formula may go."""
    groups, x = 4, torch.zeros(2, 4, 9, 9)
    conv = nn.Conv2d(4, 8, 3, groups=groups)
    forward, backward = torchs_own_count(conv, [x])
    (ours,) = profiling.macs_table(conv, x)
    assert ours.flops == ours.backward_flops == forward
    assert backward == groups * ours.backward_flops


@pytest.mark.filterwarnings("default:TF32 acceleration")  # torch warns whenever oneDNN is switched
def test_an_lstm_is_not_lost_in_its_fused_kernel():
    table = profiling.macs_table(nn.LSTM(8, 16, batch_first=True), torch.zeros(2, 5, 8))
    (record,) = table
    assert record.layer == "model"
    assert record.macs == 2 * 5 * (4 * 16) * (8 + 16)  # four gates, from the input and from the state
    with torch.backends.mkldnn.flags(enabled=False):
        forward, backward = torchs_own_count(nn.LSTM(8, 16, batch_first=True), [torch.zeros(2, 5, 8)])
    assert (record.flops, record.backward_flops) == (forward, backward)


def test_attention_over_many_tokens_by_formula():
    block = CrossAttention(query_size=6, context_size=10, size=8, heads=2)
    table = {r.layer: r.macs for r in profiling.macs_table(block, (torch.zeros(3, 5, 6), torch.zeros(3, 7, 10)))}
    assert table == {
        "q": 3 * 5 * 6 * 8,
        "k": 3 * 7 * 10 * 8,
        "v": 3 * 7 * 10 * 8,
        "model": 2 * 3 * 5 * 7 * 8,  # the block itself: scores, then the weighted sum of values
        "out": 3 * 5 * 8 * 8,
    }


class Learners(nn.Module):
    """Grouped and one-dimensional convolutions, a layer used twice, a product outside any layer."""

    def __init__(self):
        super().__init__()
        self.line = nn.Conv1d(4, 6, 3, groups=2)
        self.twice = nn.Linear(6, 6)

    def forward(self, x):
        x = self.twice(self.twice(self.line(x).transpose(1, 2)))  # (B, 4, 10) -> (B, 8, 6)
        return x @ x.transpose(1, 2)  # (B, 8, 8)


def test_a_learners_module_keeps_nothing_hidden():
    table = {r.layer: r.macs for r in profiling.macs_table(Learners(), torch.zeros(2, 4, 10))}
    assert table == {"line": 2 * 8 * 6 * (4 // 2 * 3), "twice": 2 * (2 * 8 * 6 * 6), "model": 2 * 8 * 8 * 6}


def test_torchs_own_attention_is_not_lost_in_its_fused_path():
    layer = nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True).eval()
    macs = sum(r.macs for r in profiling.macs_table(layer, torch.zeros(2, 5, 8)))
    assert macs == 2 * (5 * 8 * 24 + 2 * 5 * 5 * 8 + 5 * 8 * 8 + 2 * 5 * 8 * 16)  # qkv, attention, out, two linears
    back = sum(r.backward_macs for r in profiling.macs_table(layer, torch.zeros(2, 5, 8)))
    assert back == 2 * macs - 2 * 5 * 8 * 24  # all but the gradient of the input
    assert torchs_own_count(layer.train(), [torch.zeros(2, 5, 8)]) == (2 * macs, 2 * back)


def test_a_model_without_memory_can_be_counted():
    with torch.device("meta"):
        model = models.build("attention")
    table = profiling.macs_table(model)
    assert sum(r.macs for r in table) == sum(ATTENTION)
    assert sum(r.backward_macs for r in table) == 2 * sum(ATTENTION) - ATTENTION[0] - 16 * 128


def test_the_model_is_left_as_it_was():
    model = models.build("attention", norm="batch").train()
    model.critic.eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    profiling.macs_table(model, profiling.example_inputs(2))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert model.training and model.actor.training and not model.critic.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_wrong_inputs_are_named_and_the_model_is_released():
    model = nn.Sequential(nn.Linear(3, 4))
    with pytest.raises(BadInput, match=r"Sequential cannot take inputs of shapes \(2, 5\), in its layer 0 \(Linear\)"):
        profiling.macs_table(model, torch.zeros(2, 5))
    with pytest.raises(BadInput, match=r"shapes \(1, 5, 128, 128\), \(1, 16\).*Without inputs=\(...\) it gets a game"):
        profiling.macs_table(model)  # a game observation is not for this model
    with pytest.raises(BadInput, match=r"in its layer 0 \(Linear\).*must be Tensor, not list"):
        profiling.macs_table(model, [[1.0, 2.0, 3.0]])
    with pytest.raises(BadInput, match=r"expected tensors; got a NumPy array. Use torch.from_numpy"):
        profiling.macs_table(model, [torch.zeros(2, 3).numpy()])
    with pytest.raises(BadInput, match="expected tensors on cpu like the model; got meta"):
        profiling.macs_table(model, torch.zeros(2, 3, device="meta"))
    with pytest.raises(BadInput, match=r"shapes \(no tensors\), in its layer 0 \(Linear\).*must be Tensor, not str"):
        profiling.macs_table(model, "a text")
    assert not model[0]._forward_hooks and model.training


def test_example_inputs_refuse_nonsense():
    with pytest.raises(BadInput, match="batch must be a whole number from 1 to 1048576, got 0"):
        profiling.example_inputs(0)


def test_an_operator_of_another_library_is_counted_by_the_formula_that_torch_was_told():
    @torch.library.custom_op("territory_tests::twice_the_product", mutates_args=())
    def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return 2 * a @ b

    model = Calls(lambda s, x: torch.ops.territory_tests.twice_the_product(s.inner(x), x.mT), inner=nn.Identity())
    with pytest.raises(BadInput, match=r"calls the operator territory_tests.*If you do, tell torch by"):
        profiling.macs_table(model, torch.zeros(2, 5, 8))
    register_flop_formula(torch.ops.territory_tests.twice_the_product)(lambda a, b, **_: 2 * math.prod(a) * b[-1])
    assert [record.macs for record in profiling.macs_table(model, torch.zeros(2, 5, 8))] == [2 * 5 * 5 * 8]


def weight(*sizes):
    return nn.Parameter(torch.rand(sizes))


def lstm(s, x):
    """Not as a module, whose fused kernel would be switched off."""
    state = torch.zeros(1, 2, 6)
    return torch.lstm(x, (state, state), [s.a, s.b], False, 1, 0.0, True, False, False)[0]


FLASH = "_scaled_dot_product_flash_attention_for_cpu"
RARE = {  # forward, weights, an input, MACs by formula
    "vdot": (lambda s, x: torch.vdot(x, s.a), [weight(4)], torch.rand(4), 4),
    "addr": (lambda s, x: torch.addr(torch.zeros(3, 5), x, s.a), [weight(5)], torch.rand(3), 3 * 5),
    "in place": (lambda s, x: torch.zeros(3, 5).addmm_(x, s.a), [weight(4, 5)], torch.rand(3, 4), 3 * 4 * 5),
    "lstm": (lstm, [weight(24, 4), weight(24, 6)], torch.rand(5, 2, 4), 5 * 2 * 24 * (4 + 6)),
    "some of a product": (
        lambda s, x: torch.sparse.sampled_addmm(torch.eye(3).to_sparse_csr(), x, s.a).to_dense(),
        [weight(4, 3)],
        torch.rand(3, 4),
        3 * 4,
    ),
    "many distances": (lambda s, x: torch.cdist(x, s.a), [weight(40, 4)], torch.rand(30, 4), 30 * 40 * (4 + 2)),
    "an affine grid": (
        lambda s, x: nn.functional.affine_grid(x * s.a, [1, 1, 3, 4], False),
        [weight(2, 3)],
        torch.rand(1, 2, 3),
        3 * 4 * 2 * 3,
    ),
    "a flash kernel, called by name": (
        lambda s, x: getattr(torch.ops.aten, FLASH)(x, x, s.a)[0],
        [weight(1, 2, 5, 4)],
        torch.rand(1, 2, 5, 4),
        2 * (2 * 5 * 5 * 4),
    ),
    "convolution, time first": (
        lambda s, x: torch.conv_tbc(x, s.a, torch.zeros(6)),
        [weight(3, 4, 6)],
        torch.rand(7, 2, 4),
        5 * 2 * 6 * 3 * 4,
    ),
}


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("forward, weights, x, macs", RARE.values(), ids=RARE)
def test_torchs_rarer_products_by_formula(forward, weights, x, macs):
    model = Calls(forward, **dict(zip("ab", weights, strict=False)))
    assert sum(record.macs for record in profiling.macs_table(model, x)) == macs


def test_of_torchvisions_operators_deformable_convolution_alone_multiplies():
    def macs(name, *args, out):
        operator = SimpleNamespace(_name=f"torchvision::{name}", namespace="torchvision", _overloadpacket=name)
        return macs_of(operator, args, {}, out)

    x, weight, offsets, out = (torch.zeros(size) for size in ((2, 6, 9, 9), (4, 3, 3, 3), (2, 18, 7, 7), (2, 4, 7, 7)))
    mask, bias, sizes = torch.zeros(2, 9, 7, 7), torch.zeros(4), (1, 1, 0, 0, 1, 1, 2, 1, False)
    forward = macs("deform_conv2d", x, weight, offsets, mask, bias, *sizes, out=out)
    assert forward == out.numel() * 3 * 9
    assert macs("_deform_conv2d_backward", out, x, weight, offsets, mask, bias, *sizes, out=(x, weight)) == 2 * forward
    assert macs("nms", torch.zeros(5, 4), torch.zeros(5), 0.5, out=torch.zeros(3)) == 0
    assert macs("roi_align", x, torch.zeros(3, 5), 1.0, 2, 2, 2, True, out=torch.zeros(3, 6, 2, 2)) == 0


def test_a_kernel_named_like_a_product_that_nobody_has_a_formula_for_is_refused():
    sparse = torch.eye(8).to_sparse()
    with pytest.raises(BadInput, match=r"can't be counted: it calls the operator aten\._sparse_sparse_matmul"):
        profiling.macs_table(Calls(lambda s, x: torch.sparse.mm(sparse, sparse).to_dense() @ x), torch.rand(8, 2))


@pytest.mark.parametrize(
    "name", ["_thnn_fused_gru_cell", "_convert_indices_from_coo_to_csr", "upsample_linear1d", "cummax"]
)
def test_a_kernel_that_only_sounds_like_a_product_is_none(name):
    assert macs_of(getattr(torch.ops.aten, name).default, (), {}, ()) == 0


def test_leaves_on_the_way_have_their_gradients_too_as_in_backward():
    def inner(s, x):
        x = x.detach().requires_grad_()
        return s.fc(x)

    (record,) = profiling.macs_table(Calls(inner, fc=nn.Linear(3, 4)), torch.zeros(2, 3))
    assert (record.macs, record.backward_macs) == (24, 48)


def test_hooks_behind_an_accumulated_gradient_do_not_run():
    layer, ran = nn.Linear(3, 4), []
    layer.weight.register_post_accumulate_grad_hook(ran.append)  # as of an optimiser that steps on the way back
    profiling.macs_table(layer, torch.zeros(2, 3))
    assert not ran
