"""Self-play: PettingZoo's own tests, and what they don't ask."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.builders import WAIT
from pettingzoo.utils.conversions import parallel_to_aec

import territory
from territory.envs import TerritoryParallelEnv
from territory.world import World, WorldParams

with warnings.catch_warnings():  # importing its tests loads an old environment of its own
    warnings.simplefilter("ignore", DeprecationWarning)
    from pettingzoo.test import api_test, max_cycles_test, parallel_api_test, parallel_seed_test, render_test

SMALL = {"height": 32, "width": 32, "num_players": 3}


def parallel(**options):
    return TerritoryParallelEnv(**SMALL | options)


def turns(**options):
    return parallel_to_aec(parallel(**options))


def waiting(env):
    return dict.fromkeys(env.agents, WAIT)


@pytest.mark.filterwarnings("default")  # it warns instead of failing; nothing may be said
def test_pettingzoos_parallel_api_test_has_nothing_to_say(recwarn):
    parallel_api_test(parallel(), num_cycles=300)
    parallel_api_test(TerritoryParallelEnv(num_players=6, max_steps=20), num_cycles=50)
    assert [str(warning.message) for warning in recwarn] == []


def test_pettingzoos_seed_test_passes():
    parallel_seed_test(parallel, num_cycles=100)


def test_pettingzoos_max_cycles_test_passes():
    max_cycles_test(
        SimpleNamespace(
            parallel_env=lambda max_cycles: parallel(max_steps=max_cycles),
            env=lambda max_cycles: turns(max_steps=max_cycles),
        )
    )


def test_pettingzoos_turn_based_test_only_says_that_observations_are_dictionaries():
    with pytest.warns(UserWarning) as told:
        api_test(turns(), num_cycles=100)
    assert {str(warning.message) for warning in told} == {
        "Observation is not a NumPy array",
        "Observation space for each agent probably should be gymnasium.spaces.box or gymnasium.spaces.discrete",
    }


def test_pettingzoos_render_test_passes(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pytest.importorskip("pygame")
    render_test(turns)


def test_everybody_sees_and_plays_the_same_game_as_the_engines_own_batch():
    env, world = parallel(), World(1, WorldParams(height=32, width=32, num_bots=2), kinds=["human"] * 3)
    seen, infos = env.reset(seed=4)
    world.reset([4])
    generator = np.random.default_rng(0)
    for _ in range(5):
        for name, seat in zip(env.possible_agents, (1, 2, 3), strict=True):
            obs, masks = world.observe(seat)
            assert all(np.array_equal(obs[part][0], seen[name]["observation"][part]) for part in obs)
            assert np.array_equal(masks[0], seen[name]["action_mask"].astype(bool))
            assert seen[name] in env.observation_space(name)
        actions = {name: int(generator.choice(np.flatnonzero(seen[name]["action_mask"]))) for name in env.agents}
        seen, rewards, _, _, infos = env.step(actions)
        expected, _, _ = world.step(np.array([[-1, *actions.values()]]))
        assert list(rewards.values()) == expected[0, 1:].tolist()
    assert infos == {"player_1": {}, "player_2": {}, "player_3": {}}


def test_the_dead_leave_and_the_last_one_wins():
    env = parallel()
    env.reset(seed=0)
    eliminate(env, 1)
    seen, rewards, terminated, truncated, infos = env.step(waiting(env))
    assert terminated == {"player_1": True, "player_2": False, "player_3": False}
    assert not any(truncated.values()) and env.agents == ["player_2", "player_3"]
    assert set(seen) == set(rewards) == {"player_1", "player_2", "player_3"}
    assert infos["player_1"] == {"win": False, "land_share": 0.0, "rank": 3} and infos["player_2"] == {}
    eliminate(env, 3)
    _, rewards, terminated, _, infos = env.step(waiting(env))
    assert terminated == {"player_2": True, "player_3": True} and env.agents == []
    assert infos["player_2"]["win"] and infos["player_2"]["rank"] == 1 and not infos["player_3"]["win"]
    assert rewards["player_2"] > 5  # the reward of a win


def eliminate(env, seat):
    """Give a player's land to player 2, as a conquest between two steps would; the step finds it dead."""
    state = env.world.state
    state.owner[state.owner == seat] = 2
    state.tiles[0, 2] += state.tiles[0, seat]
    state.tiles[0, seat], state.alive[0, seat] = 0, False


def test_when_time_is_up_all_are_truncated_and_told_how_they_stand():
    env = parallel(max_steps=2)
    env.reset(seed=1)
    env.step(waiting(env))
    _, _, terminated, truncated, infos = env.step(waiting(env))
    assert all(truncated.values()) and not any(terminated.values()) and env.agents == []
    assert all(set(info) == {"win", "land_share", "rank"} for info in infos.values())


def test_shipped_agents_play_each_other_unchanged():
    agent, env = territory.load_agent("attention"), parallel(num_players=2)
    seen, _ = env.reset(seed=2)
    for _ in range(5):
        before = seen
        seen, *_ = env.step({name: agent.act(one["observation"], one["action_mask"]) for name, one in seen.items()})
    assert not np.array_equal(before["player_2"]["observation"]["map"], seen["player_2"]["observation"]["map"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"num_bots": 3}, "every player is an agent: give num_players"),
        ({"opponents": "bot"}, "every player is an agent"),
        ({"render_mode": "hologram"}, "render_mode must be None or one of"),
        ({"num_players": 1}, "num_players must be a whole number from 2 to 51, got 1"),
        ({"colour": 1}, "unexpected keyword argument 'colour'"),
    ],
)
def test_a_wrong_argument_is_explained(arguments, said):
    with pytest.raises(territory.BadInput, match=said):
        parallel(**arguments)


def test_wrong_actions_are_explained():
    env = parallel()
    with pytest.raises(territory.BadInput, match="call reset"):
        env.step({})
    env.reset(seed=0)
    with pytest.raises(territory.BadInput, match="one action for each of player_1, player_2, player_3; got player_1"):
        env.step({"player_1": WAIT})
    with pytest.raises(territory.BadInput, match="an action for player_2 must be an integer, 0 to 89, got 90"):
        env.step(waiting(env) | {"player_2": 90})
