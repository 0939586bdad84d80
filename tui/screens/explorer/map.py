"""The explorer's map: a sign per cell, a cursor, and the cell that the mouse is on."""

from dataclasses import dataclass
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.events import MouseDown, MouseEvent, MouseMove, MouseUp
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from engine.views import LatentView
from tui.drawing.class_marks import class_mark, class_style, map_line
from tui.drawing.grid import EMPTY, Grid, Occupancy, occupancy
from tui.drawing.pixels import ImageMode
from tui.theme import ACCENT, BLACK, HIGHLIGHT, WHITE
from tui.widgets.canvas import CanvasPanel

CURSOR_STYLE = Style(color=BLACK, bgcolor=WHITE, bold=True)
NEAREST_STYLE = Style(bgcolor=HIGHLIGHT, bold=True)
END_STYLE = Style(color=BLACK, bgcolor=ACCENT, bold=True)
WAITING_STYLE = Style(dim=True)
EMPTY_CURSOR: Final[dict[ImageMode, str]] = {"half": "┼", "ascii": "+"}
END_LETTERS = ("A", "B")


@dataclass(frozen=True, slots=True)
class MapMarks:
    """What is marked on the map; rows are those of the view's arrays."""

    cursor: tuple[float, float] = (0.0, 0.0)
    nearest: int | None = None
    """The image nearest to the cursor."""
    ends: tuple[int | None, int | None] = (None, None)
    """Where an interpolation starts and ends."""


class ExplorerMap(CanvasPanel):
    """Draws what it is given; moving the cursor redraws the lines it leaves and enters."""

    ALLOW_SELECT = False
    export_names = ("latent_scatter",)

    @dataclass
    class Hovered(Message):
        """The mouse is on a cell, or was dragged beyond the edge next to it."""

        column: int
        row: int

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._view: LatentView | None = None
        self._hidden: frozenset[int] = frozenset()
        self._marks = MapMarks()
        self._waiting = "waiting for the model"
        self._drawn: _Drawn | None = None
        self._dragging = False

    @property
    def grid(self) -> Grid:
        """The cells of the map as it is now."""
        if self._view is None or not self.size:
            return Grid(max(1, self.size.width), max(1, self.size.height))
        return self._drawing(self._view, self.size).grid

    def clear(self) -> None:
        """Wait for the map of another run."""
        self._view = None
        self.repaint()

    def wait(self, why: str) -> None:
        """What to say while there is no map."""
        self._waiting = why
        if self._view is None:
            self.repaint()

    def show(self, view: LatentView, hidden: frozenset[int], marks: MapMarks) -> None:
        """Show a map without some classes."""
        self._view, self._hidden, self._marks = view, hidden, marks
        self.repaint()

    def mark(self, marks: MapMarks) -> None:
        """Mark the same map otherwise."""
        self._marks = marks
        self.repaint()

    def paint(self, size: Size) -> list[Strip]:
        """The cells, with the marks over them."""
        if self._view is None:
            return [Strip([Segment(f" {self._waiting}", WAITING_STYLE)])]
        drawn = self._drawing(self._view, size)
        lines = list(drawn.lines)
        for row, cells in self._mark_cells(self._view, drawn).items():
            lines[row] = _overlaid(lines[row], cells)
        return lines

    def _drawing(self, view: LatentView, size: Size) -> "_Drawn":
        """The map without marks, kept for as long as it stays the same."""
        of = (id(view), self._hidden, size, self.image_mode)
        if self._drawn is None or self._drawn.of != of:
            grid = Grid.around(view.points, size.width, size.height)
            classes = len(view.class_names)
            cells = occupancy(grid, view.points, view.labels, classes, self._hidden)
            lines = [
                Strip(map_line(majority, density, self.image_mode), size.width)
                for majority, density in zip(
                    cells.majority.tolist(), cells.density.tolist(), strict=True
                )
            ]
            self._drawn = _Drawn(of, view, grid, cells, lines)
        return self._drawn

    def _mark_cells(self, view: LatentView, drawn: "_Drawn") -> dict[int, dict[int, Segment]]:
        """What lies over the map, by row and column; the later hides the earlier."""
        found: dict[int, dict[int, Segment]] = {}
        marks, grid = self._marks, drawn.grid

        def put(column: int, row: int, text: str, style: Style) -> None:
            found.setdefault(row, {})[column] = Segment(text, style)

        def cell_of(index: int) -> tuple[int, int]:
            x, y = view.points[index].tolist()
            return grid.cell(x, y)

        letters: dict[tuple[int, int], str] = {}
        if marks.nearest is not None:
            label = int(view.labels[marks.nearest])
            style = class_style(label) + NEAREST_STYLE
            put(*cell_of(marks.nearest), class_mark(label, self.image_mode), style)
        for letter, end in zip(END_LETTERS, marks.ends, strict=True):
            if end is not None:
                letters[cell_of(end)] = letter
                put(*cell_of(end), letter, END_STYLE)
        cell = grid.cell(*marks.cursor)
        majority = int(drawn.cells.majority[cell[1], cell[0]])
        under = EMPTY_CURSOR[self.image_mode]
        if majority != EMPTY:
            under = class_mark(majority, self.image_mode)
        put(*cell, letters.get(cell, under), CURSOR_STYLE)
        return found

    # The mouse: what it hovers over is explored; dragging goes on beyond the edge.

    def on_mouse_down(self, event: MouseDown) -> None:
        """Begin to drag."""
        self._dragging = True
        self.capture_mouse()
        self._point_at(event)

    def on_mouse_up(self, _event: MouseUp) -> None:
        """End of dragging."""
        self._dragging = False
        self.release_mouse()

    def on_mouse_move(self, event: MouseMove) -> None:
        """The cursor follows."""
        self._point_at(event)

    def _point_at(self, event: MouseEvent) -> None:
        inside = event.get_content_offset(self) is not None
        if not self.size or not (inside or self._dragging):
            return
        offset = event.get_content_offset_capture(self).clamp(*self.size)
        self.post_message(self.Hovered(offset.x, offset.y))


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    of: tuple[int, frozenset[int], Size, ImageMode]
    view: LatentView
    """Kept, so that no other view gets its id."""
    grid: Grid
    cells: Occupancy
    lines: list[Strip]


def _overlaid(line: Strip, cells: dict[int, Segment]) -> Strip:
    """A line with single cells replaced."""
    parts: list[Strip] = []
    at = 0
    for column in sorted(cells):
        parts += [line.crop(at, column), Strip([cells[column]], 1)]
        at = column + 1
    return Strip.join([*parts, line.crop(at)])
