"""Interpolation: straight paths from one point of latent space to another, one a row."""

from dataclasses import dataclass, replace
from typing import ClassVar

from textual.geometry import Size
from textual.strip import Strip

from engine.figures.options import FigureOptions
from engine.text import epochs
from engine.views import Interpolation, InterpolationView, ViewRequest
from tui.screens.walks.panel import (
    FAINT,
    LINE,
    NEXT_TO,
    PLAIN,
    SIZES,
    STRONG,
    WalkPanel,
    beside,
    blank,
    centred,
    chosen_columns,
    fitting,
    row_of,
    text,
    without_prior,
)

Pair = tuple[int, int]

_ENOUGH = ((14, 9, 5), (12, 7, 3), (10, 5, 2), (10, 5, 1))
"""(pixels, steps, rows) worth having, the best first: the largest images that give them."""


@dataclass(frozen=True, slots=True)
class PathsLayout:
    """How many paths of how many steps fit, and how large their images are."""

    size: int
    steps: int
    rows: int
    gap: int
    """Cells between two steps."""
    originals: bool
    """Whether the images at the ends stand beside the path."""

    @property
    def width(self) -> int:
        """Cells of a row."""
        ends = 2 * (self.size + NEXT_TO) if self.originals else 0
        return ends + self.steps * (self.size + self.gap) - self.gap

    @property
    def lines(self) -> int:
        """Lines of a row, with its label above."""
        return 1 + self.size // 2


def paths_layout(width: int, height: int, originals: bool) -> PathsLayout | None:
    """The largest images that allow enough steps and rows; None if nothing fits.

    Args:
        width: cells across.
        height: lines down.
        originals: whether there are any; they are left out where it is too narrow for them.
    """
    for with_originals in (True, False) if originals else (False,):
        for pixels, steps, rows in _ENOUGH:
            for size in SIZES:
                layout = _layout(size, width, height, 1, with_originals)
                if size >= pixels and layout.steps >= steps and layout.rows >= rows:
                    return layout
    narrow = _layout(SIZES[-1], width, height, 0, False)
    return narrow if narrow.steps >= 3 and narrow.rows >= 1 else None


def _layout(size: int, width: int, height: int, gap: int, originals: bool) -> PathsLayout:
    beside_ends = width - (2 * (size + NEXT_TO) if originals else 0)
    rows = height // (1 + size // 2)
    return PathsLayout(size, fitting(beside_ends, size, gap), rows, gap, originals)


class InterpolationPanel(WalkPanel):
    """Paths between validation images, or between draws from the prior."""

    EXPLANATION: ClassVar[str] = "each row goes from one point of latent space to another"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._asked = Interpolation()
        self._view: InterpolationView | None = None
        self._typed: Pair | None = None
        self._marked: Pair | None = None
        self._known: dict[tuple[str, int], tuple[Pair, ...]] = {}

    @property
    def between(self) -> str:
        """'images' or 'prior'."""
        return self._asked.between

    def clear(self) -> None:
        """Forget what is shown: it is of another run."""
        self._view = None
        self._known.clear()
        self.repaint()

    def switch_ends(self) -> None:
        """Validation images instead of draws from the prior, or the reverse."""
        between = "prior" if self._asked.between == "images" else "images"
        self._asked = Interpolation(between=between)  # type: ignore[arg-type]
        self._typed = None

    def turn(self, pages: int) -> bool:
        """Other pairs; whether there were any before these."""
        page = self._asked.page + pages
        if page < 0 and self._typed is None:
            return False
        self._asked = replace(self._asked, page=max(0, page))
        self._typed = None
        return True

    def go_to(self, pair: Pair) -> None:
        """Show this path first, until others are asked for."""
        self._typed = pair

    def mark(self, ends: tuple[int | None, int | None]) -> None:
        """The images that were marked elsewhere, if both were."""
        first, second = ends
        self._marked = None if first is None or second is None else (first, second)

    def request(self) -> Interpolation | None:
        """As many paths of as many steps as fit, the typed or marked one first."""
        layout = paths_layout(*self.size, originals=self._asked.between == "images")
        if layout is None:
            return None
        page = replace(self._asked, rows=layout.rows, steps=layout.steps)
        first, known = self._first(), self._known.get((page.between, page.page), ())
        if first is None or len(known) < layout.rows:
            return page
        return replace(page, pairs=(first, *known[: layout.rows - 1]))

    def _first(self) -> Pair | None:
        if self._typed is not None or self._asked.between == "prior":
            return self._typed
        return self._marked

    def accept(self, view: object, request: ViewRequest[object]) -> None:
        """Show the answer to a request."""
        assert isinstance(view, InterpolationView)
        assert isinstance(request, Interpolation)
        if request.pairs is None:
            self._known[request.between, request.page] = view.pairs
        self._view = view
        self.repaint()

    def figure(self) -> tuple[str, FigureOptions]:
        """The paths on show."""
        return "interpolation", FigureOptions(interpolation=self.request() or self._asked)

    def titles(self) -> tuple[str, ...]:
        """What the ends are, and how the path between them is interpolated."""
        seed = self._asked.page  # of the draws
        page = seed + 1
        when = f" · epoch {epochs(self._view.epoch)}" if self._view else ""
        if self._asked.between == "images":
            point = "codes" if without_prior(self.model) else "μ"
            return (
                f"lerp between validation images' {point} · pairs {page}{when}",
                f"lerp between images' {point} · pairs {page}{when}",
                f"validation images · pairs {page}",
                f"images · {page}",
            )
        if without_prior(self.model):
            return (
                f"slerp between draws of N(0, I), no prior of this AE · seed {seed}{when}",
                f"slerp, N(0, I): no prior of this AE · seed {seed}",
                f"N(0, I), no prior · seed {seed}",
            )
        return (
            f"slerp between draws from the prior · seed {seed}{when}",
            f"slerp between prior draws · seed {seed}",
            f"draws from the prior · seed {seed}",
            f"prior · seed {seed}",
        )

    def fits(self, size: Size) -> bool:
        """Whether there is room for a path."""
        return paths_layout(*size, originals=False) is not None

    def lines(self, size: Size) -> list[Strip] | None:
        """A label over every path; the originals stand apart at its ends."""
        view = self._view
        if view is None:
            return None
        layout = paths_layout(*size, originals=view.originals is not None)
        if layout is None:
            return None
        rows = min(layout.rows, len(view.images))
        spaced = rows * layout.lines + rows - 1 <= size.height
        lines: list[Strip] = []
        for row in range(rows):
            if row and spaced:
                lines += blank(0)
            lines += self._path(view, row, layout)
        return centred(lines, size.width)

    def _path(self, view: InterpolationView, row: int, layout: PathsLayout) -> list[Strip]:
        columns = chosen_columns(view.images.shape[1], layout.steps)
        path = row_of(view.images[row][columns], layout.size, layout.gap, self.image_mode)
        if layout.originals and view.originals is not None:
            start, end = (
                row_of(image[None], layout.size, 0, self.image_mode)
                for image in view.originals[row]
            )
            apart = blank(NEXT_TO, len(path))
            path = beside(start, apart, path, apart, end)
        return [self._label(view, row, path[0].cell_length), *path]

    def _label(self, view: InterpolationView, row: int, width: int) -> Strip:
        """'Trouser #12 ─────── Bag #480' over the whole path."""
        chosen = row == 0 and view.pairs[0] == self._first()
        names = [text(name, STRONG if chosen else PLAIN) for name in view.names[row]]
        positions = [
            text(f" #{position}" if view.originals is not None else "", FAINT)
            for position in view.pairs[row]
        ]
        taken = sum(strip.cell_length for strip in (*names, *positions))
        rule = width - taken - 2
        if rule < 1:
            taken = sum(name.cell_length for name in names)
            positions, rule = [text(""), text("")], max(1, width - taken - 2)
        return Strip.join(
            [names[0], positions[0], text(f" {'─' * rule} ", LINE), names[1], positions[1]]
        )
