"""Attention between two sets of vectors, from its parts (Vaswani et al. 2017, section 3.2)."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from territory.errors import BadInput
from territory.models.map_conv import compute_type
from territory.models.products import are_onednns


class AttentionWeights(nn.Module):
    """softmax(q k^T / sqrt(width)): each query's shares over the keys.

    Queries ``(B, heads, Tq, width)`` and keys ``(B, heads, Tk, width)`` to weights ``(B, heads, Tq, Tk)``, every row
    summing to 1. A module of its own, so that a forward hook finds the weights.
    """

    def forward(self, q: Tensor, k: Tensor) -> Tensor:
        if q.dtype == torch.bfloat16 and q.device.type == "cpu" and q.shape[-2] > k.shape[-2]:
            # A softmax along few numbers is slow there; laid the other way, it runs along many queries at once.
            return (k @ q.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-2).transpose(-2, -1)
        return (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)


class CrossAttention(nn.Module):
    """Every query vector gathers from the context what it asks for.

    Queries ``(B, Tq, query_size)`` and context ``(B, Tk, context_size)`` to ``(B, Tq, size)``. All four linear maps
    have a bias, the keys' only with ``key_bias``: it adds the same to every score of a query, which the softmax takes
    out again, so it never learns. Raises BadInput unless ``heads`` divides ``size``.

    ``fused`` computes the same in one call that never writes the weights down: quicker, and nothing to see. As soon as
    somebody hooks the submodule ``weights``, they are written down again.
    """

    def __init__(
        self, query_size: int, context_size: int, size: int, heads: int = 1, fused: bool = False, key_bias: bool = True
    ):
        super().__init__()
        if not isinstance(heads, int) or isinstance(heads, bool) or heads < 1 or size % heads:
            raise BadInput(
                f"heads: expected a whole number that divides {size}; got {heads!r}. "
                f"Each head gets an equal slice of the {size} features: try 1, 2, 4 or 8."
            )
        self.heads = heads
        self.fused = fused
        self.q = nn.Linear(query_size, size)
        self.k = nn.Linear(context_size, size, bias=key_bias)
        self.v = nn.Linear(context_size, size)
        self.weights = AttentionWeights()
        self.out = nn.Linear(size, size)

    def forward(self, queries: Tensor, context: Tensor) -> Tensor:
        dtype = compute_type(self.q.weight)
        queries, context = queries.to(dtype), context.to(dtype)  # once: autocast would do it for each linear map
        q = self._split(self.q(queries))  # (B, heads, Tq, size / heads)
        k = self._split(self.k(context))  # (B, heads, Tk, size / heads)
        v = self._split(self.v(context))  # (B, heads, Tk, size / heads)
        watched = self.weights._forward_hooks or self.weights._forward_pre_hooks
        if not self.fused or watched:
            gathered = self.weights(q, k) @ v  # (B, heads, Tq, width)
        elif q.device.type == "cpu" and (q.dtype == torch.bfloat16 or are_onednns()):
            # The fused kernel asks for many small products, backward above all: ten times as long there as these.
            with torch.autocast("cpu", enabled=False):  # which would turn the softmax to float32 and back
                gathered = self.weights(q, k) @ v
        else:
            gathered = scaled_dot_product_attention(q, k, v)
        return self.out(gathered.transpose(1, 2).flatten(2))  # (B, Tq, size)

    def _split(self, x: Tensor) -> Tensor:
        """``(B, T, size)`` to ``(B, heads, T, size / heads)``."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)
