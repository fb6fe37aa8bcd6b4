"""What every network promises, what each one refuses, and how they start."""

import json
from copy import deepcopy
from functools import cache

import pytest
import torch

from territory import models
from territory.errors import BadInput

ALL = [
    ("baseline", {}),
    ("attention", {"norm": "batch"}),
    ("attention", {"norm": "group", "heads": 4}),
    ("tokens", {}),
    ("tokens", {"norm": "batch", "heads": 4}),
]


def observation(batch=3, side=128, seed=0):
    rng = torch.Generator().manual_seed(seed)
    planes = torch.randint(0, 256, (batch, 5, side, side), generator=rng, dtype=torch.uint8)
    return planes, torch.rand(batch, 16, generator=rng) * 2 - 1


@cache  # the baseline's largest matrix takes a second to make orthogonal
def pristine(name, seed, options):
    torch.manual_seed(seed)
    return models.build(name, **dict(options))


def make(name, seed=0, **options):
    return deepcopy(pristine(name, seed, tuple(options.items())))


@pytest.mark.parametrize("name, options", ALL)
def test_gives_90_logits_and_one_value_per_example(name, options):
    logits, value = make(name, **options)(*observation())
    assert logits.shape == (3, 90)
    assert value.shape == (3,)
    assert logits.dtype == value.dtype == torch.float32
    assert torch.isfinite(logits).all() and torch.isfinite(value).all()


@pytest.mark.parametrize("name, options", ALL)
def test_remembers_how_to_build_its_like(name, options):
    model = make(name, seed=1, **options)
    twin = models.build(model.name, **json.loads(json.dumps(model.options)))
    twin.load_state_dict(model.state_dict())
    logits, value = model.eval()(*observation())
    twin_logits, twin_value = twin.eval()(*observation())
    assert torch.equal(logits, twin_logits) and torch.equal(value, twin_value)


@pytest.mark.parametrize("name, options", ALL)
def test_the_seed_decides_the_weights(name, options):
    torch.manual_seed(0)
    again = models.build(name, **options).actor[0].weight
    first, other = (make(name, seed, **options).actor[0].weight for seed in (0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("name, options", ALL)
def test_both_inputs_reach_both_outputs(name, options):
    model = make(name, **options).eval()
    planes, stats = observation()
    before = model(planes, stats)
    for after in (model(255 - planes, stats), model(planes, -stats)):
        assert not torch.allclose(before[0], after[0], atol=1e-6)
        assert not torch.allclose(before[1], after[1], atol=1e-4)


@pytest.mark.parametrize("name, options", ALL)
def test_the_first_policy_is_near_uniform(name, options):
    logits, _ = make(name, **options)(*observation())
    probabilities = logits.softmax(1)
    assert probabilities.max() < 2 / 90


@pytest.mark.parametrize("name, options", ALL)
def test_starts_orthogonal_with_zero_biases(name, options):
    model = make(name, **options)
    weight = model.fusion.weight  # (256, more): rows orthogonal, of length sqrt(2)
    assert torch.allclose(weight @ weight.T, 2 * torch.eye(256), atol=1e-4)
    assert torch.allclose(model.critic[-1].weight.norm(), torch.tensor(1.0))
    assert not any(parameter.any() for key, parameter in model.named_parameters() if key.endswith("bias"))


@pytest.mark.parametrize("name, options", ALL)
def test_a_float_map_of_the_same_scale_gives_the_same_and_carries_gradients(name, options):
    model = make(name, **options).eval()
    planes, stats = observation()
    pixels = planes.float().requires_grad_()
    logits, _ = model(pixels, stats)
    torch.testing.assert_close(logits, model(planes, stats)[0], rtol=1e-5, atol=1e-6)
    logits.sum().backward()
    assert pixels.grad.abs().sum() > 0


@pytest.mark.parametrize("name, scale", [("baseline", 255), ("attention", 255), ("tokens", 1)])
def test_divides_its_bytes_at_the_door(name, scale):
    branch = make(name).eval().map_branch
    planes, _ = observation()
    torch.testing.assert_close(branch(planes), branch(planes / scale), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["attention", "tokens"])
@pytest.mark.parametrize("height, width", [(32, 32), (64, 64), (64, 96), (256, 256)])
def test_takes_any_sides_that_are_multiples_of_32(name, height, width):
    logits, value = make(name, norm="group")(torch.zeros(2, 5, height, width, dtype=torch.uint8), torch.zeros(2, 16))
    assert logits.shape == (2, 90) and value.shape == (2,)


def test_group_norm_gives_each_example_the_same_alone_and_in_company():
    """PPO's ratio before the first update is 1 only then; batch norm in training mode is the counterexample."""
    planes, stats = observation(8)
    for norm, same in (("group", True), ("batch", False)):
        model = make("attention", norm=norm).train()
        together, _ = model(planes, stats)
        halves = torch.cat([model(planes[:2], stats[:2])[0], model(planes[2:], stats[2:])[0]])
        assert torch.allclose(together, halves, atol=1e-6) is same


def test_baseline_says_why_it_is_tied_to_one_map_size():
    with pytest.raises(BadInput, match=r"expected a map of 128x128; got 64x64.*'attention'"):
        make("baseline")(*observation(side=64))


def test_tokens_says_what_sides_it_takes():
    with pytest.raises(BadInput, match=r"multiples of 16; got 100x64.*16x16 tiles"):
        make("tokens")(torch.zeros(1, 5, 100, 64, dtype=torch.uint8), torch.zeros(1, 16))


@pytest.mark.parametrize("height, width", [(48, 64), (100, 100), (0, 64)])
def test_attention_refuses_other_sides(height, width):
    with pytest.raises(BadInput, match=f"multiples of 32; got {height}x{width}"):
        make("attention")(torch.zeros(1, 5, height, width, dtype=torch.uint8), torch.zeros(1, 16))


PLANES, STATS = observation(2)


@pytest.mark.parametrize("name", models.names())
@pytest.mark.parametrize(
    "planes, stats, message",
    [
        (PLANES[0], STATS[0], r"map: expected \(B, 5, H, W\); got \(5, 128, 128\).*batch dimension"),
        (PLANES.permute(0, 2, 3, 1), STATS, r"got \(2, 128, 128, 5\).*planes last"),
        (PLANES[:, :3], STATS, r"got \(2, 3, 128, 128\)"),
        (PLANES, STATS[:1], r"global: expected \(2, 16\).*got \(1, 16\)"),
        (PLANES, STATS[:, :5], r"got \(2, 5\)"),
        (PLANES.numpy(), STATS, "map: expected a torch tensor; got ndarray"),
        (PLANES, STATS.numpy(), "global: expected a torch tensor; got ndarray"),
    ],
)
def test_a_wrong_observation_is_named(name, planes, stats, message):
    with pytest.raises(BadInput, match=message):
        make(name)(planes, stats)


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("atention", {}, "expected a model out of baseline, attention, tokens.*got 'atention'"),
        ("mine.py:Net", {}, r"got 'mine.py:Net'. A network of your own is trained .* PPO\(config, model=network\)"),
        ("attention", {"nrom": "group"}, "has these options: norm, heads; got nrom"),
        ("baseline", {"norm": "group"}, "has these options: none; got norm"),
        ("attention", {"norm": "layer"}, "norm must be one of batch, group; got 'layer'"),
        ("attention", {"norm": None}, "norm must be one of batch, group; got None"),
        ("attention", {"heads": 3}, "divides 128; got 3"),
        ("attention", {"heads": 0}, "got 0"),
        ("attention", {"heads": 2.0}, "got 2.0"),
    ],
)
def test_what_cannot_be_built_is_refused_with_what_can(name, options, message):
    with pytest.raises(BadInput, match=message):
        models.build(name, **options)


def test_names_lists_what_build_makes():
    assert models.names() == ("baseline", "attention", "tokens")
    assert [models.build(name).name for name in models.names()] == list(models.names())
