"""Traversal: one image with single latent dimensions moved, a dimension a row."""

from dataclasses import dataclass, replace
from typing import ClassVar

from textual.geometry import Size
from textual.strip import Strip

from engine.figures.options import FigureOptions
from engine.text import compact, dimension_name, epochs, fixed
from engine.views import Traversal, TraversalView, ViewRequest
from tui.screens.walks.panel import (
    FAINT,
    NEXT_TO,
    SIZES,
    WalkPanel,
    beside,
    blank,
    centred,
    chosen_columns,
    column_heads,
    fitting,
    row_of,
    text,
    without_prior,
)

_ENOUGH = ((14, 9, 6), (14, 7, 5), (12, 7, 4), (10, 5, 3), (10, 5, 1))
"""(pixels, steps, rows) worth having, the best first: the largest images that give them."""
_CAPTION = 11
"""Cells of the widest class name, under the original."""


@dataclass(frozen=True, slots=True)
class TraversalLayout:
    """How many dimensions in how many steps fit, and how large the images are."""

    size: int
    steps: int
    rows: int
    gap: int
    """Cells between two steps."""
    original: int
    """Pixels of the original image; 0 if there is no room for it."""
    label: int
    """Cells for a dimension's name and weight."""


def traversal_layout(
    width: int, height: int, dims: int, label: int, heads: int, row_heads: int
) -> TraversalLayout | None:
    """The largest images that allow enough steps and dimensions; None if nothing fits.

    Args:
        width: cells across.
        height: lines down.
        dims: how many there are.
        label: cells for a dimension's name and weight.
        heads: lines over all columns.
        row_heads: lines over each row.
    """
    for with_original in (True, False):
        for pixels, steps, rows in _ENOUGH:
            for size in SIZES:
                block = max(size, _CAPTION) + NEXT_TO if with_original else 0
                beside_block = width - block - label - 1
                layout = TraversalLayout(
                    size=size,
                    steps=fitting(beside_block, size, 1),
                    rows=_rows(height - heads, size, row_heads),
                    gap=1,
                    original=size if with_original else 0,
                    label=label,
                )
                enough = layout.steps >= steps and layout.rows >= min(rows, dims)
                if size >= pixels and enough:
                    return _with_larger_original(layout, beside_block + block, height - heads)
    size = SIZES[-1]
    steps = fitting(width - label - 1, size, 0)
    rows = _rows(height - heads, size, row_heads)
    return TraversalLayout(size, steps, rows, 0, 0, label) if steps >= 3 and rows >= 1 else None


def _rows(height: int, size: int, row_heads: int) -> int:
    """How many rows fit; where none has a line over it, a blank one between any two."""
    return height // (size // 2 + row_heads) if row_heads else (height + 1) // (size // 2 + 1)


def _with_larger_original(layout: TraversalLayout, width: int, height: int) -> TraversalLayout:
    """The original takes the room that is left over."""
    if not layout.original:
        return layout
    left = width - (layout.steps * (layout.size + layout.gap) - layout.gap) - NEXT_TO
    larger = [size for size in SIZES if size <= left and size // 2 + 2 <= height]
    return replace(layout, original=max([layout.original, *larger]))


class TraversalPanel(WalkPanel):
    """The most informative dimensions first; scrolls if there are more than fit."""

    EXPLANATION: ClassVar[str] = "each row moves one latent dimension; the others stay at the image"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._image = 0
        self._top = 0
        self._view: TraversalView | None = None

    def clear(self) -> None:
        """Forget what is shown: it is of another run."""
        self._view = None
        self._top = 0
        self.repaint()

    def turn(self, images: int) -> bool:
        """Another validation image; whether there was one before this."""
        if self._image + images < 0:
            return False
        self._image += images
        return True

    def scroll_dims(self, rows: int) -> bool:
        """Dimensions further down or up; whether there are any."""
        before, self._top = self._top, self._top + rows
        self._top = self._first_row()
        if self._top == before:
            return False
        self.repaint()
        return True

    def page_of_dims(self) -> int:
        """How many dimensions are on show at once."""
        layout = self._layout(self.size)
        return layout.rows if layout else 1

    def request(self) -> Traversal | None:
        """The dimensions on show and a page more, so that scrolling has them at once."""
        layout = self._layout(self.size)
        if layout is None:
            return None
        rows = min(self.latent_dim, self._first_row() + 2 * layout.rows)
        return Traversal(self._image, rows, layout.steps)

    def accept(self, view: object, _request: ViewRequest[object]) -> None:
        """Show the answer to a request."""
        assert isinstance(view, TraversalView)
        self._view = view
        self.repaint()

    def figure(self) -> tuple[str, FigureOptions]:
        """The dimensions down to the last one on show."""
        request = self.request() or Traversal(self._image)
        rows = min(self.latent_dim, self._first_row() + self.page_of_dims())
        return "traversal", FigureOptions(traversal=replace(request, rows=rows))

    def titles(self) -> tuple[str, ...]:
        """What the columns are, and which dimensions are on show."""
        columns = "prior quantiles 5 % … 95 %"
        if without_prior(self.model):
            columns = "quantiles 5 % … 95 % of this AE's own codes: no prior"
        shown, when = "", ""
        if self._view is not None:
            when = f" · epoch {epochs(self._view.epoch)}"
            layout = self._layout(self.size)
            if layout is not None and not layout.original:
                shown = f" · dims {self._dims_shown()}"
        short, shorter = columns, "prior quantiles"
        if without_prior(self.model):
            short, shorter = "own quantiles, no prior", "no prior"
        variants = [columns + shown + when, columns + shown, short + shown, columns, short, shorter]
        return tuple(variants)

    def fits(self, size: Size) -> bool:
        """Whether there is room for a dimension."""
        return self._layout(size) is not None

    def lines(self, size: Size) -> list[Strip] | None:
        """The original on the left, the dimensions beside it, quantiles above."""
        view, layout = self._view, self._layout(size)
        if view is None or layout is None:
            return None
        columns = chosen_columns(view.images.shape[1], layout.steps)
        own = without_prior(self.model)
        quantiles = [f"{100 * q:.3g} %" for q in view.quantiles[columns]]
        unit = text(("variance" if own else "KL, nats").rjust(layout.label) + " ", FAINT)
        heads = [column_heads(quantiles, layout.size, layout.gap, FAINT)]
        if not own:
            values = [_number(v) for v in view.values[0][columns]]
            heads.append(column_heads(values, layout.size, layout.gap))
        lines = beside([*blank(layout.label + 1, len(heads) - 1), unit], heads)
        first = min(self._first_row(), max(0, len(view.dims) - layout.rows))
        rows = range(first, min(len(view.dims), first + layout.rows))
        for row in rows:
            if row > first and not own:
                lines += blank(0)
            lines += self._row(view, row, columns.tolist(), layout)
        if layout.original:
            original = [*blank(0, len(heads)), *self._original(view, layout)]
            width = max(layout.original, _CAPTION)
            band = [line.adjust_cell_length(width) for line in original]
            lines = beside(band, blank(NEXT_TO, len(band)), lines)
        return centred(lines, size.width)

    def _row(
        self, view: TraversalView, row: int, columns: list[int], layout: TraversalLayout
    ) -> list[Strip]:
        images = row_of(view.images[row][columns], layout.size, layout.gap, self.image_mode)
        weight = _weight(view.weights[row])
        name = dimension_name(int(view.dims[row]))
        space = " " * max(1, layout.label - len(name) - len(weight))
        label = Strip.join([text(name), text(space + weight, FAINT)])
        middle = (len(images) - 1) // 2
        labels = blank(layout.label + 1, len(images))
        labels[middle] = label.adjust_cell_length(layout.label + 1)
        band = beside(labels, images)
        if without_prior(self.model):
            values = [_number(v) for v in view.values[row][columns]]
            heads = column_heads(values, layout.size, layout.gap)
            band = [*beside(blank(layout.label + 1), [heads]), *band]
        return band

    def _original(self, view: TraversalView, layout: TraversalLayout) -> list[Strip]:
        image = row_of(view.original[None], layout.original, 0, self.image_mode)
        caption = [text(view.class_name), text(f"#{view.index}", FAINT)]
        if self.page_of_dims() < self.latent_dim:
            caption += [*blank(0), text("dims", FAINT), text(self._dims_shown(), FAINT)]
        return [*image, *caption]

    def _dims_shown(self) -> str:
        """Which dimensions of how many, counted from the most informative."""
        first, rows = self._first_row(), self.page_of_dims()
        return f"{first + 1}–{min(self.latent_dim, first + rows)} of {self.latent_dim}"

    def _first_row(self) -> int:
        """The first dimension on show; there may be room for more now than when it was chosen."""
        layout = self._layout(self.size)
        rows = layout.rows if layout else 1
        return max(0, min(self._top, self.latent_dim - rows))

    def _layout(self, size: Size) -> TraversalLayout | None:
        label = len(dimension_name(self.latent_dim - 1)) + len(" 12.34")
        heads = 1 if without_prior(self.model) else 2
        return traversal_layout(
            *size, dims=self.latent_dim, label=label, heads=heads, row_heads=self._row_heads
        )

    @property
    def _row_heads(self) -> int:
        """An autoencoder's dimensions have values of their own, over each row."""
        return 1 if without_prior(self.model) else 0


def _number(value: float) -> str:
    return fixed(value, 2)


def _weight(value: float) -> str:
    return fixed(value, 2) if value < 100 else compact(value)
