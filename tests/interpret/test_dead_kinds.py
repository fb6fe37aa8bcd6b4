"""The detector on networks that are at rest but healthy, and on networks with one planted fault."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from benchmarks.papers import PAPERS, Graph
from benchmarks.zoo import Calls, D
from territory.errors import BadInput
from territory.interpret import find_dead_attention
from territory.interpret.dead import CANCELS, CONSTANT, NO_GRADIENT, ONE_KEY, SATURATED
from territory.models.cross_attention import CrossAttention


def zeroed(module):
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def batches(*shape, scale=1.0):
    torch.manual_seed(0)
    return [(scale * torch.randn(shape),) for _ in range(3)]


class Attends(nn.Module):
    def __init__(self, keys=lambda k: k, mask=None, key_bias=False):
        super().__init__()
        self.q, self.v, self.out = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.k = nn.Linear(8, 8, bias=key_bias)
        self.keys, self.mask = keys, mask

    def forward(self, x):
        heads = [m(x).unflatten(2, (2, 4)).transpose(1, 2) for m in (self.q, self.k, self.v)]
        heads[1] = self.keys(heads[1])
        return self.out(F.scaled_dot_product_attention(*heads, attn_mask=self.mask).transpose(1, 2).flatten(2))


class Branch(nn.Module):
    """x + gate(alpha) * f(x), where alpha begins at zero."""

    def __init__(self, branch, gate=lambda alpha: alpha, alpha=0.0):
        super().__init__()
        self.branch, self.gate, self.alpha = branch, gate, nn.Parameter(torch.tensor(alpha))

    def forward(self, x):
        return x + self.gate(self.alpha) * self.branch(x)


class Adds(nn.Module):
    """x + f(x)."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


class Gated(nn.Module):
    def __init__(self, bias):
        super().__init__()
        self.gate, self.value = nn.Linear(8, 8), nn.Linear(8, 8)
        nn.init.constant_(self.gate.bias, bias)

    def forward(self, x):
        return x + self.gate(x).sigmoid() * self.value(x)


class Grown(nn.Module):
    def __init__(self, layer, scale):
        super().__init__()
        self.layer, self.scale = layer, scale

    def forward(self, x):
        return self.scale * self.layer(x)


class Mixes(nn.Module):
    """A softmax of a parameter: meant to be the same for every input."""

    def __init__(self):
        super().__init__()
        self.one, self.other, self.mix = nn.Linear(8, 8), nn.Linear(8, 8), nn.Parameter(torch.zeros(2))

    def forward(self, x):
        share = self.mix.softmax(0)
        return share[0] * self.one(x) + share[1] * self.other(x)


class MixesTokens(Mixes):
    def __init__(self):
        super().__init__()
        self.shares = nn.Parameter(torch.randn(5, 5))

    def forward(self, x):
        return self.shares.softmax(-1) @ super().forward(x)


class Checkpointed(nn.Module):
    def __init__(self, use_reentrant):
        super().__init__()
        self.before, self.attends, self.use_reentrant = nn.Linear(8, 8), Attends(), use_reentrant

    def forward(self, x):
        return checkpoint(self.attends, self.before(x), use_reentrant=self.use_reentrant)


class Tempered(Attends):
    """Scores times a number that begins at zero."""

    def __init__(self):
        super().__init__(keys=lambda k: self.temperature * k)
        self.temperature = nn.Parameter(torch.tensor(0.0))


class Waves(nn.Module):
    """A Fourier layer, in complex numbers that it makes itself."""

    def __init__(self):
        super().__init__()
        self.modes = nn.Parameter(torch.randn(3, 8, 8, dtype=torch.cfloat))

    def forward(self, x):
        kept = torch.zeros(*x.shape[:1], 3, 8, dtype=torch.cfloat)
        kept[:, :2] = torch.einsum("btd,tde->bte", torch.fft.rfft(x, dim=1)[:, :2], self.modes[:2])
        return torch.fft.irfft(kept, n=5, dim=1) + torch.einsum("btd,de->bte", x, self.modes[2].real)


class Casts(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x):
        return self.layer(x.float()).to(torch.float32) + torch.zeros(8, dtype=torch.float32)


class AfterAll(nn.Module):
    """A softmax that is normalised after its product with the values."""

    def __init__(self, bias=True):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8, bias=bias), nn.Linear(8, 8)

    def forward(self, x):
        e = (self.q(x) @ self.k(x).mT / 3).exp()
        return (e @ self.v(x)) / e.sum(-1, keepdim=True)


def attends_with_zeros(*names, frozen=False, **options):
    model = Attends(**options)
    for name in names:
        zeroed(getattr(model, name)).requires_grad_(not frozen)
    return model


def residual_block():
    norm = nn.BatchNorm2d(4)
    nn.init.zeros_(norm.weight)
    return Adds(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1), norm)


TOKENS, IMAGES = (4, 5, 8), (4, 4, 6, 6)
HEALTHY = {
    "LoRA": (lambda: Adds(nn.Linear(8, 2, bias=False), zeroed(nn.Linear(2, 8, bias=False))), TOKENS),
    "ReZero": (lambda: nn.Sequential(Branch(Attends()), Branch(Attends())), TOKENS),
    "ReZero inside ReZero": (lambda: Branch(nn.Sequential(Attends(), Branch(Branch(nn.Linear(8, 8))))), TOKENS),
    "a residual whose norm begins at zero": (residual_block, IMAGES),
    "an adapter": (lambda: nn.Sequential(Attends(), Adds(nn.Linear(8, 2), nn.GELU(), zeroed(nn.Linear(2, 8)))), TOKENS),
    "a tanh gate at rest": (lambda: Branch(Attends(), torch.tanh), TOKENS),
    "queries that begin at zero": (lambda: attends_with_zeros("q"), TOKENS),
    "queries and a projection that begin at zero": (lambda: Branch(attends_with_zeros("q", "out"), alpha=1.0), TOKENS),
    "a temperature that begins at zero": (lambda: nn.Sequential(Tempered(), nn.Linear(8, 3)), TOKENS),
    "causal, read at its last token": (
        lambda: Calls(lambda s, x: s.attends(x)[:, -1], attends=Attends(mask=torch.ones(5, 5).tril().bool())),
        TOKENS,
    ),
    "a distribution": (
        lambda: Calls(lambda s, x: torch.distributions.Categorical(logits=s.attends(x)), attends=Attends()),
        TOKENS,
    ),
    "a sigmoid gate at rest": (lambda: Gated(-30.0), TOKENS),
    "a hard gate, open for some": (lambda: nn.Sequential(nn.Linear(8, 8), nn.Hardsigmoid(), nn.Linear(8, 3)), TOKENS),
    "one key chosen, with gradients of the softmax": (
        lambda: Calls(lambda s, x: F.gumbel_softmax(s.q(x) @ x.mT, hard=True) @ x, q=nn.Linear(8, 8)),
        TOKENS,
    ),
    "a convolution before zeros": (
        lambda: Adds(nn.Conv2d(4, 4, 3, padding=1), nn.SiLU(), zeroed(nn.Conv2d(4, 4, 1))),
        IMAGES,
    ),
    "a softmax of a parameter": (Mixes, TOKENS),
    "a square of parameters, mixing tokens": (MixesTokens, TOKENS),
    "checkpointed": (lambda: Checkpointed(use_reentrant=False), TOKENS),
    "checkpointed, reentrant": (lambda: Checkpointed(use_reentrant=True), TOKENS),
    "casts to float32": (Casts, TOKENS),
    "divided by the sum afterwards": (lambda: AfterAll(bias=False), TOKENS),
    "a graph's sparse matrix": (lambda: Graph(torch.eye(5).to_sparse()), (5, D)),
    "a graph's compressed matrix": (lambda: Graph(torch.eye(5).to_sparse_csr()), (5, D)),
    "traced": (lambda: torch.jit.trace(nn.Sequential(nn.Linear(8, 8), nn.Tanh()), torch.randn(TOKENS)), TOKENS),
    "scripted": (lambda: torch.jit.script(nn.Sequential(nn.Linear(8, 8), nn.Tanh())), TOKENS),
    "recurrent": (lambda: nn.LSTM(8, 6, batch_first=True), TOKENS),
    "experts in groups, whose kernel knows no double precision": (
        PAPERS["mixture of experts, grouped"].make,
        (2, 24, D),
    ),
}


@pytest.mark.filterwarnings("ignore:.*(torch.jit|Sparse CSR)")
@pytest.mark.parametrize("name", HEALTHY)
def test_a_network_at_rest_is_not_reported_as_dead(name):
    torch.manual_seed(0)
    make, shape = HEALTHY[name]
    assert find_dead_attention(make(), batches(*shape)) == []


@pytest.mark.parametrize("scale", [1e-6, 1e3, 1e6, 1e8])
def test_the_size_of_the_inputs_is_no_fault(scale):
    torch.manual_seed(0)
    assert (
        find_dead_attention(nn.Sequential(nn.Linear(8, 8), nn.ReLU(), Attends()), batches(*TOKENS, scale=scale)) == []
    )
    assert find_dead_attention(Attends(), batches(*TOKENS, scale=scale)) == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_number_types_and_sparse_and_complex_weights_are_judged_too(dtype):
    torch.manual_seed(0)
    inputs = [(x.to(dtype),) for (x,) in batches(*TOKENS)]
    assert find_dead_attention(Attends().to(dtype), inputs) == []
    lookup = nn.Sequential(nn.Embedding(10, 8, sparse=True), nn.Linear(8, 4))
    assert find_dead_attention(lookup, [(torch.randint(0, 10, (4, 3)),) for _ in range(2)]) == []
    turns = nn.Linear(8, 8, dtype=torch.complex64)
    assert find_dead_attention(turns, [(x.to(torch.complex64),) for (x,) in batches(*TOKENS)]) == []


def test_a_layer_in_complex_numbers_is_judged_in_complex_numbers():
    torch.manual_seed(0)
    assert find_dead_attention(Waves(), batches(*TOKENS)) == []


class Single(nn.Module):
    """Works in float32 alone, as kernels of some quantised layers do."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x):
        if x.dtype != torch.float32:
            raise RuntimeError("expected scalar type Float")
        return self.layer(x)


class Casting(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor):
        return self.layer(x.float())


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_what_the_detector_cannot_judge_it_says():
    nested = torch.nested.nested_tensor([torch.randn(3, 8), torch.randn(5, 8)], layout=torch.jagged)
    for model, inputs, told in (
        (Single(), torch.randn(TOKENS), "computes in float64, which this network can't: Single"),
        (torch.jit.script(Casting()), torch.randn(TOKENS), "as it was before torch.jit"),
        (nn.Linear(8, 8, device="meta"), torch.randn(4, 8, device="meta"), "is on meta"),
        (nn.Linear(8, 8), torch.randn(0, 8), "expected examples in every batch"),
        (nn.Linear(8, 8), nested, "nested tensors keep their type"),
        (
            Calls(lambda s, x: s.one(x).argmax(-1), one=nn.Linear(8, 8)),
            torch.randn(4, 8),
            r"no output of the network has a gradient; it gives int64 \(4,\).* return what it chose",
        ),
        (nn.Linear(9, 8), torch.randn(4, 8), "^Linear cannot take inputs of shapes"),
    ):
        with pytest.raises(BadInput, match=told):
            find_dead_attention(model, [inputs, inputs])


def test_weights_that_are_not_finite_are_refused_by_their_name():
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    nn.init.constant_(model[1].bias, torch.nan)
    with pytest.raises(BadInput, match=r"1.bias holds numbers that are not finite"):
        find_dead_attention(model, batches(*TOKENS))


def only_the_first(tokens=5):
    mask = torch.zeros(tokens, tokens, dtype=torch.bool)
    mask[:, 0] = True
    return mask


class Detaches(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.behind = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        return self.behind(self.before(x).detach())


def resting():
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    nn.init.constant_(model[0].bias, -100.0)
    return model


FAULTS = {
    "one key": (Attends, (4, 1, 8), [("Attends", ONE_KEY, 0), ("q", NO_GRADIENT, 72), ("k", NO_GRADIENT, 64)]),
    "one key, normalised afterwards": (
        AfterAll,
        (4, 1, 8),
        [("AfterAll", ONE_KEY, 0), ("q", CANCELS, 72), ("k", CANCELS, 72)],  # in the product as in the sum
    ),
    "keys that are all the same": (
        lambda: Attends(keys=lambda k: k.mean(2, keepdim=True).expand_as(k)),
        TOKENS,
        [("Attends", CONSTANT, 0), ("q", CANCELS, 72), ("k", CANCELS, 64)],
    ),
    "a mask that leaves one key": (
        lambda: Attends(mask=only_the_first()),
        TOKENS,
        [("Attends", CONSTANT, 0), ("q", NO_GRADIENT, 72), ("k", NO_GRADIENT, 64)],
    ),
    "queries and keys of zero": (
        lambda: attends_with_zeros("q", "k"),
        TOKENS,
        [("Attends", CONSTANT, 0), ("q", NO_GRADIENT, 72), ("k", NO_GRADIENT, 64)],
    ),
    "queries of zero, frozen": (
        lambda: attends_with_zeros("q", frozen=True),
        TOKENS,
        [("Attends", CONSTANT, 0), ("k", NO_GRADIENT, 64)],
    ),
    "a bias of keys behind a projection of zeros": (
        lambda: Branch(attends_with_zeros("out", key_bias=True), alpha=1.0),
        TOKENS,
        [("branch.k", CANCELS, 8)],
    ),
    "a part behind detach": (Detaches, TOKENS, [("before", NO_GRADIENT, 72)]),
    "two zeros in a row": (
        lambda: Adds(zeroed(nn.Linear(8, 2)), zeroed(nn.Linear(2, 8, bias=False))),
        TOKENS,
        [("layers.0", NO_GRADIENT, 18), ("layers.1", NO_GRADIENT, 16)],
    ),
    "causal attention read at its first token": (
        lambda: Calls(lambda s, x: s.attends(x)[:, 0], attends=Attends(mask=torch.ones(5, 5).tril().bool())),
        TOKENS,
        [("attends.q", NO_GRADIENT, 72), ("attends.k", NO_GRADIENT, 64)],
    ),
    "a bias of keys that are kept for the next call": (
        lambda: Calls(lambda s, x: {"out": s.a(x), "past_key_values": [s.a.k(x)]}, a=Attends(key_bias=True)),
        TOKENS,
        [("a.k", CANCELS, 8)],
    ),
    "a ReLU that always rests": (resting, TOKENS, [("0", NO_GRADIENT, 72), ("2", NO_GRADIENT, 64)]),
    "a gate that is always open": (
        lambda: Gated(100.0),
        TOKENS,
        [("Gated", SATURATED, 0), ("gate", NO_GRADIENT, 72)],
    ),
    "a gate of tanh, one side or the other": (
        lambda: nn.Sequential(Grown(nn.Linear(8, 8), 1e6), nn.Tanh(), nn.Linear(8, 8)),
        TOKENS,
        [("1", SATURATED, 0), ("0.layer", NO_GRADIENT, 72)],
    ),
    "scores so large that one key has it all": (
        lambda: Attends(keys=lambda k: 1e9 * k),
        TOKENS,
        [("Attends", SATURATED, 0), ("q", NO_GRADIENT, 72), ("k", NO_GRADIENT, 64)],
    ),
    "a bias that a norm takes out": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 3), nn.InstanceNorm2d(4), nn.Conv2d(4, 2, 1)),
        IMAGES,
        [("0", CANCELS, 4)],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_and_nothing_else(name):
    torch.manual_seed(0)
    make, shape, expected = FAULTS[name]
    found = [(each.module, each.what, each.parameters) for each in find_dead_attention(make(), batches(*shape))]
    assert found == expected


def test_one_key_in_one_batch_is_no_fault_where_another_has_more():
    torch.manual_seed(0)
    one, more = (torch.randn(4, 1, 8),), (torch.randn(4, 3, 8),)
    for given in ([one, more], [more, one]):
        assert find_dead_attention(Attends(), given) == []
    asks, answers = nn.Linear(8, 8), nn.Linear(8, 8)
    model = Calls(lambda s, x: (s.q(x) @ x[:, :1].mT).softmax(-1) @ s.v(x[:, :1]), q=asks, v=answers)
    assert [each.what for each in find_dead_attention(model, [one, more])] == [ONE_KEY, NO_GRADIENT]


@pytest.mark.parametrize("length, size", [(5, 4), (3, 6), (4, 4)])
def test_one_key_is_found_where_tokens_come_before_examples(length, size):
    torch.manual_seed(0)
    model = nn.TransformerDecoderLayer(8, 2, 16)
    given = [(torch.randn(length, size, 8), torch.randn(1, size, 8)) for _ in range(2)]
    found = [(each.module, each.what, each.parameters) for each in find_dead_attention(model, given)]
    assert found[0] == ("multihead_attn", ONE_KEY, 0) and ("multihead_attn", NO_GRADIENT, 2 * 72) in found


@pytest.mark.parametrize(
    "weights",
    [
        lambda scores: scores.softmax(-1),
        lambda scores: F.softmin(-scores, dim=-1),
        lambda scores: scores.log_softmax(-1).exp(),
        lambda scores: F.gumbel_softmax(scores, dim=-1),
        lambda scores: torch._masked_softmax(scores, torch.zeros_like(scores, dtype=torch.bool), -1),
        lambda scores: scores.exp() / scores.exp().sum(-1, keepdim=True),
        lambda scores: (scores - scores.logsumexp(-1, keepdim=True)).exp(),
    ],
    ids=["softmax", "softmin", "log softmax", "gumbel", "masked", "exp over sum", "logsumexp"],
)
def test_one_key_is_found_in_every_spelling(weights):
    class Spelled(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.v = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            return weights(self.q(x) @ x.transpose(1, 2)) @ self.v(x)

    torch.manual_seed(0)
    (choice, *_) = find_dead_attention(Spelled(), batches(4, 1, 8))
    assert (choice.module, choice.what) == ("Spelled", ONE_KEY)


def test_a_bias_of_keys_is_found_at_any_size_of_the_inputs():
    torch.manual_seed(0)
    for scale in (1.0, 1e6):
        (found,) = find_dead_attention(CrossAttention(8, 8, 8, heads=2), [x * 2 for x in batches(*TOKENS, scale=scale)])
        assert (found.module, found.what, found.parameters) == ("k", CANCELS, 8)


def test_a_gradient_that_single_precision_rounds_to_0_and_double_to_almost_0_is_none():
    for seed in range(40):  # of a few numbers with two keys: about one in twenty is 0 in each batch, by chance
        torch.manual_seed(seed)
        model = CrossAttention(2, 2, 1)
        given = [(torch.randn(1, 1, 2), torch.randn(1, 2, 2)) for _ in range(2)]
        assert [(each.module, each.parameters) for each in find_dead_attention(model, given)] == [("k", 1)]


def test_a_small_gradient_that_single_precision_loses_in_its_rounding_is_one():
    torch.manual_seed(0)
    model = Calls(lambda s, x: s.a(x.mean(1, keepdim=True) + 1e-6 * x), a=Attends())  # tokens that are nearly the same
    assert find_dead_attention(model, batches(*TOKENS)) == []


def test_a_gradient_that_is_0_in_single_precision_alone_is_one():
    torch.manual_seed(0)
    model = Gated(20.0)
    nn.init.zeros_(model.gate.weight)
    assert find_dead_attention(model, batches(*TOKENS)) == []


@pytest.mark.parametrize("examples", [1, 2])
def test_one_key_is_found_for_learned_queries_too(examples):
    torch.manual_seed(0)
    query = nn.Parameter(torch.randn(1, 3, 8))
    model = Calls(lambda s, x: (s.query @ s.k(x).mT).softmax(-1) @ x, query=query, k=nn.Linear(8, 8, bias=False))
    found = [(each.module, each.what, each.parameters) for each in find_dead_attention(model, batches(examples, 1, 8))]
    assert found == [("Calls", ONE_KEY, 0), ("Calls", NO_GRADIENT, 24), ("k", NO_GRADIENT, 64)]


def test_a_softmax_of_a_single_number_has_one_key():
    torch.manual_seed(0)
    model = Calls(lambda s, x: s.layer(x) * x.sum().softmax(0), layer=nn.Linear(8, 8))
    assert [(each.module, each.what) for each in find_dead_attention(model, batches(*TOKENS))] == [("Calls", ONE_KEY)]


def test_the_detector_asks_no_cudnn_which_takes_recurrent_layers_back_in_training_mode_only():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.LSTM(4, 8)

        def forward(self, x):
            enabled.add((torch.is_grad_enabled(), torch.backends.cudnn.enabled))
            return self.layer(x)[0]

    enabled, before = set(), torch.backends.cudnn.enabled
    assert find_dead_attention(Recurrent(), batches(3, 2, 4)) == []
    assert (True, False) in enabled and (True, True) not in enabled and torch.backends.cudnn.enabled == before
