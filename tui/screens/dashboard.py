"""The dashboard: one run, live.

A timer looks at the engine ten times a second and passes on what is new; each panel redraws
only if what it shows has changed. Nothing here ever waits for the engine.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.events import Resize
from textual.message import Message
from textual.screen import Screen

from engine.config import RunConfig
from engine.engine import TrainingEngine
from engine.files import atomic_write
from engine.snapshot import Phase
from tui.actions import bindings
from tui.export import ExportOrder, export
from tui.live_pictures import LivePictures
from tui.news import Level, News
from tui.pixels import ImageMode
from tui.screens.confirm import ConfirmScreen
from tui.screens.help import HelpScreen
from tui.screens.new_run import NewRunScreen
from tui.widgets.canvas import CanvasPanel
from tui.widgets.chart import MetricChart
from tui.widgets.header import RunHeader
from tui.widgets.key_bar import KeyBar
from tui.widgets.latent_map import LatentMapPanel
from tui.widgets.message_line import MessageLine
from tui.widgets.panel import Panel
from tui.widgets.pictures import ReconstructionPanel, SamplePanel
from tui.widgets.status import StatusPanel

TICK = 0.1
"""Seconds between two looks at the engine."""
STATUS_TICKS = 5
CHART_TICKS = 7
"""Looks between two of the same kind of redraw: numbers twice a second, curves less often."""
ANSWER_DELAY = 0.06
"""Seconds after which the engine has probably answered: a slice takes some 50 ms."""
LARGE = (120, 36)
"""Columns and rows from which all four panels have room."""
SMALLEST = (80, 24)


@dataclass(frozen=True, slots=True)
class DashboardOptions:
    """What the command line says about the screen."""

    exports: Path
    image_mode: ImageMode = "half"
    notes: tuple[str, ...] = ()
    """Lines for the help screen: colours, directories."""


class Dashboard(Screen[None]):
    """Shows one engine at a time; `show_engine` changes to another."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings()]

    @dataclass
    class NewRun(Message):
        """A person wants to train with these settings."""

        config: RunConfig

    class Leave(Message):
        """A person wants to quit, and was asked if need be."""

    def __init__(self, engine: TrainingEngine, options: DashboardOptions) -> None:
        super().__init__()
        self._options = options
        self._image_mode = options.image_mode
        self._exporting = False
        self._ticks = -1  # so that the first look shows everything
        self.show_engine(engine)

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
        """Set the panels up and begin to look."""
        self._prepare_panels()
        self.query_one(MetricChart).focus()
        self.set_interval(TICK, self._tick)

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
        self.set_class(tiny, "-tiny")
        if tiny:
            self.say(f"{width}×{height} is small: pictures need {SMALLEST[0]}×{SMALLEST[1]}")

    def show_engine(self, engine: TrainingEngine) -> None:
        """Show this run from now on."""
        self._engine = engine
        self._news = News(engine)
        self._pictures = LivePictures(engine)
        self._shown_phase: Phase | None = None
        if self.is_mounted:
            self._prepare_panels()
            for panel in self.query(CanvasPanel):
                panel.clear()

    def say(self, text: str, level: Level = "info") -> None:
        """Put a message into the message line."""
        self.query_one(MessageLine).say(text, level)

    def _prepare_panels(self) -> None:
        self.query_one(StatusPanel).model = self._engine.config.model
        for panel in self.query(Panel):
            panel.model = self._engine.config.model
        for panel in self.query(CanvasPanel):
            panel.set_image_mode(self._image_mode)

    # What is new.

    def _tick(self) -> None:
        self._ticks += 1
        if self._ticks % STATUS_TICKS == 0 or self._engine.snapshot.phase is not self._shown_phase:
            self._show_state()
        if self._ticks % CHART_TICKS == 0:
            self._show_chart()
        self._update_pictures()

    def _show_state(self) -> None:
        snapshot = self._engine.snapshot
        self._shown_phase = snapshot.phase
        self.query_one(RunHeader).show_run(self._engine.config, snapshot)
        self.query_one(StatusPanel).show_snapshot(snapshot)
        for text, level in self._news.since_last(snapshot):
            self.say(text, level)

    def _show_chart(self) -> None:
        chart = self.query_one(MetricChart)
        if chart.display:
            chart.show_run(self._engine.history, self._engine.snapshot)

    def _update_pictures(self) -> None:
        try:
            self._pictures.update(
                self._engine.snapshot,
                self.query_one(ReconstructionPanel),
                self.query_one(SamplePanel),
                self.query_one(LatentMapPanel),
            )
        except Exception as error:  # a picture that can't be had must not end the dashboard
            self.say(str(error), "error")

    def _update_pictures_soon(self) -> None:
        """Ask now, and look for the answer before the next tick: a person is waiting."""
        self._update_pictures()
        self.set_timer(ANSWER_DELAY, self._update_pictures)

    # Keys.

    def action_pause(self) -> None:
        """Pause or go on."""
        phase = self._engine.snapshot.phase
        if phase is Phase.PAUSED:
            self._engine.resume()
        elif phase is Phase.TRAINING:
            self._engine.pause()
        else:
            self.say(f"nothing to pause: the run is {phase}")
        self.set_timer(ANSWER_DELAY, self._show_state)

    def action_sample(self) -> None:
        """Other draws from the prior."""
        self._pictures.draw_other_samples()
        self._update_pictures_soon()

    def action_other_images(self) -> None:
        """Other validation images."""
        self._pictures.choose_other_images()
        self._update_pictures_soon()

    def action_chart(self) -> None:
        """The next metric."""
        self.query_one(MetricChart).next_metric()
        self._show_chart()

    def action_image_mode(self) -> None:
        """Half-blocks or ASCII."""
        self._image_mode = "ascii" if self._image_mode == "half" else "half"
        for panel in self.query(CanvasPanel):
            panel.set_image_mode(self._image_mode)

    def action_latent_map(self) -> None:
        """The latent map large, or back."""
        self._toggle_zoom(self.query_one(LatentMapPanel))

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
        self._update_pictures_soon()
        if not unzoom:
            panel.focus()
        elif not panel.display:
            self.query_one(MetricChart).focus()

    def _panel_in_focus(self) -> Panel:
        return self.focused if isinstance(self.focused, Panel) else self.query_one(MetricChart)

    def action_stop(self) -> None:
        """Ask, then end training."""
        snapshot = self._engine.snapshot
        if not snapshot.phase.is_active:
            self.say(f"nothing to stop: the run is {snapshot.phase}")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._engine.stop()

        self.app.push_screen(
            ConfirmScreen(
                f"Stop training at epoch {snapshot.epoch:.2f} of {snapshot.epochs}?",
                f"What was learnt is kept in {self._kept_in()}; it can be looked at and exported, "
                "but not trained on.",
                yes="stop",
                no="go on",
            ),
            answered,
        )

    def action_new_run(self) -> None:
        """The form."""
        warning = ""
        if self._engine.snapshot.phase.is_active:
            warning = "stops the run of now and keeps it"

        def answered(config: RunConfig | None) -> None:
            if config is not None:
                self.post_message(self.NewRun(config))

        self.app.push_screen(NewRunScreen(self._engine.config, warning), answered)

    def action_help(self) -> None:
        """Keys and words."""
        notes = [*self._options.notes, f"This run is kept in {self._kept_in()}."]
        self.app.push_screen(HelpScreen(notes))

    def action_leave(self) -> None:
        """Quit, asking while training."""
        snapshot = self._engine.snapshot
        if not snapshot.phase.is_active or snapshot.phase is Phase.LOADING:
            self.post_message(self.Leave())
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.post_message(self.Leave())

        self.app.push_screen(
            ConfirmScreen(
                f"Training is at epoch {snapshot.epoch:.2f} of {snapshot.epochs}. Quit?",
                "Training stops. The weights of now and of the best evaluation, the curves and "
                f"the settings are kept in {self._kept_in()}.",
                yes="quit",
                no="go on",
            ),
            answered,
        )

    def _kept_in(self) -> str:
        return f"{self._engine.directory or self._engine.snapshot.run}/"

    def action_export(self) -> None:
        """The figures of the panel in focus."""
        self._start_export(self._panel_in_focus().export_names)

    def action_export_all(self) -> None:
        """Every figure of this kind of run."""
        self._start_export(None)

    def action_screenshot(self) -> None:
        """The screen as it is, as an SVG."""
        width, height = self.size
        run = self._engine.snapshot.run
        path = self._options.exports / run / f"dashboard-{width}x{height}.svg"
        svg = self.app.export_screenshot(title=f"fmnist-vae-tui · {run}")
        try:
            atomic_write(path, svg.encode())
        except OSError as error:
            self.say(f"can't write {path}: {error.strerror or error}", "error")
        else:
            self.say(f"wrote {path}", "done")

    def _start_export(self, names: tuple[str, ...] | None) -> None:
        if self._exporting:
            self.say("the export before is still being written", "warning")
            return
        if self._engine.snapshot.last is None:
            self.say("nothing to export yet", "warning")
            return
        self._exporting = True
        self.say("exporting …")
        order = ExportOrder(names, self._pictures.reconstructions, self._pictures.samples)
        self._export(self._engine, order)

    @work(thread=True)
    def _export(self, engine: TrainingEngine, order: ExportOrder) -> None:
        def tell(text: str) -> None:
            self.app.call_from_thread(self.say, text)

        try:
            text, level = export(engine, order, self._options.exports, tell)
        finally:
            self._exporting = False
        self.app.call_from_thread(self.say, text, level)
