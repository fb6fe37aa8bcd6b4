"""Changing attention changes what follows from it, and only inside the block."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from territory import models
from territory.errors import BadInput
from territory.interpret import ablations, capture, cell_mean, intervene, uniform, uniform_head, zero_head
from territory.models.cross_attention import CrossAttention


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return models.build("attention", norm="group").eval()


@pytest.fixture
def batch():
    torch.manual_seed(1)
    return torch.randint(0, 256, (2, 5, 64, 64), dtype=torch.uint8), torch.rand(2, 16)


def test_a_constant_replaces_every_gate_and_capture_sees_it(model, batch):
    with intervene(model, {"spatial.2": 0.5}), capture(model) as attention:
        model(*batch)
    assert (attention["spatial.2"] == 0.5).all()
    assert attention["spatial.1"].std() > 0


def test_closed_gates_leave_only_the_bias_of_the_map_branch(model, batch):
    with intervene(model, {"spatial.3": 0.0}):
        features = model.map_branch(batch[0] / 255)
    expected = torch.relu(model.map_branch.to_features.bias).expand(2, -1)  # the mean of nothing, through one layer
    torch.testing.assert_close(features, expected)


def test_a_callable_gets_the_weights_and_the_rest_of_the_pass_uses_its_answer(model, batch):
    with torch.no_grad():
        plain, _ = model(*batch)
        with intervene(model, {"spatial.1": lambda gates: gates}):
            same, _ = model(*batch)
        with intervene(model, {"spatial.1": lambda gates: 1 - gates}):
            other, _ = model(*batch)
    assert torch.equal(plain, same)
    assert not torch.allclose(plain, other)


def test_the_model_is_itself_again_after_the_block(model, batch):
    plain, _ = model(*batch)
    with intervene(model, {"spatial.1": 0.0, "spatial.2": 0.0}):
        model(*batch)
    assert torch.equal(model(*batch)[0], plain)


def test_what_another_thread_asks_of_the_network_meanwhile_is_neither_changed_nor_seen(model, batch):
    # JupyterLab answers widgets on a thread of their own, while a cell goes on with the same network.
    other = [each[:1] for each in batch]
    plain = model(*other)[0]
    with intervene(model, {"spatial.1": 0.0}), capture(model) as attention:
        model(*batch)
        with ThreadPoolExecutor(1) as thread:
            meanwhile = thread.submit(model, *other).result()[0]
        assert torch.equal(meanwhile, plain)
        assert {len(weights) for weights in attention.values()} == {len(batch[0])}


def test_frame_mean_keeps_the_mean_and_drops_the_place():
    gates = torch.tensor([[[[0.0, 1.0], [0.5, 0.5]]]])
    assert cell_mean(gates).tolist() == [[[[0.5, 0.5], [0.5, 0.5]]]]


def test_an_unknown_name_is_refused_with_those_there_are(model):
    with (
        pytest.raises(BadInput, match=r"no attention called spatial\.7; there is spatial\.1"),
        intervene(model, {"spatial.7": 1}),
    ):
        pass


def test_weights_of_another_shape_are_refused(model, batch):
    with (
        pytest.raises(BadInput, match=r"spatial\.1: expected weights"),
        intervene(model, {"spatial.1": lambda g: g[..., 0]}),
    ):
        model(*batch)


def test_a_zero_ablated_head_adds_nothing_and_a_uniform_one_the_mean_of_all_values():
    torch.manual_seed(0)
    attention = CrossAttention(8, 8, 8, heads=2, fused=True)
    holder = torch.nn.ModuleDict({"cross_attention": attention})
    queries, context = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    with torch.no_grad():
        with intervene(holder, {"cross.map_to_stats": zero_head(1)}):
            zeroed = attention(queries, context)
        with intervene(holder, {"cross.map_to_stats": uniform}):
            averaged = attention(queries, context)
        expected = attention.out(attention.v(context).mean(dim=1, keepdim=True)).expand_as(averaged)
        attention.out.weight[:, 4:] = 0  # the columns that head 2 is heard through
        torch.testing.assert_close(zeroed, attention(queries, context))
    torch.testing.assert_close(averaged, expected)


def test_one_head_can_be_made_uniform_alone():
    weights = torch.softmax(torch.randn(2, 3, 4, 5), dim=-1)
    changed = uniform_head(2)(weights)
    assert torch.equal(changed[:, :2], weights[:, :2]) and (changed[:, 2] == 0.2).all()
    with pytest.raises(BadInput, match="a head from 0 to 2; got 3"):
        zero_head(3)(weights)


def test_the_usual_ablations_are_each_layer_averaged_all_of_them_and_each_head_zeroed(model, batch):
    with capture(model) as gated:
        model(*batch)
    assert list(ablations(gated)) == [
        "spatial.1 mean-ablated",
        "spatial.2 mean-ablated",
        "spatial.3 mean-ablated",
        "cross.map_to_stats mean-ablated",
        "all mean-ablated",
        "cross.map_to_stats head 1 zero-ablated",
    ]
    with torch.no_grad():
        plain, _ = model(*batch)
        with intervene(model, ablations(gated)["cross.map_to_stats mean-ablated"]):
            assert torch.equal(model(*batch)[0], plain)  # over one key, uniform is what it was
    assert ablations({}) == {}
