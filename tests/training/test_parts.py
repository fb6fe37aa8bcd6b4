"""Passes in parts: the answers and gradients of the whole, and whoever would miss something gets the whole."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from territory import models
from territory.models.one_pass import in_one_pass
from territory.models.tokens import Tokens
from territory.training.parts import LEAST, InParts

BOARDS = 2 * LEAST + 3  # so that parts differ in size
SHARED = "_SharedBackward"


@pytest.fixture(autouse=True)
def threads() -> Iterator[int]:
    """So many threads of torch's."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield 2
    torch.set_num_threads(before)


def boards(number: int = BOARDS, side: int = 64) -> tuple[Tensor, Tensor]:
    """Maps and statistics."""
    dice = torch.Generator().manual_seed(0)
    maps = torch.randint(0, 256, (number, 5, side, side), dtype=torch.uint8, generator=dice)
    return maps, torch.randn(number, 16, generator=dice)


def learn(network, shared: bool, number: int = BOARDS) -> tuple[list[Tensor], str]:
    """Logits, values and gradients, and what autograd calls the pass."""
    parts = InParts(network)
    network.zero_grad()
    with in_one_pass(), parts.sharing(number if shared else 1):
        logits, values = parts(*boards(number, 128 if network.name == "baseline" else 64))
        (logits.square().sum() + values.sum()).backward()
    return [logits, values, *(weight.grad for weight in network.parameters())], type(logits.grad_fn).__name__


def errors(found: list[Tensor], right: list[Tensor]) -> float:
    """The largest, as a share of the largest number beside it."""
    return max(((a - b).abs().max() / b.abs().max().clamp(min=1e-3)).item() for a, b in zip(found, right, strict=True))


@pytest.mark.parametrize("name", models.names())
def test_gives_the_answers_and_gradients_of_the_whole(name):
    network = models.build(name, seed=0, **({"norm": "group"} if name == "attention" else {}))
    parts, how = learn(network, shared=True)
    whole, _ = learn(network, shared=False)
    assert how == SHARED
    assert errors(parts, whole) < 1e-4


def test_more_threads_than_parts_share_the_parts():
    torch.set_num_threads(9)
    network = models.build("tokens", seed=0)
    parts, how = learn(network, shared=True, number=5 * LEAST)
    assert how == SHARED and torch.get_num_threads() == 9
    assert errors(parts, learn(network, shared=False, number=5 * LEAST)[0]) < 1e-4


def test_is_as_precise_as_whoever_calls_asks():
    network = models.build("tokens", seed=0)
    parts = InParts(network)
    with torch.autocast("cpu", torch.bfloat16), parts.sharing(BOARDS):
        logits, _ = parts(*boards())
        assert type(logits.grad_fn).__name__ == SHARED
    with torch.autocast("cpu", torch.bfloat16):
        right, _ = network(*boards())
    assert logits.dtype == right.dtype == torch.bfloat16
    assert (logits - right).abs().max() < 0.05 * right.abs().max()


def test_follows_the_weights_wherever_they_go():
    network = models.build("tokens", seed=0)
    parts = InParts(network)
    for change in (
        lambda: None,
        lambda: torch.optim.SGD(network.parameters(), 0.1).step(),
        lambda: network.load_state_dict(models.build("tokens", seed=1).state_dict()),
        lambda: network.load_state_dict(models.build("tokens", seed=2).state_dict(), assign=True),
    ):
        change()
        with parts.sharing(BOARDS):
            logits, _ = parts(*boards())
            logits.sum().backward()
        torch.testing.assert_close(logits, network(*boards())[0])


def test_torch_has_its_threads_again_afterwards(threads):
    parts = InParts(models.build("tokens"))
    with pytest.raises(ZeroDivisionError), parts.sharing(BOARDS):
        assert torch.get_num_threads() < threads
        parts(*boards())
        raise ZeroDivisionError
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(("tiles", "used"), [(16 * 32 * 32, 2), (16 * 128 * 128, 4), (64 * 128 * 128, 9)])
def test_small_boards_are_played_by_few_of_many_threads(tiles, used):
    torch.set_num_threads(9)
    with pytest.raises(ZeroDivisionError), InParts(models.build("tokens")).playing(tiles):
        assert torch.get_num_threads() == used
        raise ZeroDivisionError
    assert torch.get_num_threads() == 9
    with InParts(nn.Linear(2, 2)).playing(tiles):  # of somebody else's network we don't know what a thread is worth
        assert torch.get_num_threads() == 9


def test_no_more_threads_are_taken_than_torch_has():
    torch.set_num_threads(1)
    for network in (models.build("tokens"), nn.Linear(2, 2), nn.BatchNorm2d(5)):  # the latter's passes we don't share
        parts = InParts(network)
        with parts.playing(64 * 128 * 128):
            assert torch.get_num_threads() == 1
        with parts.sharing(BOARDS):
            assert torch.get_num_threads() == 1


def test_an_error_in_any_part_is_raised(monkeypatch):
    plain = Tokens.forward

    def fragile(self, maps: Tensor, stats: Tensor) -> tuple[Tensor, Tensor]:
        if (stats[:, 0] == 9).any():
            raise ZeroDivisionError
        return plain(self, maps, stats)

    monkeypatch.setattr(Tokens, "forward", fragile)
    parts, (maps, stats) = InParts(Tokens()), boards()
    for faulty in (0, BOARDS - 1):  # in the first part, which this thread takes, and in another's
        stats[:, 0] = 0
        stats[faulty, 0] = 9
        with pytest.raises(ZeroDivisionError), parts.sharing(BOARDS):
            parts(maps, stats)


def seen_by_a_hook(network: nn.Module) -> None:
    network.fusion.register_forward_hook(lambda *given: None)


def with_batch_norm(network: nn.Module) -> None:
    network.map_branch.stem.norm = nn.BatchNorm2d(32)


def compiled(network: nn.Module) -> None:
    network.compile(backend="eager")


@pytest.mark.parametrize("change", [seen_by_a_hook, with_batch_norm, compiled])
def test_the_whole_is_called_where_parts_would_be_missed_or_differ(change):
    network = models.build("tokens", seed=0)
    change(network)
    assert learn(network, shared=True)[1] != SHARED


class Own(Tokens):
    """A learner's, whose boards may need each other."""


def test_another_s_network_and_a_few_boards_are_not_shared():
    assert learn(Own(), shared=True)[1] != SHARED
    parts = InParts(models.build("tokens"))
    with parts.sharing(LEAST):
        assert type(parts(*boards(LEAST))[0].grad_fn).__name__ != SHARED


def test_a_tool_of_torch_s_counts_all_products():
    network, counts = models.build("tokens"), []
    for shared in (True, False):
        with FlopCounterMode(display=False) as counter:
            learn(network, shared)
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize(
    "frozen", [("map_branch",), ("map_branch", "global_branch", "cross_attention", "fusion", "actor")]
)
def test_a_frozen_part_stays_as_it_is_and_the_rest_learns(frozen):
    network = models.build("tokens", seed=0)
    for name in frozen:
        network.get_submodule(name).requires_grad_(False)
    parts, how = learn(network, shared=True)
    whole, _ = learn(network, shared=False)
    assert how == SHARED and all(weight.grad is None for weight in network.map_branch.parameters())
    assert errors(*([each for each in kind if each is not None] for kind in (parts, whole))) < 1e-4


def test_whoever_hooks_a_weight_sees_its_gradient_once():
    network, seen = models.build("tokens", seed=0), []
    network.fusion.weight.register_hook(seen.append)
    learn(network, shared=True)
    assert len(seen) == 1
