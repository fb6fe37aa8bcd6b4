"""``territory profile``: what networks weigh, work, keep and take, as tables."""

import tyro

from territory.errors import BadInput


def profile(models: tyro.conf.Positional[tuple[str, ...]] = (), batch: int = 12) -> int:
    """Where a network's parameters, work, time and memory go, layer by layer.

    Args:
        models: Names from territory.models.names(); by default all.
        batch: Observations per forward and backward pass.
    """
    from territory import models as registry
    from territory import profiling

    if batch < 1:
        raise BadInput(f"expected a batch of at least 1; got {batch}")
    networks = {name: registry.build(name) for name in models or registry.names()}
    inputs = profiling.example_inputs(batch)
    for name, network in networks.items():
        print(f"{name}: forward and backward, batch {batch}")
        print(profiling.format_table(profiling.layer_table(network, inputs), total=True))
        print(f"\nwhat one cell of each convolution sees\n{profiling.format_table(profiling.field_table(network))}")
        kept = sum(record.bytes for record in profiling.memory_table(network, inputs))
        peak = profiling.peak_memory(network, inputs).peak
        print(f"\nmemory of a training step: {kept / 1e6:.1f} MB kept, {peak / 1e6:.1f} MB at its peak\n")
    print("a whole training step, the networks taking turns (seconds)")
    print(profiling.format_table(profiling.compare_latency(networks, inputs, "train")))
    return 0
