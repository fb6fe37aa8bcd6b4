"""render_mode="human": a window that shows each step and goes when it is told to."""

import copy
import pickle
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.passive_env_checker import env_render_passive_checker
from helpers.builders import WAIT

import territory
from territory.errors import BadInput
from territory.world.picture import render_world

pygame = pytest.importorskip("pygame")
SMALL = {"height": 32, "width": 64, "num_bots": 2}


@pytest.fixture
def env():
    env = gymnasium.make("Territory-v0", render_mode="human", render_scale=3, **SMALL).unwrapped
    env.metadata = env.metadata | {"render_fps": 1000}
    yield env
    env.close()


def shown():
    """The window's content, uint8 (H, W, 3)."""
    return pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)


def test_the_window_shows_each_step_without_being_asked(env):
    other = gymnasium.make("Territory-v0", render_mode="rgb_array", render_scale=3, **SMALL)
    for each in (env, other):
        each.reset(seed=4)
    assert shown().shape == (96, 192, 3) and (shown() == other.render()).all()
    action = int(np.flatnonzero(env.action_masks())[0])
    for _ in range(5):
        before = shown()
        env.step(action)
        other.step(action)
        assert (shown() == other.render()).all()
    assert (shown() != before).any() and env.render() is None


def test_it_waits_so_that_as_many_steps_a_second_are_shown_as_the_metadata_says(monkeypatch):
    asked = []
    monkeypatch.setattr("pygame.time.Clock", type("Clock", (), {"tick": lambda _, fps: asked.append(fps)}))
    env = territory.envs.TerritoryEnv(render_mode="human", **SMALL)
    env.reset(seed=0)
    env.step(WAIT)
    env.close()
    assert asked == [env.metadata["render_fps"]] * 2


def test_closing_the_environment_closes_the_window_and_a_reset_opens_it_again(env):
    env.reset(seed=0)
    env.close()
    assert pygame.display.get_surface() is None
    env.close()
    env.reset(seed=0)
    assert pygame.display.get_surface() is not None


def test_a_copy_of_an_environment_opens_a_window_of_its_own(env):
    env.reset(seed=0)
    for other in (copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        other.step(WAIT)
        assert (shown() == render_world(other.world, scale=3)).all()
        other.close()
        env.step(WAIT)


def test_who_closes_the_window_by_hand_goes_on_without(env):
    env.reset(seed=0)
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    env.step(WAIT)
    assert pygame.display.get_surface() is None
    env.step(WAIT)
    assert pygame.display.get_surface() is None


def test_gymnasiums_checkers_are_content_with_every_way_to_render(env):
    check_env(env)
    for mode in env.metadata["render_modes"]:
        each = gymnasium.make("Territory-v0", render_mode=mode, disable_env_checker=False, **SMALL)
        each.reset(seed=0)
        each.step(WAIT)
        env_render_passive_checker(each)
        each.close()


def test_without_pygame_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(BadInput, match="pip install pygame-ce"):
        territory.envs.TerritoryEnv(render_mode="human", **SMALL)


def test_without_a_screen_it_says_what_to_do_instead(monkeypatch, env):
    monkeypatch.setenv("SDL_VIDEODRIVER", "no such screen")
    with pytest.raises(BadInput, match='use render_mode="rgb_array"'):
        env.reset(seed=0)


def test_a_batch_renders_what_each_of_its_games_would_alone():
    envs = gymnasium.make_vec("Territory-v0", num_envs=2, render_mode="rgb_array", render_scale=2, **SMALL)
    envs.reset(seed=7)
    pictures = envs.render()
    for game in range(2):
        alone = gymnasium.make("Territory-v0", render_mode="rgb_array", render_scale=2, **SMALL)
        alone.reset(seed=7 + game)
        assert (pictures[game] == alone.render()).all()
    assert territory.envs.TerritoryVectorEnv(2, **SMALL).render() is None
    with pytest.raises(BadInput, match="render_mode must be None or one of"):
        territory.envs.TerritoryVectorEnv(2, render_mode="human", **SMALL)


def test_an_environment_keeps_its_game_policy_driven_opponents_included():
    def first_allowed(obs, masks):
        return masks.argmax(axis=1)

    for opponents in ("mixed", first_allowed):
        env = territory.envs.TerritoryEnv(opponents=opponents, **SMALL)
        env.reset(seed=9)
        for _ in range(6):
            env.step(int(np.flatnonzero(env.action_masks())[0]))
        end = env.replay().verify()
        assert (end.map_of("owner") == env.world.map_of("owner")).all()
    env.reset()
    assert len(env.replay().actions) == 0


def test_self_play_is_kept_with_everyones_orders():
    env = territory.envs.TerritoryParallelEnv(num_players=3, height=32, width=32)
    seen, _ = env.reset(seed=2)
    for _ in range(5):
        seen, *_ = env.step({name: int(each["action_mask"].argmax()) for name, each in seen.items()})
    end = env.replay().verify()
    assert env.replay().actions.shape == (5, 4) and (end.map_of("owner") == env.world.map_of("owner")).all()
