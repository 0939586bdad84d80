"""The live curves of a run, drawn by plotext."""

from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip
from textual_plotext import Plot

from engine.history import History
from engine.limits import Limits, visible_limits
from engine.snapshot import Snapshot
from tui.series import (
    TITLES,
    ChartMetric,
    Series,
    epoch_ticks,
    metrics_of,
    round_ticks,
    thin,
    train_series,
    validation_series,
)
from tui.theme import AXES_COLOR, BEST_COLOR, TRAIN_COLOR, VALIDATION_COLOR, Rgb
from tui.widgets.canvas import CanvasPanel

Y_LABEL_COLUMNS = 6
"""What the y-axis and its labels take."""
ROWS_PER_TICK = 4
LONG_TITLE = 68
"""Columns from which the title has room for whole words."""


class MetricChart(CanvasPanel):
    """Train and validation curves of one metric; built anew only when there is news."""

    export_names = ("train_loss", "val_loss")

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._metric: ChartMetric = "neg_elbo"
        self._history = History()
        self._snapshot: Snapshot | None = None
        self._version: tuple[object, ...] = ()

    @property
    def metric(self) -> ChartMetric:
        """What is charted: the one chosen, if this kind of model has it."""
        choices = metrics_of(self.model)
        return self._metric if self._metric in choices else choices[0]

    def next_metric(self) -> None:
        """Switch to the next metric of this kind of model."""
        choices = metrics_of(self.model)
        self._metric = choices[(choices.index(self.metric) + 1) % len(choices)]

    def clear(self) -> None:
        """Wait for the curves of another run."""
        self.show_run(History(), None)

    def show_run(self, history: History, snapshot: Snapshot | None) -> None:
        """Draw what is new since the last call, if anything is."""
        self._history, self._snapshot = history, snapshot
        evaluated = snapshot.last.step if snapshot and snapshot.last else None
        trained = snapshot.train.step if snapshot and snapshot.train else None
        version = (id(history), evaluated, trained, self.metric)
        if version != self._version:
            self._version = version
            self.repaint()

    def paint(self, size: Size) -> list[Strip]:
        """The chart's lines."""
        lines = self._build(size).split()
        return [Strip(list(line.render(self.app.console))) for line in lines]

    def _build(self, size: Size) -> Text:
        epoch = self._snapshot.epoch if self._snapshot else 0.0
        columns = max(4, size.width - Y_LABEL_COLUMNS)
        train = train_series(self._history.train_points(), self.metric)
        validation = validation_series(self._history.evaluations(), self.metric)
        curves = [(s.epochs, s.values) for s in (train, validation)]
        limits = visible_limits(curves, floor=0.0 if self.metric == "kl" else None)
        cut = any(limits.outside(values) for _, values in curves)
        self.set_title(self._describe(cut=cut))
        plot = Plot()
        # plotext would cap the figure at what it takes for the terminal's size.
        plot._limit_size(False, False)  # type: ignore[attr-defined]
        # Plot.plotsize alone doesn't take (textual-plotext's own widget does the same).
        plot._set_size(size.width, size.height)
        plot.plotsize(size.width, size.height)
        plot.canvas_color("default")
        plot.axes_color("default")
        plot.ticks_color(AXES_COLOR)
        plot.xaxes(True, False)
        plot.yaxes(True, False)
        x_ticks = epoch_ticks(epoch, columns)
        plot.xticks(x_ticks, [f"{tick:g}" for tick in x_ticks])
        plot.xlim(0, max(1.0, epoch))
        if not len(train.values) and not len(validation.values):
            return Text("no steps trained yet", "dim")
        y_ticks = round_ticks(limits.low, limits.high, size.height // ROWS_PER_TICK)
        plot.yticks(y_ticks, [f"{tick:g}" for tick in y_ticks])
        plot.ylim(limits.low, limits.high)
        # One cell has one colour: validation comes last, to lie over the training curve.
        _draw(plot, thin(train, 2 * columns), limits, TRAIN_COLOR)
        _draw(plot, thin(validation, 2 * columns), limits, VALIDATION_COLOR)
        best = self._history.best
        if best is not None and limits.low <= getattr(best.val, self.metric) <= limits.high:
            value = getattr(best.val, self.metric)
            plot.scatter([best.epoch], [value], color=BEST_COLOR, marker="●")
        return Text.from_ansi(plot.build())

    def _describe(self, *, cut: bool) -> str:
        long = self.size.width >= LONG_TITLE
        what = f"{TITLES[self.metric]}{', nats per image' if long else ''}"
        validation = "validation" if long else "val"
        start = " · start cut off" if cut and long else ""
        return (
            f"{what}  [{_hex(TRAIN_COLOR)}]━ train[/] [{_hex(VALIDATION_COLOR)}]━ {validation}[/]"
            f" [{_hex(BEST_COLOR)}]● best[/]{start}"
        )


def _draw(plot: Plot, series: Series, limits: Limits, color: Rgb) -> None:
    """The part of a curve that lies within the limits: plotext would draw beyond its axes."""
    inside = (series.values >= limits.low) & (series.values <= limits.high)
    if inside.any():
        epochs, values = series.epochs[inside].tolist(), series.values[inside].tolist()
        plot.plot(epochs, values, color=color, marker="braille")


def _hex(color: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
