"""Two or more runs side by side: curves, settings and numbers, images, samples."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.events import Resize

from engine.run import Run
from engine.snapshot import Phase
from engine.views import PriorSamples, Reconstructions
from tui.drawing.series import TITLES, ChartMetric
from tui.screens.base import PanelsScreen, Part
from tui.screens.comparison.compared_run import (
    SAMPLES,
    ComparedRun,
    compared_runs,
    labels_of,
)
from tui.screens.comparison.measuring import Measuring
from tui.screens.comparison.panels import CurvesPanel, LabelledPictures, RunCurve
from tui.screens.comparison.pictures import image_rows, sample_rows
from tui.screens.comparison.table import Column, NumbersPanel
from tui.state.context import RunContext
from tui.state.exports import COMPARISON, ExportOrder
from tui.state.keymap import COMPARISON_ACTIONS, bindings
from tui.widgets.header import RunHeader
from tui.widgets.key_bar import KeyBar
from tui.widgets.message_line import MessageLine

NUMBERS_INTERVAL = 0.2
"""Seconds between two looks at the numbers and the curves of all runs."""
METRICS: tuple[ChartMetric, ...] = ("recon", "neg_elbo", "kl")
LEAST_TABLE_HEIGHT = 12
OTHER_LINES = 3
"""Header, message, keys."""


class ComparisonScreen(PanelsScreen):
    """Live where it is cheap; the slow numbers and the mixtures when asked.

    Args:
        runs: what is compared, two or more; who asks for them starts and closes them. None for
            the context's, whose slow numbers come by themselves when training has ended.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(
            COMPARISON_ACTIONS,
            {
                **{"escape": "back", "v": "back", "ctrl+c": "back"},
                **{"up": "view(-1,0)", "left": "view(0,-1)"},
            },
        )
    ]
    SCREEN_ACTIONS = COMPARISON_ACTIONS
    TITLE_FOR_FILES = "comparison"

    def __init__(self, context: RunContext, runs: Sequence[Run] | None = None) -> None:
        # Runs of its own are those that this screen exports, and one of them that it pauses.
        own = context if runs is None else replace(context, runs=list(runs), shown=_shown(runs))
        super().__init__(own)
        self._shared = context
        self._images, self._samples = Reconstructions(), PriorSamples(count=SAMPLES)
        self._metric: ChartMetric = "recon"
        self._measuring = Measuring(own.worker, own.numbers)
        self._names: tuple[str, ...] = ()
        self._compared = compared_runs(own.runs, self, self._say_problem)
        # Without being asked, the numbers of runs that end while they are watched.
        ended = self._compared if runs is not None else ()
        self._ended = {c.key for c in ended if not c.run.snapshot.phase.is_active}
        self._others: list[str] = []

    def compose(self) -> ComposeResult:
        """Curves and numbers over the pictures."""
        yield RunHeader(id="header")
        with Container(id="comparison"):
            yield CurvesPanel(id="curves")
            yield NumbersPanel(id="numbers")
            yield LabelledPictures(id="compared-images")
            yield LabelledPictures(id="compared-samples")
        yield MessageLine(id="message")
        yield KeyBar(COMPARISON_ACTIONS, id="keys")

    def on_mount(self) -> None:
        """Focus the curves."""
        self.apply_image_mode()
        self.show_panel(self.query_one(CurvesPanel))

    def on_unmount(self) -> None:
        """Nobody waits for the numbers any more."""
        self._measuring.close()

    def on_resize(self, event: Resize) -> None:
        """Divide the height between table and pictures."""
        self._divide(event.size.height)

    def on_screen_resume(self) -> None:
        """Another screen may have changed how pictures are drawn."""
        self.context.image_mode = self._shared.image_mode
        self.apply_image_mode()

    def action_image_mode(self) -> None:
        """Half-blocks or ASCII, on the other screens too."""
        super().action_image_mode()
        self._shared.image_mode = self.context.image_mode

    # What is new.

    def begin_run(self) -> None:
        """All runs stay on show, whichever the header names."""

    def parts(self) -> list[Part]:
        """Numbers and curves as they come; pictures when one of them has."""
        return [
            Part(self._show_numbers, NUMBERS_INTERVAL),
            Part(self._ask_for_pictures),
            Part(self._show_pictures, inf, at_once=lambda: [c.answers for c in self._compared]),
        ]

    def show_state(self) -> None:
        """The header alone: messages are of one run."""
        self.show_header()

    def _ask_for_pictures(self) -> None:
        for compared in self._compared:
            compared.use_numbers(self._measuring.numbers_of(compared), self._samples.seed)
            compared.update(self._images, self._samples)

    def _show_pictures(self) -> None:
        if any(compared.answers for compared in self._compared):
            self._show_images()
            self._show_samples()

    def _say_problem(self, compared: ComparedRun) -> None:
        self.say(f"{compared.label}: {compared.problem}", "error")

    def _follow_names(self) -> None:
        """A run's name is final only once it has begun."""
        names = tuple(compared.run.snapshot.run for compared in self._compared)
        if names != self._names:
            self._names = names
            labels = labels_of([compared.run for compared in self._compared])
            for compared, label in zip(self._compared, labels, strict=True):
                compared.label = label

    def _show_numbers(self) -> None:
        self._follow_names()
        curves = [RunCurve(c.label, c.index, c.run.history) for c in self._compared]
        self.query_one(CurvesPanel).show(curves, self._metric)
        self._measure_if_due()
        columns = [
            Column(c.label, c.index, c.run.config, c.run.snapshot, self._measuring.numbers_of(c))
            for c in self._compared
        ]
        note = self._measuring.note
        if not note and all(column.numbers is None for column in columns):
            note = "u computes these (seconds)"
        self.query_one(NumbersPanel).show(columns, note)
        self._divide(self.size.height)

    def _divide(self, height: int) -> None:
        """As many lines for the table as it has, but at most half of them."""
        wanted = 1 + self.query_one(NumbersPanel).wanted_height
        top = max(LEAST_TABLE_HEIGHT, min(wanted, (height - OTHER_LINES) // 2))
        self.query_one("#comparison").styles.grid_rows = f"{top} 1fr"

    def _show_images(self) -> None:
        rows = image_rows(self._compared)
        others = [c.label for c in self._compared if not c.reconstructs]
        which = "" if self._images.page == 0 else f" · page {self._images.page + 1}"
        more = f" · {len(others)} on other images" if others else ""
        title = "validation images at z = μ"
        panel = self.query_one("#compared-images", LabelledPictures)
        panel.show_rows(rows, title, more + which, pinned=1)
        if others != self._others:
            first = self._compared[0].label
            what = f"validated on other images than {first}, and not shown with its"
            self.say(f"{', '.join(others)}: {what}", "warning")
        self._others = others

    def _show_samples(self) -> None:
        panel = self.query_one("#compared-samples", LabelledPictures)
        title = "samples, also from a Gaussian mixture"
        panel.show_rows(sample_rows(self._compared), title, f" · seed {self._samples.seed}")

    # The numbers that take seconds.

    def _measure_if_due(self) -> None:
        """Without being asked: when a run has ended, once."""
        for compared in self._compared:
            s = compared.run.snapshot
            is_due = s.phase in (Phase.FINISHED, Phase.STOPPED) and s.last is not None
            if is_due and compared.key not in self._ended and not self._measuring.is_busy:
                self._ended.add(compared.key)
                if not self._measuring.is_done(compared):
                    self._measuring.start([compared])

    # Keys.

    def action_update(self) -> None:
        """The numbers of the current models."""
        trained = [c for c in self._compared if c.has_begun]
        due = [c for c in trained if not self._measuring.is_done(c)]
        if self._measuring.is_busy:
            self.say("they are being computed already", "warning")
        elif not trained:
            self.say("nothing is trained yet", "warning")
        elif not due:
            self.say("the table is of the current models already")
        else:
            self._measuring.start(due)

    def action_chart(self) -> None:
        """The next metric, if all runs have it."""
        without = [
            compared.label for compared in self._compared if compared.run.config.model == "ae"
        ]
        if without:
            self.say(
                f"only reconstructions can be compared: {', '.join(without)} (autoencoder) "
                "has no KL, and so no ELBO"
            )
            return
        self._metric = METRICS[(METRICS.index(self._metric) + 1) % len(METRICS)]
        self.say(f"the curves are of the {TITLES[self._metric]}")

    def action_sample(self) -> None:
        """Other draws."""
        self._samples = PriorSamples(self._samples.seed + 1, count=SAMPLES)
        self._ask_for_pictures()

    def action_other_images(self) -> None:
        """Other validation images."""
        self._images = Reconstructions(self._images.page + 1)
        self._ask_for_pictures()

    def action_view(self, rows: int, runs: int) -> None:
        """What doesn't fit into the panel in focus."""
        if isinstance(self.focused, NumbersPanel | LabelledPictures):
            self.focused.move(rows, runs)

    def action_next_panel(self) -> None:
        """The focus to the next panel, which is shown if it was hidden."""
        self.turn_panel(1)

    def action_export(self) -> None:
        """The comparison."""
        trained = [c for c in self._compared if c.has_begun]
        if len(trained) < 2:
            self.say("the second run has not begun: nothing to compare yet", "warning")
        elif any(not c.reconstructs for c in trained):
            what = "comparison.png is of runs that were validated on the same images"
            self.say(f"{what}: {', '.join(self._others)} had others", "warning")
        else:
            # One that has begun: without its run on show there is no export.
            if not self.run.snapshot.last:
                self.context.shown = trained[0].index
            self.start_export(ExportOrder(COMPARISON))

    def action_export_all(self) -> None:
        """Every figure, and the comparison."""
        models = [c.run.config.model for c in self._compared if c.has_begun]
        if len(set(models)) < len(models):
            what = "figures of two runs of one model would have one name"
            self.say(f"{what}: e exports the comparison", "warning")
        else:
            self.start_export(ExportOrder(None))


def _shown(runs: Sequence[Run]) -> int:
    """Which run `space` pauses and the header names: one that trains, or else the first."""
    active = (i for i, run in enumerate(runs) if run.snapshot.phase.is_active)
    return next(active, 0)
