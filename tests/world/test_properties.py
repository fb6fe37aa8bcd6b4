"""What must hold in every game, looked for by Hypothesis: any size, any players, any actions, allowed or not."""

import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import compare, eyes

from territory.world import World, WorldParams, rules
from territory.world.actions import NUM_ACTIONS
from territory.world.threads import Runner, set_num_threads

WAIT = 80
searched = settings(deadline=None, derandomize=True, max_examples=100)  # the same examples in every run
searched_less = settings(searched, max_examples=50)  # where an example is ninety games a player


@st.composite
def setups(draw, **fixed) -> compare.Setup:
    """Small games of every kind; simpler ones first when a failure is shrunk."""
    height, width = draw(st.sampled_from([32, 64])), draw(st.sampled_from([32, 64]))
    water = draw(st.sampled_from([0.0, 0.2, 0.4]))
    bots = draw(st.integers(1, min(50, int(height * width * (1 - water) / 60) - 1)))
    drawn = {
        "opponents": draw(st.sampled_from(["bot", "nation", "mixed"])),
        "ticks_per_step": draw(st.sampled_from([1, 2, 10])),
        "collapse_tiles": draw(st.sampled_from([0, 30, 100])),
        "city_price": draw(st.sampled_from([100.0, 5_000.0])),
        "city_spacing": draw(st.sampled_from([3, 15, 30])),
    }
    params = WorldParams(height=height, width=width, num_bots=bots, water_share=water, **drawn | fixed)
    driven = np.array(draw(st.lists(st.booleans(), min_size=bots + 2, max_size=bots + 2)))
    return compare.Setup(
        draw(st.integers(0, 2**64 - 4)), params, draw(st.sampled_from([0, 1, 3, 10, 20])), draw(st.booleans()), driven
    )


def wander(world: World, setup: compare.Setup, draws: list, steps: int) -> World:
    """Random steps from here."""
    for _ in range(steps):
        world.step(compare.random_actions(world, setup.driven, draws, Counter()))
    return world


def played(setup: compare.Setup, games: int = 1) -> World:
    """The games of a setup after its steps."""
    world, draws = compare.begin(setup, games)
    return wander(world, setup, draws, setup.steps)


def outcomes(world: World, batch: World, player: int, others: np.ndarray) -> np.ndarray:
    """bool (90,): which actions of a player leave another state than waiting does, the others acting as given."""
    batch.load_state_dict({name: np.repeat(value, NUM_ACTIONS, 0) for name, value in world.state_dict().items()})
    actions = np.repeat(others, NUM_ACTIONS, axis=0)
    actions[:, player] = np.arange(NUM_ACTIONS)
    batch.step(actions)
    changed = [(value != value[WAIT]).reshape(NUM_ACTIONS, -1).any(axis=1) for value in batch.state_dict().values()]
    return np.logical_or.reduce(changed)


@searched
@given(setups())
def test_land_is_conserved_and_counted_and_water_is_nobodys(setup):
    world, draws = compare.begin(setup)
    for _ in range(setup.steps):
        wander(world, setup, draws, 1)
        owner, terrain, state = world.map_of("owner")[0], world.map_of("terrain")[0], world.state
        assert not owner[terrain == 0].any()
        assert state.tiles[0].tolist() == np.bincount(owner[terrain > 0], minlength=state.tiles.shape[1]).tolist()
        assert state.tiles.sum() == state.land[0] == (terrain > 0).sum()
        assert np.array_equal(state.alive[0, 1:], state.tiles[0, 1:] > 0)
        assert not state.troops[~state.alive].any() and not state.attacks[~state.alive].any()


@searched
@given(setups())
def test_cities_belong_to_their_tiles_owner_and_rise_away_from_those_that_stood(setup):
    world, draws = compare.begin(setup)
    for _ in range(setup.steps):
        before = world.map_of("city")[0].copy()
        wander(world, setup, draws, 1)
        owner, city = world.map_of("owner")[0], world.map_of("city")[0]
        assert (owner[city > 0] > 0).all() and (city >= before).all()
        assert world.state.cities[0].tolist() == np.bincount(owner[city > 0], minlength=setup.driven.size).tolist()
        apart = np.argwhere(city > before)[:, None] - np.argwhere(before)[None]
        assert ((apart**2).sum(axis=2) >= setup.params.city_spacing**2).all()


@searched
@given(setups(ticks_per_step=1))
def test_troops_are_never_negative_and_grow_no_faster_than_the_formula_allows(setup):
    world, draws = compare.begin(setup)
    fills = np.linspace(0, 1, 401)
    for _ in range(setup.steps):
        before = world.state_dict()
        state = wander(world, setup, draws, 1).state
        assert (state.troops >= 0).all() and (state.attacks >= 0).all() and (state.gold >= 0).all()
        for player in np.flatnonzero(before["alive"][0]):
            tiles, cities, kind = (before[name][0, player] for name in ("tiles", "cities", "kind"))
            cap = rules.troop_cap(tiles, cities + 1, rules.KINDS[kind])  # it may have built one in this step
            fastest = rules.troop_growth(fills * cap, cap, rules.KINDS[kind]).max() * 1.001
            home, away = before["troops"][0, player], before["attacks"][0, player].sum()
            assert state.troops[0, player] <= max(cap, home) + away
            assert state.troops[0, player] + state.attacks[0, player].sum() <= home + away + fastest


def honesty(setup: compare.Setup, all_build: bool):
    """For every player of a game under way: its mask, what its actions change, and whether it lives after each."""
    world, batch = played(setup), World(NUM_ACTIONS, setup.params)
    everyone = range(1, setup.params.num_players + 1)
    others = compare.random_actions(world, setup.driven, [np.random.default_rng(0)], Counter())
    masks = {player: world.observe(player=player)[1][0] for player in everyone}
    if all_build:  # the last action is to wait and build
        others[0, 1:] = [np.flatnonzero(masks[player])[-1] for player in everyone]
    for player in everyone:
        yield masks[player], outcomes(world, batch, player, others), batch.state.alive[:, player]


@searched_less
@given(setups(), st.booleans())
def test_a_masked_action_does_what_waiting_does_whatever_the_others_do(setup, all_build):
    for mask, changed, _ in honesty(setup, all_build):
        assert not changed[~mask].any()


@searched_less
@given(setups(ticks_per_step=1), st.booleans())
def test_an_allowed_action_has_an_effect_whatever_the_others_do(setup, all_build):
    """Unless the player falls in that very tick, and its orders with it."""
    for mask, changed, lives in honesty(setup, all_build):
        mask[WAIT] = False
        assert changed[mask & lives].all()


@searched
@given(setups())
def test_every_players_view_can_be_computed_from_the_state(setup):
    world = played(setup)
    game = compare.game_of(world)
    for player in game.players:
        obs, masks = world.observe(player=player)
        assert np.array_equal(obs["map"][0], eyes.planes(game, player))
        assert np.array_equal(obs["global"][0], eyes.stats(game, player))
        assert np.array_equal(masks[0], eyes.mask(game, player))


@searched
@given(setups())
def test_rewards_add_up_to_the_change_of_land_and_how_the_game_ended(setup):
    world, draws = compare.begin(setup)
    params, first = setup.params, world.state.tiles[0] / world.state.land[0]
    total, ended = np.zeros(params.num_players + 1), np.zeros(params.num_players + 1)
    for step in range(1, setup.steps + 1):
        was_alive = world.state.alive[0].copy()
        total += world.step(compare.random_actions(world, setup.driven, draws, Counter()))[0][0]
        for player in range(1, params.num_players + 1):
            if world.has_won(player)[0]:
                ended[player] += params.win_reward + params.speed_reward * (1 - step / params.max_steps)
            elif was_alive[player] and not world.state.alive[0, player]:
                ended[player] += params.elimination_reward
    change = world.state.tiles[0] / world.state.land[0] - first
    assert total[1:] == pytest.approx((params.land_reward * change + ended)[1:], abs=1e-9)


@searched
@given(setups(), st.integers(1, 20))
def test_a_game_is_the_same_for_any_threads_any_neighbours_and_after_a_restore(setup, more):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Runner, "pays", lambda runner, games, alone, shared: alone > 0)  # though the games are small
        together = played(setup, games=3)
    restored, other = World(3, setup.params), [np.random.default_rng(n) for n in range(3)]
    restored.load_state_dict(pickle.loads(pickle.dumps(together.state_dict())))
    set_num_threads(1)
    try:
        alone = [played(replace(setup, number=setup.number + n)) for n in range(3)]
        finished = wander(restored, setup, [np.random.default_rng(n) for n in range(3)], more).state_dict()
    finally:
        set_num_threads(None)
    for name, value in together.state_dict().items():
        assert np.array_equal(value, np.concatenate([world.state_dict()[name] for world in alone])), name
    for name, value in wander(together, setup, other, more).state_dict().items():
        assert np.array_equal(value, finished[name]), name
