"""The live curves of a run."""

from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip

from engine.history import History
from engine.snapshot import Snapshot
from engine.text import epochs, nats
from engine.views import Frame
from engine.visible_range import visible_limits
from tui.drawing.curves import HistoryCurves
from tui.drawing.plot import Curve, Mark, draw_chart
from tui.drawing.series import TITLES, ChartMetric, Series, metrics_of
from tui.theme import (
    ALERT_COLOR,
    AXES_COLOR,
    BEST_COLOR,
    CURSOR_COLOR,
    TRAIN_COLOR,
    VALIDATION_COLOR,
)
from tui.widgets.canvas import CanvasPanel

LONG_TITLE = 68
"""Columns from which the title has room for whole words."""


class MetricChart(CanvasPanel):
    """Train and validation curves of one metric; built again only when they have changed."""

    export_names = ("train_loss", "val_loss")

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._metric: ChartMetric = "neg_elbo"
        self._curves = HistoryCurves(History())
        self._snapshot: Snapshot | None = None
        self._version: tuple[object, ...] = ()
        self._cursor: Frame | None = None
        self._branched_from: tuple[HistoryCurves, float] | None = None

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
        self._snapshot = snapshot
        if history is not self._curves.history:
            self._curves = HistoryCurves(history)
        evaluated = snapshot.last.step if snapshot and snapshot.last else None
        trained = snapshot.train.step if snapshot and snapshot.train else None
        cursor = self._cursor.step if self._cursor else None
        steered = len(snapshot.steering) if snapshot else 0
        version = (id(history), evaluated, trained, self.metric, cursor, steered, self._flags())
        if version != self._version:
            self._version = version
            self.repaint()

    def show_parent(self, history: History | None, epoch: float = 0.0) -> None:
        """Show the curve of the run that this one is a branch of, or none.

        Args:
            epoch: of the parent, at which the branch began.
        """
        self._branched_from = None
        if history is not None:
            self._branched_from = HistoryCurves(history), epoch
            self._branched_from[0].read()
        self._version = ()

    def show_cursor(self, frame: Frame | None) -> None:
        """Mark a moment of the film, or none."""
        self._cursor = frame
        self.show_run(self._curves.history, self._snapshot)

    def paint(self, size: Size) -> list[Strip]:
        """The chart's lines."""
        self._curves.read()
        train, validation = self._curves.train(self.metric), self._curves.validation(self.metric)
        parent = self._parent_curve()
        curves = [(s.epochs, s.values) for s in (parent, train, validation) if s is not None]
        limits = visible_limits(curves, floor=0.0 if self.metric == "kl" else None)
        cut = any(limits.outside(values) for _, values in curves)
        self.set_title(self._describe(cut=cut))
        best = self._curves.history.best
        return draw_chart(
            size,
            [
                *([Curve(parent, AXES_COLOR)] if parent is not None else []),
                Curve(train, TRAIN_COLOR),
                Curve(validation, VALIDATION_COLOR),
            ],
            limits,
            self._snapshot.epoch if self._snapshot else 0.0,
            Mark(best.epoch, getattr(best.val, self.metric), BEST_COLOR) if best else None,
            (self._cursor.epoch, CURSOR_COLOR) if self._cursor else None,
            self._steered_at(),
            [(epoch, ALERT_COLOR) for epoch in self._flags()],
        )

    def _parent_curve(self) -> Series | None:
        """Validation of the parent, from the branching on, as far as the branch has come."""
        if self._branched_from is None or self._snapshot is None:
            return None
        curves, begin = self._branched_from
        series = curves.validation(self.metric)
        shown = (series.epochs >= begin) & (series.epochs <= begin + max(1.0, self._snapshot.epoch))
        return Series(series.epochs[shown] - begin, series.values[shown]) if shown.any() else None

    def _steered_at(self) -> list[float]:
        """The epochs at which settings were changed."""
        s = self._snapshot
        if s is None or not s.step or not s.epoch:
            return []
        return [change.step * s.epoch / s.step for change in s.steering]

    def _flags(self) -> tuple[float, ...]:
        """Epochs at which rules raised alerts."""
        alerts = self._snapshot.alerts if self._snapshot else ()
        return tuple(alert.epoch for alert in alerts if alert.epoch is not None)

    def _describe(self, *, cut: bool) -> Content:
        long = self.size.width >= LONG_TITLE and self._cursor is None
        what = f"{TITLES[self.metric]}{', nats per image' if long else ''}"
        clipped = " · first epochs clipped" if cut and long else ""
        validation = "validation" if long and not clipped else "val"
        return Content.assemble(
            f"{what}  ",
            ("━ train", "$train"),
            " ",
            (f"━ {validation}", "$validation"),
            " ",
            ("● best", "$best"),
            (" ━ parent", "dim") if long and self._branched_from is not None else "",
            (" ┊ steered", "dim") if self._steered_at() and self._cursor is None else "",
            (self._at_cursor(), "$cursor") if self._cursor else clipped,
        )

    def _at_cursor(self) -> str:
        """What the validation curve says at the film's moment."""
        if self._cursor is None:
            return ""
        found = self._curves.evaluated(self._cursor.step, self.metric)
        if found is not None:
            epoch, value = found
            diagnosis = self._curves.history.diagnosis
            above = ""
            # A KL has no floor but 0.
            if diagnosis is not None and self.metric != "kl" and self.size.width >= LONG_TITLE:
                above = f" ({nats(value - diagnosis.floor)} above floor)"
            return f" │ epoch {epochs(epoch)}: {nats(value)}{above}"
        return ""
