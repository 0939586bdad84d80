"""A panel that draws lines it has ready: no layout, no markup, only strips of cells."""

from textual.geometry import Size
from textual.strip import Strip

from tui.pixels import ImageMode
from tui.widgets.panel import Panel


class CanvasPanel(Panel):
    """Draws through `paint`, whose result is kept until `repaint` or a new size asks again."""

    image_mode: ImageMode = "half"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._painted: tuple[Size, list[Strip]] | None = None

    def paint(self, size: Size) -> list[Strip]:
        """The panel's lines, at most `size.height`, each at most `size.width` cells."""
        raise NotImplementedError

    def repaint(self) -> None:
        """Call when what `paint` would draw has changed."""
        self._painted = None
        self.refresh()

    def set_image_mode(self, mode: ImageMode) -> None:
        """Half-blocks or ASCII from now on."""
        self.image_mode = mode
        self.repaint()

    def render_line(self, y: int) -> Strip:
        """One line, from the last painting."""
        size = self.size
        if self._painted is None or self._painted[0] != size:
            lines = self.paint(size) if size.width > 0 and size.height > 0 else []
            self._painted = (size, lines)
        lines = self._painted[1]
        line = lines[y] if y < len(lines) else Strip.blank(size.width)
        return line.adjust_cell_length(size.width).apply_style(self.rich_style)
