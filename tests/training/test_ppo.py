"""The loop: what it stores, what it starts from, what it repeats."""

import dataclasses
from itertools import islice

import numpy as np
import pytest
import torch
from helpers import probes
from torch import nn

import territory
from territory import interpret, models
from territory.agent import Agent
from territory.errors import BadInput
from territory.models.policy import VIEWS
from territory.training import PPO, TrainConfig, iterate, losses, train
from territory.training.build import NORM_MODELS, make_model
from territory.training.config import FIXED_SIZE_MODEL
from territory.world import WorldParams
from territory.world.replay import record

SMALL = TrainConfig(
    height=32, width=32, num_bots=2, max_steps=20, num_envs=4, num_steps=16, minibatch_size=32, device="cpu",
    total_timesteps=4 * 16 * 3,
)  # fmt: skip


def small(model: str, **changes) -> TrainConfig:
    """The small configuration for any network."""
    side = 128 if model == FIXED_SIZE_MODEL else 32
    return dataclasses.replace(SMALL, model=model, height=side, width=side, **changes)


def first_deviation(model: str = "attention", **changes) -> float:
    """The largest |ratio - 1| before the network has changed at all."""
    ppo = PPO(small(model, update_epochs=1, **changes))
    ppo.collect()
    return ppo.update()["ratio_deviation"]


@pytest.mark.parametrize("model", models.names())
def test_the_ratio_is_exactly_one_before_the_first_update(model):
    # Minibatches as large as the number of games: the same sizes, so the same order of additions inside the network.
    assert first_deviation(model, minibatch_size=SMALL.num_envs) == 0


@pytest.mark.parametrize("model", models.names())
def test_other_batch_sizes_change_the_ratio_by_rounding_only(model):
    # Matrix products of another size may add in another order: a few units in the last place of a float32 (1.2e-7).
    assert first_deviation(model) < 3e-6


@pytest.mark.parametrize("model", NORM_MODELS)
def test_batch_norm_breaks_the_ratio(model):
    # The network played with running averages and is corrected with those of its minibatch: another network.
    assert first_deviation(model, norm="batch") > 1e-3


@pytest.mark.parametrize("model", models.names())
def test_the_gradient_is_that_of_a_plain_reimplementation(model):
    ppo = PPO(small(model))
    ppo.collect()
    batch = ppo.rollout.rows(torch.arange(32))
    plain_batch = dataclasses.replace(batch)
    batch.advantages = losses.normalized(batch.advantages, batch.advantages)
    batch.log_probs += torch.linspace(-0.5, 0.5, 32)  # as if the policy had moved: some ratios leave the clip range
    ppo.model.train()
    ppo.loss(batch)[0].backward()
    ours = [weight.grad.clone() for weight in ppo.model.parameters() if weight.grad is not None]
    ppo.model.zero_grad()
    plain_loss(ppo, plain_batch).backward()
    plain = [weight.grad for weight in ppo.model.parameters() if weight.grad is not None]
    for one, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def plain_loss(ppo: PPO, batch) -> torch.Tensor:
    """PPO's loss sample by sample, with torch's own distribution over the allowed actions alone."""
    logits, values = ppo.model(batch.maps, batch.globals)
    mean, deviation = batch.advantages.mean(), batch.advantages.std(correction=0)
    total = 0
    for row in range(len(values)):
        allowed = batch.masks[row].nonzero().flatten()
        choice = (allowed == batch.actions[row]).nonzero().item()
        policy = torch.distributions.Categorical(logits=logits[row, allowed])
        ratio = (policy.log_prob(torch.tensor(choice)) - batch.log_probs[row]).exp()
        advantage = (batch.advantages[row] - mean) / (deviation + 1e-8)
        gain = min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
        error = 0.5 * (values[row] - batch.returns[row]) ** 2
        total = total - gain - 0.01 * policy.entropy() + 0.5 * error
    return total / len(values)


def test_the_rollout_holds_what_was_seen_and_done():
    ppo = PPO(SMALL)
    first, mask = ppo.obs["map"].copy(), ppo.mask.copy()
    rollout = ppo.collect()
    np.testing.assert_array_equal(rollout.maps[0], first)
    np.testing.assert_array_equal(rollout.masks[0], mask)
    assert rollout.maps.dtype == torch.uint8
    assert rollout.masks.gather(-1, rollout.actions.unsqueeze(-1)).all()  # only allowed actions were played
    torch.testing.assert_close(rollout.returns, rollout.advantages + rollout.values)


def test_a_truncated_games_value_is_that_of_its_final_observation_not_of_the_next_game():
    ppo = PPO(dataclasses.replace(SMALL, height=64, width=64, max_steps=5))
    infos, step = [], ppo.envs.step

    def watched(actions):
        out = step(actions)
        infos.append(out[4])
        return out

    ppo.envs.step = watched
    rollout = ppo.collect()
    cut_off = rollout.truncated.nonzero().tolist()
    assert len(cut_off) >= 6  # four games of at most five steps, sixteen steps long
    for when, game in cut_off:
        final = infos[when]["final_obs"][game]
        with torch.no_grad():
            value = ppo.model(torch.from_numpy(final["map"])[None], torch.from_numpy(final["global"])[None])[1]
        assert rollout.final_values[when, game].item() == pytest.approx(value.item(), abs=1e-5)


def test_rows_are_numbered_by_step_then_game():
    ppo = PPO(SMALL)
    rollout = ppo.collect()
    batch = rollout.rows(torch.tensor([2 * SMALL.num_envs + 3]))
    assert torch.equal(batch.maps[0], rollout.maps[2, 3])
    assert batch.log_probs[0] == rollout.log_probs[2, 3]


def test_a_minibatch_seen_otherwise_is_another_board_with_the_same_orders_turned():
    ppo = PPO(SMALL)
    ppo.collect()
    batch = ppo.rollout.rows(torch.arange(16))
    for view in VIEWS:
        seen = batch.seen(view)
        assert torch.equal(seen.maps, view.of_maps(batch.maps))
        assert torch.equal(seen.masks[:, view.of_actions()], batch.masks)
        assert seen.masks.gather(1, seen.actions[:, None]).all()
        assert torch.equal(seen.actions >= 80, batch.actions >= 80)  # waiting stays waiting
        assert torch.equal(seen.advantages, batch.advantages)
    assert not torch.equal(batch.seen(VIEWS[2]).actions, batch.actions)


def test_boards_are_turned_from_the_second_pass_on_so_that_the_ratio_still_begins_at_1(monkeypatch):
    seen, ppo = [], PPO(dataclasses.replace(SMALL, augment=True, update_epochs=4))
    one_step = ppo.gradient_step
    monkeypatch.setattr(ppo, "gradient_step", lambda *given: seen.append(given[-1]) or one_step(*given))
    ppo.collect()
    measured = ppo.update()
    assert set(seen[:2]) == {VIEWS[0]} and len(set(seen[2:])) > 1  # two minibatches a pass
    assert measured["ratio_deviation"] < 3e-6


@pytest.mark.parametrize("model", models.names())
def test_the_same_seed_gives_the_same_curve_bit_for_bit(model):
    config = small(model, total_timesteps=2 * SMALL.batch_size, update_epochs=2)
    curves = [[volatile_removed(update) for update in iterate(config)] for _ in range(2)]
    assert curves[0] == curves[1]
    assert len(curves[0]) == 2


def volatile_removed(update) -> dict:
    values = update.as_dict()
    del values["seconds"], values["steps_per_second"]
    return {name: str(value) for name, value in values.items()}  # NaN equals NaN only as text


def test_another_seed_gives_another_curve():
    one, other = (next(iterate(dataclasses.replace(SMALL, seed=seed))) for seed in (0, 1))
    assert one.value_loss != other.value_loss


def test_making_a_model_leaves_torchs_random_state_alone():
    before = torch.get_rng_state()
    make_model(SMALL)
    assert torch.equal(before, torch.get_rng_state())


def test_making_the_games_leaves_torchs_threads_alone():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    PPO(SMALL)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)


def test_train_calls_back_after_each_update_and_returns_a_playing_agent():
    seen = []
    ppo = train(SMALL, callback=seen.append)
    assert [update.update for update in seen] == [1, 2, 3]
    assert seen[-1].step == SMALL.total_timesteps
    assert seen[-1].episodes >= 4
    obs, mask = {name: array[0] for name, array in ppo.obs.items()}, ppo.mask[0]
    assert mask[ppo.agent().act(obs, mask)]


def test_the_learning_rate_falls_to_zero_only_if_asked():
    assert {update.learning_rate for update in iterate(SMALL)} == {SMALL.learning_rate}
    falling = [update.learning_rate for update in iterate(dataclasses.replace(SMALL, anneal_lr=True))]
    assert falling == pytest.approx([3e-4, 2e-4, 1e-4])


def test_the_learning_rate_rises_first_if_asked():
    rising = [update.learning_rate for update in iterate(dataclasses.replace(SMALL, warmup_updates=2))]
    assert rising == pytest.approx([1e-4, 2e-4, 3e-4])


def test_a_target_kl_ends_an_update_early():
    ppo = PPO(dataclasses.replace(SMALL, target_kl=1e-12, update_epochs=5))
    ppo.collect()
    steps = []
    ppo.optimizer.register_step_post_hook(lambda *_: steps.append(1))
    ppo.update()
    assert len(steps) == SMALL.batch_size // SMALL.minibatch_size  # one epoch of five


def test_a_diverged_training_says_so():
    ppo = PPO(SMALL)
    ppo.collect()
    with torch.no_grad():
        next(ppo.model.parameters()).fill_(torch.nan)
    with pytest.raises(BadInput, match="diverged at update 1"):
        ppo.update()


def test_a_batch_norm_probe_reports_its_deviation():
    config = TrainConfig(num_envs=16, num_steps=8, minibatch_size=64, learning_rate=0.01, device="cpu", gamma=0.5)
    ppo = PPO(config, envs=probes.ActionReward(), model=probes.TinyModel(norm=True))
    deviations = [update.ratio_deviation for update in islice(ppo.updates(), 20)]
    assert max(deviations) > 1e-3


def test_dropout_breaks_the_ratio_too():
    ppo = PPO(small("attention", update_epochs=1, minibatch_size=SMALL.num_envs))
    ppo.model.fusion.register_forward_hook(lambda part, _, out: torch.nn.functional.dropout(out, 0.1, part.training))
    ppo.collect()
    assert ppo.update()["ratio_deviation"] > 1e-4


def test_what_is_logged_is_what_the_rollout_and_each_gradient_step_say():
    ppo, terms = PPO(SMALL), []
    loss = ppo.loss

    def noted(batch):
        total, measured = loss(batch)
        terms.append(measured)
        return total, measured

    ppo.loss = noted
    update = next(ppo.updates())
    per_epoch = SMALL.batch_size // SMALL.minibatch_size
    assert len(terms) == SMALL.update_epochs * per_epoch

    def mean(name, steps):
        return pytest.approx(np.mean([step[name].item() for step in steps]), rel=1e-5)

    for name in ("policy_loss", "value_loss", "entropy", "clip_fraction"):
        assert getattr(update, name) == mean(name, terms)
    assert update.approx_kl == mean("approx_kl", terms[-per_epoch:])
    assert update.ratio_deviation == terms[0]["ratio_deviation"].item()
    returns, values = ppo.rollout.returns.numpy(), ppo.rollout.values.numpy()
    assert update.explained_variance == pytest.approx(1 - np.var(returns - values) / np.var(returns), rel=1e-4)


def test_win_rate_and_idle_share_are_logged_as_the_games_report_them():
    ppo = PPO(dataclasses.replace(SMALL, max_steps=8))
    finals, step = [], ppo.envs.step

    def noted(actions):
        out = step(actions)
        if "final_info" in out[4]:
            finals.extend(
                zip(*(out[4]["final_info"][n][out[4]["_final_info"]] for n in ("win", "idle_share")), strict=True)
            )
        return out

    ppo.envs.step = noted
    update = next(ppo.updates())
    won, idle = np.mean(finals, axis=0)
    assert update.episodes == len(finals) >= 8
    assert (update.win_rate, update.idle_share) == pytest.approx((won, idle))


class Keeping(nn.Module):
    """Makes its positions at the first call, and learns how much they count."""

    def __init__(self):
        super().__init__()
        self.patches, self.scale = nn.Conv2d(5, 8, 8, 8), nn.Parameter(torch.ones(1))
        self.actor, self.critic = nn.Linear(8, 90), nn.Linear(8, 1)
        self.places = None

    def forward(self, maps, stats):
        cells = self.patches(maps / 255).flatten(2)
        if self.places is None:
            self.places = torch.linspace(-1, 1, cells.shape[2])
        features = (cells + self.scale * self.places).relu().mean(2)
        return self.actor(features), self.critic(features)[:, 0]


@pytest.mark.parametrize("used", ["not yet", "played", "asked", "looked into"])
def test_a_network_that_keeps_what_its_first_call_made_learns_afterwards(used):
    network = Keeping()
    if used == "played":
        territory.evaluate(Agent(network), games=1, height=32, width=32, num_bots=1, max_steps=3)
    if used == "asked":
        Agent(network).predict({"map": np.zeros((5, 32, 32), np.uint8), "global": np.zeros(16, np.float32)})
    if used == "looked into":
        game = record(lambda obs, mask: 80, WorldParams(height=32, width=32, num_bots=1, max_steps=3), seed=0)
        interpret.capture_frames(network, [*game.play()])
    before = network.scale.item()
    next(PPO(small("tokens"), model=network).updates())
    assert network.scale.item() != before


class Weightless(nn.Module):
    def forward(self, maps, stats):
        return torch.zeros(len(maps), 90), torch.zeros(len(maps))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Weightless(), "none of its weights wants a gradient"),
        (models.build("tokens").requires_grad_(False), "none of its weights wants a gradient"),
        (nn.Sequential(nn.LazyLinear(91)), "call the network once on its inputs before"),
        (Keeping, "expected a torch module; got the class Keeping"),
        ("tokens", "Load it first"),
    ],
    ids=["no weights", "frozen", "lazy", "a class", "a name"],
)
def test_what_can_not_learn_is_refused_in_words(network, message):
    with pytest.raises(BadInput, match=message):
        PPO(small("tokens"), model=network)
