"""The measures, on numbers that can be checked by hand."""

import numpy as np
import pytest
import torch

from territory.errors import BadInput
from territory.interpret import (
    bootstrap_interval,
    border_lift,
    border_mask,
    entropy,
    lift,
    rank_correlation,
    to_tiles,
    total_variation,
)
from territory.world.layout import Plane


def planes_of(drawing):
    """Planes (5, H, W) of a drawing: # own, e enemy, . unclaimed, ~ water."""
    cells = np.array([list(row) for row in drawing])
    planes = np.zeros((5, *cells.shape), np.uint8)
    planes[Plane.OWN][cells == "#"] = 255
    planes[Plane.ENEMY][cells == "e"] = 255
    planes[Plane.UNCLAIMED][cells == "."] = 85
    return planes


def test_the_border_is_own_land_that_touches_foreign_land():
    mask = border_mask(planes_of(["###.", "###e", "##~~", "####"]))
    #                             touches . / touches e / water does not count / nor does the rim
    assert mask.astype(int).tolist() == [[0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_the_border_does_not_look_round_corners():
    assert not border_mask(planes_of(["#~", "~e"])).any()


def test_borders_of_a_batch_are_those_of_its_maps():
    drawings = [planes_of(["#.", "##"]), planes_of(["..", ".#"])]
    assert (border_mask(np.stack(drawings)) == np.stack([border_mask(drawing) for drawing in drawings])).all()


def test_a_tile_has_the_attention_of_its_cell():
    assert to_tiles(np.array([[1, 2]]), 2, 4).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]


def test_a_grid_that_does_not_divide_the_map_is_refused():
    with pytest.raises(BadInput, match="3x3 cells does not divide"):
        to_tiles(np.ones((3, 3)), 4, 4)


def test_lift_is_the_mean_on_the_mask_over_the_mean_off_it():
    attention = np.array([[[0.8, 0.2], [0.2, 0.2]]])
    on = np.zeros((1, 4, 4), bool)
    on[0, 0, 0] = on[0, 0, 1] = True  # two of the four tiles of the first cell
    # on: 0.8; off: (2 * 0.8 + 12 * 0.2) / 14 = 4.0 / 14
    assert lift(attention, on) == pytest.approx([0.8 / (4.0 / 14)])


def test_even_attention_has_lift_one_and_an_empty_mask_has_none():
    on = np.zeros((2, 4, 4), bool)
    on[0, 1] = True
    one, none = lift(np.full((2, 2, 2), 0.3), on)
    assert one == pytest.approx(1)
    assert np.isnan(none)


def test_lift_refuses_a_mask_of_other_frames():
    with pytest.raises(BadInput, match="expected attention"):
        lift(np.ones((2, 2, 2)), np.ones((3, 4, 4), bool))


def test_border_lift_of_attention_on_the_border_alone_and_of_its_opposite():
    planes = planes_of(["##..", "##.."])
    on_border = np.array([[0.1, 0.9, 0.1, 0.1]] * 2)
    # border: column 1, 0.9; other_game: 0.1
    assert border_lift(np.stack([on_border, 1 - on_border]), np.stack([planes, planes])) == pytest.approx([9, 1 / 9])


def test_entropy_in_bits():
    assert entropy([0.25, 0.25, 0.25, 0.25]) == pytest.approx(2)
    assert entropy([1, 0, 0, 0]) == 0
    assert entropy([[2, 2]]) == pytest.approx([1])  # scaled to 1/2, 1/2
    assert entropy([1]) == 0  # the single key of a cross-attention has nothing to choose


def test_total_variation_is_the_share_that_moved():
    assert total_variation([0.5, 0.5, 0], [0.5, 0.2, 0.3]) == pytest.approx(0.3)
    assert total_variation([[1, 0]], [[0, 1]]) == pytest.approx([1])


def test_a_bootstrap_interval_of_equal_games_has_no_width():
    assert bootstrap_interval(np.full(5, 1.5)) == (1.5, 1.5, 1.5)


def test_a_bootstrap_interval_matches_the_normal_one_for_many_games():
    games = np.random.default_rng(1).normal(2, 1, size=400)
    mean, low, high = bootstrap_interval(games)
    half = 1.96 * games.std() / 20  # 20 = sqrt(400)
    assert mean == pytest.approx(games.mean())
    assert (mean - low, high - mean) == (pytest.approx(half, rel=0.1), pytest.approx(half, rel=0.1))
    assert str(bootstrap_interval([1, 1])) == "1.00 (1.00 to 1.00)"


def test_games_without_a_number_are_left_out_and_one_game_is_too_few():
    assert bootstrap_interval([1, np.nan, 1]).mean == 1
    with pytest.raises(BadInput, match="two games or more, got 1"):
        bootstrap_interval([1, np.nan])


MASK = np.array([[[True, False], [False, False]], [[True, True], [False, False]]])


@pytest.mark.parametrize(
    "spelled",
    [
        MASK,
        MASK.astype(np.uint8),
        MASK.astype(int),
        MASK.astype(np.float32),
        MASK.tolist(),
        torch.tensor(MASK),
        torch.tensor(MASK).to(torch.bfloat16),
    ],
    ids=["bool", "uint8", "int", "float", "list", "torch", "bfloat16"],
)
def test_a_mask_of_zeros_and_ones_of_any_kind_gives_the_same_lift(spelled):
    attention = np.array([[[3.0, 1.0], [1.0, 1.0]], [[2.0, 2.0], [1.0, 1.0]]])
    assert lift(attention, spelled).tolist() == lift(torch.tensor(attention), spelled).tolist() == [3.0, 2.0]


@pytest.mark.parametrize("wrong, told", [(MASK * 255, "255"), (MASK * 0.5, "0.5"), (MASK * np.nan, "nan")])
def test_what_is_no_mask_is_refused(wrong, told):
    with pytest.raises(BadInput, match=f"True and False, or of 0 and 1; got {told}"):
        lift(np.ones((2, 2, 2)), wrong)


@pytest.mark.parametrize("wrong", ["border", None, [[1], [2, 3]], np.array(["a"])])
def test_what_is_no_array_is_refused(wrong):
    with pytest.raises(BadInput, match="expected an array of numbers"):
        lift(np.ones((2, 2, 2)), wrong)


def test_numbers_may_come_as_any_tensor_that_holds_some():
    attention, on = np.arange(1.0, 5.0).reshape(1, 2, 2), np.eye(2, dtype=bool)[None]
    expected = lift(attention, on)
    for each in (
        torch.from_numpy(attention).requires_grad_(),
        torch.from_numpy(attention).bfloat16().to_sparse(),
        torch.from_numpy(attention * -1j).conj().imag,  # a view with its sign to be turned
        np.asfortranarray(attention),
    ):
        np.testing.assert_allclose(lift(each, torch.from_numpy(on).int().to_sparse()), expected)


@pytest.mark.parametrize(
    "ask, told",
    [
        (lambda: lift(np.ma.array(np.ones((1, 2, 2)), mask=True), np.ones((1, 2, 2))), "expected an array of numbers"),
        (lambda: lift(torch.ones(1, 2, 2, device="meta"), np.ones((1, 2, 2))), "expected an array of numbers"),
        (lambda: to_tiles(np.ones((0, 4)), 8, 8), "a grid of 0x4 cells does not divide"),
        (lambda: to_tiles(np.ones((4, 4)), -8, 8), "height must be a whole number of at least 1, got -8"),
        (lambda: entropy([-1.0, 2.0]), "none below 0; got -1"),
        (lambda: total_variation([0.5, 0.5], [1, 0, 0]), r"the same choices; got \(2,\) and \(3,\)"),
    ],
)
def test_what_has_no_such_measure_is_told(ask, told):
    with pytest.raises(BadInput, match=told):
        ask()


def test_a_map_with_a_hole_has_no_order():
    one, other = np.arange(8.0).reshape(2, 2, 2), np.arange(8.0).reshape(2, 2, 2)
    other[1, 0, 0] = np.nan
    np.testing.assert_array_equal(rank_correlation(one.tolist(), torch.from_numpy(other)), [1, np.nan])
