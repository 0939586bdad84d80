"""The runs that were started together, side by side: curves, numbers, images, samples."""

import logging
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.events import Resize, ScreenResume

from engine.comparison import RunNumbers, describe_run
from engine.engine import TrainingEngine, describe
from engine.snapshot import Phase
from engine.views import (
    Decode,
    DecodedView,
    Images,
    PriorSamples,
    Reconstructions,
    ReconstructionView,
    SampleView,
)
from tui.actions import COMPARISON_ACTIONS, bindings
from tui.context import RunContext
from tui.export import COMPARISON, ExportOrder, LiveRun
from tui.feed import ViewFeed
from tui.screens.run_screen import LARGE, RunScreen
from tui.widgets.comparison_panels import CurvesPanel, LabelledPictures, NumbersPanel
from tui.widgets.header import RunHeader
from tui.widgets.key_bar import KeyBar
from tui.widgets.message_line import MessageLine
from tui.widgets.panel import Panel

log = logging.getLogger(__name__)

TICK = 0.2
INTERVAL = 2.0
"""Seconds between two pictures of a model that trains."""
SAMPLES = 16


class _Side:
    """One run's pictures, as fresh as they are."""

    def __init__(self, engine: TrainingEngine) -> None:
        self.engine = engine
        self.reconstructions: ReconstructionView | None = None
        self.samples: SampleView | None = None
        self.mixture_samples: DecodedView | None = None
        self.ask_mixture: Decode | None = None
        self._feeds = ViewFeed[ReconstructionView](), ViewFeed[SampleView]()
        self._mixture_feed = ViewFeed[DecodedView]()

    @property
    def name(self) -> str:
        """What the rows call it."""
        return self.engine.config.model.upper()

    def update(self, images: Reconstructions, samples: PriorSamples) -> bool:
        """Ask and take answers; whether there is something new.

        Raises:
            Exception: what the engine raised instead of an answer.
        """
        snapshot = self.engine.snapshot
        if snapshot.last is None:
            return False
        reconstructed = self._feeds[0].poll(self.engine, images, snapshot.step, INTERVAL)
        sampled = self._feeds[1].poll(self.engine, samples, snapshot.step, INTERVAL)
        decoded = None
        if self.ask_mixture is not None:
            decoded = self._mixture_feed.poll(self.engine, self.ask_mixture, 0, INTERVAL)
        self.reconstructions = reconstructed or self.reconstructions
        self.samples = sampled or self.samples
        self.mixture_samples = decoded or self.mixture_samples
        return any(view is not None for view in (reconstructed, sampled, decoded))


class ComparisonScreen(RunScreen):
    """Live where it is cheap; the table and the mixtures when asked, and when training ends."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(COMPARISON_ACTIONS, {"escape": "back", "v": "back", "ctrl+c": "back"})
    ]
    SCREEN_ACTIONS = COMPARISON_ACTIONS
    TITLE_FOR_FILES = "comparison"

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        self._sides = [_Side(engine) for engine in context.engines]
        self._images, self._samples = Reconstructions(), PriorSamples(count=SAMPLES)
        self._note = ""
        self._measuring = False
        self._ended: set[str] = set()

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
        self._decode_mixtures()
        self.set_interval(TICK, self._tick)

    def on_resize(self, event: Resize) -> None:
        """All panels where there is room, else the one in focus."""
        width, height = event.size
        self.set_class(width < LARGE[0] or height < LARGE[1], "-narrow")

    def on_screen_resume(self, _: ScreenResume) -> None:
        """Another screen may have changed how pictures are drawn."""
        self.apply_image_mode()

    # What is new.

    def _tick(self) -> None:
        if not self.is_active:
            return
        self.query_one(RunHeader).show_run(self.engine.config, self.engine.snapshot)
        self.query_one(CurvesPanel).show(self.context.engines)
        self._measure_if_due()
        self._show_numbers()
        try:
            # A list: every side is asked, also after one that has something new.
            news = [side.update(self._images, self._samples) for side in self._sides]
        except Exception as error:  # a picture that can't be had must not end the screen
            self.say(str(error), "error")
            return
        if any(news):
            self._show_pictures()

    def _show_numbers(self) -> None:
        runs = [
            (engine.config, self.context.numbers.get(engine.snapshot.run))
            for engine in self.context.engines
        ]
        note = self._note
        if not note and all(numbers is None for _, numbers in runs):
            note = "u computes these (seconds)"
        self.query_one(NumbersPanel).show(runs, note)

    def _show_pictures(self) -> None:
        rows: list[tuple[str, Images]] = []
        for side in self._sides:
            if side.reconstructions is not None:
                if not rows:
                    rows.append(("original", side.reconstructions.originals))
                rows.append((side.name, side.reconstructions.reconstructions))
        images = self.query_one("#compared-images", LabelledPictures)
        which = "" if self._images.page == 0 else f" · set {self._images.page + 1}"
        images.set_title(f"validation images, reconstructed from μ{which}")
        images.show_rows(rows)
        rows = []
        for side in self._sides:
            if side.samples is not None:
                prior = "prior" if side.engine.config.model == "vae" else "N(0, I)"
                rows.append((f"{side.name} {prior}", side.samples.images))
        for side in self._sides:
            if side.mixture_samples is not None:
                rows.append((f"{side.name} GMM", side.mixture_samples.images))
        samples = self.query_one("#compared-samples", LabelledPictures)
        samples.set_title(f"samples, also from a Gaussian mixture · draw {self._samples.seed + 1}")
        samples.show_rows(rows)

    # The numbers that take seconds.

    def _measure_if_due(self) -> None:
        """Without being asked: when a run has ended, once."""
        for engine in self.context.engines:
            s = engine.snapshot
            known = self.context.numbers.get(s.run)
            is_due = s.phase in (Phase.FINISHED, Phase.STOPPED) and s.last is not None
            if is_due and s.run not in self._ended and not self._measuring:
                self._ended.add(s.run)
                if known is None or known.step != s.step:
                    self._start_measuring([engine])

    def _start_measuring(self, engines: list[TrainingEngine]) -> None:
        self._measuring = True
        self._measure(engines)

    @work(thread=True)
    def _measure(self, engines: list[TrainingEngine]) -> None:
        def tell(note: str) -> None:
            self._note = note  # shown at the next tick

        try:
            for engine in engines:
                run = LiveRun(engine, self.context.worker)
                numbers = describe_run(run, lambda share, what: tell(f"{what} {share:.0%}"))
                self.context.numbers[run.run] = numbers
            tell("")
            self.app.call_from_thread(self._decode_mixtures)
        except Exception as error:  # the numbers of before stay, and the screen
            log.exception("the comparison failed")
            tell(f"not computed: {describe(error)}")
        finally:
            self._measuring = False

    def _decode_mixtures(self) -> None:
        """Ask for the images of draws from the mixtures that are known."""
        for side in self._sides:
            numbers: RunNumbers | None = self.context.numbers.get(side.engine.snapshot.run)
            if numbers is not None:
                latents = numbers.mixture.sample(SAMPLES, self._samples.seed)
                side.ask_mixture = Decode(latents)

    # Keys.

    def action_update(self) -> None:
        """The numbers of the models of now."""
        trained = [e for e in self.context.engines if e.snapshot.last is not None]
        if self._measuring:
            self.say("they are being computed already", "warning")
        elif not trained:
            self.say("nothing is trained yet", "warning")
        else:
            self._start_measuring(trained)

    def action_sample(self) -> None:
        """Other draws."""
        self._samples = PriorSamples(self._samples.seed + 1, count=SAMPLES)
        self._decode_mixtures()

    def action_other_images(self) -> None:
        """Other validation images."""
        self._images = Reconstructions(self._images.page + 1)

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
        if sum(e.snapshot.last is not None for e in self.context.engines) < 2:
            self.say("the second run has not begun: nothing to compare yet", "warning")
        else:
            self.start_export(ExportOrder(COMPARISON))

    def action_export_all(self) -> None:
        """Every figure, and the comparison."""
        self.start_export(ExportOrder(None))
