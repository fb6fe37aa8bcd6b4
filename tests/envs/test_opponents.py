"""Seats: any of them scripted or driven, each driven player looking through its own eyes."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from helpers.builders import WAIT

import territory
from territory.agent import evaluate, load_agent
from territory.envs.opponents import AT_ONCE, IdlePolicy, RandomPolicy, SteadyPolicy, as_policy, drive
from territory.training import TrainConfig, run
from territory.world import World, WorldParams
from territory.world.actions import Direction, encode

SMALL = {"height": 32, "width": 32, "num_bots": 2}
EAST = encode(Direction.E, 1)


class Spy:
    """A policy that remembers what it was shown, and marches east where it may."""

    def __init__(self):
        self.seen = []

    def __call__(self, obs, mask):
        self.seen.append((obs, mask))
        return np.where(mask[:, EAST], EAST, WAIT)


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_every_opponent_sees_the_game_through_its_own_eyes_in_one_call():
    spy, world = Spy(), World(3, WorldParams(**SMALL), kinds=["human"] * 3)
    envs = gymnasium.make_vec("Territory-v0", num_envs=3, opponents=spy, **SMALL)
    envs.reset(seed=5)
    world.reset(5 + np.arange(3))
    seen = [world.observe(player) for player in (2, 3)]
    orders = np.full((3, 4), WAIT)
    for column, (_, masks) in zip((2, 3), seen, strict=True):
        orders[:, column] = np.where(masks[:, EAST], EAST, WAIT)
    obs, *_ = envs.step(np.full(3, WAIT))
    ((shown, masks),) = spy.seen  # six opponents, one call
    assert len(masks) == 6
    assert same(shown, {name: np.concatenate([each[name] for each, _ in seen]) for name in shown})
    assert np.array_equal(masks, np.concatenate([mask for _, mask in seen]))
    world.step(orders)
    assert same(obs, world.observe()[0])  # and all players moved at once


def test_single_and_batch_play_the_same_games_against_an_agent():
    envs = gymnasium.make_vec("Territory-v0", num_envs=2, opponents=SteadyPolicy(), **SMALL)
    singles = [gymnasium.make("Territory-v0", opponents="steady", **SMALL) for _ in range(2)]
    obs, _ = envs.reset(seed=3)
    alone = [env.reset(seed=3 + i)[0] for i, env in enumerate(singles)]
    for _ in range(8):
        assert all(same({name: obs[name][i] for name in obs}, alone[i]) for i in range(2))
        obs, _, terminated, truncated, _ = envs.step(np.full(2, EAST))
        assert not (terminated | truncated).any()
        alone = [env.step(EAST)[0] for env in singles]


def test_the_dead_are_not_asked_and_games_not_played_are_left_alone():
    world, spy = World(2, WorldParams(**SMALL), kinds=["human"] * 3), Spy()
    world.reset([1, 2])
    world.state.alive[0, 3] = False
    orders = world.orders(np.full(2, WAIT))
    drive(world, spy, (2, 3), orders, playing=np.array([True, False]))
    ((_, masks),) = spy.seen
    assert len(masks) == 1
    assert orders[0, 2] in (EAST, WAIT) and orders[0, 3] == orders[1, 2] == orders[1, 3] == -1
    drive(world, spy, (2, 3), orders, playing=np.zeros(2, bool))
    assert len(spy.seen) == 1


def test_many_games_are_asked_in_parts_of_bounded_size(monkeypatch):
    monkeypatch.setattr("territory.envs.opponents.AT_ONCE", 8)
    world, spy, whole = World(3, WorldParams(**SMALL | {"num_bots": 5}), kinds=["human"] * 6), Spy(), Spy()
    world.reset(np.arange(3))
    orders, expected = world.orders(np.full(3, WAIT)), world.orders(np.full(3, WAIT))
    drive(world, spy, range(2, 7), orders)
    assert [len(masks) for _, masks in spy.seen] == [6, 6, 3]
    monkeypatch.setattr("territory.envs.opponents.AT_ONCE", AT_ONCE)
    drive(world, whole, range(2, 7), expected)
    assert len(whole.seen) == 1 and np.array_equal(orders, expected)


def test_a_checkpoints_name_its_path_and_the_agent_itself_are_the_same_opponent():
    agent = load_agent("attention")
    path = territory.agent.agent.find_checkpoint("attention")
    played = []
    for who in ("attention", str(path), path, agent):
        envs = gymnasium.make_vec("Territory-v0", num_envs=2, opponents=who, **SMALL)
        envs.reset(seed=7)
        for _ in range(6):
            obs, *_ = envs.step(np.full(2, WAIT))
        played.append(obs)
    assert all(same(played[0], each) for each in played)


def test_both_checkers_are_content_with_an_agent_as_opponent():
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    for check in (check_env, checker.check_env):
        check(gymnasium.make("Territory-v0", opponents="attention", num_bots=2).unwrapped)


def test_an_agent_plays_its_seats_without_dice():
    class Agent:
        def act(self, obs, mask, deterministic=False):
            assert deterministic
            return np.full(len(mask), WAIT)

    env = gymnasium.make("Territory-v0", opponents=Agent(), **SMALL)
    env.reset(seed=0)
    env.step(WAIT)
    assert env.unwrapped.world.state.attacks.sum() == 0


def test_saved_in_the_middle_of_games_against_an_agent_and_restored_elsewhere():
    def make():
        return gymnasium.make_vec("Territory-v0", num_envs=2, opponents="attention", max_steps=6, **SMALL)

    envs, other = make(), make()
    envs.reset(seed=3)
    other.reset(seed=99)
    for _ in range(4):
        obs, *_ = envs.step(np.full(2, EAST))
    assert same(obs, other.load_state_dict(envs.state_dict())[0])
    for step in range(4):  # the third ends the games
        ours, theirs = envs.step(np.full(2, EAST)), other.step(np.full(2, EAST))
        assert same(ours[0], theirs[0]) and np.array_equal(ours[1], theirs[1])
        assert ("final_info" in ours[4]) == (step == 1)
        if step == 1:
            assert ours[4]["final_info"]["land_share"].tolist() == theirs[4]["final_info"]["land_share"].tolist()
            assert same(ours[4]["final_obs"][0], theirs[4]["final_obs"][0])


def test_a_run_against_a_checkpoint_goes_on_exactly(tmp_path):
    config = TrainConfig(
        height=32, width=32, num_bots=2, opponents="attention", max_steps=9, num_envs=2, num_steps=4,
        minibatch_size=8, total_timesteps=24, device="cpu", name="whole", runs_dir=str(tmp_path),
    )  # fmt: skip
    whole = run.start(config)
    whole.train()
    half = run.start(TrainConfig.from_dict(config.as_dict() | {"name": "half"}))
    half.train(stop=lambda: half.ppo.finished_updates == 1)
    half = run.resume(tmp_path / "half")
    half.train()
    left, right = run.snapshot(whole.ppo), run.snapshot(half.ppo)
    assert all(np.array_equal(array, right.arrays[name]) for name, array in left.arrays.items())


def test_evaluation_against_an_agent_says_so_and_finds_equals_equal():
    world = {"num_bots": 1, "games": 6, "height": 32, "width": 32, "max_steps": 60}
    named, given = (evaluate(SteadyPolicy(), opponents=who, **world) for who in ("steady", SteadyPolicy()))
    assert (named.opponents, given.opponents) == ("steady", "SteadyPolicy")
    assert named.land_shares == given.land_shares
    path = territory.agent.agent.find_checkpoint("attention")
    by_path = evaluate(path, opponents=path, **world | {"games": 1})
    assert by_path.opponents == str(path) and by_path.as_dict()["opponents"] == str(path)
    idle = evaluate(SteadyPolicy(), opponents=IdlePolicy(), **world)
    assert idle.land_share > named.land_share
    assert evaluate("idle", opponents="steady", **world).land_share < 0.5


def test_a_nation_can_take_the_agents_seat_and_the_agent_any_other():
    def land(kinds):
        world = World(4, WorldParams(height=64, width=64, num_bots=1), kinds=kinds)
        world.reset(np.arange(4))
        for _ in range(150):
            world.step(np.full((4, 3), -1))
        return world.state.kind[0, 1:].tolist(), world.land_share(1) - world.land_share(2)

    assert land(["nation", "bot"])[0] == [2, 1]
    assert land(["nation", "bot"])[1].mean() > 0.3
    assert land(["bot", "nation"])[1].mean() < -0.3


def test_without_kinds_the_seats_are_those_of_the_parameters():
    def kinds(opponents):
        world = World(1, WorldParams(**SMALL | {"num_bots": 3}, opponents=opponents))
        world.reset([0])
        return world.state.kind[0, 1:].tolist()

    assert kinds("bot") == [0, 1, 1, 1]
    assert kinds("nation") == [0, 2, 2, 2]
    assert kinds("mixed") == [0, 2, 1, 2]


@pytest.mark.parametrize("kinds", [["human"], ["human", "bot", "dragon"], "bot"])
def test_wrong_kinds_are_explained(kinds):
    with pytest.raises(territory.BadInput, match=r"one of human, bot, nation for each of 3 players, got"):
        World(1, WorldParams(**SMALL), kinds=kinds)


@pytest.mark.parametrize(
    ("opponents", "said"),
    [
        ("dragons", "bot, nation, mixed, random, idle, steady, or an agent: no agent 'dragons'"),
        (3, "an agent .with act.obs, mask, deterministic.. or a function"),
    ],
)
def test_opponents_that_cannot_play_are_explained(opponents, said):
    with pytest.raises(territory.BadInput, match=said):
        gymnasium.make("Territory-v0", opponents=opponents)


@pytest.mark.parametrize("answer", [lambda obs, mask: 80, lambda obs, mask: np.zeros(len(mask))])
def test_a_policy_with_a_wrong_answer_is_told(answer):
    env = gymnasium.make("Territory-v0", opponents=answer, **SMALL)
    env.reset(seed=0)
    with pytest.raises(territory.BadInput, match="a policy's actions must be integers of shape"):
        env.step(WAIT)


def test_a_run_refuses_opponents_with_dice_that_no_checkpoint_keeps():
    assert isinstance(as_policy(RandomPolicy()), RandomPolicy)
    with pytest.raises(territory.BadInput, match="random numbers"):
        TrainConfig(opponents="random")
