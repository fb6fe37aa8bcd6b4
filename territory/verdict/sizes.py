"""Claims about bytes: on disk and while training."""

import torch
from safetensors.torch import save

from territory.profiling import example_inputs, peak_memory
from territory.verdict import rules
from territory.verdict.evidence import Evidence
from territory.verdict.ledger import Finding, claims_of

claim = claims_of("sizes")


def disk(model: torch.nn.Module) -> float:
    """Megabytes (10^6 bytes) of a checkpoint file with all its weights."""
    return len(save(model.state_dict())) / 1e6


@claim("disk", "Memory Usage", "model size on disk, old and new", "27 MB and 2 MB")
def disk_sizes(evidence: Evidence) -> Finding:
    sizes = {name: disk(model) for name, model in evidence.networks.items()}
    verdict = rules.printed(list(sizes.values()), [27, 2], [0, 0])
    return Finding(verdict, " and ".join(f"{size:.1f} MB" for size in sizes.values()), sizes)


@claim("disk-ratio", "Memory Usage", "how many times smaller the file is", "13x")
def disk_ratio(evidence: Evidence) -> Finding:
    ratio = disk(evidence.old) / disk(evidence.new)
    return Finding(rules.printed([ratio], [13], [0]), f"{ratio:.1f}x", {"ratio": ratio})


@claim("gpu-memory", "Memory Usage", "GPU memory, old over new (400 MB against 150 MB)", "2.7x less")
def gpu_memory(evidence: Evidence) -> Finding:
    """At batch 128, which the document gives as the old network's; it doesn't say what its megabytes are of.

    The tensors of a training step are as large on any device, so they are counted on the CPU.
    """
    peaks = {name: peak_memory(model, example_inputs(128)).peak / 1e6 for name, model in evidence.networks.items()}
    ratio = peaks["old"] / peaks["new"]
    figure = f"{ratio:.2f}x ({peaks['old']:.0f} MB, {peaks['new']:.0f} MB)"
    note = "tensors of a training step at batch 128; what a GPU's allocator adds is not counted"
    return Finding(rules.times(ratio, 400 / 150), figure, peaks | {"ratio": ratio}, note)


@claim("batch", "Training Speed (estimated)", "in the old network's memory at batch 128 the new one takes", "batch 256")
def batch(evidence: Evidence) -> Finding:
    """Activations grow with the batch, all else is fixed: two measurements make the line."""
    room = peak_memory(evidence.old, example_inputs(128)).peak
    small, large = (peak_memory(evidence.new, example_inputs(size)).peak for size in (32, 64))
    each = (large - small) / 32
    largest = int(64 + (room - large) / each)
    note = f"{room / 1e6:.0f} MB of tensors, {each / 1e6:.2f} MB an example"
    return Finding(rules.holds([largest >= 256, largest > 128]), f"batch {largest}", {"batch": largest}, note)
