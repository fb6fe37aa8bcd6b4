"""``python -m benchmarks.counters``: what four libraries count on the same networks, beside the closed form.

Writes docs/profilers.md. The other libraries are optional (``pip install torchinfo fvcore ptflops transformers timm``):
one that isn't installed has an empty column, and networks of one that isn't installed have no row. Such a page goes
where ``--output`` says, not over the committed one.
"""

import argparse
import contextlib
import copy
import importlib
import importlib.metadata
import io
import logging
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.papers import PAPERS
from benchmarks.zoo import OTHERS, ZOO, Entry, installed
from territory import profiling

PAGE = Path(__file__).resolve().parents[1] / "docs" / "profilers.md"
NEAR = 0.05  # of the closed form: biases and norms are counted by some, which on large layers is nothing


def ours(model: nn.Module, inputs: Any) -> float:
    return sum(row.macs for row in profiling.macs_table(model, inputs))


def torchinfos(model: nn.Module, inputs: Any) -> float:
    device = "meta" if any(parameter.is_meta for parameter in model.parameters()) else "cpu"
    listed = inputs if isinstance(inputs, Mapping) else [*_listed(inputs)]
    return (
        importlib.import_module("torchinfo")
        .summary(model, input_data=listed, verbose=0, mode="eval", device=device)
        .total_mult_adds
    )


def fvcores(model: nn.Module, inputs: Any) -> float:
    listed = tuple(inputs.values()) if isinstance(inputs, Mapping) else tuple(_listed(inputs))
    counted = importlib.import_module("fvcore.nn").FlopCountAnalysis(model.eval(), listed)
    return counted.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total()


def ptflopss(model: nn.Module, inputs: Any) -> float:
    listed = inputs if isinstance(inputs, Mapping) else None
    counted, _ = importlib.import_module("ptflops").get_model_complexity_info(
        model if listed else _OneInput(model),
        (1,),
        input_constructor=lambda _: dict(listed) if listed else {"inputs": tuple(_listed(inputs))},
        as_strings=False,
        print_per_layer_stat=False,
        verbose=False,
    )
    if counted is None:
        raise ValueError("no count")
    return counted


class _OneInput(nn.Module):
    """ptflops hands over inputs by name."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, inputs: tuple) -> Any:
        return self.model(*inputs)


def _listed(inputs: Any) -> tuple:
    return inputs if isinstance(inputs, tuple) else (inputs,)


COUNTERS: dict[str, Callable[[nn.Module, Any], float]] = {
    "territory": ours,
    "torchinfo": torchinfos,
    "fvcore": fvcores,
    "ptflops": ptflopss,
}


def count(counter: str, entry: Entry) -> float | None:
    """What a library counts; None where it raises, nan where it isn't installed."""
    if counter != "territory" and not installed(counter):
        return float("nan")
    torch.manual_seed(0)
    hushed = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with warnings.catch_warnings(), hushed[0], hushed[1]:
        warnings.simplefilter("ignore")
        try:
            return float(COUNTERS[counter](entry.make(), copy.copy(entry.inputs())))
        except Exception:  # whatever another library raises is its answer here
            if counter == "territory":
                raise
            return None


def verdict(counted: float | None, expected: float) -> str:
    """A count as its ratio to the right one, marked where it is near."""
    if counted is None:
        return "raises"
    if counted != counted:
        return ""
    ratio = counted / expected
    return f"**{ratio:.2f}**" if abs(ratio - 1) <= NEAR else f"{ratio:.2f}"


def torchs(entry: Entry) -> int:
    """Forward MACs by torch's own counter of operators, nothing fused."""
    torch.manual_seed(0)
    model, inputs = entry.make().eval(), entry.inputs()
    with FlopCounterMode(display=False) as counted, sdpa_kernel(SDPBackend.MATH):
        model(**inputs) if isinstance(inputs, Mapping) else model(*_listed(inputs))
    return counted.get_total_flops() // 2


def networks() -> dict[str, Entry]:
    others = {name: entry for name, (library, entry) in OTHERS.items() if installed(library)}
    return {**ZOO, **PAPERS, **others}


def table() -> tuple[list[list[str]], dict[str, int]]:
    """A row for each network, and how many each library has right."""
    rows, right = [], dict.fromkeys(COUNTERS, 0)
    for name, entry in networks().items():
        counts = {counter: count(counter, entry) for counter in COUNTERS}
        expected = entry.macs or torchs(entry)
        told = {counter: verdict(counted, expected) for counter, counted in counts.items()}
        for counter, text in told.items():
            right[counter] += text.startswith("**")
        rows.append([name, f"{expected:,.0f}" + ("" if entry.macs else " (torch's count)"), *told.values()])
    return rows, right


def page(rows: list[list[str]], right: dict[str, int]) -> str:
    """docs/profilers.md."""
    versions = {name: importlib.metadata.version(name) for name in COUNTERS if name != "territory" and installed(name)}
    head = [f"{name} {versions.get(name, '')}".strip() for name in COUNTERS]
    lines = [
        "| network | forward MACs | " + " | ".join(head) + " |",
        "|---|---:|" + "---:|" * len(COUNTERS),
        *("| " + " | ".join(row) + " |" for row in rows),
        f"| **right, of {len(rows)}** | | " + " | ".join(str(right[name]) for name in COUNTERS) + " |",
    ]
    return INTRODUCTION + "\n".join(lines) + "\n" + READING


INTRODUCTION = """# Four counters on the same networks

`python -m benchmarks.counters` wrote this page, in one run, on small networks of `benchmarks/zoo.py` and
`benchmarks/papers.py` whose forward multiply-accumulates (MACs) are known from a closed form. Each number is a
library's count over the right one: 1.00 is right, 0.00 means that nothing was counted, and "raises" that the library
gave up. Bold: within 5 %, so that nobody is blamed for counting a bias. Versions stand in the head. A network of your
own: `territory profile path/to/file.py:factory --input 1x3x224x224`, or `profiling.macs_table(network, inputs)`.

"""
READING = """
What the others miss, by kind:

- **torchinfo** counts modules: products in a network's own forward (attention by hand, functional layers, a matrix
  times a vector) and `MultiheadAttention` aren't there, a linear layer on many tokens counts as if it saw one for each
  example, and what isn't a tensor, list or dictionary of them comes out as an error.
- **fvcore** traces the network: `scaled_dot_product_attention`, recurrent layers and single vectors are left out, and
  what can't be traced (dataclasses, scripted or compiled code) comes out as an error.
- **ptflops** patches functions and modules: operators like `@` and layers past their modules aren't seen, and biases,
  norms and activations are counted too.
- **territory** reads the operators that torch runs, and gives each to the module that called it. What it can't count it
  refuses, with the layer's name and the reason: quantised layers, weights sharded over processes, work in another
  thread, and other libraries' kernels unless `torch.utils.flop_counter.register_flop_formula` was told of them.

What nobody counts: elementwise work, pooling, lookups, Fourier transforms, factorisations and functions of matrices.
Parameters say nothing of time, and neither do MACs alone: notebook 01 measures both.
"""


def main(arguments: list[str] | None = None) -> None:
    """Count, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.counters", description=__doc__)
    parser.add_argument("--output", type=Path, default=PAGE, help="where to write the page")
    logging.disable(logging.WARNING)
    chosen = parser.parse_args(arguments).output
    missing = [name for name in (*COUNTERS, "transformers", "timm") if name != "territory" and not installed(name)]
    if chosen == PAGE and missing:
        parser.error(f"docs/profilers.md would lose what {', '.join(missing)} gave it: install them, or name --output")
    rows, right = table()
    chosen.write_text(page(rows, right), "utf-8")
    print(f"{chosen}: right, of {len(rows)}: " + ", ".join(f"{name} {count}" for name, count in right.items()))


if __name__ == "__main__":
    main()
