"""`territory export`: an agent's network as a file that runs without torch."""

from pathlib import Path

import tyro

from territory.errors import BadInput
from territory.files import check_writable


def export(agent: tyro.conf.Positional[str], onnx: str) -> int:
    """Write an agent's network as an ONNX file, with its attention among the outputs (needs the extra `onnx`).

    Args:
        agent: A pretrained agent, a run, or a checkpoint file.
        onnx: The file that is written.
    """
    if Path(onnx).is_dir() or not Path(onnx).parent.is_dir():
        raise BadInput(f"--onnx: expected a file in a folder that exists, got {onnx}")
    check_writable(onnx, "--onnx")
    from territory.agent import load_agent
    from territory.interpret.onnx import export_onnx

    about = export_onnx(load_agent(agent), onnx, agent)
    slots = ", ".join(about["slots"]) or "none"
    print(f"{onnx}: {agent}, {Path(onnx).stat().st_size / 1e6:.1f} MB; attention that can be ablated: {slots}")
    return 0
