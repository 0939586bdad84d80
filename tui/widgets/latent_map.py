"""The latent map: where the validation images lie, coloured by class, with a legend."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from engine.figures.palette import class_color
from engine.views import LatentView
from tui.pixels import ImageMode, runs
from tui.widgets.canvas import CanvasPanel

EMPTY = -1
LEGEND_GAP = 2
MIN_MAP_COLUMNS = 20
RANGE_QUANTILE = 0.001
"""The share of points on each side that may lie beyond the map's edge: strays would shrink it."""


class LatentMapPanel(CanvasPanel):
    """Each pixel has the colour of the class that most of its images belong to.

    In half-block mode a cell has two pixels; in ASCII mode one, drawn as the class's digit.
    """

    export_names = ("latent_scatter",)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._view: LatentView | None = None

    def clear(self) -> None:
        """Wait for the map of another run."""
        self._view = None
        self.repaint()

    def show(self, view: LatentView) -> None:
        """Show a new map."""
        self._view = view
        kind = "μ" if self.model == "vae" else "codes"
        self.set_title(f"latent map, {kind} · {' × '.join(view.axis_names)}")
        self.repaint()

    def paint(self, size: Size) -> list[Strip]:
        """The map, and the legend beside it where there is room."""
        if self._view is None:
            return []
        legend = _legend_segments(self._view.class_names, self.image_mode)
        legend_width = max(sum(len(s.text) for s in line) for line in legend) + LEGEND_GAP
        columns = size.width - legend_width
        if columns < MIN_MAP_COLUMNS:
            columns, legend = size.width, []
        map_lines = self._map_lines(columns, size.height)
        lines: list[Strip] = []
        for row, segments in enumerate(map_lines):
            beside = legend[row] if row < len(legend) else []
            lines.append(Strip([*segments, Segment(" " * LEGEND_GAP), *beside]))
        return lines

    def _map_lines(self, columns: int, rows: int) -> list[list[Segment]]:
        assert self._view is not None
        if self.image_mode == "ascii":
            # A cell is about twice as high as wide; the map keeps both axes to one scale.
            classes = majority_class(self._view, columns, rows, cell_aspect=2.0)
            return [_digit_runs(line) for line in classes.tolist()]
        classes = majority_class(self._view, columns, 2 * rows, cell_aspect=1.0)
        codes = (classes[::2] + 1) * 256 + classes[1::2] + 1
        return [[_half(*divmod(code, 256), n) for code, n in runs(line)] for line in codes.tolist()]


def majority_class(
    view: LatentView, columns: int, rows: int, cell_aspect: float
) -> npt.NDArray[np.intp]:
    """The most frequent class in every cell of a grid laid over the map.

    Args:
        cell_aspect: a cell's height over its width; both axes have the same scale.

    Returns:
        (rows, columns), EMPTY where no image lies. The second axis points up.
    """
    # Without interpolation: of few images the outermost are the edge, not beyond it.
    low = np.quantile(view.points, RANGE_QUANTILE, axis=0, method="lower")
    high = np.quantile(view.points, 1 - RANGE_QUANTILE, axis=0, method="higher")
    centre = (low + high) / 2
    extent = np.maximum(1.001 * (high - low), 1e-9)
    scale = max(extent[0] / columns, extent[1] / (rows * cell_aspect))
    offset = (view.points - centre) / scale
    x = np.floor(offset[:, 0] + columns / 2).astype(np.intp)
    y = np.floor(rows / 2 - offset[:, 1] / cell_aspect).astype(np.intp)
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    classes = len(view.class_names)
    flat = (y[inside] * columns + x[inside]) * classes + view.labels[inside]
    counts = np.bincount(flat, minlength=rows * columns * classes).reshape(-1, classes)
    majority = np.where(counts.any(axis=1), counts.argmax(axis=1), EMPTY)
    return majority.reshape(rows, columns)


def _legend_segments(class_names: tuple[str, ...], mode: ImageMode) -> list[list[Segment]]:
    return [
        [Segment("■" if mode == "half" else f"{label % 10}", _style(label)), Segment(f" {name}")]
        for label, name in enumerate(class_names)
    ]


def _digit_runs(classes: list[int]) -> list[Segment]:
    return [
        Segment(" " * n) if label == EMPTY else Segment(f"{label % 10}" * n, _style(label))
        for label, n in runs(classes)
    ]


@lru_cache(maxsize=4096)
def _half(top: int, bottom: int, length: int) -> Segment:
    """A run of cells; 0 is empty, else the class plus one."""
    if top == bottom == 0:
        return Segment(" " * length)
    if top == bottom:
        return Segment("█" * length, _style(top - 1))
    if top == 0:
        return Segment("▄" * length, _style(bottom - 1))
    if bottom == 0:
        return Segment("▀" * length, _style(top - 1))
    return Segment("▀" * length, Style(color=_color(top - 1), bgcolor=_color(bottom - 1)))


def _style(label: int) -> Style:
    return Style(color=_color(label))


def _color(label: int) -> Color:
    return Color.parse(class_color(label))
