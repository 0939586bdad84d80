"""The diagnosis: why the run on show does as it does."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from engine.diagnosis import Diagnosis
from engine.history import History
from engine.views import Reconstructions, ReconstructionView
from tui.screens.base import PanelsScreen, Part
from tui.screens.diagnosis.dimensions import KlPanel, PosteriorPanel
from tui.screens.diagnosis.generalisation import GapPanel, WorstPanel
from tui.screens.diagnosis.heatmap import HeatmapPanel
from tui.screens.diagnosis.layers import LayersPanel
from tui.screens.diagnosis.panel import DiagnosisPanel
from tui.screens.diagnosis.plane import OtherRun, PlanePanel
from tui.screens.diagnosis.readings import Readings
from tui.screens.diagnosis.surgery import SurgeryPanel
from tui.state.context import RunContext
from tui.state.exports import ExportOrder
from tui.state.keymap import DIAGNOSIS_ACTIONS, bindings
from tui.state.view_feed import ViewFeed
from tui.widgets.header import RunHeader
from tui.widgets.key_bar import KeyBar
from tui.widgets.message_line import MessageLine
from tui.widgets.panel import Panel

LOOK_INTERVAL = 0.5
"""Seconds between two looks at the history: it changes at evaluations."""
NUMBER_OF_PANELS = 8


class DiagnosisScreen(PanelsScreen):
    """Eight panels where there is room, else one at a time.

    Args:
        film_step: the moment that the dashboard's film is at; None at its live end.
    """

    TITLE_FOR_FILES = "diagnosis"
    SCREEN_ACTIONS = DIAGNOSIS_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(
            DIAGNOSIS_ACTIONS,
            {
                **{"escape": "back", "d": "back", "ctrl+c": "back", "shift+tab": "turn(-1)"},
                **{str(n): f"show_panel({n - 1})" for n in range(2, NUMBER_OF_PANELS + 1)},
            },
        )
    ]

    def __init__(self, context: RunContext, film_step: int | None = None) -> None:
        super().__init__(context)
        self._film_step = film_step
        self._readings = Readings(context.run.config, History())
        self._feed: ViewFeed[ReconstructionView] | None = None
        self._told_of_none = False

    def compose(self) -> ComposeResult:
        """Header, the panels, message line, footer."""
        yield RunHeader(id="header")
        with Container(id="diagnosis"):
            yield KlPanel(id="kl")
            yield HeatmapPanel(id="kl-map")
            yield PlanePanel(id="plane")
            yield SurgeryPanel(id="surgery")
            yield PosteriorPanel(id="posterior")
            yield LayersPanel(id="layers")
            yield GapPanel(id="gap")
            yield WorstPanel(id="worst")
        yield MessageLine(id="message")
        yield KeyBar(DIAGNOSIS_ACTIONS, id="keys")

    def on_mount(self) -> None:
        """Focus the first panel."""
        self.apply_image_mode()
        self.query_one(HeatmapPanel).film_step = self._film_step
        self.show_panel(self.query_one(KlPanel))

    # What is new.

    def begin_run(self) -> None:
        """Empty panels, which ask this run."""
        self._messages.since_last(self.run.snapshot)  # what was said before stays said
        if self._feed is not None:
            self._feed.close()
        self._feed = ViewFeed(self.run, self, self.view_failed)
        self._readings = Readings(self.run.config, self.run.history)
        self._told_of_none = False
        for panel in self.query(DiagnosisPanel):
            panel.model = self.run.config.model
            panel.clear()
        self.query_one(WorstPanel).clear()

    def parts(self) -> list[Part]:
        """All of it comes with evaluations."""
        return [Part(self._update, LOOK_INTERVAL)]

    def _update(self) -> None:
        readings = self._readings
        if readings.history is not self.run.history:  # it went back to a checkpoint
            by_kl = readings.by_kl
            self._readings = readings = Readings(self.run.config, self.run.history)
            readings.by_kl = by_kl
        readings.read(self.run.snapshot)
        for panel in self.query(DiagnosisPanel):
            if isinstance(panel, PlanePanel):
                panel.show_plane(readings, self._other_runs())
            else:
                panel.show(readings)
        if (diagnosis := readings.diagnosis) is not None:
            self._ask_for_worst(diagnosis)
        elif not self._told_of_none and readings.last is not None:
            self._told_of_none = True  # once: other messages follow
            self.say("no diagnosis of this run yet: one comes with its next evaluations")

    def _other_runs(self) -> list[OtherRun]:
        return [
            OtherRun(index, run.snapshot.run, run.snapshot.last)
            for index, run in enumerate(self.context.runs)
            if run is not self.run and run.snapshot.last is not None and run.config.model == "vae"
        ]

    def _ask_for_worst(self, diagnosis: Diagnosis) -> None:
        """Only when there are others, or the panel could be seen first."""
        panel = self.query_one(WorstPanel)
        if self._feed is None or not panel.display or not len(diagnosis.worst):
            return
        scores = diagnosis.worst_scores.tolist()
        request = Reconstructions(indices=tuple(diagnosis.worst.tolist()))

        def show(view: ReconstructionView) -> None:
            panel.show(view, scores)

        self._feed.ask(request, show, version=diagnosis.step)

    # Keys.

    def action_sort(self) -> None:
        """By KL, or by number."""
        if not self._readings.is_vae:
            self.say("an autoencoder's dimensions have no KL to be sorted by")
            return
        self._readings.by_kl = not self._readings.by_kl
        self.say(f"dimensions by {'KL' if self._readings.by_kl else 'number'}")
        self._update()

    def action_turn(self, by: int) -> None:
        """The focus to the next panel, which is shown if it was hidden."""
        self.turn_panel(by)
        self._update()

    def action_show_panel(self, index: int) -> None:
        """The focus to this panel."""
        self.show_panel(list(self.query(Panel))[index])
        self._update()

    def action_export(self) -> None:
        """The figures of the panel in focus."""
        if isinstance(self.focused, Panel):
            names = self.focused.export_names
            if self.run.config.model == "ae" and names != ("diagnosis",):
                self.say("an autoencoder has no such figure: it has no KL", "warning")
            else:
                self.start_export(ExportOrder(names))
