"""Panels of pictures, and of reconstructions below their originals."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from engine.views import Images, ReconstructionView
from tui.drawing.pixels import shrink, strips
from tui.widgets.canvas import CanvasPanel

SIZES = (56, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8)
"""Pixels an image may have on the screen: even, so that it fills whole cells."""
READABLE = 12
"""Below this many pixels a garment is hardly recognised."""
WANTED = 10
"""Images worth shrinking for: one of each class."""
WAITING_STYLE = Style(dim=True)
WHITE = 255


@dataclass(frozen=True, slots=True)
class Tiling:
    """How many images of which size fit."""

    size: int
    columns: int
    rows: int
    gap: int
    """Pixels between columns."""

    @property
    def pitch(self) -> int:
        """Pixels from one column to the next."""
        return self.size + self.gap


def choose_tiling(width: int, height: int, stacked: int, available: int) -> Tiling | None:
    """The largest images of which enough fit.

    Args:
        width: pixels (= cells) across.
        height: pixels down, two a cell.
        stacked: images over one another that belong together (2: original, reconstruction).
        available: images there are.

    Returns:
        None if not even the smallest fits.
    """
    fitting = [t for size in SIZES if (t := _tiling(size, width, height, stacked)) is not None]
    wanted = min(WANTED, available)
    for tiling in fitting:
        if tiling.size >= READABLE and tiling.columns * tiling.rows >= wanted:
            return tiling
    readable = [t for t in fitting if t.size >= READABLE]
    # Too small for the wanted number: as many as can still be made out.
    return (
        max(readable, key=lambda t: t.columns * t.rows) if readable else next(iter(fitting), None)
    )


def _tiling(size: int, width: int, height: int, stacked: int) -> Tiling | None:
    columns, rows = width // size, height // (size * stacked)
    if not columns or not rows:
        return None
    spare = width - columns * size
    return Tiling(size, columns, rows, gap=1 if spare >= columns - 1 else 0)


class PicturePanel(CanvasPanel):
    """Stacks of images laid out in as many columns and rows as fit."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._stacks: list[Images] = []
        self.tiling: Tiling | None = None
        """How the images are laid out at present."""
        self.marked: int | None = None
        """The index, in reading order, of the image with a frame around it."""
        self._left = 0

    def clear(self) -> None:
        """Wait for the pictures of another run."""
        self.set_stacks([])

    def set_stacks(self, stacks: list[Images]) -> None:
        """Show these: image i of every array stands in one stack, the first on top."""
        self._stacks = stacks
        self.repaint()

    def paint(self, size: Size) -> list[Strip]:
        """The pictures, centred."""
        if not self._stacks:
            return [Strip([Segment(" waiting for the model", WAITING_STYLE)])]
        available = len(self._stacks[0])
        tiling = choose_tiling(size.width, 2 * size.height, len(self._stacks), available)
        self.tiling = tiling
        if tiling is None:
            return [Strip.blank(0)]
        canvas = _compose(self._stacks, tiling)
        if self.marked is not None:
            _frame(canvas, tiling, self.marked)
        self._left = left = (size.width - canvas.shape[1]) // 2
        return [
            Strip([*Strip.blank(left), *line], left + line.cell_length)
            for line in strips(canvas, self.image_mode)
        ]

    def index_at(self, x: int, y: int) -> int | None:
        """Which image, in reading order, is at a cell of the panel; None for none."""
        if self.tiling is None:
            return None
        column, row = (x - self._left) // self.tiling.pitch, 2 * y // self.tiling.size
        if not (0 <= column < self.tiling.columns and 0 <= row < self.tiling.rows):
            return None
        return row * self.tiling.columns + column


def _frame(canvas: npt.NDArray[np.uint8], tiling: Tiling, index: int) -> None:
    """Draw a white frame around an image of a canvas without stacks."""
    row, column = divmod(index, tiling.columns)
    y, x, size = row * tiling.size, column * tiling.pitch, tiling.size
    tile = canvas[y : y + size, x : x + size]
    if tile.size:
        tile[[0, -1], :] = WHITE
        tile[:, [0, -1]] = WHITE


def _compose(stacks: list[Images], tiling: Tiling) -> npt.NDArray[np.uint8]:
    """The canvas: rows of stacks, each image shrunk to the tiling's size."""
    count = min(tiling.columns * tiling.rows, len(stacks[0]))
    size, pitch = tiling.size, tiling.pitch
    columns = min(tiling.columns, count)
    rows = -(-count // columns)
    canvas = np.zeros((rows * len(stacks) * size, columns * pitch - tiling.gap), np.uint8)
    chosen = spread(len(stacks[0]), count)
    for level, images in enumerate(stacks):
        for index, image in enumerate(shrink(images[chosen], size)):
            row, column = divmod(index, columns)
            y, x = (row * len(stacks) + level) * size, column * pitch
            canvas[y : y + size, x : x + size] = image
    return canvas


def spread(available: int, count: int) -> npt.NDArray[np.intp]:
    """`count` of `available` indices, evenly apart: of pairs by class, one of each class."""
    return (np.arange(count) * available // count).astype(np.intp)


class ReconstructionPanel(PicturePanel):
    """Validation images, each above its reconstruction."""

    export_names = ("recon_val",)

    def show(self, view: ReconstructionView, moment: str = "") -> None:
        """Show a new picture; `moment` says which, if it is not the current model."""
        which = "" if view.page == 0 else f" · page {view.page + 1}"
        which += f" · {moment}" if moment else ""
        self.set_title(f"originals (top), reconstructions{which}")
        self.set_stacks([view.originals, view.reconstructions])
