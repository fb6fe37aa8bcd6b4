"""Which axes of weights are of examples, heads, queries and keys, by what they are made of (`axes`).

- keys are what the softmax goes over;
- heads are cut from the features over which the product of queries and keys sums, or which a layer gave as scores; of
  queries and keys without features, the second axis that they share;
- examples are the first axis of what was given, unless the keys are of it: then the second;
- all else are queries.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from territory.interpret.axes import BESIDE, FEATURE, GIVEN, LOST, STACKED, Axes, Part, is_fixed, is_vague, sizes_of


class Laid(NamedTuple):
    """Some weights, and what is known of their axes."""

    by_head: Tensor  # (B, heads, Tq, Tk)
    windowed: bool = False  # queries of several windows follow one another
    fixed: bool = False  # no axis is of examples: they are made of parameters alone
    lost: bool = False  # one may be of examples, and nobody knows which


def lay(weights: Tensor, keys: int, axes: Axes) -> Laid:
    """Weights by head; ``keys``: which of their axes the softmax went over."""
    fixed = is_fixed(axes)
    if not weights.ndim:
        return Laid(weights.view(1, 1, 1, 1), False, fixed)
    lost = any(part.of == LOST for parts in axes for part in parts)
    keys %= weights.ndim
    placed = [(axis, part) for axis, each in enumerate(axes) if axis != keys for part in each]
    parts = [part for _, part in placed]
    examples, heads = _roles(parts, axes[keys], fixed)
    heads = sorted(heads, key=lambda n: parts[n].cut)  # as they were cut, however they lie
    queries = [n for n in range(len(parts)) if n not in (*examples, *heads)]
    sizes = sizes_of([parts[n] for n in each] for each in (examples, heads, queries))
    rows = weights.movedim(keys, -1)
    parted = rows.reshape(*(part.size for part in parts), rows.shape[-1])
    laid = parted.permute(*examples, *heads, *queries, len(parts)).reshape(*sizes, rows.shape[-1])
    return Laid(laid, len({placed[n][0] for n in queries}) > 1, fixed, lost and not examples)


def _roles(parts: Sequence[Part], keys: Sequence[Part], fixed: bool) -> tuple[list[int], list[int]]:
    """Which parts of weights are of examples, and which of heads."""
    others = [n for n, part in enumerate(parts) if part.source not in [each.source for each in keys]]
    tokens = {part.of for part in keys if part.kind == GIVEN}
    examples = [n for n in others if parts[n].kind == GIVEN and not parts[n].of]
    examples = [n for n in examples if parts[n].shared] or examples  # what both sides have, not rows of one
    given = [n for n in others if parts[n].kind == GIVEN and parts[n].of not in tokens]
    shared = [n for n in given if parts[n].shared]
    product = any(part.shared for part in parts)
    if not keys and product:  # of one key nobody knows what it is of, but both sides have the examples
        both = [[n for n in shared if parts[n].of == axis] for axis in (0, 1)]
        examples = both[0] or both[1] or examples
    elif not examples and (0 in tokens or not tokens):
        second = [n for n in given if parts[n].of == 1]
        both = [n for n in second if n in shared] or [n for n in shared if parts[n].of == LOST]
        examples = both or (second if 0 in tokens or not keys else [])
    if FEATURE in {part.kind for part in (*parts, *keys)}:
        heads = [n for n in others if parts[n].kind == FEATURE]
        heads = [n for n in heads if parts[n].of != STACKED] or heads  # layers' beside each other, if nothing was cut
        if not product:  # what features were cut into, but for the last, which are the numbers of a token
            pieces = [n for n in heads if parts[n].of == parts[heads[0]].of]
            return examples, [n for n in pieces if 0 in parts[n].cut or parts[n].of == STACKED] or pieces[:1]
        of = {parts[n].of for n in heads if parts[n].shared}
        return examples, [n for n in heads if not of or parts[n].of in of]
    left = [n for n in (shared if product else others if fixed else given) if n not in examples]
    left = [n for n in left if parts[n].shared != BESIDE or parts[n].of not in (1, 2) or is_vague(parts[n])]
    if not product and len({parts[n].of for n in left}) < 2:  # it is of queries
        return examples, []
    return examples, [n for n in left if parts[n].of == parts[left[0]].of]


def laid_back(changed: Tensor, weights: Tensor, by_head: Callable[[Tensor], Laid]) -> Tensor:
    """What was made of weights by head, laid as they were."""
    places = by_head(torch.arange(weights.numel(), device=weights.device).view(weights.shape)).by_head
    return changed.flatten()[places.flatten().argsort()].view(weights.shape)
