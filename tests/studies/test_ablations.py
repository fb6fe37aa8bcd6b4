"""The ablations of `tokens`: each variant is the pretrained architecture but for one change, and runs are kept."""

import json

import numpy as np
import pytest
import torch

from studies import command
from studies.ablations import SEEDS, compared, load, main, summary
from studies.variants import SHIPPED, VARIANTS, variant
from territory import load_study, models
from territory.interpret import capture, find_dead_attention


def seeded(name):
    torch.manual_seed(0)
    return variant(name)


def boards(batch=3, side=64, seed=0):
    rng = torch.Generator().manual_seed(seed)
    planes = torch.randint(0, 256, (batch, 5, side, side), generator=rng, dtype=torch.uint8)
    return planes, torch.rand(batch, 16, generator=rng) * 2 - 1


def upside_down(planes):
    """The map's cells of 16 x 16 tiles in another order, each as it was."""
    return planes.unflatten(2, (-1, 16)).flip(2).flatten(2, 3)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_plays_and_differs_from_the_shipped_drawing(name):
    model, shipped = seeded(name), seeded(SHIPPED)
    (logits, value), (other, _) = model(*boards()), shipped(*boards())
    assert logits.shape == (3, 90) and value.shape == (3,)
    assert torch.equal(logits, other) == (name == SHIPPED)


def test_the_shipped_drawing_is_the_registrys():
    torch.manual_seed(0)
    registered = models.build("tokens").state_dict()
    assert all(torch.equal(registered[name], weight) for name, weight in seeded(SHIPPED).state_dict().items())


def test_only_without_positions_the_place_of_a_cell_does_not_matter():
    planes, stats = boards()
    for name in (SHIPPED, "no positions"):
        model = seeded(name).eval()
        model.map_branch.stem.norm = torch.nn.Identity()  # it measures the whole map, in whatever order
        same = torch.allclose(model(planes, stats)[0], model(upside_down(planes), stats)[0], atol=1e-4)
        assert same == (name == "no positions")


def test_weights_that_are_even_do_not_choose_and_leave_queries_and_keys_dead():
    model = seeded("uniform attention")
    with capture(model) as record:
        model(*boards())
    assert all(torch.allclose(weights, weights[..., :1]) for weights in record.values())
    dead = find_dead_attention(model, [boards(seed=seed) for seed in range(2)])
    assert {finding.module.rsplit(".", 1)[1] for finding in dead if finding.parameters} == {"q", "k"}


def test_cells_that_do_not_ask_know_nothing_of_the_statistics():
    planes, stats = boards()
    for name, asks in ((SHIPPED, True), ("statistics attend only", False)):
        heard = []
        model = seeded(name)
        model.cross_attention.norm_cells.register_forward_hook(
            lambda module, inputs, out, heard=heard: heard.append(out)
        )
        model(planes, stats), model(planes, -stats)
        assert torch.equal(*heard) != asks


def test_a_difference_is_one_that_every_seed_shows():
    shipped = np.array([1.0, 2.0, 4.0])
    assert compared(np.array([5.0, 6.0, 7.0]), shipped) == "later"
    assert compared(np.array([5.0, 6.0, np.inf]), shipped) == "later"
    assert compared(np.array([0.3, 0.4, 0.5]), shipped) == "sooner"
    assert compared(np.array([0.3, 2.0, 5.0]), shipped) == "alike"
    assert compared(np.array([5.0, 6.0]), shipped) == "-"  # too few to say


def test_a_finished_run_is_kept_and_not_repeated(tmp_path, capsys):
    out = tmp_path / "runs.json"
    flags = ["--variants", "width 32", "--seeds", "1", "--steps", "1", "--repeats", "1", "--out", str(out)]
    assert command.run(main, flags) == 0
    first = capsys.readouterr()
    assert command.run(main, flags) == 0
    second = capsys.readouterr()
    assert "training width 32, seed 0" in first.err and "training" not in second.err
    assert first.out == second.out and first.out.splitlines()[-1].startswith("width 32")
    assert json.loads(out.read_text())["runs"][0]["curve"][-1][0] == 384
    assert load(out)["costs"][0]["parameters"] == sum(p.numel() for p in variant("width 32").parameters())


def test_the_data_in_the_repository_has_every_variant_beside_the_shipped_drawing():
    rows = {row.variant: row for row in summary(load_study("ablations"))}
    assert list(rows) == list(VARIANTS)
    assert rows[SHIPPED].seeds >= SEEDS and rows[SHIPPED].learns == "alike"
