"""A panel that draws lines it has ready: no layout, no markup, only strips of cells."""

from textual.geometry import Region, Size
from textual.strip import Strip

from tui.drawing.pixels import ImageMode
from tui.terminal.boundary import undrawn_strip
from tui.widgets.panel import Panel


class CanvasPanel(Panel):
    """Draws through `paint`; only the lines that differ from the last painting are sent."""

    image_mode: ImageMode = "half"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._painted_size = Size(0, 0)
        self._painted: list[Strip] = []

    def paint(self, size: Size) -> list[Strip]:
        """The panel's lines, at most `size.height`, each at most `size.width` cells."""
        raise NotImplementedError

    def clear(self) -> None:
        """Forget what is shown: it is of another run."""
        raise NotImplementedError

    def repaint(self) -> None:
        """Call when what `paint` would draw has changed."""
        if self.size != self._painted_size:
            self.refresh()  # painted when it is next drawn, in its new size
            return
        before, self._painted = self._painted, self._fitted()
        for y, (old, new) in enumerate(zip(before, self._painted, strict=True)):
            if old != new:
                self.refresh(Region(0, y, self.size.width, 1))

    def set_image_mode(self, mode: ImageMode) -> None:
        """Half-blocks or ASCII from now on."""
        self.image_mode = mode
        self.repaint()

    def render_line(self, y: int) -> Strip:
        """One line, from the last painting."""
        if self.size != self._painted_size:
            self._painted_size = self.size
            self._painted = self._fitted()
        if y >= len(self._painted):
            return Strip.blank(self.size.width, self.rich_style)
        return self._painted[y].apply_style(self.rich_style)

    def _fitted(self) -> list[Strip]:
        width, height = self.size
        if not width or not height:
            return []
        try:
            lines = self.paint(self.size)[:height]
            lines = [line.adjust_cell_length(width) for line in lines]
        except Exception as error:
            # Painted again when there is something new, and in another size.
            lines = [undrawn_strip(self, error).adjust_cell_length(width)]
        return lines + [Strip.blank(width)] * (height - len(lines))
