"""What a cross-attention with one key really computes: a linear map of that key's vector.

The softmax over one key is 1, so ``out(1 * v(x))`` is left: ``W_out (W_v x + b_v) + b_out``. The queries, the keys and
the number of heads are not in it.
"""

import torch
from torch import Tensor, nn

from territory.errors import BadInput
from territory.models.cross_attention import CrossAttention


def one_key_map(attention: CrossAttention) -> nn.Linear:
    """The linear map ``(…, context_size)`` to ``(…, size)`` that the attention is while it has a single key."""
    v, out = attention.v, attention.out
    linear = nn.Linear(v.in_features, out.out_features, device=v.weight.device, dtype=v.weight.dtype)
    with torch.no_grad():
        linear.weight.copy_(out.weight @ v.weight)
        linear.bias.copy_(out.weight @ v.bias + out.bias)
    return linear


class OneKeyMap(nn.Module):
    """Stands where a `CrossAttention` stood: queries ``(B, Tq, ·)`` and context ``(B, 1, ·)`` to ``(B, Tq, size)``."""

    def __init__(self, attention: CrossAttention):
        super().__init__()
        self.linear = one_key_map(attention)

    def forward(self, queries: Tensor, context: Tensor) -> Tensor:
        if context.shape[1] != 1:
            raise BadInput(f"expected one key; came {context.shape[1]}: with more to choose from, attention is no map")
        return self.linear(context).expand(-1, queries.shape[1], -1)
