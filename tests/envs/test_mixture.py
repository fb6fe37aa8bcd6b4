"""Several kinds of games in one batch: each as it would be alone."""

import gymnasium
import numpy as np
import pytest

from territory.agent import checkpoint as files
from territory.agent.evaluation import play
from territory.envs import TerritoryEnv, TerritoryVectorEnv, common
from territory.envs.opponents import RandomPolicy, SteadyPolicy
from territory.errors import BadInput
from territory.training import PPO, TrainConfig, run
from territory.training.live import WatchedGame

SMALL = {"height": 32, "width": 32, "max_steps": 12}
TWO_KINDS = "2xbot+4xnation"


def make(num_envs=5, opponents=TWO_KINDS, **options):
    return gymnasium.make_vec("Territory-v0", num_envs=num_envs, opponents=opponents, **options, **SMALL)


def test_every_game_is_the_one_it_would_be_among_its_own_kind():
    mixed, policy = make(), RandomPolicy()
    alone = [
        TerritoryVectorEnv(num_envs=3, num_bots=2, opponents="bot", **SMALL),
        TerritoryVectorEnv(num_envs=2, num_bots=4, opponents="nation", **SMALL),
    ]
    obs, info = mixed.reset(seed=7)
    for env, seed in zip(alone, (7, 10), strict=True):
        env.reset(seed=seed)
    for _ in range(30):  # every game ends at least twice
        actions = policy(obs, info["action_mask"])
        obs, rewards, terminated, truncated, info = mixed.step(actions)
        one, other = (env.step(own) for env, own in zip(alone, np.split(actions, [3]), strict=True))
        assert np.array_equal(obs["map"], np.concatenate([one[0]["map"], other[0]["map"]]))
        assert np.array_equal(rewards, np.concatenate([one[1], other[1]]))
        assert np.array_equal(terminated | truncated, np.concatenate([one[2] | one[3], other[2] | other[3]]))
        assert np.array_equal(info["action_mask"], np.concatenate([one[4]["action_mask"], other[4]["action_mask"]]))


@pytest.mark.parametrize("mode", ["SAME_STEP", "NEXT_STEP"])
def test_what_ended_is_kept_though_only_one_kind_has_ended(mode):
    mixed = make(num_envs=3, autoreset_mode=mode)
    mixed.reset(seed=0)
    waits = np.full(3, 80)
    for _ in range(9):
        mixed.step(waits)
    mixed.reset(options={"reset_mask": np.array([False, False, True])})  # the only game of its kind begins anew
    infos = [mixed.step(waits)[4] for _ in range(3)]
    assert "final_info" not in infos[1]
    assert infos[2]["_final_info"].tolist() == infos[2]["final_info"]["_length"].tolist() == [True, True, False]
    assert infos[2]["final_info"]["length"][:2].tolist() == [12, 12]
    if mode == "SAME_STEP":
        assert infos[2]["_final_obs"].tolist() == [True, True, False]
        assert infos[2]["final_obs"][0]["map"].shape == (5, 32, 32) and infos[2]["final_obs"][2] is None


def test_a_saved_batch_goes_on_exactly():
    mixed, other = make(), make()
    mixed.reset(seed=1)
    other.reset(seed=99)
    mixed.step(np.arange(5))
    _, info = other.load_state_dict(mixed.state_dict())
    assert np.array_equal(info["action_mask"], mixed.action_masks())
    for _ in range(20):
        ours, theirs = mixed.step(np.arange(5)), other.step(np.arange(5))
        assert np.array_equal(ours[0]["map"], theirs[0]["map"]) and np.array_equal(ours[1], theirs[1])


def test_a_run_against_several_kinds_of_games_stops_and_goes_on_bit_for_bit(tmp_path):
    config = TrainConfig(
        model="tokens", opponents=TWO_KINDS, num_envs=4, num_steps=8, minibatch_size=16, total_timesteps=192,
        device="cpu", runs_dir=str(tmp_path), name="cut", **SMALL,
    )  # fmt: skip
    straight = PPO(config)
    list(straight.updates())
    cut = run.start(config)
    cut.train(stop=lambda: cut.ppo.finished_updates == 3)
    resumed = run.resume(cut.folder)
    resumed.train()
    for name, weight in straight.model.state_dict().items():
        assert np.array_equal(weight, resumed.ppo.model.state_dict()[name]), name


@pytest.mark.parametrize(
    ("mixture", "message"),
    [
        ("nation+bot", "written like 5xnation"),
        ("5xnation+", "written like 5xnation"),
        ("5xnation+60xbot", "1 to 50"),
        ("5xbot+5xrandom", "random numbers"),
    ],
)
def test_a_mixture_that_is_none_is_refused(mixture, message):
    with pytest.raises(BadInput, match=message):
        TrainConfig(opponents=mixture)


def test_another_number_of_opponents_beside_a_mixture_is_refused_and_an_older_run_that_has_one_goes_on(tmp_path):
    with pytest.raises(BadInput, match=r"num_bots=7 would change nothing: each part of '2xbot\+4xnation' says"):
        TrainConfig(opponents=TWO_KINDS, num_bots=7)
    with pytest.raises(BadInput, match=r"num_bots would change nothing: '2xbot\+4xnation' says"):
        make(num_bots=2)
    made = run.start(TrainConfig(model="tokens", opponents=TWO_KINDS, num_envs=4, runs_dir=str(tmp_path), **SMALL))
    content = files.read(made.folder)
    content.config["num_bots"] = 7  # as an earlier version wrote it
    files.write(made.checkpoint, content)
    assert run.resume(made.folder).ppo.config == made.ppo.config


def test_an_opponent_in_a_mixture_that_there_is_not_is_refused():
    with pytest.raises(BadInput, match="opponents must be one of"):
        make(opponents="5xnation+5xfriends")


def test_each_kind_of_game_needs_a_game():
    with pytest.raises(BadInput, match="2 kinds of games"):
        make(num_envs=1)


def test_one_game_is_of_one_kind():
    with pytest.raises(BadInput, match="several kinds of games: only a batch"):
        TerritoryEnv(opponents=TWO_KINDS)


def test_a_mixture_is_drawn_game_by_game():
    envs = gymnasium.make_vec(
        "Territory-v0", num_envs=3, opponents="2xbot+2xnation", height=32, width=32, render_mode="rgb_array"
    )
    envs.reset(seed=0)
    alone = TerritoryVectorEnv(1, num_bots=2, height=32, width=32, render_mode="rgb_array")
    alone.reset(seed=1)
    assert len(envs.render()) == 3 and np.array_equal(envs.render()[1], alone.render()[0])
    assert gymnasium.make_vec("Territory-v0", num_envs=2, opponents="2xbot+2xnation").render() is None


def test_a_run_against_a_mixture_is_watched_in_a_game_of_its_first_kind():
    watched = WatchedGame(PPO(TrainConfig(model="tokens", opponents=TWO_KINDS, num_envs=2, minibatch_size=64, **SMALL)))
    assert watched.world.num_envs == 1 and watched.world.params.num_players == 3


def test_networks_among_a_mixtures_opponents_run_where_they_are_told(monkeypatch):
    asked = []
    monkeypatch.setattr(common, "find_opponents", lambda who, device="cpu": asked.append((who, device)) or who)
    TerritoryVectorEnv(2, opponents=TWO_KINDS, device="meta", **SMALL)
    assert asked == [("bot", "meta"), ("nation", "meta")]


def test_policies_can_be_opponents_in_a_mixture():
    games = gymnasium.make_vec("Territory-v0", num_envs=4, opponents="2xidle+3xidle", **SMALL | {"max_steps": 60})
    assert play(games, SteadyPolicy(), 0)["rank"].tolist() == [1] * 4  # nobody else moves
