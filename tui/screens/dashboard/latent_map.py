"""The latent map: where the validation images lie, by class, with a legend."""

from rich.segment import Segment
from textual.geometry import Size
from textual.strip import Strip

from engine.views import LatentView
from tui.drawing.class_marks import class_mark, class_style, map_line
from tui.drawing.grid import Grid, occupancy
from tui.drawing.pixels import ImageMode
from tui.widgets.canvas import CanvasPanel

LEGEND_GAP = 2
MIN_MAP_COLUMNS = 20


class LatentMapPanel(CanvasPanel):
    """Each cell has the mark and colour of the class that most of its images belong to.

    In ASCII mode the mark is the class's digit.
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
        grid = Grid.around(self._view.points, columns, size.height)
        classes = len(self._view.class_names)
        cells = occupancy(grid, self._view.points, self._view.labels, classes)
        lines: list[Strip] = []
        for row in range(size.height):
            beside = legend[row] if row < len(legend) else []
            segments = map_line(
                cells.majority[row].tolist(), cells.density[row].tolist(), self.image_mode
            )
            lines.append(Strip([*segments, Segment(" " * LEGEND_GAP), *beside]))
        return lines


def _legend_segments(class_names: tuple[str, ...], mode: ImageMode) -> list[list[Segment]]:
    return [
        [Segment(class_mark(label, mode), class_style(label)), Segment(f" {name}")]
        for label, name in enumerate(class_names)
    ]
