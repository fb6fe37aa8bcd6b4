"""What others type against: public names and the README's own Python, as a type checker in their editor sees them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
PUBLIC_NAMES = """
import gymnasium
import numpy as np
from torch import Tensor, nn

import territory
from territory.world import rules

envs = gymnasium.make_vec("Territory-v0", num_envs=12, num_bots=5)
obs, info = envs.reset(seed=7)
mask: np.ndarray = info["action_mask"]
one_mask: np.ndarray = territory.envs.TerritoryEnv(num_bots=5).action_masks()

names: tuple[str, ...] = territory.models.names()
model: nn.Module = territory.models.build("attention", norm="batch")
sizes: dict[str, int] = {record.part: record.parameters for record in territory.profiling.parameter_table(model)}

cap = rules.troop_cap(1000, 2, "human")
growth = rules.troop_growth(5000, cap, "human")
budget = rules.attack_budget(12, 3000, defender_troops=None)
loss, _, used = rules.tile_price("plains", 3000, "human", defender_troops=None)

agent = territory.load_agent("attention")
action = agent.act(obs, mask, deterministic=True)
result = territory.evaluate(agent, num_bots=5, opponents="nation", games=64, seed=1_000_000)
rate: float = result.win_rate
runs: list[dict] = territory.load_study("learning")
territory.save_agent(agent, "agent.safetensors", bits=16)

with territory.interpret.capture(agent.model) as record:
    agent.act(obs, mask)
gates: Tensor = record["spatial.1"]
error: type[Exception] = territory.BadInput
"""


def blocks(page):
    """The Python of a page: fenced blocks, and indented ones that begin with an import."""
    text = page.read_text("utf-8")
    fenced = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    indented = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.M)
    programs = ["".join(line[4:] + "\n" for line in block.splitlines()) for block in indented]
    return fenced + [program for program in programs if program.lstrip().startswith(("import", "from"))]


def complaints(folder, *sources):
    """What pyright, set as for the package, says about these programs of somebody who has it installed."""
    for number, source in enumerate(sources):
        (folder / f"program_{number}.py").write_text(source, "utf-8")
    settings = {"typeCheckingMode": "basic", "pythonVersion": "3.11", "extraPaths": [str(ROOT)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", "-p", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    said = json.loads(done.stdout)["generalDiagnostics"]
    return [f"{each['range']['start']['line'] + 1}: {each['message']}" for each in said if each["severity"] == "error"]


def test_the_public_names_and_the_readmes_programs_type_check(tmp_path):
    programs = blocks(ROOT / "README.md")
    assert programs and complaints(tmp_path, PUBLIC_NAMES, *programs) == []


@pytest.mark.parametrize("wrong", ["territory.load_agents('attention')", "territory.evaluate('idle', games='many')"])
def test_a_wrong_call_is_found(tmp_path, wrong):
    assert complaints(tmp_path, f"import territory\n{wrong}\n")


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "territory" / "py.typed").exists()
