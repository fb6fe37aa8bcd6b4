"""An exported network answers as the one that it was exported from."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import territory
from territory.agent import Agent
from territory.cli import main
from territory.errors import BadInput
from territory.interpret import capture, intervene, uniform_head, zero_head
from territory.interpret.onnx import export_onnx

CLOSE = {"rtol": 0, "atol": 1e-4}


@pytest.fixture(scope="module", params=["attention", "tokens"])
def exported(request, tmp_path_factory):
    """The agent, its file's runtime and what the file's metadata says."""
    path = tmp_path_factory.mktemp("onnx") / f"{request.param}.onnx"
    assert main(["export", request.param, "--onnx", str(path)]) == 0
    (told,) = [each.value for each in onnx.load(path).metadata_props if each.key == "territory"]
    return territory.load_agent(request.param), onnxruntime.InferenceSession(path), json.loads(told)


def states(count):
    random = np.random.default_rng(count)
    maps = random.integers(0, 256, (count, 5, 128, 128), dtype=np.uint8)
    return maps, random.uniform(-1, 1, (count, 16)).astype(np.float32)


def run(exported, maps, stats, changes=None):
    """The file's outputs by name; ``changes``: rows of the ablation by slot."""
    _, session, about = exported
    rows = [(changes or {}).get(slot, (1, 0)) for slot in about["slots"]]
    inputs = {"map": maps, "global": stats, "ablation": np.array(rows, np.float32)}
    return dict(zip([each.name for each in session.get_outputs()], session.run(None, inputs), strict=True))


def torch_run(agent, maps, stats, changes=None):
    with torch.inference_mode(), intervene(agent.model.eval(), changes or {}), capture(agent.model) as record:
        logits, value = agent.model(torch.from_numpy(maps), torch.from_numpy(stats))
    return {"logits": logits.numpy(), "value": value.numpy()} | {name: each.numpy() for name, each in record.items()}


@pytest.mark.parametrize("count", [1, 3])
def test_policy_value_and_attention_equal_torchs(exported, count):
    maps, stats = states(count)
    found, expected = run(exported, maps, stats), torch_run(exported[0], maps, stats)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, err_msg=name, **CLOSE)


@pytest.mark.parametrize(("row", "change"), [((0, 0), zero_head), ((0, 1), uniform_head)])
def test_an_ablated_head_is_ablated_in_the_file_too(exported, row, change):
    maps, stats = states(2)
    slot = exported[2]["slots"][-1]
    name, head = slot.rsplit(" ", 1)
    found = run(exported, maps, stats, {slot: row})
    expected = torch_run(exported[0], maps, stats, {name: change(int(head))})
    np.testing.assert_allclose(found["logits"], expected["logits"], **CLOSE)
    np.testing.assert_allclose(found[name], expected[name], **CLOSE)


def test_the_metadata_say_how_the_agent_decides(exported):
    agent, _, about = exported
    assert about["map"] == [5, 128, 128]
    assert about["decoding"]["attack_threshold"] == agent.decoding.attack_threshold


def test_a_folder_in_its_place_is_one_sentence_and_a_missing_folder_is_made(tmp_path, capsys):
    assert main(["export", "tokens", "--onnx", str(tmp_path)]) == 2
    assert f"--onnx: expected a file to write, and {tmp_path} is a folder" in capsys.readouterr().err
    assert main(["export", "tokens", "--onnx", str(tmp_path / "new" / "a.onnx")]) == 0
    assert (tmp_path / "new" / "a.onnx").stat().st_size > 1_000_000


class Chooses(torch.nn.Module):
    """Takes another way where the statistics say so, which no exporter can write down."""

    def __init__(self):
        super().__init__()
        self.actor, self.critic = torch.nn.Linear(16, 90), torch.nn.Linear(16, 1)

    def forward(self, maps, stats):
        stats = stats if stats.sum() > 0 else -stats
        return self.actor(stats), self.critic(stats).squeeze(1)


def test_a_network_that_cannot_be_written_is_refused_in_a_sentence(tmp_path):
    for model, told in (
        (Chooses(), "Chooses can't be written as ONNX.*data-dependent"),
        (Chooses().bfloat16(), "are torch.bfloat16"),
    ):
        with pytest.raises(BadInput, match=told):
            export_onnx(Agent(model), tmp_path / "a.onnx")
