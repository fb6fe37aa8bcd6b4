"""Numbers that say where attention is: lift, entropy, and how sure we are.

A gate grid of h x w cells covers a map of H x W tiles, so a cell stands for H/h x W/w tiles (4x4, 16x16 and 32x32
for the three gates of a 128x128 map), and **the attention of a tile is that of its cell**. A lift is then an average
over tiles, defined on coarse grids too, where nearly every cell holds a bit of border.
"""

from typing import Any

import numpy as np
import torch

from territory.errors import BadInput, as_array, shown, whole
from territory.world.layout import Plane


def numbers_of(values: Any) -> np.ndarray:
    """An array of a NumPy array, a torch tensor of any type or device, or a list. Raises BadInput for anything else."""
    given = values
    try:
        if isinstance(values, torch.Tensor):
            values = values if values.layout == torch.strided else values.to_dense()
            wide = values.is_floating_point() and values.dtype != torch.float64  # NumPy knows no bfloat16
            values = (values.float() if wide else values).numpy(force=True)
        array = as_array("numbers", values)
    except (BadInput, RuntimeError, TypeError):
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise BadInput(f"expected an array of numbers; got {type(given).__name__} {shown(given)[:60]}")
    return array


def as_mask(values: Any) -> np.ndarray:
    """A mask as bool: True and False, or 0 and 1 of any type, as array, tensor or list. Raises BadInput for others."""
    mask = numbers_of(values)
    if mask.dtype != np.bool_ and not np.isin(mask, (0, 1)).all():
        other = mask[~np.isin(mask, (0, 1))].flat[0]
        raise BadInput(f"expected a mask of True and False, or of 0 and 1; got {other}. Compare first: values > 0")
    return mask.astype(np.bool_)


def border_mask(planes: np.ndarray) -> np.ndarray:
    """bool (..., H, W): own tiles that touch (4-connected) land that is not own. Water and the map's rim don't count.

    ``planes``: uint8 (..., 5, H, W), the map of an observation.
    """
    planes = numbers_of(planes)
    if planes.ndim < 3 or planes.shape[-3] != len(Plane):
        raise BadInput(f"expected planes (..., {len(Plane)}, H, W), the map of an observation; got {planes.shape}")
    own = planes[..., Plane.OWN, :, :] > 0
    foreign = (planes[..., Plane.ENEMY, :, :] > 0) | (planes[..., Plane.UNCLAIMED, :, :] > 0)
    return own & beside(foreign)


def beside(tiles: np.ndarray) -> np.ndarray:
    """Where a neighbour to the north, south, west or east is one of the tiles: bool (..., H, W) to the same shape."""
    tiles = as_mask(tiles)
    padded = np.pad(tiles, [(0, 0)] * (tiles.ndim - 2) + [(1, 1), (1, 1)])
    return padded[..., :-2, 1:-1] | padded[..., 2:, 1:-1] | padded[..., 1:-1, :-2] | padded[..., 1:-1, 2:]


def to_tiles(attention: np.ndarray, height: int, width: int) -> np.ndarray:
    """Attention by cell (..., h, w) to attention by tile (..., height, width): every tile gets its cell's."""
    attention = numbers_of(attention)
    if attention.ndim < 2:
        raise BadInput(f"expected attention (..., h, w); got {attention.shape}")
    rows, columns = attention.shape[-2:]
    height, width = whole("height", height, 1), whole("width", width, 1)
    if not rows * columns or height % rows or width % columns:
        raise BadInput(f"a grid of {rows}x{columns} cells does not divide a map of {height}x{width} tiles evenly")
    return attention.repeat(height // rows, axis=-2).repeat(width // columns, axis=-1)


def lift(attention: np.ndarray, on: np.ndarray) -> np.ndarray:
    """Mean attention on the tiles of a mask over the mean on all others: 1 is chance, 2 twice as much.

    From ``attention`` (B, h, w) and a mask (B, H, W), H and W multiples of h and w, see `as_mask`: float64 (B,), nan
    where the mask holds no tile, or all of them, or attention elsewhere is 0.
    """
    attention, on = numbers_of(attention), as_mask(on)
    if on.ndim != 3 or attention.ndim != 3 or len(on) != len(attention):
        raise BadInput(f"expected attention (B, h, w) and a mask (B, H, W), got {attention.shape} and {on.shape}")
    tiles = to_tiles(attention.astype(np.float64), *on.shape[1:])
    inside = _mean_where(tiles, on)
    outside = _mean_where(tiles, ~on)
    return np.divide(inside, outside, out=np.full(len(on), np.nan), where=outside > 0)


def _mean_where(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    count = mask.sum(axis=(1, 2))
    total = (values * mask).sum(axis=(1, 2))
    return np.divide(total, count, out=np.full(len(mask), np.nan), where=count > 0)


def border_lift(attention: np.ndarray, planes: np.ndarray) -> np.ndarray:
    """How much more attention the agent's border gets than the rest of the map: float64 (B,), see `lift`.

    ``attention``: (B, h, w), a gate of `capture`; ``planes``: uint8 (B, 5, H, W), the maps it belongs to.
    """
    return lift(attention, border_mask(planes))


def entropy(weights: np.ndarray) -> np.ndarray:
    """Shannon entropy in bits over the last axis: 0 when one key has all the weight, log2(K) when K share evenly.

    Weights need not sum to 1 (gates do not): they are scaled to.
    """
    weights = numbers_of(weights).astype(np.float64)
    if (weights < 0).any():
        raise BadInput(f"expected weights, none below 0; got {weights.min():g}")
    shares = weights / weights.sum(axis=-1, keepdims=True)
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)  # 0 log 0 = 0
    return -(shares * logs).sum(axis=-1) + 0.0  # + 0.0: a plain zero instead of -0


def total_variation(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Distance of two distributions (..., K) in [0, 1]: the share of choices that would have to change."""
    p, q = numbers_of(p).astype(np.float64), numbers_of(q)
    if not p.ndim or p.shape[-1:] != q.shape[-1:]:
        raise BadInput(f"expected two distributions over the same choices; got {p.shape} and {q.shape}")
    return 0.5 * np.abs(p - q).sum(axis=-1)
