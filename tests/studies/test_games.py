"""What several studies need of games: states split by the games that they are from."""

from studies.games import joined, split
from territory.agent import sample_states
from territory.envs import RandomPolicy


def test_a_split_keeps_games_whole_and_in_their_part_when_others_are_added():
    states = sample_states(RandomPolicy(), 192, every=2, height=64, width=64, num_bots=2, max_steps=20)
    first, second = split(states, 0.75)
    assert len(first) + len(second) == len(states)
    assert not set(first.games) & set(second.games)
    assert 16 <= len(set(first.games)) < 32
    both = joined(states, states)
    assert (len(both), len(set(both.games))) == (2 * 192, 2 * 32)
    assert set(split(both, 0.75)[0].games) >= set(first.games)
    assert not set(split(both, 0.75)[0].games) & set(second.games)
