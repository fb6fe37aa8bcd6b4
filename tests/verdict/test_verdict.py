"""The ledger: every claim stands in the document's own sections, and its verdict follows its measurement."""

import json

import pytest
import torch
from torch import nn

from territory.agent import SampledStates
from territory.cli import main
from territory.errors import BadInput
from territory.verdict import THEMES, VERDICTS, Evidence, Finding, claims, judge, rules
from territory.verdict.behaviour import lifts
from territory.verdict.evidence import untrained
from territory.verdict.invariance import moves

SECTIONS = {  # the document's headings; two of them are both called Architecture
    "Problem Found",
    "Parameters: 6,763,387 (13x over target)",
    "The Problem",
    "Architecture (old)",
    "Parameters: 517,982 (~500K target)",
    "Efficient CNN (13x parameter reduction)",
    "Architecture (new)",
    "CNN Architecture",
    "Fusion Architecture",
    "Spatial Attention",
    "Cross-Attention Fusion",
    "Memory Usage",
    "Training Speed (estimated)",
    "Computational Efficiency",
    "Spatial Attention → Better Border Awareness",
    "Cross-Attention → Context-Dependent Strategy",
    "Efficient CNN → Better Generalization",
    "Option 1: Train with New Architecture (Recommended)",
    "Option 2: Continue with Old Architecture",
    "Recommendation",
    "Summary",
}
COUNTED = {
    "exact": "old-total new-total old-parts new-parts one-layer-weights old-grids new-grids cross-cost fusion-cost",
    "confirmed": "old-shares new-shares fewer branch-fewer spread",
    "off": "one-layer-share old-over old-times new-over pooled-linear slip",
    "refuted": "gate-cost cnn-fewer",
}
CHECKS = {claim.id: claim.check for claim in claims()}


@pytest.fixture(scope="module")
def evidence():
    return Evidence(moments=64)


def test_about_fifty_claims_each_of_a_theme_and_a_section_of_the_document():
    assert 50 <= len(claims()) <= 60
    assert {claim.theme for claim in claims()} == set(THEMES)
    assert {claim.section for claim in claims()} == SECTIONS
    assert len({claim.words for claim in claims()}) == len(claims())


def test_counting_decides_twenty_two_claims(evidence):
    found = {claim.id: finding.verdict for claim, finding in judge("counts", evidence)}
    assert found == {name: verdict for verdict, names in COUNTED.items() for name in names.split()}


@pytest.mark.parametrize(
    ("name", "verdict", "figure"),
    [
        ("one-layer-share", "off", "95.0 %"),
        ("new-over", "off", "3.6 % over"),
        ("gate-cost", "refuted", "33, 65, 129"),
        ("disk", "confirmed", "27.1 MB and 2.1 MB"),
        ("load", "off", "139,579 of 517,982"),
        ("idle", "not testable here", "none came"),
        ("rank", "refuted", "up to 0% of a query's weight moves; keys: 1"),
        ("all-learn", "refuted", "33,024 of 82,432 ever learn"),
        ("both-ways", "off", "map_to_stats"),
        ("separate", "refuted", "interaction"),
        ("focus", "refuted", "whatever the map"),
        ("old-positions", "confirmed", "moves"),
        ("invariant", "off", "0% for 1, 2, 4, 8, 16, 32 tiles"),
        ("movements", "refuted", "the same answer after two histories"),
        ("equal", "refuted", "R² of border or interior"),
        ("batch", "off", "batch "),
        ("gpu-memory", "off", "x ("),
    ],
)
def test_what_does_not_depend_on_the_machine_is_decided_alike_everywhere(evidence, name, verdict, figure):
    finding = CHECKS[name](evidence)
    assert finding.verdict == verdict
    assert figure in finding.figure


def test_a_repaired_network_changes_the_verdicts():
    repaired = Evidence(new=untrained("tokens"), moments=64)
    assert CHECKS["rank"](repaired).verdict == "confirmed"
    assert CHECKS["both-ways"](repaired).verdict == "confirmed"
    assert CHECKS["all-learn"](repaired).verdict == "confirmed"
    assert CHECKS["new-total"](repaired).verdict != "exact"
    assert CHECKS["gate-cost"](repaired).figure == "no gates"


def test_one_parameter_more_is_no_longer_exact(evidence):
    larger = untrained("attention")
    larger.actor.register_parameter("one_more", nn.Parameter(torch.zeros(1)))
    mutated = Evidence(old=evidence.old, new=larger)
    assert CHECKS["new-total"](mutated).verdict == "off"
    assert CHECKS["new-parts"](mutated).verdict == "off"


def test_a_network_that_forgets_every_place_is_found_invariant():
    blind = untrained("attention")
    first = blind.map_branch.blocks[0].conv

    class Everywhere(nn.Module):
        """The mean of the map in every place of it."""

        def forward(self, maps):
            return (maps / 255).mean(dim=(2, 3), keepdim=True).expand_as(maps)

    blind.map_branch.blocks[0].conv = nn.Sequential(Everywhere(), first)
    assert max(moves(blind).values()) < 0.01


def test_a_gate_that_is_open_on_the_mask_only_has_a_high_lift():
    torch.manual_seed(0)
    mask = torch.rand(6, 8, 8).numpy() > 0.5
    games = SampledStates(maps=None, stats=None, masks=None, games=torch.arange(3).repeat(2).numpy())
    found = lifts({"spatial.1": mask * 0.8 + 0.1, "spatial.2": mask * 0.0 + 0.5}, games, mask)
    assert found["spatial.1"].low > 8.9
    assert found["spatial.2"].mean == pytest.approx(1)


def test_the_thresholds():
    assert rules.counted([3], [3]) == "exact"
    assert rules.counted([3, 4], [3, 5]) == "off"
    assert rules.counted([3], [5]) == "refuted"
    assert rules.printed([2.07], [2], [0]) == "confirmed"
    assert rules.printed([95.0], [96], [0]) == "off"
    assert rules.printed([76], [200], [-2]) == "refuted"
    assert rules.times(1.3, 1.33) == "confirmed"
    assert rules.times(3.0, 1.33) == rules.times(1.1, 1.33) == "off"
    assert rules.times(0.7, 1.33) == "refuted"
    assert rules.holds([True, True]) == "confirmed"
    assert rules.holds([True, False]) == "off"
    assert rules.holds([False]) == "refuted"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.25, 1.45, "confirmed"),
        (1.2, 1.5, "undecided"),
        (1.01, 10.0, "undecided"),
        (1.6, 1.9, "off"),
        (1.05, 1.1, "off"),
        (0.9, 1.4, "undecided"),
        (1.36, 1.5, "undecided"),
        (0.6, 0.9, "refuted"),
    ],
)
def test_a_speed_that_its_quartiles_can_not_tell_is_undecided(low, high, verdict):
    assert rules.speedup(low, high, 1.33) == verdict


def test_an_interval_that_holds_the_bar_leaves_a_sentence_undecided():
    assert rules.above(0.1, 0.3) is True
    assert rules.above(-0.3, 0.0) is False
    assert rules.above(-0.1, 0.3) is None
    assert rules.holds([True, None]) == rules.holds([False, None]) == "undecided"
    assert rules.holds([True, False, None]) == "off", "in some cases true, in some false, whatever the last one is"


def test_a_network_with_a_memory_tracks_movements():
    class Remembers(nn.Module):
        def __init__(self):
            super().__init__()
            self.seen = 0.0

        def forward(self, maps, stats):
            self.seen = 0.5 * self.seen + maps.float().mean()
            return self.seen + stats.mean(dim=1, keepdim=True).expand(-1, 90), stats[:, 0]

    assert CHECKS["movements"](Evidence(new=Remembers(), moments=64)).verdict == "confirmed"


def test_what_the_agent_does_is_told_by_counterfactuals_and_by_its_games():
    evidence = Evidence(moments=256)
    for name in ("first-defends", "threatened-attacks", "fifth-catches-up"):
        finding = CHECKS[name](evidence)
        assert finding.verdict in VERDICTS
        assert "told" in finding.figure
    assert CHECKS["first-defends"](evidence).numbers["told it is first"] < 0, "told that it leads, it attacks less"


def test_a_verdict_is_one_of_six():
    assert len(VERDICTS) == 6
    with pytest.raises(BadInput, match="verdict must be one of exact"):
        Finding("maybe", "3")


def test_the_command_prints_each_claim_with_verdict_and_figure(capsys):
    assert main(["verdict", "--theme", "counts"]) == 0
    out = capsys.readouterr().out
    for claim in claims("counts"):
        assert f"\n{claim.id} " in out
        assert claim.words in out
    assert "9 exact, 5 confirmed, 6 off, 2 refuted" in out


def test_the_command_gives_json(capsys):
    assert main(["verdict", "--theme", "migration", "--json"]) == 0
    entries = {entry["id"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert entries["load"]["numbers"]["parameters"] == 139_579
    assert entries["load"]["verdict"] == "off"


def test_a_theme_that_is_not_there_is_told(capsys):
    assert main(["verdict", "--theme", "weather"]) == 2
    assert "theme must be one of counts, sizes" in capsys.readouterr().err
