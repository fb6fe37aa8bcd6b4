"""Over a hundred networks of every kind, each against a closed form or a second counter, and each left as it was."""

import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.counters import main, torchs
from benchmarks.papers import PAPERS
from benchmarks.zoo import OTHERS, ZOO
from territory import profiling
from territory.errors import BadInput
from tests.helpers.left_behind import hooks_of_all_modules
from tests.helpers.strangers import STRANGERS

ALL = {**ZOO, **PAPERS, **STRANGERS}
SINCE = {  # the torch with which a network can be measured, and what an older one makes of it
    "exported, with a branch": ((2, 11), "gives an exported branch fake weights"),
    "FlexAttention, frozen": ((2, 13), "runs FlexAttention as one operator, whose products nobody knows"),
}
MACHINE = profiling.Machine(1.0, 1.0)
PROFILERS = {
    "layer_table": lambda model, inputs: profiling.layer_table(model, inputs, repeats=1),
    "memory_table": profiling.memory_table,
    "latency": lambda model, inputs: profiling.latency(model, inputs, repeats=1, warmup=0),
    "latency of training": lambda model, inputs: profiling.latency(model, inputs, "train", repeats=1, warmup=0),
    "peak_memory": profiling.peak_memory,
    "field_table": profiling.field_table,
    "roofline": lambda model, inputs: profiling.roofline(model, inputs, MACHINE, repeats=1),
}


def state_of(model):
    """All that a profiler must not touch."""
    tensors = {
        name: (id(tensor), tensor.detach().clone(), tensor.grad)
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
    }
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules()]
    kept = [
        {name: list(value) if isinstance(value, list) else value for name, value in vars(m).items() if name[0] != "_"}
        for m in model.modules()
        if not isinstance(m, torch.jit.ScriptModule)
    ]
    return tensors, hooks, kept, [m.training for m in model.modules()]


def _dense(tensor):
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def assert_same(before, after):
    for name, (identity, value, gradient) in before[0].items():
        now = after[0][name]
        assert now[0] == identity and now[2] is gradient, name
        assert value.is_meta or torch.equal(_dense(now[1]), _dense(value)), name
    assert before[1:] == after[1:]


def random_states():
    return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002


def entry_of(name):
    since, otherwise = SINCE.get(name, ((0,), ""))
    if torch.__version__ < since:
        pytest.skip(f"torch {torch.__version__} {otherwise}; it is refused in words")
    return ALL[name]


def check_macs(entry):
    model, inputs = entry.make(), entry.inputs()
    table = profiling.macs_table(model, inputs)
    names = [(row.part, row.layer) for row in table]
    assert len(set(names)) == len(names)
    assert all(row.macs >= 0 and row.backward_macs >= 0 and row.macs + row.backward_macs for row in table)
    expected = torchs(entry) if entry.macs is None else entry.macs
    assert sum(row.macs for row in table) == expected
    assert sum(row.parameters for row in profiling.parameter_table(model)) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", ALL)
@pytest.mark.filterwarnings("ignore")
def test_its_multiply_accumulates_are_those_of_the_formula(name):
    torch.manual_seed(0)
    check_macs(entry_of(name))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.filterwarnings("ignore")
def test_every_profiler_measures_it_or_says_why_not_and_leaves_it_as_it_was(name):
    torch.manual_seed(0)
    model, inputs = entry_of(name).make(), ALL[name].inputs()
    before, random_before = state_of(model), random_states()
    for profile in PROFILERS.values():
        try:
            profile(model, inputs)
        except BadInput as told:
            assert 20 < len(str(told)) < 700
        assert_same(before, state_of(model))
        assert random_states() == random_before
        assert not hooks_of_all_modules()


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.filterwarnings("ignore")
def test_networks_of_other_libraries_where_they_are_installed(name):
    library, entry = OTHERS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(library)
    torch.manual_seed(0)
    check_macs(entry)


def test_the_comparison_with_other_counters_is_written_by_its_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.counters.ZOO", {name: ZOO[name] for name in ("Linear", "a dot product")})
    monkeypatch.setattr("benchmarks.counters.PAPERS", {})
    monkeypatch.setattr("benchmarks.counters.installed", lambda library: False)
    main(["--output", str(tmp_path / "page.md")])
    assert "right, of 2: territory 2, torchinfo 0" in capsys.readouterr().out
    assert "| a dot product | 64 | **1.00** |  |  |  |" in (tmp_path / "page.md").read_text()
    monkeypatch.setattr("benchmarks.counters.PAGE", tmp_path / "page.md")
    with pytest.raises(SystemExit):  # the committed page has columns that would be lost
        main([])
    assert "lose what torchinfo, fvcore, ptflops" in capsys.readouterr().err


def test_the_zoo_is_large():
    assert len(ZOO | PAPERS) >= 105 and len(STRANGERS) >= 22


BACKWARD = {  # in units of one square layer on all tokens
    "Linear": 1,  # the weight's gradient; nobody needs the input's
    "Linear, frozen": 0,
    "a layer used three times": 5,  # three for the weight, two for what is between
    "checkpointing": 1 + 2 + 1,  # twice the weight, once between; and the first layer again
    "mixture of experts, grouped": 1,  # each row of a group adds to the weights of its own expert alone
    "all of it under no_grad": 0,
    "nested tensors": 0.75,  # a quarter of the tokens: two weights, and once between
    "checkpointing, reentrant": 1 + 2 + 2 + 2,  # for three weights, and twice between; two layers again
    "torch.cond": 1,
    "torch.while_loop": 5,
    "torch.scan": 23 / 24 + 22 / 24,  # nobody needs the last state, nor the first one's gradient
    "torch.scan, in containers": 23 / 24 + 22 / 24,
    "torch.while_loop, in containers": 5,
    "exported": 3,
    "layers in a plain list": 3,
    "exported, with a branch": 1,
    "a generator with products of its own": 2 * 6 - 1,
}


@pytest.mark.parametrize("name", BACKWARD)
def test_the_backward_pass_by_formula(name):
    torch.manual_seed(0)
    table = profiling.macs_table(entry_of(name).make(), ALL[name].inputs())
    assert sum(row.backward_macs for row in table) == round(BACKWARD[name] * ZOO["Linear"].macs)


def test_a_slice_of_a_data_set_is_counted_as_the_slice():
    data = torch.randn(100_000, 16)
    assert profiling.memory_table(nn.Linear(16, 4), data[:8])[-1].bytes == 8 * 16 * 4
    whole = profiling.memory_table(nn.Linear(16, 4), data[::1000])
    assert whole[-1].bytes == 100 * 16 * 4


def test_what_was_expanded_is_counted_once():
    x = torch.zeros(1, 1, 1, 1).expand(1, 1, 64, 64)
    conv = nn.Conv2d(1, 1, 3)
    assert profiling.memory_table(conv, x)[-1].bytes == 4
    assert profiling.peak_memory(conv, x, "forward").standing == 4 * (9 + 1 + 1)
    (record,) = profiling.roofline(conv, x, MACHINE, repeats=1)
    assert record.bytes == 4 * (9 + 1 + 1 + 62 * 62)
    assert profiling.memory_table(nn.Linear(8, 8), torch.zeros(1, 8).expand(5, 8))[-1].bytes == 4 * 8


def test_what_cannot_be_counted_names_the_layer_and_the_reason():
    class Packed(nn.Module):
        def __init__(self):
            super().__init__()
            self._packed_params = None

    with pytest.raises(BadInput, match="layer 1 is quantised"):
        profiling.macs_table(nn.Sequential(nn.Linear(8, 8), Packed()), torch.zeros(1, 8))
    with pytest.raises(BadInput, match=r"in its layer 1 \(Linear\)"):
        profiling.layer_table(nn.Sequential(nn.Linear(8, 8), nn.Linear(9, 1)), torch.zeros(1, 8))


def test_the_stopwatch_does_not_time_a_change_of_mode():
    class Counts(nn.Linear):
        changes = 0

        def train(self, mode=True):
            Counts.changes += 1
            return super().train(mode)

    profiling.latency(Counts(2, 2), torch.zeros(1, 2), repeats=50)
    assert Counts.changes == 1
