"""Capture reads attention off the real forward pass and leaves the model as it was."""

import numpy as np
import pytest
import torch
from torch import nn

from territory import load_agent, models
from territory.errors import BadInput
from territory.interpret import attention_modules, capture, capture_replay
from territory.interpret.records import to_tensors
from territory.models import cross_attention
from territory.models.cross_attention import CrossAttention
from territory.world import WorldParams
from territory.world.replay import record


def _batch(size=2):
    maps = torch.randint(0, 256, (size, 5, 128, 128), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return maps, torch.linspace(-1, 1, size * 16).reshape(size, 16)


def _num_hooks(model):
    return sum(len(module._forward_hooks) for module in model.modules())


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return models.build("attention", norm="group")


@pytest.fixture(scope="module")
def replay():
    rng = np.random.default_rng(0)
    params = WorldParams(height=64, width=64, num_bots=2, max_steps=6)
    return record(lambda obs, mask: rng.choice(np.flatnonzero(mask)), params, seed=3)


def test_every_gate_and_the_cross_attention_are_captured(model):
    with capture(model) as attention:
        model(*_batch())
    shapes = {name: tuple(weights.shape) for name, weights in attention.items()}
    assert shapes == {
        "spatial.1": (2, 32, 32),
        "spatial.2": (2, 8, 8),
        "spatial.3": (2, 4, 4),
        "cross.map_to_stats": (2, 1, 1, 1),
    }


def test_what_is_captured_is_what_scaled_the_features(model):
    block = model.map_branch.blocks[0].attention
    seen = {}
    handle = block.register_forward_hook(lambda _module, inputs, output: seen.update(before=inputs[0], after=output))
    with capture(model) as attention:
        model(*_batch())
    handle.remove()
    torch.testing.assert_close(seen["before"] * attention["spatial.1"][:, None], seen["after"])


def test_captured_attention_holds_no_graph(model):
    with capture(model) as attention:
        logits, _ = model(*_batch())
    assert logits.requires_grad
    assert not any(weights.requires_grad for weights in attention.values())


def test_the_output_is_the_same_with_and_without_capture(model):
    plain, _ = model(*_batch())
    with capture(model):
        watched, _ = model(*_batch())
    assert torch.equal(plain, watched)


def test_hooks_are_removed_after_the_block(model):
    with capture(model):
        assert _num_hooks(model) == 4
    assert _num_hooks(model) == 0


@pytest.mark.parametrize("name", ["attention", "tokens"])
def test_shipped_networks_play_the_same_watched_and_unwatched(name, replay):
    """Hooks switch fused attention off for as long as they sit there: on real boards the plain one agrees."""
    model = load_agent(name).model
    maps, stats, _ = to_tensors(list(replay.play()))
    with torch.no_grad():
        before = model(maps, stats)
        with capture(model) as attention:
            watched = model(maps, stats)
        after = model(maps, stats)
    torch.testing.assert_close(watched, before, rtol=1e-4, atol=1e-4)
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
    for weights in (weights for weights in attention.values() if weights.ndim == 4):
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))


def test_the_fused_call_is_left_while_watched_and_taken_up_again(monkeypatch):
    calls, fused = [], cross_attention.scaled_dot_product_attention
    monkeypatch.setattr(
        cross_attention, "scaled_dot_product_attention", lambda *args: calls.append(args) or fused(*args)
    )
    model = models.build("tokens")
    with capture(model):
        model(*_batch(1))
    assert not calls
    model(*_batch(1))
    assert len(calls) == 2


def test_captured_weights_are_those_that_the_fused_call_averages_with(monkeypatch):
    """Ask the fused call for the mean of unit vectors: what comes back are its weights."""
    fused, hidden = cross_attention.scaled_dot_product_attention, []

    def asked(q, k, v):
        hidden.append(fused(q, k, torch.eye(k.shape[2]).expand(*k.shape[:2], -1, -1)))
        return fused(q, k, v)

    monkeypatch.setattr(cross_attention, "scaled_dot_product_attention", asked)
    model = load_agent("tokens").model
    with torch.no_grad():
        model(*_batch())
        with capture(model) as attention:
            model(*_batch())
    for weights, theirs in zip(attention.values(), hidden, strict=True):
        torch.testing.assert_close(weights, theirs, rtol=1e-4, atol=1e-5)


def test_one_state_a_batch_and_a_whole_replay_give_the_same_heads(replay):
    model = load_agent("tokens").model
    rows = capture_replay(model, replay)
    maps, stats, _ = to_tensors(rows.frames)
    with capture(model) as batch, torch.no_grad():
        model(maps, stats)
    with capture(model) as single, torch.no_grad():
        model(maps[3:4], stats[3:4])
    for name, weights in rows.attention.items():
        assert weights.shape[:2] == (7, 2)
        np.testing.assert_allclose(weights, batch[name], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(weights[3:4], single[name], rtol=1e-4, atol=1e-6)


def test_hooks_are_removed_when_the_block_fails(model):
    with pytest.raises(BadInput, match="map"), capture(model):
        model(torch.zeros(1, 3, 128, 128), torch.zeros(1, 16))
    assert _num_hooks(model) == 0


def test_a_model_without_attention_gives_an_empty_record():
    model = models.build("baseline")
    with capture(model) as attention:
        model(*_batch(1))
    assert attention == {}
    with pytest.raises(BadInput, match="the model has no attention"):
        attention["spatial.1"]


def test_asking_for_what_is_not_there_names_what_is(model):
    with capture(model) as attention:
        model(*_batch(1))
    with pytest.raises(BadInput, match=r"no attention called 'spatial\.9'.*spatial\.1, spatial\.2"):
        attention["spatial.9"]
    assert "spatial.9" not in attention


def test_a_named_cross_attention_is_called_by_its_name():
    model = nn.Module()
    model.cross_attention = nn.ModuleDict(
        {"stats_to_map": CrossAttention(8, 8, 8), "map_to_stats": CrossAttention(8, 8, 8)}
    )
    assert list(attention_modules(model)) == ["cross.stats_to_map", "cross.map_to_stats"]


def test_a_replay_gives_one_row_a_frame_equal_to_a_single_pass(model, replay):
    rows = capture_replay(model, replay)
    assert len(rows.frames) == len(replay.actions) + 1 == 7
    assert rows.attention["spatial.1"].shape == (7, 16, 16)  # 64 tiles by cells of 4
    frame = rows.frames[4]
    maps, stats = (torch.from_numpy(frame.obs[key][None]) for key in ("map", "global"))
    with capture(model) as attention, torch.no_grad():
        logits, value = model(maps, stats)
    allowed = logits[0].numpy()[frame.mask]
    expected = np.exp(allowed - allowed.max())
    np.testing.assert_allclose(rows.probabilities[4][frame.mask], expected / expected.sum(), rtol=1e-5)
    np.testing.assert_allclose(rows.values[4], value.item(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(rows.attention["spatial.2"][4], attention["spatial.2"][0].numpy(), rtol=1e-5)


def test_attention_made_of_parameters_alone_is_the_same_in_every_frame(replay):
    class Mixes(nn.Module):
        def __init__(self):
            super().__init__()
            self.cut, self.shares = nn.Conv2d(5, 91, 16, 16), nn.Parameter(torch.randn(2, 16, 16))

        def forward(self, maps, _stats):
            cells = self.cut(maps.float() / 255).flatten(2).transpose(1, 2)  # (B, 16, 91)
            mixed = (self.shares.softmax(-1) @ cells[:, None]).mean((1, 2))
            return mixed[:, :90], mixed[:, 90]

    model = Mixes()
    shown = capture_replay(model, replay).attention["Mixes"]
    np.testing.assert_allclose(shown, np.stack([model.shares.softmax(-1).detach().numpy()] * 7), rtol=1e-6)


def test_probabilities_of_a_replay_are_of_allowed_actions_only(model, replay):
    rows = capture_replay(model, replay)
    masks = np.stack([frame.mask for frame in rows.frames])
    assert (rows.probabilities[~masks] == 0).all()
    np.testing.assert_allclose(rows.probabilities.sum(axis=1), 1, rtol=1e-5)


def test_capturing_a_replay_leaves_the_mode_and_the_batch_norm_statistics_alone(replay):
    model = models.build("attention", norm="batch").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    capture_replay(model, replay)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
