"""What lies at a latent point: its decoded image, and the real images nearest to it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from engine.text import compact, fixed
from engine.views import ProbeView
from tui.drawing.class_marks import class_mark, class_style
from tui.drawing.pixels import shrink, strips
from tui.screens.explorer.cursor import LatentPoint
from tui.widgets.canvas import CanvasPanel

Image = npt.NDArray[np.float32]
"""(28, 28) in [0, 1]."""

LARGE, ACTUAL, SMALL = 56, 28, 14
"""Pixels of the decoded image: doubled, as it is, halved."""
MIN_THUMB = 10
THUMBS = (14, 12, MIN_THUMB)
"""Pixels of a neighbour, the largest that three of fit."""
ENOUGH = 3
MAX_NEIGHBOURS = 32
WORDS = 5
"""Lines about the cursor's position that should find room below the image beside it."""
_HEADING = 2
"""Lines of words above that image."""
_PARTS = (
    *((LARGE, ACTUAL), (LARGE, SMALL), (LARGE, MIN_THUMB)),
    *((ACTUAL, ACTUAL), (ACTUAL, SMALL), (ACTUAL, MIN_THUMB)),
    *((SMALL, MIN_THUMB), (SMALL, 0)),
)
"""Columns of the decoded image and of what stands beside it, the widest first."""
PADDING = 1
"""Columns between map and inspector."""
_LEGEND_ROWS = 3
_SQUARE = 1.8
"""Columns of map for a row of it: about square on the screen, as most clouds are."""
_MIN_MAP_COLUMNS = 40
WAITING_STYLE = Style(dim=True)
DIM = Style(dim=True)
NAME = Style(bold=True)


@dataclass(frozen=True, slots=True)
class InspectorLayout:
    """Sizes in pixels, which are cells across and half-cells down; 0 leaves a part out."""

    image: int
    side: int
    """Columns beside the image."""
    original: int
    """The real image in them."""
    thumb: int
    """A neighbour below."""
    per_row: int
    rows: int
    """Rows of neighbours, each with a line of text above it."""
    pitch: int
    """Columns from one neighbour to the next."""

    @property
    def neighbours(self) -> int:
        """How many are shown."""
        return min(MAX_NEIGHBOURS, self.per_row * self.rows)


def lay_out(width: int, height: int) -> InspectorLayout:
    """What fits into so many cells."""
    row = MIN_THUMB // 2 + 1
    if width >= LARGE + MIN_THUMB and height >= LARGE // 2 + row:
        image = LARGE
    elif width >= ACTUAL and height >= ACTUAL // 2:
        image = ACTUAL
    elif width >= SMALL and height >= SMALL // 2:
        image = SMALL
    else:
        return InspectorLayout(0, 0, 0, 0, 0, 0, 0)
    side = width - image
    originals = [s for s in (ACTUAL, SMALL) if s // 2 + _HEADING + WORDS <= image // 2]
    original = next((s for s in (*originals, MIN_THUMB) if s <= side), 0)
    below = height - image // 2
    fitting = [t for t in THUMBS if t <= below * 2 - 2]
    thumb = next((t for t in fitting if width // t >= ENOUGH), fitting[-1] if fitting else 0)
    if not thumb or not original:
        # Without room beside the image, the words about it need what is below.
        return InspectorLayout(image, side if original else 0, original, 0, 0, 0, 0)
    per_row = width // thumb
    rows = below // (thumb // 2 + 1)
    return InspectorLayout(image, side, original, thumb, per_row, rows, width // per_row)


def choose_width(width: int, rows: int) -> int:
    """Columns for the inspector, in a terminal so wide with so many rows in a panel; 0 for none.

    As much as leaves the map about square, for its axes have one scale.
    """
    least = min(_MIN_MAP_COLUMNS, width // 2)
    square = _SQUARE * (rows - _LEGEND_ROWS)
    possible = [
        image + side
        for image, side in _PARTS
        if width - image - side - PADDING >= least and lay_out(image + side, rows).image == image
    ]
    roomy = [w for w in possible if width - w - PADDING >= square]
    modest = [w for w in possible if w <= ACTUAL + MIN_THUMB]
    return max(roomy or modest, default=0)


class Inspector(CanvasPanel):
    """The decoded image; beside it the image under the cursor; below, the nearest ones."""

    export_names = ("latent_scatter",)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._point: LatentPoint | None = None
        self._image: Image | None = None
        self._view: ProbeView | None = None
        self._waiting = "waiting for the model"

    @property
    def neighbours(self) -> int:
        """How many there is room for."""
        return lay_out(*self.size).neighbours

    def clear(self) -> None:
        """Wait for the pictures of another run."""
        self._point = self._image = self._view = None
        self.repaint()

    def wait(self, why: str) -> None:
        """Show nothing, and say why."""
        self._waiting = why
        self.clear()

    def show_image(self, point: LatentPoint, image: Image) -> None:
        """Show what is decoded at a point; the real images around it stay until others come."""
        self._point, self._image = point, image
        self.repaint()

    def show_probe(self, view: ProbeView) -> None:
        """Show the real images around a point."""
        self._view = view
        self.repaint()

    def paint(self, size: Size) -> list[Strip]:
        """Image and words, and the neighbours in rows below."""
        if self._point is None or self._image is None:
            return [Strip([Segment(f" {self._waiting}", WAITING_STYLE)])]
        layout = lay_out(*size)
        if not layout.image:
            return self._words(self._point, size.width)
        lines = self._picture(self._image, layout.image)
        words = self._words(self._point, layout.side or size.width)
        if layout.original:
            beside = words[:_HEADING]
            original = None if self._view is None else self._view.original
            if original is None:
                beside += [Strip([])] * (layout.original // 2)
            else:
                beside += self._picture(original, layout.original)
            if layout.thumb:
                beside += words[_HEADING:]
                return self._beside(lines, beside) + self._neighbours(layout)
            words = self._words(self._point, size.width)[_HEADING:]
            lines = self._beside(lines, beside)
        return [*lines, *words]

    def _picture(self, image: Image, size: int) -> list[Strip]:
        # A run that diverged decodes to numbers that are none.
        return strips(shrink(np.nan_to_num(image[None]), size)[0], self.image_mode)

    @staticmethod
    def _beside(left: list[Strip], right: list[Strip]) -> list[Strip]:
        width = left[0].cell_length
        rows = len(left)
        right = right[:rows] + [Strip([])] * (rows - len(right))
        return [
            Strip.join([a.adjust_cell_length(width), b]) for a, b in zip(left, right, strict=True)
        ]

    def _words(self, point: LatentPoint, width: int) -> list[Strip]:
        """Two lines about the image under the cursor, then where the cursor is."""
        lines: list[list[Segment]] = []
        if point.index is None or point.label is None:
            lines += [[Segment("no image", DIM)], []]
        else:
            short = "val" if point.split == "validation" else point.split
            full = f"{point.split} {point.index:,}"
            lines.append([Segment(full if len(full) <= width else f"{short} {point.index}", DIM)])
            lines.append(self._class(point.label, point.class_names, width))
        for name, value in point.coordinates:
            lines.append([Segment(f"{name} ", DIM), Segment(two_decimals(value))])
        norm = float(np.linalg.norm(point.latent))
        lines.append([Segment("‖z‖ ", DIM), Segment(two_decimals(norm))])
        total = sum(count for _, count in point.counts)
        none = "no images here" if len("no images here") <= width else "no images"
        lines.append([Segment(f"{total:,} here" if total else none, DIM)])
        for label, count in point.counts:
            share = f"{100 * count / total:3.0f} % "
            who = self._class(label, point.class_names, max(0, width - len(share)))
            lines.append([Segment(share, DIM), *who])
        return [Strip(line).crop(0, width) for line in lines]

    def _class(self, label: int, names: tuple[str, ...], width: int) -> list[Segment]:
        mark = Segment(f"{class_mark(label, self.image_mode)} ", class_style(label))
        return [mark, Segment(names[label][: max(0, width - 2)])]

    def _neighbours(self, layout: InspectorLayout) -> list[Strip]:
        view = self._view
        if view is None or not len(view.neighbours):
            return [Strip([Segment("embedding the training images …", WAITING_STYLE)])]
        lines: list[Strip] = []
        shrunk = shrink(view.neighbours[: layout.neighbours], layout.thumb)
        for first in range(0, len(shrunk), layout.per_row):
            chosen = range(first, min(first + layout.per_row, len(shrunk)))
            labels: list[Strip] = []
            canvas = np.zeros((layout.thumb, layout.per_row * layout.pitch), np.uint8)
            for slot, index in enumerate(chosen):
                left = slot * layout.pitch
                canvas[:, left : left + layout.thumb] = shrunk[index]
                label, distance = int(view.neighbour_labels[index]), float(view.distances[index])
                labels.append(self._label(label, distance, layout.pitch))
            lines += [Strip.join(labels), *strips(canvas, self.image_mode)]
        return lines

    def _label(self, label: int, distance: float, pitch: int) -> Strip:
        """'● Sneaker 1.2', and a blank to the next."""
        assert self._point is not None
        far = f" {_short(distance)} "
        mark = Segment(class_mark(label, self.image_mode), class_style(label))
        room = pitch - 1 - len(far)
        name = self._point.class_names[label]
        text = f" {name}" if len(name) < room else name[:room]
        return Strip([mark, Segment(f"{text:<{room}}"), Segment(far, DIM)], pitch)


def two_decimals(value: float) -> str:
    """'−0.31', with a minus as long as a plus, and none before zero."""
    return fixed(value, 2)


def _short(value: float) -> str:
    """Three characters up to 99: '0.3', ' 12'."""
    if not value < 999.5:
        return compact(value, 1)
    return f"{value:.1f}" if value < 9.95 else f"{value:3.0f}"
