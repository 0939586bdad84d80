"""The dashboard: one run, live."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.events import Resize
from textual.message import Message

from engine.errors import RunError
from engine.figures.options import FigureOptions
from engine.history import History
from engine.parent import Parent
from engine.run import Run
from engine.storage.config_json import read_config
from engine.storage.history_reader import HistoryReader
from tui.screens.base import LARGE, Part
from tui.screens.dashboard.chart import MetricChart
from tui.screens.dashboard.latent_map import LatentMapPanel
from tui.screens.dashboard.picture_control import PictureControl
from tui.screens.dashboard.samples import SamplePanel
from tui.screens.dashboard.status import StatusPanel
from tui.screens.dialogs.alerts import AlertsScreen
from tui.state.context import RunContext
from tui.state.exports import ExportOrder
from tui.state.keymap import ACTIONS, bindings
from tui.widgets.canvas import CanvasPanel
from tui.widgets.header import RunHeader
from tui.widgets.key_bar import KeyBar
from tui.widgets.message_line import MessageLine
from tui.widgets.panel import Panel
from tui.widgets.pictures import ReconstructionPanel

CHART_INTERVAL = 0.7
"""Seconds between two redraws of the curves, which cost the most."""
SMALLEST = (80, 24)


class Dashboard(PictureControl):
    """Shows one run at a time: the context's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(
            ACTIONS,
            {
                "ctrl+c": "leave",
                "escape": "unzoom",
                "right": "film_forward",
                "home": "film_start",
                "minus": "cooler",
                "equals_sign": "hotter",
            },
        )
    ]
    SCREEN_ACTIONS = ACTIONS

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        self._asked_for_parent = False

    def compose(self) -> ComposeResult:
        """Header, four panels and the numbers, message line, footer."""
        yield RunHeader(id="header")
        with Container(id="body"):
            yield MetricChart(id="chart")
            yield LatentMapPanel(id="latent")
            yield ReconstructionPanel(id="reconstructions")
            yield StatusPanel(id="status")
            yield SamplePanel(id="samples")
        yield MessageLine(id="message")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Focus the chart."""
        self.query_one(MetricChart).focus()

    def on_resize(self, event: Resize) -> None:
        """Choose the layout for the terminal's size."""
        width, height = event.size
        large = width >= LARGE[0] and height >= LARGE[1]
        if large != self.has_class("-large"):
            # A grid fills its cells in the children's order.
            status, samples = self.query_one(StatusPanel), self.query_one(SamplePanel)
            body = self.query_one("#body")
            if large:
                body.move_child(status, after=samples)
            else:
                body.move_child(status, before=samples)
            self.set_class(large, "-large")
        tiny = width < SMALLEST[0] or height < SMALLEST[1]
        if tiny and not self.has_class("-tiny"):
            self.say(f"{width}×{height} is small: pictures need {SMALLEST[0]}×{SMALLEST[1]}")
        self.set_class(tiny, "-tiny")

    def show_run(self) -> None:
        """Show the context's run, just started or opened, and those that follow it."""
        self.context.follows_training = True
        self.change_run()

    def begin_run(self) -> None:
        """Empty panels, for this kind of model."""
        super().begin_run()
        self._asked_for_parent = False
        self.query_one(MetricChart).show_parent(None)
        self.query_one(StatusPanel).model = self.run.config.model
        for panel in self.query(CanvasPanel):
            panel.model = self.run.config.model
            panel.clear()
        self.apply_image_mode()

    def parts(self) -> list[Part]:
        """The curves less often than the numbers; pictures when their feeds find them due."""
        return [Part(self._show_chart, CHART_INTERVAL), Part(self.pictures.update)]

    def show_state(self) -> None:
        """The numbers, too."""
        super().show_state()
        diagnosis = self.run.history.diagnosis
        floor = None if diagnosis is None else diagnosis.floor
        self.query_one(StatusPanel).show_snapshot(self.run.snapshot, floor)

    def film_moved(self) -> None:
        """The curves mark the moment."""
        self._show_chart()

    @dataclass
    class _ParentRead(Message, bubble=False):
        run: Run
        history: History

    @work(thread=True)
    def _read_parent(self, run: Run, parent: Parent, path: Path) -> None:
        """The curve of the run that this one is a branch of, if it is there still."""
        with contextlib.suppress(RunError, OSError):
            config, _ = read_config(path.parent / parent.run)
            history = HistoryReader(path.parent / parent.run, config).update()
            self.post_message(self._ParentRead(run, history))

    @on(_ParentRead)
    def _show_parent(self, event: _ParentRead) -> None:
        if event.run is self.run and event.run.parent is not None:
            self.query_one(MetricChart).show_parent(event.history, event.run.parent.epoch)

    def _show_chart(self) -> None:
        chart = self.query_one(MetricChart)
        parent, path = self.run.parent, self.run.directory
        if parent is not None and path is not None and not self._asked_for_parent:
            self._asked_for_parent = True
            self._read_parent(self.run, parent, path)
        if chart.display:
            chart.show_cursor(self.pictures.film.frame)
            chart.show_run(self.run.history, self.run.snapshot)

    # Keys.

    def action_chart(self) -> None:
        """The next metric."""
        self.query_one(MetricChart).next_metric()
        self._show_chart()

    def action_explore(self) -> None:
        """The latent space."""
        from tui.screens.explorer.screen import ExplorerScreen

        self.app.push_screen(ExplorerScreen(self.context))

    def action_walks(self) -> None:
        """Interpolation, traversal, manifold."""
        from tui.screens.walks.screen import WalksScreen

        self.app.push_screen(WalksScreen(self.context))

    def action_diagnose(self) -> None:
        """Why it does as it does."""
        from tui.screens.diagnosis.screen import DiagnosisScreen

        frame = self.pictures.film.frame
        self.app.push_screen(DiagnosisScreen(self.context, frame.step if frame else None))

    def action_browse(self) -> None:
        """All runs."""
        self.post_message(self.Browse())

    def action_alerts(self) -> None:
        """The run's alerts; those on the list are acknowledged."""
        alerts = self.run.snapshot.alerts
        self.context.acknowledge_alerts()
        self.show_header()
        if alerts:
            self.app.push_screen(AlertsScreen(self.run.snapshot.run, alerts))
        else:
            self.say("no alerts")

    def action_compare(self) -> None:
        """VAE beside autoencoder."""
        if len(self.context.runs) < 2:
            self.say("one run only: n with model both, or --model both, trains two", "warning")
        else:
            from tui.screens.comparison.screen import ComparisonScreen

            self.app.push_screen(ComparisonScreen(self.context))

    def action_other_run(self) -> None:
        """The next of the runs that were started together."""
        count = len(self.context.runs)
        if count < 2:
            self.say("one run only: n with model both, or --model both, trains two", "warning")
            return
        self.context.shown = (self.context.shown + 1) % count
        self.context.follows_training = False
        self.change_run()

    def action_zoom(self) -> None:
        """The panel in focus large, or back."""
        self._toggle_zoom(self._panel_in_focus())

    def action_unzoom(self) -> None:
        """Back to all panels."""
        if self.has_class("-zoomed"):
            self._toggle_zoom(self._panel_in_focus())

    def _toggle_zoom(self, panel: Panel) -> None:
        unzoom = panel.has_class("-shown")
        for other in self.query(Panel):
            other.remove_class("-shown")
        self.set_class(not unzoom, "-zoomed")
        panel.set_class(not unzoom, "-shown")
        self._show_chart()
        self.pictures.update()
        if not unzoom:
            panel.focus()
        elif not panel.display:
            self.query_one(MetricChart).focus()

    def _panel_in_focus(self) -> Panel:
        return self.focused if isinstance(self.focused, Panel) else self.query_one(MetricChart)

    def action_export(self) -> None:
        """The figures of the panel in focus."""
        self._export_figures(self._panel_in_focus().export_names)

    def action_export_all(self) -> None:
        """Every figure of this kind of run."""
        self._export_figures(None)

    def action_export_film(self) -> None:
        """The film, as files."""
        self._export_figures(("film",))

    def _export_figures(self, names: tuple[str, ...] | None) -> None:
        options = FigureOptions(
            reconstructions=self.pictures.reconstructions, samples=self.pictures.samples
        )
        self.start_export(ExportOrder(names, options))
