"""The comparison's panels: curves, numbers, and pictures of several runs."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip

from engine.comparison import RunNumbers
from engine.config import RunConfig
from engine.engine import TrainingEngine
from engine.limits import visible_limits
from engine.views import Images
from tui.plot import Curve, draw_chart, hex_color
from tui.series import validation_series
from tui.text import epochs, nats
from tui.theme import TRAIN_COLOR, VALIDATION_COLOR, Rgb
from tui.widgets.canvas import CanvasPanel
from tui.widgets.panel import Panel
from tui.widgets.pictures import PicturePanel

RUN_COLORS: tuple[Rgb, ...] = (TRAIN_COLOR, VALIDATION_COLOR)
EXPORTS = ("comparison",)
LABEL_STYLE = Style(color="#9aa0aa")


def run_color(index: int) -> Rgb:
    """The colour of the run in every panel; they repeat."""
    return RUN_COLORS[index % len(RUN_COLORS)]


class CurvesPanel(CanvasPanel):
    """Validation reconstruction of the runs: what an autoencoder and a VAE both have."""

    export_names = EXPORTS

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._engines: Sequence[TrainingEngine] = ()
        self._version: tuple[object, ...] = ()

    def clear(self) -> None:
        """Nothing is kept that could be of another run."""

    def show(self, engines: Sequence[TrainingEngine]) -> None:
        """Draw what is new since the last call, if anything is."""
        self._engines = engines
        version = tuple(len(engine.history.evaluations()) for engine in engines)
        if version != self._version:
            self._version = version
            names = [
                f"[{hex_color(run_color(i))}]━ {engine.config.model.upper()}[/]"
                for i, engine in enumerate(engines)
            ]
            self.set_title(f"validation reconstruction, nats per image  {' '.join(names)}")
            self.repaint()

    def paint(self, size: Size) -> list[Strip]:
        """The chart's lines."""
        if not self._engines:
            return []
        series = [validation_series(e.history.evaluations(), "recon") for e in self._engines]
        limits = visible_limits([(s.epochs, s.values) for s in series])
        epoch = max((float(s.epochs[-1]) for s in series if len(s.epochs)), default=0.0)
        curves = [Curve(s, run_color(i)) for i, s in enumerate(series)]
        chart = draw_chart(size, curves, limits, epoch)
        return [Strip(list(line.render(self.app.console))) for line in chart.split()]


class NumbersPanel(Panel):
    """What can be compared, as a table."""

    export_names = EXPORTS

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._runs: list[tuple[RunConfig, RunNumbers | None]] = []
        self._note = ""

    def show(self, runs: list[tuple[RunConfig, RunNumbers | None]], note: str) -> None:
        """Show other numbers.

        Args:
            runs: each with what is known of it so far.
            note: what is being done, or how to begin.
        """
        if (runs, note) != (self._runs, self._note):
            self._runs, self._note = runs, note
            self.set_title("on the validation images")
            self.refresh()

    def render(self) -> RenderableType:
        """The table, and the note under it."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="#9aa0aa", no_wrap=True)
        for index, _ in enumerate(self._runs):
            table.add_column(justify="right", style=hex_color(run_color(index)), no_wrap=True)
        for row in self.rows():
            table.add_row(*row)
        table.add_row(Text(self._note, "#f0aa46"), *[""] * len(self._runs))
        return table

    def rows(self) -> list[list[str]]:
        """The table's rows: what is measured, then a number for each run."""
        known = [numbers for _, numbers in self._runs]
        names = ["", *(config.model.upper() for config, _ in self._runs)]
        moments = ["epoch", *("–" if n is None else epochs(n.epoch) for n in known)]
        units = [
            "–" if n is None else f"{n.active_units} of {config.latent_dim}"
            for config, n in self._runs
        ]
        return [
            names,
            moments,
            ["BCE at z = μ, nats", *(nats(n.recon_bce if n else None) for n in known)],
            [
                "MSE at z = μ, per pixel",
                *("–" if n is None else f"{n.recon_mse:.5f}" for n in known),
            ],
            ["k-NN accuracy on μ", *("–" if n is None else f"{n.knn_accuracy:.1%}" for n in known)],
            ["active units", *units],
            ["E_q reconstruction, nats", *(nats(n.expected_recon if n else None) for n in known)],
            ["−ELBO, nats", *(nats(n.neg_elbo if n else None) for n in known)],
        ]


class LabelledPictures(PicturePanel):
    """Rows of images that belong together, each with its name at the left."""

    export_names = EXPORTS

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._labels: list[str] = []

    def show_rows(self, rows: list[tuple[str, Images]]) -> None:
        """Show rows by their names; image i of every row stands in one column."""
        self._labels = [label for label, _ in rows]
        self.set_stacks([images for _, images in rows])

    def paint(self, size: Size) -> list[Strip]:
        """The pictures, centred in what the names leave."""
        if not self._labels:
            return super().paint(size)
        width = max(map(len, self._labels)) + 1
        lines = super().paint(Size(size.width - width, size.height))
        if self.tiling is None:
            return lines
        rows_per_image = self.tiling.size // 2
        names = [Segment(" " * width)] * len(lines)
        for row in range(len(lines) // rows_per_image):
            label = self._labels[row % len(self._labels)]
            names[row * rows_per_image + rows_per_image // 2] = Segment(
                label.ljust(width), LABEL_STYLE
            )
        return [
            Strip([name, *line], width + line.cell_length)
            for name, line in zip(names, lines, strict=True)
        ]
