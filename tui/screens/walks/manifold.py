"""The manifold: a plane of latent space, decoded on a grid."""

from dataclasses import dataclass
from typing import ClassVar

from textual.geometry import Size
from textual.strip import Strip

from engine.figures.options import FigureOptions
from engine.text import epochs
from engine.views import Manifold, ManifoldView, ViewRequest
from tui.screens.walks.panel import (
    FAINT,
    PLAIN,
    WalkPanel,
    beside,
    blank,
    centred,
    chosen_columns,
    row_of,
    text,
    without_prior,
)

SIZES = (28, 20, 14, 12, 10, 8)
"""Pixels an image of the grid may have."""
WANTED = 8
"""Images a side, if they can be had."""
CAPTION = 1
"""Lines below the grid: its first axis."""
MARGIN = 15
"""Cells on the left: the second axis."""


@dataclass(frozen=True, slots=True)
class GridLayout:
    """How many images of which size a side of the grid has."""

    size: int
    """Pixels of an image."""
    count: int
    margin: int
    """Cells on the left for the second axis; 0 where its name stands above."""


def grid_layouts(width: int, height: int, flat: bool) -> list[GridLayout]:
    """Every grid that fits, from few large images to many small ones.

    Args:
        width: cells across.
        height: lines down.
        flat: whether there is one row only.
    """
    layouts: list[GridLayout] = []
    for size in SIZES:
        if flat:
            rows_fit = (height - CAPTION) * 2 >= size
            layouts.append(GridLayout(size, width // size if rows_fit else 0, 0))
            continue
        # Beside the grid, if that makes it no smaller: there is more room across than down.
        beside_grid = min((width - MARGIN) // size, 2 * (height - CAPTION) // size)
        below_name = min(width // size, 2 * (height - CAPTION - 1) // size)
        margin = MARGIN if beside_grid >= below_name else 0
        layouts.append(GridLayout(size, max(beside_grid, below_name), margin))
    return [layout for layout in layouts if layout.count >= 2]


def best_layout(layouts: list[GridLayout]) -> int:
    """The largest images of which enough fit, by their index in the list."""
    return next((i for i, g in enumerate(layouts) if g.count >= WANTED), len(layouts) - 1)


class ManifoldPanel(WalkPanel):
    """As large as fits; more and smaller images, or fewer and larger ones, at a key."""

    EXPLANATION: ClassVar[str] = "every image is decoded from its point on a plane of latent space"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._finer = 0
        self._view: ManifoldView | None = None

    def clear(self) -> None:
        """Forget what is shown: it is of another run."""
        self._view = None
        self.repaint()

    def refine(self, by: int) -> bool:
        """More images (1) or fewer (−1); whether that can be."""
        layouts = self._layouts(self.size)
        if not layouts:
            return False
        now = self._chosen(layouts)
        chosen = min(len(layouts) - 1, max(0, now + by))
        self._finer += chosen - now
        return chosen != now

    def request(self) -> Manifold | None:
        """A grid as large as fits."""
        layout = self._layout(self.size)
        return None if layout is None else Manifold(layout.count)

    def accept(self, view: object, _request: ViewRequest[object]) -> None:
        """Show the answer to a request."""
        assert isinstance(view, ManifoldView)
        self._view = view
        self.repaint()

    def figure(self) -> tuple[str, FigureOptions]:
        """The grid on show."""
        return "manifold", FigureOptions(manifold=self.request() or Manifold())

    def titles(self) -> tuple[str, ...]:
        """How many images, of what."""
        view = self._view
        if view is None:
            return ("",)
        rows, columns = view.images.shape[:2]
        count, when = f"{columns} × {rows}", f" · epoch {epochs(view.epoch)}"
        if without_prior(self.model):
            spread = "normal quantiles by the codes' spread: an AE has no prior"
            return (
                f"{count} · {spread}{when}",
                f"{count} · {spread}",
                f"{count} · by the codes' spread, no prior",
                f"{count} · own spread, no prior",
                f"{count} · no prior",
            )
        space = "Φ⁻¹ of an even grid" if rows > 1 else "Φ⁻¹ of even steps"
        return (
            f"{count} · z = {space}, the prior's quantiles{when}",
            f"{count} · z = {space}{when}",
            f"{count} · {space}",
            count,
        )

    def fits(self, size: Size) -> bool:
        """Whether there is room for a grid."""
        return self._layout(size) is not None

    def lines(self, size: Size) -> list[Strip] | None:
        """The grid, its second axis on the left and its first below."""
        view, layout = self._view, self._layout(size)
        if view is None or layout is None:
            return None
        columns = chosen_columns(view.images.shape[1], layout.count)
        rows = chosen_columns(view.images.shape[0], layout.count)
        grid: list[Strip] = []
        for row in rows:
            grid += row_of(view.images[row][columns], layout.size, 0, self.image_mode)
        low, high = (f"{100 * view.quantiles[i]:.2g} %" for i in (0, -1))
        across, up = view.axis_names
        width = len(columns) * layout.size
        lines = [*grid, _axis(f"{low} ←", across, f"→ {high}", width)]
        if len(view.images) > 1:
            if layout.margin:
                beside_grid = _upright(f"{high} ↑", up, f"{low} ↓", len(grid), layout.margin)
                lines = beside([*beside_grid, *blank(layout.margin)], lines)
            else:
                lines = [text(f"↑ {up}"), *lines]
        return centred(lines, size.width)

    def _layouts(self, size: Size) -> list[GridLayout]:
        return grid_layouts(*size, flat=self.latent_dim == 1)

    def _chosen(self, layouts: list[GridLayout]) -> int:
        return min(len(layouts) - 1, max(0, best_layout(layouts) + self._finer))

    def _layout(self, size: Size) -> GridLayout | None:
        layouts = self._layouts(size)
        return layouts[self._chosen(layouts)] if layouts else None


def _axis(low: str, name: str, high: str, width: int) -> Strip:
    """The ends of an axis and its name in the middle, as far as there is room."""
    if len(low) + len(name) + len(high) + 2 > width:
        return text(name[:width].center(width))
    middle = name.center(width - len(low) - len(high))
    return Strip.join([text(low, FAINT), text(middle, PLAIN), text(high, FAINT)])


def _upright(high: str, name: str, low: str, height: int, width: int) -> list[Strip]:
    """The same along the left edge of a grid."""
    lines = blank(width, height)
    lines[0] = text(f"{high:>{width - 1}} ", FAINT)
    lines[-1] = text(f"{low:>{width - 1}} ", FAINT)
    lines[height // 2] = text(f"{name:>{width - 1}} "[-width:], PLAIN)
    return lines
