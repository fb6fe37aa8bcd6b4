"""Ctrl-C in the middle of a step: the step is played, counted and kept to its end, and only then is it told."""

import signal

import numpy as np
import pytest
from helpers.builders import WAIT

from territory.envs import TerritoryEnv, TerritoryParallelEnv, TerritoryVectorEnv

SMALL = {"height": 32, "width": 32, "max_steps": 6}


@pytest.fixture
def press(monkeypatch):
    """Press Ctrl-C whenever a world has played a step, or begun a game, so many times."""

    def times(number, world, method="step"):
        usual = getattr(world, method)

        def pressed(*arguments):
            result = usual(*arguments)
            for _ in range(number):
                signal.raise_signal(signal.SIGINT)
            return result

        monkeypatch.setattr(world, method, pressed)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield times
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def assert_whole(env):
    """What is counted and shown of a game is what its world has played."""
    world = env.world
    assert len(env.replay().actions) == world.state.step[0]
    env.replay().verify()


def test_a_game_that_is_interrupted_at_every_step_is_kept_as_it_was_played(press):
    env = TerritoryEnv(num_bots=2, **SMALL)
    env.reset(seed=1)
    press(1, env.world)
    for step in range(1, SMALL["max_steps"] + 1):
        with pytest.raises(KeyboardInterrupt):
            env.step(int(env.action_masks().argmax()))
        assert env.world.state.step[0] == step
        assert_whole(env)
        assert np.array_equal(env.world.observe()[1][0], env.action_masks())
    with pytest.raises(ValueError, match="the game is over"):
        env.step(WAIT)


def test_a_game_that_was_begun_is_begun_whole(press):
    env = TerritoryEnv(num_bots=2, **SMALL)
    env.reset(seed=1)
    env.step(WAIT)
    press(1, env.world, "reset")
    with pytest.raises(KeyboardInterrupt):
        env.reset(seed=2)
    assert_whole(env)
    env.step(WAIT)


def test_everybodys_game_is_kept_as_it_was_played(press):
    arena = TerritoryParallelEnv(3, **SMALL)
    arena.reset(seed=1)
    press(1, arena.world)
    for _ in range(SMALL["max_steps"]):
        with pytest.raises(KeyboardInterrupt):
            arena.step(dict.fromkeys(arena.agents, 4))
        assert_whole(arena)
    assert arena.agents == []


@pytest.mark.parametrize("opponents", ["bot", "1xbot+2xnation"])
def test_the_games_of_a_batch_go_on_as_if_nobody_had_pressed(press, opponents):
    alone, envs = (TerritoryVectorEnv(4, opponents=opponents, **SMALL) for _ in range(2))
    for each in (alone, envs):
        each.reset(seed=1)
    for _ in range(SMALL["max_steps"] + 2):  # beyond the end of the first games
        alone.step(np.full(4, 4))
    press(1, envs.world)
    for _ in range(SMALL["max_steps"] + 2):
        with pytest.raises(KeyboardInterrupt):
            envs.step(np.full(4, 4))
    wanted, found = alone.state_dict(), envs.state_dict()
    assert all(np.array_equal(found[name], value) for name, value in wanted.items())
    assert np.array_equal(alone.action_masks(), envs.action_masks())


def test_pressed_twice_it_does_not_wait(press):
    envs = TerritoryVectorEnv(2, num_bots=2, **SMALL)
    envs.reset(seed=1)
    press(2, envs.world)
    with pytest.raises(KeyboardInterrupt):
        envs.step([WAIT, WAIT])
    assert envs.state_dict()["episodes.lengths"].tolist() == [0, 0]
