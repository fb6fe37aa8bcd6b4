"""Whatever torch module a learner brings, and however it takes its inputs: every profiler has something to say."""

import _thread
import ctypes
import queue
import threading
import warnings
from collections import Counter, OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.masked import masked_tensor
from torch.nn.attention.flex_attention import flex_attention
from torch.testing._internal.two_tensor import TwoTensor

from benchmarks.zoo import Calls
from territory import profiling
from territory.errors import BadInput
from tests.helpers.strangers import STRANGERS


class OfADict(nn.Module):
    """Takes a gymnasium observation as it comes, and gives a dict back."""

    def __init__(self):
        super().__init__()
        self.see, self.read = nn.Conv2d(2, 3, kernel_size=3), nn.Linear(4, 3)

    def forward(self, obs):
        return {"seen": [self.see(obs["map"])], "read": self.read(obs["global"])}


class OneLayerTwice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(self.layer(x))


MODULES = {
    "of a dict": (OfADict(), {"map": torch.rand(2, 2, 8, 8), "global": torch.rand(2, 4)}, 2 * (3 * 36 * 18 + 12)),
    "one layer twice": (OneLayerTwice(), torch.rand(2, 4), 2 * 2 * 16),
    "an embedding": (nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2)), torch.arange(6).view(2, 3), 6 * 8),
    "in place, by channel": (
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3, groups=4)),
        torch.rand(1, 2, 8, 8),
        36 * 4 * 18 + 16 * 4 * 9,
    ),
}
PROFILERS = {
    "macs": lambda module, inputs: sum(record.macs for record in profiling.macs_table(module, inputs)),
    "memory": lambda module, inputs: sum(record.bytes for record in profiling.memory_table(module, inputs)),
    "peak": lambda module, inputs: profiling.peak_memory(module, inputs).peak,
    "latency": lambda module, inputs: profiling.latency(module, inputs, "train", repeats=1, warmup=0).median,
    "time by layer": lambda module, inputs: sum(r.forward for r in profiling.time_table(module, inputs, "train", 1, 0)),
}


@pytest.mark.parametrize("name", MODULES)
def test_every_profiler_measures_it(name):
    module, inputs, macs = MODULES[name]
    measured = {what: profile(module, inputs) for what, profile in PROFILERS.items()}
    assert measured["macs"] == macs
    parameters = sum(parameter.nbytes for parameter in module.parameters())
    assert measured["peak"] >= measured["memory"] > 4 * parameters  # weights, gradients, Adam's two averages, and more
    assert measured["latency"] > 0 and measured["time by layer"] > 0


def test_what_it_asserts_about_its_inputs_is_told_with_their_shapes():
    encoder = nn.TransformerEncoderLayer(8, nhead=2, batch_first=True)
    with pytest.raises(BadInput, match=r"TransformerEncoderLayer cannot take inputs of shapes \(1, 5, 128, 128\)"):
        profiling.macs_table(encoder)


def test_a_layer_that_has_no_size_yet_is_named():
    with pytest.raises(BadInput, match="lazy layers"):
        profiling.parameter_table(nn.Sequential(nn.Flatten(), nn.LazyLinear(3)))


class MadeAtFirst(nn.Module):
    """Makes a layer, a larger one, or a weight beside its layer, when it sees the first input."""

    def __init__(self, made, before=None):
        super().__init__()
        self.first, self.made, self.own = nn.Linear(4, 4), made, before

    def forward(self, x):
        if self.made is not None:
            self.own, self.made = self.made(), None
        return self.first(x) * (self.own(x) if isinstance(self.own, nn.Module) else self.own)


@pytest.mark.parametrize(
    "made, before",
    [
        (lambda: nn.Linear(4, 4), None),
        (lambda: nn.Linear(4, 4), nn.Linear(4, 2)),
        (lambda: nn.Parameter(torch.ones(4)), None),
    ],
)
def test_layers_that_the_first_pass_makes_are_measured_after_it_and_not_before(made, before):
    network, x = MadeAtFirst(made, before), torch.randn(2, 4)
    for table in (profiling.memory_table, profiling.layer_table, profiling.roofline):
        with pytest.raises(BadInput, match=r"own(.bias)? is made in the forward pass: call the network once"):
            table(network, x)
    assert network.own is before
    network(x)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert sum(record.parameters for record in profiling.layer_table(network, x)) == parameters
    assert profiling.memory_table(network, x)[0].bytes == 4 * parameters


class Batch(NamedTuple):
    x: torch.Tensor
    scale: float


@dataclass
class Example:
    x: torch.Tensor


def packed():
    return nn.utils.rnn.pack_padded_sequence(torch.rand(2, 5, 4), [5, 3], batch_first=True)


def generating(layer, x):
    yield layer(x)
    yield layer(x)


class ByKeyword(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, *, x, **options):
        return self.fc(x) * options["scale"]


class AnyKeyword(ByKeyword):
    def forward(self, **options):
        return super().forward(scale=2.0, **options)


class OfBatches(ByKeyword):
    def forward(self, batch):
        return super().forward(x=batch.x, scale=batch.scale)


def reads(forward, **children):
    return Calls(forward, fc=nn.Linear(8, 8), **children)


CALLS = {
    "by keyword alone": (ByKeyword(), {"x": torch.rand(2, 8), "scale": 2.0}, 128),
    "by any keyword": (AnyKeyword(), {"x": torch.rand(2, 8)}, 128),
    "a mapping in a tuple": (reads(lambda s, obs: s.fc(obs["x"])), ({"x": torch.rand(2, 8)},), 128),
    "a packed sequence": (nn.GRU(4, 6), packed(), 8 * 3 * 6 * 10),
    "a named tuple": (OfBatches(), Batch(torch.rand(2, 8), 2.0), 128),
    "a dataclass": (reads(lambda s, example: s.fc(example.x.add_(1))), Example(torch.rand(2, 8)), 128),
    "texts": (reads(lambda s, texts: s.fc(torch.ones(len(texts), 8))), (["a", "b"],), 128),
    "nothing": (reads(lambda s: s.fc(torch.ones(8))), (), 64),
    "a generator out": (reads(lambda s, x: generating(s.fc, x)), torch.rand(2, 8), 2 * 128),
    "an iterator out": (reads(lambda s, x: map(s.fc, [x, x])), torch.rand(2, 8), 2 * 128),
}


@pytest.mark.parametrize("name", CALLS)
def test_it_is_called_as_its_forward_has_it(name):
    model, inputs, macs = CALLS[name]
    given = inputs.x.clone() if isinstance(inputs, Example) else None
    assert sum(record.macs for record in profiling.macs_table(model, inputs)) == macs
    assert profiling.peak_memory(model, inputs).peak > 0
    assert given is None or torch.equal(inputs.x, given)


class Settings(OrderedDict):
    """As diffusers keeps them."""

    def update(self, *args, **kwargs):
        raise TypeError("settings stay as they are")


def spoils(s, x):
    """A forward pass that changes all that it can reach."""
    assert s.seen["y"] == 2
    with torch.no_grad():
        s.fc.weight.mul_(0.9)
    s.fc.bias.requires_grad_(False)
    s.fc.register_forward_hook(lambda *_: None)
    s.seen.update(["x"])
    s.mean += 1
    return s.fc(x) * torch.rand((), generator=s.own) * s.numbers.random()


def test_what_a_forward_pass_changes_is_put_back():
    model = Calls(spoils, fc=nn.Linear(8, 8), seen=Counter("yy"), mean=np.zeros(3))
    model.settings = Settings(width=8)
    model.own, model.numbers = torch.Generator().manual_seed(0), np.random.default_rng(0)
    weight, random, numbers = model.fc.weight.clone(), model.own.get_state(), model.numbers.bit_generator.state
    for profile in (*PROFILERS.values(), profiling.layer_table, profiling.field_table):
        profile(model, torch.rand(2, 8))
        assert torch.equal(model.fc.weight, weight) and model.fc.bias.requires_grad and not model.fc._forward_hooks
        assert model.seen == Counter("yy") and not model.mean.any()
        assert torch.equal(model.own.get_state(), random) and model.numbers.bit_generator.state == numbers


def known_to_nobody():
    """A network whose layers are in a list, an object, a closure and a tuple of a dict."""
    ends = nn.Linear(8, 8)
    model = Calls(lambda s, x: s.last(s.seen["x"][0](ends(s.own.work(s.first[0](x))))), last=nn.Linear(8, 8))
    model.first, model.own, model.seen = [nn.Linear(8, 8)], Later(nn.BatchNorm1d(8)), {"x": (nn.Linear(8, 8), model)}
    return model, [model.first[0], model.own.work, ends, model.seen["x"][0]]


def test_layers_that_torch_does_not_know_are_left_as_they_were():
    model, others = known_to_nobody()
    given = nn.Linear(8, 8)
    others.append(given)
    before = [(tensor, tensor.clone()) for layer in others for tensor in (*layer.parameters(), *layer.buffers())]
    whole = Calls(lambda s, layer, x: layer(s.inner(x)), inner=model)
    for profile in (*PROFILERS.values(), profiling.layer_table):
        profile(whole, (given, torch.rand(2, 8)))
        assert all(torch.equal(tensor, value) and tensor.grad is None for tensor, value in before)
    assert sum(record.macs for record in profiling.macs_table(whole, (given, torch.rand(2, 8)))) == 5 * 128


class Odd:
    """An input that holds itself, a lock and, in a slot, a tensor."""

    __slots__ = ("__dict__", "x")

    def __init__(self):
        self.x, self.me, self.lock = torch.zeros(2, 8), [self], threading.Lock()


def test_whatever_an_input_holds_it_is_as_it_was():
    odd, numbers, random = Odd(), np.random.default_rng(0), torch.Generator().manual_seed(0)
    before = numbers.bit_generator.state, random.get_state()
    model = reads(lambda s, o, n, r, x, y: s.fc(o.me[0].x.add_(n.random()) + torch.rand(8, generator=r)) * (x is y))
    x = torch.rand(2, 8)
    for profile in PROFILERS.values():
        profile(model, (odd, numbers, random, x, x))
    assert not odd.x.any() and numbers.bit_generator.state == before[0] and torch.equal(random.get_state(), before[1])
    assert torch.func.functional_call(model, {}, (odd, numbers, random, x, x)).any()


@pytest.mark.parametrize("spent", [iter([1]), map(abs, [1]), generating(abs, 1)])
def test_an_input_that_is_read_once_is_refused(spent):
    for profile in PROFILERS.values():
        with pytest.raises(BadInput, match=r"each pass reads them anew, and a \w+ is read once\. Use a list"):
            profile(reads(lambda s, xs: s.fc(torch.zeros(8)) * len(list(xs))), (spent,))


def test_numbers_that_torch_cannot_copy_are_refused():
    four_bits = torch.zeros(2, 8, dtype=torch.int4)
    kept = Calls(lambda s, x: s.fc(x), fc=nn.Linear(8, 8), table=nn.Buffer(four_bits))
    for profile in PROFILERS.values():
        with pytest.raises(BadInput, match=r"torch copies no torch\.int4"):
            profile(nn.Linear(8, 8), four_bits)
        with pytest.raises(BadInput, match=r"torch copies no torch\.int4"):
            profile(kept, torch.rand(2, 8))


def test_keywords_that_forward_does_not_take_are_named():
    with pytest.raises(BadInput, match=r"must be Tensor, not dict\. Its forward takes no such keywords as z"):
        profiling.macs_table(reads(lambda s, x: s.fc(x)), {"z": torch.rand(2, 8)})


@pytest.mark.filterwarnings("ignore:FSDP is switching")
def test_weights_that_are_sharded_over_processes_are_refused():
    from torch.distributed import HashStore, destroy_process_group, init_process_group
    from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard

    init_process_group("gloo", rank=0, world_size=1, store=HashStore())
    try:
        first, second = nn.Sequential(nn.Linear(8, 8)), nn.Sequential(nn.Linear(8, 8))
        wrapped = FullyShardedDataParallel(first, device_id=torch.device("cpu"))
        for model in (wrapped, fully_shard(second, mesh=torch.distributed.init_device_mesh("cpu", (1,)))):
            for profile in (*PROFILERS.values(), profiling.layer_table):
                with pytest.raises(BadInput, match="is sharded over processes: measure it before that"):
                    profile(model, torch.rand(2, 8))
    finally:
        destroy_process_group()


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_whatever_stands_around_a_profiler_it_says_the_same(around):
    model = nn.Sequential(nn.Linear(8, 8))
    with around():
        for name, profile in {**PROFILERS, "layers": profiling.layer_table}.items():
            measured = profile(model, torch.rand(2, 8))
            assert name != "macs" or measured == 128
            assert measured
        assert [record.backward_macs for record in profiling.macs_table(model, torch.rand(2, 8))] == [128]


def test_kept_tensors_that_nobody_may_see_are_refused():
    refused = pytest.raises(BadInput, match=r"Linear doesn't show what it keeps.*: not in here")
    with torch.autograd.graph.disable_saved_tensors_hooks("not in here"), refused:
        profiling.memory_table(nn.Linear(8, 8), torch.rand(2, 8))


class Wrapper(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, *args, **kwargs):
        return self.inner(*args, **kwargs)

    def __getattr__(self, name):
        if name == "name":
            raise KeyError(name)
        return super().__getattr__(name)


def test_a_wrapper_takes_what_the_network_inside_takes():
    model = Wrapper(Wrapper(ByKeyword()))
    assert [record.macs for record in profiling.macs_table(model, {"x": torch.rand(2, 8), "scale": 2.0})] == [128]
    assert profiling.latency(Wrapper(nn.Linear(8, 8)), torch.rand(2, 8), repeats=1).name == "Wrapper"


def test_what_goes_wrong_inside_is_named_with_its_kind():
    model = Calls(lambda s, x: {}["weights"])
    with pytest.raises(BadInput, match=r"cannot take inputs of shapes .*: KeyError: 'weights'"):
        profiling.macs_table(model, torch.rand(2, 8))


def test_gradients_by_torch_func_hide_what_is_kept():
    model = Calls(lambda s, x: torch.func.grad(lambda y: s.fc(y).sum())(x), fc=nn.Linear(8, 8))
    with pytest.raises(BadInput, match=r"torch\.func on its way forward.*peak_memory measures"):
        profiling.memory_table(model, torch.rand(2, 8))


def test_without_a_gradient_in_any_output_the_forward_pass_is_measured():
    model = Calls(lambda s, x: torch.no_grad()(s.fc)(x), fc=nn.Linear(8, 8))
    (record,) = [record for record in profiling.layer_table(model, torch.rand(2, 8), repeats=1) if record.macs]
    assert (record.layer, record.macs, record.parameters) == ("fc", 128, 72) and record.seconds > 0


def test_layers_nested_hundreds_deep_are_told_from_an_error_of_the_network():
    nested = nn.Linear(8, 8)
    for _ in range(400):
        nested = nn.Sequential(nested)
    with pytest.raises(BadInput, match=r"calls inside one another.*nested hundreds deep\?.*sys\.setrecursionlimit"):
        profiling.macs_table(nested, torch.rand(2, 8))


def test_fake_tensors_on_the_way_are_told():
    def counts(s, x):
        with FakeTensorMode():
            size = (torch.empty(3, 8) * 2).shape[0]
        return size * s.fc(x)

    with pytest.raises(BadInput, match="works with fake tensors"):
        profiling.macs_table(Calls(counts, fc=nn.Linear(8, 8)), torch.rand(2, 8))


@pytest.mark.filterwarnings("ignore:Dynamo does not know how to trace")
@pytest.mark.parametrize("profile", PROFILERS.values(), ids=PROFILERS.keys())
def test_a_profiler_inside_a_function_that_torch_changes_is_refused(profile):
    model, inputs = nn.Linear(8, 8), torch.rand(2, 8)

    def inside(x):
        profile(model, inputs)
        return x.sum()

    changed = [torch.func.grad(inside), torch.func.vmap(inside)]
    # torch.compile breaks down by itself where it looks for a model's name; before 2.12 at every exception.
    if profile is not PROFILERS["latency"] and torch.__version__ >= (2, 12):
        changed.append(torch.compile(inside, backend="eager"))
    for function in changed:
        with pytest.raises(BadInput, match="called inside a function"):
            function(torch.rand(2, 8))


def test_a_network_whose_mode_cannot_be_changed_says_so():
    class Fixed(nn.Linear):
        def train(self, mode=True):
            raise NotImplementedError("only as it is")

    for profile in PROFILERS.values():
        with pytest.raises(BadInput, match=r"can't change between training and evaluation mode.*only as it is"):
            profile(nn.Sequential(Fixed(8, 8)), torch.rand(2, 8))


def test_names_that_this_package_uses_itself_are_anybodys():
    names = ("(itself)", "(other)", "model")
    model = Calls(
        lambda s, x: sum(getattr(s, name)(x) for name in names) @ s.w,
        w=nn.Parameter(torch.rand(8, 8)),
        **{name: nn.Linear(8, 8) for name in names},
    )
    records = profiling.layer_table(model, torch.rand(2, 8), repeats=1)
    assert len({(record.part, record.layer) for record in records}) == len(records)
    assert [sum(record.parameters for record in records), sum(record.macs for record in records)] == [
        3 * 72 + 64,
        9 * 128,
    ]


def test_a_module_whose_getattr_fails_otherwise_is_not_asked():
    class Odd(nn.Linear):
        def __getattr__(self, name):
            if name in ("weight", "bias"):
                return super().__getattr__(name)
            raise KeyError(name)

    for profile in PROFILERS.values():
        assert profile(Odd(8, 8), torch.rand(2, 8)) > 0


def test_a_wrapper_of_tensors_is_measured_by_what_it_holds():
    def masked(s, x):
        return (masked_tensor(x, x > 0) * 2).to_tensor(0) @ s.w

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a prototype
        model = Calls(masked, w=nn.Parameter(torch.rand(8, 8)))
        assert profiling.peak_memory(model, torch.rand(2, 8), "forward").peak > 256 + 64
        assert profiling.memory_table(model, torch.rand(2, 8))[-1].bytes == 64


def test_weights_that_compute_nothing_are_sent_to_meta():
    with FakeTensorMode():
        model, x = nn.Linear(8, 8), torch.rand(2, 8)
        for profile in PROFILERS.values():
            with pytest.raises(BadInput, match=r"layer \(the network itself\) has fake weights.*on meta instead"):
                profile(model, x)


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_a_torchscript_file_is_left_as_it_was(tmp_path):
    torch.jit.script(nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))).save(tmp_path / "net.pt")
    model = torch.jit.load(tmp_path / "net.pt")  # its weights are plain tensors
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for profile in (*PROFILERS.values(), profiling.layer_table):
        profile(model, torch.rand(2, 8))
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.filterwarnings("ignore:.torch.jit", "ignore:Converting a tensor to a Python boolean")
def test_what_was_traced_is_measured_again_and_again():
    layers = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    model = torch.jit.trace(layers, torch.rand(1, 2, 8, 8), check_trace=False)  # with numbers among its constants
    for profile in 2 * (*PROFILERS.values(), profiling.layer_table):
        assert profile(model, torch.rand(1, 2, 8, 8))


def test_weights_that_are_made_of_other_tensors_are_left_as_they_were():
    model = Calls(lambda s, x: x @ s.w, w=nn.Parameter(TwoTensor(torch.rand(8, 4), torch.rand(8, 4))))
    before = [model.w.a.clone(), model.w.b.clone()]
    for profile in (*PROFILERS.values(), profiling.layer_table):
        assert profile(model, torch.rand(2, 8))
        assert torch.equal(model.w.a, before[0]) and torch.equal(model.w.b, before[1])


class Asserts(nn.Module):
    def forward(self, x):
        assert x.shape[1] == 9, "of nine columns"
        return x


class Raises(nn.Module):
    def forward(self, x):
        if x.shape[1] != 10:
            raise ValueError("ten columns")
        return x


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_what_goes_wrong_inside_torchscript_is_told_in_its_own_words():
    for model in (torch.jit.script(nn.Linear(8, 8)), torch.jit.trace(nn.Linear(8, 8), torch.rand(2, 8))):
        for profile in PROFILERS.values():
            with pytest.raises(BadInput, match=r"cannot take inputs of shapes \(2, 9\): mat1 and mat2 shapes"):
                profile(model, torch.rand(2, 9))
    for model, words in ((Asserts(), "AssertionError: of nine columns"), (Raises(), "ValueError: ten columns")):
        with pytest.raises(BadInput, match=rf"in its layer 0 \(RecursiveScriptModule\): {words}\.$"):
            profiling.macs_table(nn.Sequential(torch.jit.script(model)), torch.rand(2, 8))


class Asks(nn.Module):
    """Is asked for a product that nobody counts."""

    def forward(self, x):
        diagonal = torch.eye(8).to_sparse()
        return torch.mm(diagonal, diagonal).to_dense() @ x.t()


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_what_goes_wrong_inside_torchscript_names_the_innermost_layer():
    linear, asserts, asks = (nn.Sequential(nn.Identity(), inner) for inner in (nn.Linear(9, 8), Asserts(), Asks()))
    cases = (
        (linear, r"in its layer 1\.1\.1 \(Linear\): mat1 and mat2 shapes"),
        (asserts, r"in its layer 1\.1\.1 \(Asserts\): AssertionError: of nine columns"),
        (asks, r"layer 1 can't be counted: it multiplies a sparse.* in its layer 1\.1 \(Asks\)"),
    )
    for inner, words in cases:
        model = nn.Sequential(nn.Linear(8, 8), torch.jit.script(nn.Sequential(nn.ReLU(), inner)))
        with pytest.raises(BadInput, match=words):
            profiling.macs_table(model, torch.rand(2, 8))
    traced = nn.Sequential(torch.jit.trace(nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(8, 8))), torch.rand(2, 8)))
    for profile in PROFILERS.values():
        with pytest.raises(BadInput, match=r"in its layer 0\.1\.0 \(Linear\): mat1 and mat2 shapes"):
            profile(traced, torch.rand(2, 9))


def test_no_two_modules_have_one_name():
    model = nn.Sequential()
    model.add_module("a", nn.Sequential())
    model.a.add_module("b", nn.Linear(8, 8))
    for name in ("a.b", "c", "c."):
        setattr(model, name, nn.Linear(8, 8))
    model.add_module("_orig_mod", nn.Linear(8, 8))
    records = profiling.layer_table(model, torch.rand(2, 8), repeats=1)
    assert [record.parameters for record in records if record.parameters] == 5 * [72]
    assert len({(record.part, record.layer) for record in records}) == len(records)


def test_a_network_without_weights_is_where_its_inputs_are():
    product = Calls(lambda s, x: x @ x.mT)
    assert [record.macs for record in profiling.macs_table(product, torch.rand(2, 8, device="meta"))] == [32]


@pytest.mark.skipif(torch.__version__ < (2, 13), reason="until then one operator, of which nobody knows the products")
@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flex_attention_is_counted_and_runs_afterwards_as_before():
    model = Calls(lambda s, x: flex_attention(s.fc(x), x, x), fc=nn.Linear(16, 16).requires_grad_(False))
    x = torch.rand(1, 2, 16, 16)
    for _ in range(2):
        counted = {record.layer: record.macs for record in profiling.macs_table(model, x)}
        assert counted == {"fc": 2 * 16 * 16 * 16, "model": 2 * 2 * 16 * 16 * 16}
        assert model(x).shape == x.shape


def in_a_thread(s, x, work=lambda s, x: s.inner(x)):
    found = []
    thread = threading.Thread(target=lambda: found.append(work(s, x)))
    thread.start()
    thread.join()
    return found[0]


THREADS = {
    "one of its own": lambda s, x: in_a_thread(s, x, lambda s, x: x @ s.w),
    "a pool's": lambda s, x: pool.submit(torch.matmul, x, s.w).result(),
    "of a pool, each row": lambda s, x: torch.stack([*pool.map(s.w.__rmatmul__, x)]),
}


@pytest.mark.parametrize("name", THREADS)
def test_products_in_another_thread_are_refused_where_they_would_be_missed(name):
    model = nn.Sequential(Calls(THREADS[name], w=nn.Parameter(torch.rand(8, 8))))
    for profile in (profiling.macs_table, profiling.memory_table, profiling.peak_memory, profiling.layer_table):
        with pytest.raises(BadInput, match="layer 0 has work done in another thread"):
            profile(model, torch.rand(2, 8))
    assert profiling.latency(model, torch.rand(2, 8), repeats=1).median > 0
    assert not vars(threading.Thread)["start"].__closure__  # torch sees what it starts as before


def test_a_product_that_only_the_first_pass_leaves_to_a_thread_is_refused_too():
    def first(s, x):
        if s.kept is None:
            s.kept = in_a_thread(s, x, lambda s, _: s.w @ s.w)
        return s.fc(x) @ s.kept

    model = nn.Sequential(Calls(first, fc=nn.Linear(8, 8), w=torch.rand(8, 8), kept=None))
    with pytest.raises(BadInput, match="layer 0 has work done in another thread"):
        profiling.macs_table(model, torch.rand(2, 8))


def served(jobs, done):
    while True:
        work, x = jobs.get()
        done.put(work(x))


class Served(nn.Module):
    """Leaves its products to a thread that has waited for them since it was made, by a queue of its own."""

    def __init__(self, ask, kind=queue.Queue):
        super().__init__()
        self.ask, self.w = ask, nn.Parameter(torch.rand(8, 8))
        self.jobs, self.done = kind(), kind()
        threading.Thread(target=served, args=(self.jobs, self.done), daemon=True).start()

    def forward(self, x):
        return self.ask(self, x)

    def of_the_thread(self, work, x):
        self.jobs.put((work, x))
        return self.done.get()


def written_there(s, x):
    out = torch.zeros(2, 8)
    s.of_the_thread(lambda x: out[0].copy_(x[0] @ s.w), x)
    return out


SERVED = {
    "returned": Served(lambda s, x: s.of_the_thread(s.w.__rmatmul__, x)),
    "returned by another queue": Served(lambda s, x: s.of_the_thread(s.w.__rmatmul__, x), queue.SimpleQueue),
    "read": Served(lambda s, x: s.of_the_thread(torch.no_grad()(s.w.__rmatmul__), x) * s.w.sum()),
    "written": Served(lambda s, x: written_there(s, x) * s.w.sum()),
    "handed to a layer": Served(lambda s, x: F.relu(s.of_the_thread(s.w.__rmatmul__, x))),
}


@pytest.mark.parametrize("name", SERVED)
def test_products_in_a_thread_that_waited_for_them_are_refused(name):
    model = nn.Sequential(SERVED[name])
    for profile in (profiling.macs_table, profiling.memory_table, profiling.peak_memory, profiling.layer_table):
        with pytest.raises(BadInput, match="layer 0 has work done in another thread"):
            profile(model, torch.rand(2, 8))
    with pytest.raises(BadInput, match="layer 0 has work done in another thread"):
        profiling.field_table(model.requires_grad_(False), torch.rand(2, 8))
    assert profiling.latency(model, torch.rand(2, 8), repeats=1).median > 0


class BackInAThread(torch.autograd.Function):
    """Its way back is a product, done by whom ``run`` asks."""

    @staticmethod
    def forward(ctx, x, w, run):
        ctx.save_for_backward(x, w)
        ctx.run = run
        return x * w[0, 0]

    @staticmethod
    def backward(ctx, gradient):
        return ctx.run(ctx.saved_tensors[1].__rmatmul__, gradient), None, None


def of_a_new_thread(work, x, start=lambda run: threading.Thread(target=run).start()):
    done = queue.Queue()
    start(lambda: done.put(work(x)))
    return done.get()


def test_products_in_a_thread_on_the_way_back_and_in_a_bare_one_are_refused():
    waiting = Served(lambda s, x: BackInAThread.apply(s.w * x[0], s.w, s.of_the_thread))
    with pytest.raises(BadInput, match=r"layer \(the network itself\) has work done in another thread"):
        profiling.macs_table(waiting, torch.rand(2, 8))
    model = Calls(lambda s, x: BackInAThread.apply(s.w * x[0], s.w, of_a_new_thread), w=nn.Parameter(torch.rand(8, 8)))
    with pytest.raises(BadInput, match=r"layer \(the network itself\) has work done in another thread"):
        profiling.macs_table(model, torch.rand(2, 8))
    bare = partial(of_a_new_thread, start=lambda run: _thread.start_new_thread(run, ()))
    model = Calls(lambda s, x: bare(s.w.__rmatmul__, x), w=nn.Parameter(torch.rand(8, 8)))
    with pytest.raises(BadInput, match=r"layer \(the network itself\) has work done in another thread"):
        profiling.macs_table(model, torch.rand(2, 8))


class InPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.add_(1)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def test_threads_that_profile_at_once_leave_nothing_behind():
    def several(_):
        return [profile(nn.Linear(8, 8), torch.rand(2, 8)) for _ in range(5) for profile in PROFILERS.values()][::5]

    def switches():
        functions = threading.Thread.start, ThreadPoolExecutor.submit, torch.autograd.function.FunctionCtx.mark_dirty
        return (*functions, torch.backends.mha.get_fastpath_enabled())

    before = switches()
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(several, range(3))) == 3 * [5 * [128]]
    assert switches() == before


def test_weights_that_a_forward_pass_puts_elsewhere_are_no_other_threads():
    def loads(s, x):
        s.fc.weight.data = s.fc.weight.data * 2
        return s.fc(x) * sum(record.macs for record in profiling.macs_table(s.other, x))

    model = Calls(loads, fc=nn.Linear(8, 8), other=nn.Linear(8, 8))
    assert sum(record.macs for record in profiling.macs_table(model, torch.rand(2, 8))) == 128 + 128 + 128


def test_other_threads_with_other_work_are_nobodys_business():
    table, over = torch.rand(8, 8), threading.Event()

    def busy():
        x = torch.eye(8)
        while not over.wait(1e-4):
            x = x @ x

    def forward(s, x):
        numbers = torch.from_numpy(np.ones(8, np.float32)) + torch.tensor([1.0]) + torch.as_tensor([2.0] * 8)
        return InPlace.apply(s.fc(x) @ table) + numbers * F.one_hot(torch.tensor([1, 2]), 8)

    thread = threading.Thread(target=busy)
    thread.start()
    mark_dirty = torch.autograd.function.FunctionCtx.mark_dirty
    try:
        for profile in (*PROFILERS.values(), profiling.layer_table, profiling.field_table):
            profile(reads(forward), torch.rand(2, 8))
    finally:
        over.set()
        thread.join()
    assert torch.autograd.function.FunctionCtx.mark_dirty is mark_dirty


@torch.library.custom_op("territory_tests::fill_with_ones", mutates_args=("x",))
def fill_with_ones(x: torch.Tensor) -> None:
    x.numpy()[:] = 1


def by_a_kernel_of_its_own(x):
    ctypes.memset(x.data_ptr(), 0, x.nbytes)
    torch.autograd.graph.increment_version(x)


@pytest.mark.parametrize("write", [fill_with_ones, by_a_kernel_of_its_own])
def test_what_a_networks_own_kernel_writes_is_no_other_threads(write):
    def forward(s, x):
        write(ones := torch.zeros(8))
        return s.fc(x) + ones

    increment = torch.autograd.graph.increment_version
    model = Calls(forward, fc=nn.Linear(8, 8))
    expected = profiling.peak_memory(Calls(lambda s, x: s.fc(x) + torch.zeros(8), fc=nn.Linear(8, 8)), torch.rand(2, 8))
    assert profiling.peak_memory(model, torch.rand(2, 8)) == expected
    assert torch.autograd.graph.increment_version is increment


def test_a_thread_that_calls_no_operator_is_nothing_to_refuse():
    model = Calls(lambda s, x: s.fc(in_a_thread(s, x, lambda _, x: x)), fc=nn.Linear(8, 8))
    assert [record.macs for record in profiling.macs_table(model, torch.rand(2, 8))] == [128]


def test_a_layer_that_runs_in_a_thread_of_its_own_is_refused_where_it_would_be_missed():
    model = Calls(in_a_thread, inner=nn.Linear(8, 8))
    for profile in (profiling.macs_table, profiling.memory_table, profiling.peak_memory, profiling.layer_table):
        with pytest.raises(BadInput, match="layer inner has work done in another thread"):
            profile(model, torch.rand(2, 8))
    assert profiling.latency(model, torch.rand(2, 8), repeats=1).median > 0


class Awaited(nn.Linear):
    async def forward(self, x):
        return super().forward(x)


class Streamed(nn.Linear):
    async def forward(self, x):
        yield super().forward(x)


class Later:
    def __init__(self, work):
        self.work = work


def done(value):
    future = torch.futures.Future()
    future.set_result(value)
    return future


pool = ThreadPoolExecutor(1)
LATE = {
    "coroutine": Awaited(8, 8),
    "async_generator": Streamed(8, 8),
    "a coroutine in a dict": Calls(lambda s, x: {"y": s.inner(x)}, inner=Awaited(8, 8)),
    "generator": reads(lambda s, x: (x, generating(s.fc, x))),
    "function": reads(lambda s, x: lambda: s.fc(x)),
    "partial": reads(lambda s, x: [partial(s.fc, x)]),
    "a function in an object": reads(lambda s, x: Later(lambda: s.fc(x))),
    "a future": reads(lambda s, x: pool.submit(s.fc, x)),
    "a future of torch's": reads(lambda s, x: done(s.fc(x))),
}


@pytest.mark.parametrize("name", LATE)
@pytest.mark.parametrize("profile", [*PROFILERS.values(), profiling.layer_table, profiling.field_table])
def test_work_that_is_done_after_the_forward_pass_is_refused(name, profile):
    kind = name.rpartition(" in ")[0].removeprefix("a ") or name
    word = "Future" if "future" in name else kind
    with pytest.raises(
        BadInput, match=rf"returns work that is still to be done \({word}\).*Measure a module around it"
    ):
        profile(LATE[name], torch.rand(2, 8))


def test_functions_beside_tensors_are_no_work_left():
    model = reads(lambda s, x: (s.fc(x), torch.relu, Later(print)))
    assert [record.macs for record in profiling.macs_table(model, torch.rand(2, 8))] == [128]


def test_torchs_branches_and_loops_run_afterwards_as_before():
    model = Calls(lambda s, x: torch.cond(x.sum() > 0, lambda y: s.a(y), lambda y: 2 * y, (x,)), a=nn.Linear(8, 8))
    x = torch.rand(2, 8)
    for _ in range(2):
        (record,) = profiling.macs_table(model, x)
        assert (record.layer, record.macs, record.backward_macs) == ("a", 128, 128)
        assert torch.equal(model(x), model.a(x)) and "dispatch" not in vars(torch.ops.higher_order.cond)
    if torch.__version__ >= (2, 11):  # before, a branch that runs after other networks may have no gradient
        assert profiling.latency(model, x, "train", repeats=1).median > 0


def test_an_exported_program_keeps_the_mode_that_it_was_made_in():
    exported = torch.export.export(nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5)).eval(), (torch.rand(2, 8),)).module()
    for profile in (*PROFILERS.values(), profiling.layer_table, profiling.field_table):
        profile(exported, torch.rand(2, 8))
    with pytest.raises(NotImplementedError):
        exported.train()
    assert torch.equal(exported(torch.ones(2, 8)), exported(torch.ones(2, 8)))


def test_a_module_that_compares_by_value_and_one_without_gradients_are_named():
    class Compared(nn.Linear):
        def __eq__(self, other):
            return self is other

    with torch.inference_mode():
        fixed = nn.Sequential(nn.Linear(8, 8))
    for profile in (*PROFILERS.values(), lambda module, _: profiling.parameter_table(module)):
        with pytest.raises(BadInput, match=r"can't list the layers: unhashable.*Is one a dataclass\? Use eq=False"):
            profile(nn.Sequential(Compared(8, 8)), torch.rand(2, 8))
        with pytest.raises(BadInput, match=r"layer 0 was made under torch\.inference_mode.*make it outside"):
            profile(fixed, torch.rand(2, 8))
    with pytest.raises(BadInput, match="unhashable"):
        profiling.roofline(nn.Sequential(Compared(8, 8)), torch.rand(2, 8))
    with pytest.raises(BadInput, match=r"got ExportedProgram\. Hand over its network: \.module\(\)"):
        profiling.roofline(torch.export.export(nn.Linear(8, 8), (torch.rand(2, 8),)), torch.rand(2, 8))


def test_a_gradient_on_the_way_where_there_are_none_is_explained():
    def slope(s, x):
        x = x.requires_grad_()
        return torch.autograd.grad(s.fc(x).sum(), x, create_graph=torch.is_grad_enabled())[0]

    with pytest.raises(
        BadInput, match=r"runs without gradients here, so what takes one itself needs torch\.enable_grad"
    ):
        profiling.latency(reads(slope), torch.rand(2, 8), repeats=1)


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_what_torchscript_has_optimised_is_refused_where_it_would_be_missed():
    convolution = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU()).eval()
    model = nn.Sequential(torch.jit.optimize_for_inference(torch.jit.script(convolution)))
    for profile in (profiling.macs_table, profiling.layer_table, profiling.roofline):
        with pytest.raises(BadInput, match=r"layer 0 was optimised for inference.*count it before that"):
            profile(model, torch.rand(1, 2, 8, 8))
    assert profiling.latency(model, torch.rand(1, 2, 8, 8), repeats=1).median > 0


@pytest.mark.parametrize("name", ["a cache that grows", "a list that grows", "a generator with products of its own"])
def test_what_a_network_adds_to_its_inputs_or_yields_is_nobody_elses(name):
    model, inputs = STRANGERS[name].make(), STRANGERS[name].inputs()
    for profile in (*PROFILERS.values(), profiling.layer_table, profiling.field_table):
        profile(model, inputs)
    assert "(other)" not in [record.part for record in profiling.macs_table(model, inputs)]
    assert not isinstance(inputs[0], list) or len(inputs[0]) == 1
