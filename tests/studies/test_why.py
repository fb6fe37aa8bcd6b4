"""What `baseline` and `attention` differ in, moved one at a time."""

import json

import pytest
import torch

from studies import command, why
from territory import load_study, models
from territory.profiling import example_inputs


def parts(name: str) -> dict[str, tuple]:
    """Names and shapes of a variant's weights, or of a registry's network."""
    torch.manual_seed(0)
    model = why.build(name) if name in why.VARIANTS else models.build(name)
    return {key: tuple(value.shape) for key, value in model.named_parameters()}


@pytest.mark.parametrize("name", why.VARIANTS)
def test_a_variant_plays(name):
    torch.manual_seed(0)
    logits, values = why.build(name)(*example_inputs(2))
    assert logits.shape == (2, 90) and values.shape == (2,) and logits.isfinite().all()


@pytest.mark.parametrize(
    ("name", "peer", "changed"),
    [
        ("baseline, group norm", "baseline", "norm"),
        ("baseline, mean pool", "baseline", "to_features"),
        ("attention, no norm", "attention", "norm"),
        ("attention, no gates", "attention", ".attention.score"),
        ("attention, flatten", "attention", "to_features"),
    ],
)
def test_one_property_is_moved_and_everything_else_stays(name, peer, changed):
    ours, usual = parts(name), parts(peer)
    different = {key for key in ours.keys() | usual.keys() if ours.get(key) != usual.get(key)}
    assert different and all(changed in key for key in different)


def test_another_learning_rate_is_no_other_network():
    for peer in why.PEERS:
        name = f"{peer}, learning rate 3e-4"
        assert parts(name) == parts(peer) and why.VARIANTS[name].hyperparameters == why.LOW


@pytest.mark.parametrize(("name", "keeps"), [("attention, flatten", True), ("baseline, mean pool", False)])
def test_pooling_forgets_where_things_are_and_flattening_does_not(name, keeps):
    torch.manual_seed(0)
    branch = why.build(name).eval().map_branch
    convolutions, last = branch.blocks[:3], branch.blocks[3]
    cells = convolutions(torch.rand(1, 5, 128, 128))
    assert torch.allclose(last(cells), last(cells.flip(-1)), atol=1e-5) != keeps


def test_a_run_is_kept_and_not_repeated(tmp_path, capsys):
    out, name = tmp_path / "why.json", "attention, no gates"
    flags = ["--variants", name, "--seeds", "1", "--steps", "1", "--out", str(out)]
    assert command.run(why.main, flags) == 0
    first = capsys.readouterr()
    assert command.run(why.main, flags) == 0
    second = capsys.readouterr()
    assert f"training {name}, seed 0" in first.err and "training" not in second.err
    assert first.out == second.out and name in first.out
    (run,) = json.loads(out.read_text())
    assert (run["network"], run["curve"][-1][0]) == (name, 24 * 32)


def test_a_variant_that_there_is_not_is_named_with_those_that_are(capsys):
    assert command.run(why.main, ["--variants", "baseline, dropout"]) == 2
    assert "baseline, group norm; " in (error := capsys.readouterr().err) and error.endswith("got baseline, dropout\n")


def test_the_data_in_the_repository_are_three_seeds_of_each():
    runs = load_study("why")
    assert {(run["network"], run["seed"]) for run in runs} >= {
        (name, seed) for name in why.VARIANTS for seed in range(3)
    }
