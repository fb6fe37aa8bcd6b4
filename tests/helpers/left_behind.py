"""What an instrument may have left behind."""

from torch.nn.modules import module


def hooks_of_all_modules() -> dict[str, object]:
    """The hooks that torch runs for every module: by the name of torch's table, which differs between versions."""
    tables = {name: table for name, table in vars(module).items() if name.startswith("_global_") and "hooks" in name}
    assert len(tables) > 5, "torch keeps them elsewhere now"
    return {name: dict(table) for name, table in tables.items() if table}
