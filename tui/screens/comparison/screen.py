"""Two or more runs side by side: curves, settings and numbers, images, samples."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.events import Resize, ScreenResume

from engine.run import Run
from engine.snapshot import Phase
from engine.views import PriorSamples, Reconstructions
from tui.drawing.series import TITLES, ChartMetric
from tui.screens.base import LARGE, RunScreen
from tui.screens.comparison.compared_run import SAMPLES, ComparedRun, sides_of
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
from tui.widgets.panel import Panel

TICK = 0.2
METRICS: tuple[ChartMetric, ...] = ("recon", "neg_elbo", "kl")
LEAST_TABLE_HEIGHT = 12
OTHER_LINES = 3
"""Header, message, keys."""


class ComparisonScreen(RunScreen):
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
        self._sides: list[ComparedRun] = []
        self._follow_names()
        # Without being asked, the numbers of runs that end while they are watched.
        ended = self._sides if runs is not None else ()
        self._ended = {side.key for side in ended if not side.run.snapshot.phase.is_active}
        self._others: list[str] = []
        self._ticks = 0

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
        """Begin to look."""
        self.apply_image_mode()
        self.query_one(CurvesPanel).focus()
        self._show_only(self.query_one(CurvesPanel))
        self.set_interval(TICK, self._tick)

    def on_unmount(self) -> None:
        """Nobody waits for the numbers any more."""
        self._measuring.close()

    def on_resize(self, event: Resize) -> None:
        """All panels where there is room, else the one in focus."""
        width, height = event.size
        self.set_class(width < LARGE[0] or height < LARGE[1], "-narrow")
        self._divide(height)

    def on_screen_resume(self, _: ScreenResume) -> None:
        """Another screen may have changed how pictures are drawn."""
        self.context.image_mode = self._shared.image_mode
        self.apply_image_mode()

    def action_image_mode(self) -> None:
        """Half-blocks or ASCII, on the other screens too."""
        super().action_image_mode()
        self._shared.image_mode = self.context.image_mode

    # What is new.

    def _tick(self) -> None:
        if not self.is_active:
            return
        run = self.run
        self.query_one(RunHeader).show_run(run.config, run.snapshot, run.access)
        self._follow_names()
        curves = [RunCurve(side.label, side.index, side.run.history) for side in self._sides]
        self.query_one(CurvesPanel).show(curves, self._metric)
        self._measure_if_due()
        self._show_numbers()
        for side in self._sides:
            side.use_numbers(self._measuring.numbers_of(side), self._samples.seed)
        before = [side.problem for side in self._sides]
        # A list: every side is asked, also after one that has something new.
        news = [side.update(self._images, self._samples) for side in self._sides]
        if any(news):
            self._show_images()
            self._show_samples()
        for side, problem in zip(self._sides, before, strict=True):
            if side.problem and side.problem != problem:
                self.say(f"{side.label}: {side.problem}", "error")
        self._ticks += 1

    def _follow_names(self) -> None:
        """A run's name is final only once it has begun."""
        names = tuple(run.snapshot.run for run in self.context.runs)
        if names == self._names:
            return
        self._names = names
        sides = sides_of(self.context.runs)
        for side, new in zip(self._sides, sides, strict=False):
            side.label = new.label
        self._sides = self._sides or sides

    def _show_numbers(self) -> None:
        columns = [
            Column(
                side.label,
                side.index,
                side.run.config,
                side.run.snapshot,
                self._measuring.numbers_of(side),
            )
            for side in self._sides
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
        rows = image_rows(self._sides)
        others = [side.label for side in self._sides if not side.reconstructs]
        which = "" if self._images.page == 0 else f" · set {self._images.page + 1}"
        more = f" · {len(others)} on other images" if others else ""
        title = "validation images at z = μ"
        panel = self.query_one("#compared-images", LabelledPictures)
        panel.show_rows(rows, title, more + which, pinned=1)
        if others != self._others:
            what = f"validated on other images than {self._sides[0].label}, and not shown with its"
            self.say(f"{', '.join(others)}: {what}", "warning")
        self._others = others

    def _show_samples(self) -> None:
        panel = self.query_one("#compared-samples", LabelledPictures)
        title = "samples, also from a Gaussian mixture"
        panel.show_rows(sample_rows(self._sides), title, f" · draw {self._samples.seed + 1}")

    # The numbers that take seconds.

    def _measure_if_due(self) -> None:
        """Without being asked: when a run has ended, once."""
        for side in self._sides:
            s = side.run.snapshot
            is_due = s.phase in (Phase.FINISHED, Phase.STOPPED) and s.last is not None
            if is_due and side.key not in self._ended and not self._measuring.is_busy:
                self._ended.add(side.key)
                if not self._measuring.is_done(side):
                    self._measuring.start([side])

    # Keys.

    def action_update(self) -> None:
        """The numbers of the models of now."""
        trained = [side for side in self._sides if side.has_begun]
        due = [side for side in trained if not self._measuring.is_done(side)]
        if self._measuring.is_busy:
            self.say("they are being computed already", "warning")
        elif not trained:
            self.say("nothing is trained yet", "warning")
        elif not due:
            self.say("the table is of the models of now already")
        else:
            self._measuring.start(due)

    def action_chart(self) -> None:
        """The next metric, if all runs have it."""
        without = [side.label for side in self._sides if side.run.config.model == "ae"]
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

    def action_other_images(self) -> None:
        """Other validation images."""
        self._images = Reconstructions(self._images.page + 1)

    def action_view(self, rows: int, runs: int) -> None:
        """What doesn't fit into the panel in focus."""
        if isinstance(self.focused, NumbersPanel | LabelledPictures):
            self.focused.move(rows, runs)

    def action_next_panel(self) -> None:
        """The focus to the next panel, which is shown if it was hidden."""
        panels = list(self.query(Panel))
        now = panels.index(self.focused) if isinstance(self.focused, Panel) else -1
        following = panels[(now + 1) % len(panels)]
        self._show_only(following)
        following.focus()

    def action_zoom(self) -> None:
        """The panel in focus alone, or all."""
        if isinstance(self.focused, Panel):
            self._show_only(self.focused)
        self.toggle_class("-zoomed")

    def _show_only(self, chosen: Panel) -> None:
        """Where one panel has room, it is this."""
        for panel in self.query(Panel):
            panel.set_class(panel is chosen, "-shown")

    def action_export(self) -> None:
        """The comparison."""
        trained = [side for side in self._sides if side.has_begun]
        if len(trained) < 2:
            self.say("the second run has not begun: nothing to compare yet", "warning")
        elif any(not side.reconstructs for side in trained):
            what = "comparison.png is of runs that were validated on the same images"
            self.say(f"{what}: {', '.join(self._others)} had others", "warning")
        else:
            # One that has begun: without its run on show there is no export.
            if not self.run.snapshot.last:
                self.context.shown = trained[0].index
            self.start_export(ExportOrder(COMPARISON))

    def action_export_all(self) -> None:
        """Every figure, and the comparison."""
        models = [side.run.config.model for side in self._sides if side.has_begun]
        if len(set(models)) < len(models):
            what = "figures of two runs of one model would have one name"
            self.say(f"{what}: e exports the comparison", "warning")
        else:
            self.start_export(ExportOrder(None))


def _shown(runs: Sequence[Run]) -> int:
    """Which run `space` pauses and the header names: one that trains, or else the first."""
    active = (i for i, run in enumerate(runs) if run.snapshot.phase.is_active)
    return next(active, 0)
