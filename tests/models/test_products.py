"""Products by oneDNN: as exact, in all threads, undone afterwards, and only where nobody chose otherwise."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from territory.models import products
from territory.models.cross_attention import CrossAttention
from territory.models.products import are_onednns, by_onednn

SETTING = torch.backends.mkldnn.matmul  # pyright: ignore[reportAttributeAccessIssue] -- its module is an object


@pytest.fixture
def quicker(monkeypatch) -> None:
    """A processor on which oneDNN is quicker."""
    monkeypatch.setattr(products, "is_quicker", lambda: True)


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    yield
    SETTING.fp32_precision = "none"


def test_products_are_onednns_inside_and_in_every_thread(quicker):
    with ThreadPoolExecutor(1) as pool, by_onednn():
        assert are_onednns() and pool.submit(are_onednns).result()
    assert not are_onednns()


def test_runs_side_by_side_keep_the_setting_until_the_last_has_left(quicker):
    first, second = by_onednn(), by_onednn()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert are_onednns() and SETTING.fp32_precision == "bf16"
    second.__exit__(None, None, None)
    assert not are_onednns() and SETTING.fp32_precision == "none"


def test_looking_whether_it_is_quicker_changes_nothing():
    SETTING.fp32_precision = "ieee"
    with torch.autocast("cpu", torch.bfloat16):
        assert products.largest_error() >= 0
    assert SETTING.fp32_precision == "ieee"


def test_an_error_inside_leaves_nothing_behind(quicker):
    with pytest.raises(KeyError), by_onednn():
        raise KeyError
    assert SETTING.fp32_precision == "none"


def test_who_chose_a_precision_keeps_it(quicker):
    SETTING.fp32_precision = "ieee"
    with by_onednn():
        assert SETTING.fp32_precision == "ieee"
    assert SETTING.fp32_precision == "ieee"


def test_where_it_would_round_more_nothing_changes(monkeypatch):
    monkeypatch.setattr(products, "get_host_cpu_name", lambda: "znver9")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    answers = {}
    for error in (1e-3, 1e-7):  # of bfloat16, of float32
        monkeypatch.setattr(products, "largest_error", lambda error=error: error)
        products.is_quicker.cache_clear()
        answers[error] = products.is_quicker()
    products.is_quicker.cache_clear()
    assert answers == {1e-3: False, 1e-7: True}


@pytest.mark.parametrize("queries, keys", [(64, 16), (16, 64)])
def test_attention_gives_the_same_answers_and_gradients(queries, keys):
    torch.manual_seed(0)
    layer = CrossAttention(32, 32, 32, heads=2, fused=True)
    given = [torch.randn(3, count, 32, requires_grad=True) for count in (queries, keys)]
    wanted = [*given, *layer.parameters()]

    def learn() -> list[torch.Tensor]:
        gathered = layer(*given)
        return [gathered, *torch.autograd.grad(gathered.square().sum(), wanted)]

    right = learn()
    with by_onednn():
        found = learn()
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-4) for a, b in zip(found, right, strict=True))
