"""Pictures as PNG bytes, quickly: widgets send one for every frame. Pillow comes with matplotlib, which needs it."""

import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image


def to_png(picture: np.ndarray) -> bytes:
    """uint8 (H, W, 3) as PNG. The fastest compression: frames are flat colours and shrink well anyway."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="png", compress_level=1)
    return file.getvalue()


def figure_png(figure: Figure) -> bytes:
    """A figure as PNG, the same bytes every time (no date or version inside)."""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
