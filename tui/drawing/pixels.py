"""Grey pictures as terminal cells: half-blocks (two pixels a cell) or ASCII (one).

Greys are cut to 16 levels and equal neighbours merged into one run, which makes a picture an
order of magnitude cheaper to send than one colour per pixel.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

ImageMode = Literal["half", "ascii"]
Grey = npt.NDArray[np.uint8]

LEVELS = 16
ASCII_RAMP = " .,:;-=+*o#%&$@@"
"""One character per level, by the ink that it puts on a dark screen."""
IMAGE_PIXELS = 28


def shrink(images: npt.NDArray[np.floating], size: int) -> Grey:
    """Images (N, 28, 28) in [0, 1] as (N, size, size) greys, by the mean over each area.

    Sizes above 28 must be whole multiples and repeat pixels.
    """
    if size >= IMAGE_PIXELS:
        scaled = images.repeat(size // IMAGE_PIXELS, axis=1).repeat(size // IMAGE_PIXELS, axis=2)
    else:
        weights = _box_filter(size)
        scaled = weights @ images @ weights.T
    greys: Grey = np.rint(np.clip(scaled, 0.0, 1.0) * 255.0).astype(np.uint8)
    return greys


@lru_cache(maxsize=32)
def _box_filter(size: int) -> npt.NDArray[np.float32]:
    """(size, 28): how much of each source pixel lies in each target pixel; rows sum to 1."""
    edges = np.linspace(0, IMAGE_PIXELS, size + 1)
    source = np.arange(IMAGE_PIXELS)
    overlap = np.minimum(edges[1:, None], source + 1) - np.maximum(edges[:-1, None], source)
    overlap = np.clip(overlap, 0.0, None)
    weights: npt.NDArray[np.float32] = overlap / overlap.sum(axis=1, keepdims=True)
    return weights.astype(np.float32)


def strips(canvas: Grey, mode: ImageMode) -> list[Strip]:
    """A grey canvas (H, W), H even, as H/2 strips of W cells."""
    levels = quantise(canvas)
    if mode == "half":
        return [_half_block_strip(*rows) for rows in zip(levels[::2], levels[1::2], strict=True)]
    # A cell is twice as high as wide: one character stands for two pixels.
    pairs = canvas.reshape(len(canvas) // 2, 2, -1).mean(axis=1)
    return [_ascii_strip(row) for row in quantise(pairs)]


def quantise(canvas: npt.NDArray[np.number]) -> npt.NDArray[np.intp]:
    """Greys 0 to 255 as levels 0 to 15."""
    return (canvas * (LEVELS / 256.0)).astype(np.intp)


def _half_block_strip(top: npt.NDArray[np.intp], bottom: npt.NDArray[np.intp]) -> Strip:
    segments = [
        _half_block(*divmod(code, LEVELS), length)
        for code, length in runs((top * LEVELS + bottom).tolist())
    ]
    return Strip(segments, len(top))


def _ascii_strip(levels: npt.NDArray[np.intp]) -> Strip:
    text = "".join([ASCII_RAMP[level] for level in levels.tolist()])
    return Strip([Segment(text)], len(text))


def runs(codes: Sequence[int]) -> list[tuple[int, int]]:
    """Equal neighbours as (value, length)."""
    found: list[tuple[int, int]] = []
    start = 0
    for end in range(1, len(codes) + 1):
        if end == len(codes) or codes[end] != codes[start]:
            found.append((codes[start], end - start))
            start = end
    return found


@lru_cache(maxsize=4096)
def _half_block(top: int, bottom: int, length: int) -> Segment:
    if top == bottom:
        return Segment(" " * length, Style(bgcolor=_grey(top)))
    return Segment("▀" * length, Style(color=_grey(top), bgcolor=_grey(bottom)))


def _grey(level: int) -> Color:
    value = round(level * 255 / (LEVELS - 1))
    return Color.from_rgb(value, value, value)
