"""Evaluation: the right maps, every game counted once, an interval that covers."""

import json

import gymnasium
import pytest

from territory import models
from territory.agent import evaluate, sample_states
from territory.agent import evaluation as module
from territory.envs.opponents import IdlePolicy, RandomPolicy, SteadyPolicy
from territory.errors import BadInput
from territory.training import TrainConfig, train

TINY = {"height": 64, "width": 64, "max_steps": 40}


def test_every_game_is_the_first_on_its_held_out_map(monkeypatch):
    monkeypatch.setattr(module, "BATCH", 4)
    result = evaluate(RandomPolicy(3), num_bots=2, games=6, seed=1_000_000, **TINY)
    assert result.games == 6
    # the idle policy draws nothing, so its games can be played again one by one
    idle = evaluate(IdlePolicy(), num_bots=2, games=6, seed=1_000_000, **TINY)
    for game in range(6):
        env = gymnasium.make("Territory-v0", num_bots=2, **TINY)
        env.reset(seed=1_000_000 + game)
        over, length = False, 0
        while not over:
            _, _, terminated, truncated, info = env.step(80)
            over, length = terminated or truncated, length + 1
        assert idle.lengths[game] == length
        assert idle.land_shares[game] == pytest.approx(info["land_share"])
        assert idle.ranks[game] == info["rank"]


def test_waiting_is_idle_and_acting_at_random_takes_more_land():
    idle = evaluate(IdlePolicy(), num_bots=2, games=8, **TINY)
    random = evaluate(RandomPolicy(), num_bots=2, games=8, **TINY)
    assert idle.idle_share == 1
    assert random.idle_share < 0.5
    assert random.land_share > 2 * idle.land_share
    assert random.mean_return > idle.mean_return


def test_the_same_seed_gives_the_same_result():
    one, other = (evaluate(RandomPolicy(1), num_bots=2, games=4, **TINY) for _ in range(2))
    assert one == other


def test_an_agent_plays_on_maps_of_the_size_it_was_trained_on():
    config = TrainConfig(
        height=32, width=64, num_bots=1, max_steps=9, num_envs=2, num_steps=4, minibatch_size=8, total_timesteps=8,
        device="cpu",
    )  # fmt: skip
    seen = []
    agent = train(config).agent()
    act = agent.act
    agent.act = lambda obs, mask, **how: seen.append(obs["map"].shape[1:]) or act(obs, mask)
    result = evaluate(agent, num_bots=1, games=2)
    assert set(seen) == {(5, 32, 64)}
    assert max(result.lengths) <= 9


def test_whoever_plays_as_an_opponent_can_be_evaluated():
    class ActsAlone:
        def act(self, obs, mask, deterministic):
            return mask.argmax(1)

    assert evaluate(ActsAlone(), games=2, **TINY).returns == evaluate(SteadyPolicy(), games=2, **TINY).returns


class Predicts:  # as a model of Stable-Baselines3
    def predict(self, obs):
        return obs["global"].argmax(1), None


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (Predicts(), "give lambda obs, mask: model.predict"),
        (SteadyPolicy, r"Make one of the class first: SteadyPolicy\("),
        (None, "a policy must be an agent"),
    ],
)
def test_who_cannot_play_is_told_how_to(who, said):
    for call in (lambda: evaluate(who, games=1, **TINY), lambda: sample_states(who, 1, **TINY)):
        with pytest.raises(BadInput, match=said):
            call()
    evaluate(lambda obs, mask: Predicts().predict(obs)[0], games=1, **TINY)


def test_a_network_that_is_taken_for_a_policy_is_told_to_become_an_agent():
    network = models.build("tokens")
    for asked in ({"policy": network}, {"policy": "idle", "opponents": network}):
        with pytest.raises(BadInput, match=r"is no policy.* it plays as territory.agent.Agent\(network\)"):
            evaluate(games=1, **asked, **TINY)


def test_the_result_reads_well_and_survives_json():
    result = evaluate(IdlePolicy(), num_bots=2, games=3, **TINY)
    values = json.loads(json.dumps(result.as_dict()))
    assert values["games"] == 3
    assert len(values["per_game"]["land_shares"]) == 3
    assert values["win_rate_low"] <= values["win_rate"] <= values["win_rate_high"]
    assert "win rate     0.0% (95 % interval 0.0% to 56.1%)" in str(result)  # 3.84 / (3 + 3.84)


def test_the_idle_share_counts_steps_not_games():
    games = {"wins": (False, False), "ranks": (1.0, 1.0), "land_shares": (0.0, 0.0), "returns": (0.0, 0.0)}
    result = module.EvaluationResult(5, "bot", 0, idle_shares=(1.0, 0.0), lengths=(300.0, 100.0), **games)
    assert result.idle_share == 0.75


def test_no_games_and_negative_seeds_are_refused():
    with pytest.raises(BadInput, match="games must be a whole number from 1"):
        evaluate(IdlePolicy(), games=0)
    with pytest.raises(BadInput, match="seed must be a whole number from 0"):
        evaluate(IdlePolicy(), seed=-1)
    with pytest.raises(BadInput, match="got True"):
        evaluate(IdlePolicy(), games=True)


@pytest.mark.parametrize("answer", [3.7, None, "7", True, 90, [1]])
def test_what_is_no_action_is_refused_and_not_rounded(answer):
    with pytest.raises(BadInput, match=r"a policy's actions must be integers of shape \(2,\), 0 to 89"):
        evaluate(lambda obs, mask: [answer] * len(mask), num_bots=1, games=2, **TINY)
    with pytest.raises(BadInput, match=r"a policy's actions must be integers of shape \(2,\)"):
        evaluate(lambda obs, mask: 7, num_bots=1, games=2, **TINY)  # one for all games


def test_several_kinds_of_games_are_refused():
    with pytest.raises(BadInput, match="evaluate each by itself"):
        evaluate(IdlePolicy(), opponents="2xnation+3xmixed")
