"""What the three walks have in common: a request that fits the panel, lines of images and text."""

import itertools
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from engine.config import ModelName, RunConfig
from engine.figures.options import FigureOptions
from engine.views import Images, ViewRequest
from tui import theme
from tui.drawing.pixels import IMAGE_PIXELS, ImageMode, shrink, strips
from tui.widgets.canvas import CanvasPanel

SIZES = (28, 24, 20, 18, 16, 14, 12, 10)
"""Pixels an image may have on the screen, the largest first: even, so that it fills cells."""
NEXT_TO = 2
"""Cells between things that stand beside each other."""

PLAIN = Style(color=Color.parse(theme.QUIET))
FAINT = Style(color=Color.parse(theme.FAINT))
LINE = Style(color=Color.parse(theme.LINE))
STRONG = Style(color=Color.parse(theme.ACCENT), bold=True)

Band = list[Strip]
"""Lines of the same width."""


class WalkPanel(CanvasPanel, can_focus=False):
    """Shows one kind of walk, as large as fits; a subclass has a view and its choices."""

    EXPLANATION: ClassVar[str] = ""
    """One line on what there is to see."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.latent_dim = 1

    def begin(self, config: RunConfig) -> None:
        """Wait for the pictures of another run."""
        self.model = config.model
        self.latent_dim = config.latent_dim
        self.clear()

    def request(self) -> ViewRequest[object] | None:
        """What to ask for, so that the answer fills the panel; None if nothing fits."""
        raise NotImplementedError

    def accept(self, view: object, request: ViewRequest[object]) -> None:
        """Show the answer to a request."""
        raise NotImplementedError

    def figure(self) -> tuple[str, FigureOptions]:
        """The figure of what is on show, and its choices."""
        raise NotImplementedError

    def titles(self) -> tuple[str, ...]:
        """What is on show, in words: the longest first, to be chosen from by the room there is."""
        raise NotImplementedError

    def fits(self, size: Size) -> bool:
        """Whether there is room for a picture."""
        raise NotImplementedError

    def lines(self, size: Size) -> list[Strip] | None:
        """The picture; None while there is none."""
        raise NotImplementedError

    def paint(self, size: Size) -> list[Strip]:
        """The picture, or why there is none."""
        if not self.fits(size):
            return [text(" too small for this walk", FAINT).crop(0, size.width)]
        lines = self.lines(size)
        return [text(" waiting for the model", FAINT)] if lines is None else lines


def fitting(width: int, size: int, gap: int) -> int:
    """How many images of `size` fit side by side, cut to an odd number, so that one is half-way."""
    count = max(0, (width + gap) // (size + gap))
    return count - (count + 1) % 2


def row_of(images: npt.NDArray[np.floating], size: int, gap: int, mode: ImageMode) -> Band:
    """Images (N, 28, 28) side by side, `size` pixels each."""
    pitch = size + gap
    canvas = np.zeros((size, len(images) * pitch - gap), np.uint8)
    for column, image in enumerate(scaled(images, size)):
        canvas[:, column * pitch : column * pitch + size] = image
    return strips(canvas, mode)


def scaled(images: npt.NDArray[np.floating], size: int) -> npt.NDArray[np.uint8]:
    """Images as (N, size, size) greys; what is no number is black."""
    finite: Images = np.nan_to_num(images, nan=0.0).astype(np.float32)
    assert size <= IMAGE_PIXELS
    return shrink(finite, size)


def text(content: str, style: Style = PLAIN) -> Strip:
    """A line of one style."""
    # Spaces in front have none: an exported SVG's viewers cut them off a styled piece.
    start = len(content) - len(content.lstrip())
    segments = [Segment(content[:start]), Segment(content[start:], style)]
    return Strip([segment for segment in segments if segment.text])


def column_heads(heads: Sequence[str], size: int, gap: int, style: Style = PLAIN) -> Strip:
    """Words over a row of images, each in the middle of its own."""
    words = [text(h.center(size) if len(h) <= size else " " * size, style) for h in heads]
    between = [text(" " * gap) for _ in words[1:]]
    return Strip.join(itertools.chain(*itertools.zip_longest(words, between, fillvalue=text(""))))


def blank(width: int, height: int = 1) -> Band:
    """Empty lines."""
    return [Strip([Segment(" " * width)], width)] * height


def beside(*bands: Band) -> Band:
    """Bands side by side, as high as the highest; each line of a band has the band's width."""
    height = max(len(band) for band in bands)
    widths = [max((line.cell_length for line in band), default=0) for band in bands]
    filled = [
        [*band, *blank(width, height - len(band))]
        for band, width in zip(bands, widths, strict=True)
    ]
    return [Strip(itertools.chain.from_iterable(lines)) for lines in zip(*filled, strict=True)]


def centred(band: Band, width: int) -> Band:
    """A band in the middle of a panel."""
    left = max(0, width - max((line.cell_length for line in band), default=0)) // 2
    return beside(blank(left, len(band)), band) if left else band


def chosen_columns(available: int, wanted: int) -> npt.NDArray[np.intp]:
    """Columns of a picture made for another width, evenly apart, the first and last among them."""
    if available <= wanted:
        return np.arange(available)
    return np.rint(np.linspace(0, available - 1, wanted)).astype(np.intp)


def without_prior(model: ModelName) -> bool:
    """Whether nothing made the codes follow N(0, I)."""
    return model == "ae"
