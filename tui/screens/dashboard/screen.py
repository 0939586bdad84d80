"""The dashboard: one run, live.

A timer looks at the run ten times a second and passes on what is new; each panel redraws
only if what it shows has changed. Nothing here ever waits for the run.
"""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.events import Resize

from engine.figures.options import FigureOptions
from engine.run import Access
from engine.snapshot import Phase
from engine.text import epochs
from engine.views import PriorSamples
from tui.screens.base import LARGE
from tui.screens.dashboard.chart import MetricChart
from tui.screens.dashboard.latent_map import LatentMapPanel
from tui.screens.dashboard.live_pictures import LivePictures
from tui.screens.dashboard.run_control import RunControl
from tui.screens.dashboard.samples import SamplePanel
from tui.screens.dashboard.status import StatusPanel
from tui.screens.dialogs.sampling import SamplingScreen
from tui.state.context import RunContext
from tui.state.exports import ExportOrder
from tui.state.keymap import ACTIONS, bindings
from tui.state.run_messages import RunMessages
from tui.widgets.canvas import CanvasPanel
from tui.widgets.header import RunHeader
from tui.widgets.key_bar import KeyBar
from tui.widgets.message_line import MessageLine
from tui.widgets.panel import Panel
from tui.widgets.pictures import ReconstructionPanel

TICK = 0.1
"""Seconds between two looks at the run."""
TEMPERATURE_STEP = 0.1
STATUS_TICKS = 5
CHART_TICKS = 7
"""Looks between two of the same kind of redraw: numbers twice a second, curves less often."""
ANSWER_DELAY = 0.03
"""Seconds after which the run has probably answered: a slice takes some 20 ms."""
SMALLEST = (80, 24)


class Dashboard(RunControl):
    """Shows one run at a time; `show_run` looks at the context anew."""

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
        self._ticks = -1  # so that the first look shows everything
        self.show_run()

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

    def show_run(self) -> None:
        """Show the context's run from now on."""
        self._news = RunMessages(self.run)
        self._pictures = LivePictures(self.run)
        self._shown_phase: Phase | None = None
        self._chose_run = False
        if self.is_mounted:
            self._prepare_panels()
            for panel in self.query(CanvasPanel):
                panel.clear()

    def _prepare_panels(self) -> None:
        self.query_one(StatusPanel).model = self.run.config.model
        for panel in self.query(Panel):
            panel.model = self.run.config.model
        self.apply_image_mode()

    # What is new.

    def _tick(self) -> None:
        self._ticks += 1
        if self._ticks % STATUS_TICKS == 0 or self.run.snapshot.phase is not self._shown_phase:
            self._show_state()
        if self._ticks % CHART_TICKS == 0:
            self._show_chart()
        self._update_pictures()

    def _show_state(self) -> None:
        snapshot = self.run.snapshot
        self._shown_phase = snapshot.phase
        self.query_one(RunHeader).show_run(self.run.config, snapshot, self.run.access)
        self.query_one(StatusPanel).show_snapshot(snapshot)
        for text, level in self._news.since_last(snapshot):
            self.say(text, level)

        self._follow_training()

    def _follow_training(self) -> None:
        """When the run on show has ended and another one of ours has begun, show that."""
        context = self.context
        if self._chose_run or self.run.snapshot.phase.is_active:
            return
        for index, run in enumerate(context.runs[context.shown + 1 :], context.shown + 1):
            # It may be short enough to have ended between two looks.
            if run.access is Access.OWNER and run.snapshot.phase is not Phase.WAITING:
                ended = self.run.snapshot.run
                self._switch_to(index)
                self.say(f"{ended} has ended: now {run.snapshot.run} trains (o shows the other)")
                return

    def _switch_to(self, index: int) -> None:
        self.context.shown = index
        self.show_run()

    def _show_chart(self) -> None:
        chart = self.query_one(MetricChart)
        if chart.display:
            chart.show_cursor(self._pictures.film.frame)
            chart.show_run(self.run.history, self.run.snapshot)

    def _update_pictures(self) -> None:
        try:
            self._pictures.update(
                self.run.snapshot,
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
        super().action_pause()
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

    def action_sampling(self) -> None:
        """The dialog for seed and temperature."""

        def answered(samples: PriorSamples | None) -> None:
            if samples is not None:
                self._pictures.samples = samples
                self._update_pictures_soon()

        self.app.push_screen(SamplingScreen(self._pictures.samples), answered)

    def action_hotter(self) -> None:
        """A higher temperature."""
        self._pictures.change_temperature(TEMPERATURE_STEP)
        self._update_pictures_soon()

    def action_cooler(self) -> None:
        """A lower temperature."""
        self._pictures.change_temperature(-TEMPERATURE_STEP)
        self._update_pictures_soon()

    def action_more_like(self) -> None:
        """Mark a sample to be picked."""
        panel = self.query_one(SamplePanel)
        if panel.display and panel.can_pick:
            panel.start_picking()
            self.say("arrows choose a sample, Enter shows more like it, Esc lets go")
        else:
            self.say("no sample on the screen to choose from", "warning")

    @on(SamplePanel.Picked)
    def show_more_like(self, event: SamplePanel.Picked) -> None:
        """Draw around the picked sample."""
        self._pictures.draw_like(event.latent)
        self._update_pictures_soon()
        self.say("more like this one, the first: s draws others, M goes back to the prior")

    def action_prior(self) -> None:
        """No longer around a sample."""
        self._pictures.draw_like(None)
        self._update_pictures_soon()

    def action_explore(self) -> None:
        """The latent space."""
        from tui.screens.explorer.screen import ExplorerScreen

        self.app.push_screen(ExplorerScreen(self.context))

    def action_walks(self) -> None:
        """Interpolation, traversal, manifold."""
        from tui.screens.walks.screen import WalksScreen

        self.app.push_screen(WalksScreen(self.context))

    def action_browse(self) -> None:
        """All runs."""
        self.post_message(self.Browse())

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
        self._chose_run = True
        self._switch_to((self.context.shown + 1) % count)
        self._chose_run = True

    def action_film_back(self) -> None:
        """A frame back."""
        self._move_film(-1)

    def action_film_forward(self) -> None:
        """A frame forward."""
        self._move_film(1)

    def action_film_start(self) -> None:
        """The first frame: the untrained model."""
        self._pictures.film.to_start()
        self._show_film()

    def action_film_live(self) -> None:
        """Follow the model again."""
        self._pictures.film.to_live()
        self._show_film()

    def _move_film(self, count: int) -> None:
        self._pictures.film.move(count)
        self._show_film()

    def _show_film(self) -> None:
        frame = self._pictures.film.frame
        if frame is None:
            self.say("live")
        else:
            epoch = epochs(frame.epoch)
            self.say(f"film {self._pictures.film.describe()}: epoch {epoch}; End follows live")
        self._show_chart()
        self._update_pictures_soon()

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
            reconstructions=self._pictures.reconstructions, samples=self._pictures.samples
        )
        self.start_export(ExportOrder(names, options))
