"""`RunScreen`: what the screens that show a run have in common, above all when they look at it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import ClassVar

import numpy as np
from textual import work
from textual.events import Resize
from textual.message import Message
from textual.screen import Screen

from engine.errors import describe
from engine.run import Access, Run
from engine.snapshot import Phase
from engine.storage.atomic_files import atomic_write
from engine.text import one_line
from engine.views import Decode, DecodedView
from tui.screens.dialogs.help import HelpScreen
from tui.state.context import RunContext
from tui.state.exports import ExportOrder, export
from tui.state.keymap import Action
from tui.state.run_messages import Level, RunMessages
from tui.state.view_feed import ViewFeed
from tui.terminal.boundary import failures_of
from tui.widgets.canvas import CanvasPanel
from tui.widgets.header import RunHeader
from tui.widgets.message_line import MessageLine
from tui.widgets.panel import Panel

TICK = 0.1
"""Seconds between two looks at the run."""
STATE_INTERVAL = 0.5
"""Seconds between two updates of the numbers that change all the time."""
LARGE = (120, 36)
"""Columns and rows from which four panels have room beside each other."""
READ_ONLY = "read-only: the process that trains this run can't be reached from here"


@dataclass(slots=True)
class Part:
    """A part of a screen that shows the run, and when it is brought up to date."""

    update: Callable[[], None]
    interval: float = 0.0
    """Seconds between two updates, at least; 0 for every look at the run, `inf` for none."""
    at_once: Callable[[], object] | None = None
    """When this changes, the part is updated whatever the interval."""
    _updated_at: float = -inf
    _seen: object = None

    def look(self, *, at_once: bool = False) -> None:
        """Update if it is time to.

        Args:
            at_once: whatever the interval.
        """
        now = monotonic()
        seen = None if self.at_once is None else self.at_once()
        if at_once or seen != self._seen or now - self._updated_at >= self.interval:
            self._updated_at, self._seen = now, seen
            self.update()


class RunScreen(Screen[None]):
    """Looks at the run while no other screen is on top, and only then.

    A subclass has a `RunHeader` and a `MessageLine`, says in `parts` what shows the run, and in
    `begin_run` what is to be done when another run comes on show.
    """

    TITLE_FOR_FILES: ClassVar[str] = "dashboard"
    """What a screenshot's file is called."""
    SCREEN_ACTIONS: ClassVar[tuple[Action, ...]] = ()

    @dataclass
    class Said(Message, bubble=False):
        """A thread's message for the message line."""

        text: str
        level: Level

    def __init__(self, context: RunContext) -> None:
        super().__init__()
        self.context = context
        self._exporting = False
        self._shown_run: Run | None = None
        self._parts: list[Part] = []
        self._was_covered = False
        self._undelivered: list[ViewFeed.Answered] = []
        """Answers that came while another screen was on top: at most one a feed."""

    @property
    def run(self) -> Run:
        """The run on show."""
        return self.context.run

    # When it looks at the run.

    def on_mount(self) -> None:
        """Begin to look."""
        self.change_run()
        self.set_interval(TICK, self._look)
        self.call_after_refresh(self.look_now)  # the panels have their sizes then

    def on_screen_suspend(self) -> None:
        """Another screen is on top."""
        self._was_covered = True

    def on_screen_resume(self) -> None:
        """On top again: show what was missed."""
        if not self._was_covered:
            return
        self._follow_run()  # or an answer of the run before would be shown for a moment
        undelivered, self._undelivered = self._undelivered, []
        for message in undelivered:
            with self._on_its_own():
                message.deliver()
        self.look_now()

    def on_view_feed_answered(self, message: ViewFeed.Answered) -> None:
        """A picture that was asked for: shown now, or when this screen is on top again."""
        if self.is_active:
            message.deliver()
        else:
            self._undelivered.append(message)

    def look_now(self) -> None:
        """Bring every part up to date, whatever its interval, if this screen is on top."""
        self._look(at_once=True)

    def _look(self, *, at_once: bool = False) -> None:
        if not self.is_active:
            return
        self._follow_run()
        for part in self._parts:
            with self._on_its_own():
                part.look(at_once=at_once)

    @contextmanager
    def _on_its_own(self) -> Iterator[None]:
        """What fails here is told, and keeps nothing else from being brought up to date."""
        try:
            yield
        except Exception as error:
            if failures_of(self).record(error, f"updating {type(self).__name__}"):
                self.say(f"this failed: {describe(error)}", "error")

    def change_run(self) -> None:
        """Show the context's run from now on."""
        self._shown_run = self.run
        self._messages = RunMessages(self.run)
        self.begin_run()
        self._parts = [
            Part(self.show_state, STATE_INTERVAL, at_once=lambda: self.run.snapshot.phase),
            *self.parts(),
        ]

    def begin_run(self) -> None:
        """Forget all that is of another run, and ask this one from now on."""
        raise NotImplementedError

    def parts(self) -> list[Part]:
        """What shows the run, besides header and message line."""
        raise NotImplementedError

    def show_state(self) -> None:
        """Header and messages."""
        self.show_header()
        for text, level in self._messages.since_last(self.run.snapshot):
            self.say(text, level)
        if self.context.alert_came() and self.context.bell:
            self.app.bell()

    def show_header(self) -> None:
        """Which run, and what it is doing."""
        run = self.run
        new_alerts = len(self.context.new_alerts())
        self.query_one(RunHeader).show_run(run.config, run.snapshot, run.access, new_alerts)

    def _follow_run(self) -> None:
        """Show what the context shows; when that has ended, the next of ours that has begun."""
        context, ended = self.context, self.run
        following = context.begun_after_shown()
        if following is not None:
            context.shown = following
        if self.run is self._shown_run:
            return
        self.change_run()
        if following is not None:
            self._messages.since_last(self.run.snapshot)  # or "training …" would replace this
            text = f"{ended.snapshot.run} has ended: now {self.run.snapshot.run} trains"
            has_key = any(action.name == "other_run" for action in self.SCREEN_ACTIONS)
            self.say(f"{text} (o shows the other)" if has_key else text)

    def view_failed(self, _request: object, error: BaseException) -> None:
        """A picture could not be had: say why."""
        self.say(describe(error), "error")

    def say(self, text: str, level: Level = "info") -> None:
        """Put a message into the message line."""
        self.query_one(MessageLine).say(text, level)

    def action_pause(self) -> None:
        """Pause training, or resume it."""
        phase = self.run.snapshot.phase
        if self.run.access is Access.READ and phase.is_active:
            self.say(READ_ONLY, "warning")
        elif phase is Phase.PAUSED:
            self.run.resume()
            self._look_when_heard()
        elif phase is Phase.TRAINING:
            self.run.pause()
            self._look_when_heard()
        else:
            self.say(f"nothing to pause: the run is {phase}")

    def _look_when_heard(self) -> None:
        """A run does and answers in turn: any answer now comes right after what it was told."""

        def look(*_: object) -> None:
            self._look()

        anything = Decode(np.zeros((1, self.run.config.latent_dim), np.float32))
        ViewFeed[DecodedView](self.run, self, failed=look).ask(anything, look)

    def action_image_mode(self) -> None:
        """Half-blocks or ASCII."""
        self.context.image_mode = "ascii" if self.context.image_mode == "half" else "half"
        self.apply_image_mode()

    def apply_image_mode(self) -> None:
        """Have the panels draw pictures in the context's mode."""
        for panel in self.query(CanvasPanel):
            panel.set_image_mode(self.context.image_mode)

    def action_help(self) -> None:
        """Keys and words."""
        notes = [*self.context.notes, f"This run is kept in {self.kept_in()}."]
        self.app.push_screen(HelpScreen(notes, self.SCREEN_ACTIONS))

    def action_back(self) -> None:
        """Back to the screen before."""
        self.dismiss()

    def kept_in(self) -> str:
        """The run's directory, for a sentence."""
        return f"{self.run.directory or self.run.snapshot.run}/"

    def action_screenshot(self) -> None:
        """The screen as it is, as an SVG."""
        width, height = self.size
        run = self.run.snapshot.run
        path = self.context.exports / run / f"{self.TITLE_FOR_FILES}-{width}x{height}.svg"
        svg = self.app.export_screenshot(title=one_line(f"fmnist-vae-tui · {run}"))
        try:
            atomic_write(path, svg.encode())
        except OSError as error:
            self.say(f"can't write {path}: {error.strerror or error}", "error")
        else:
            self.say(f"wrote {path}", "done")

    def start_export(self, order: ExportOrder) -> None:
        """Write figures in a thread; messages say how it goes."""
        if self._exporting:
            self.say("the export before is still being written", "warning")
            return
        if self.run.snapshot.last is None:
            self.say("nothing to export yet", "warning")
            return
        self._exporting = True
        self.say("exporting …")
        self._export(order)

    @work(thread=True)
    def _export(self, order: ExportOrder) -> None:
        def report(text: str, level: Level = "info") -> None:
            self.post_message(self.Said(text, level))

        try:
            report(*export(self.context, order, report))
        finally:
            self._exporting = False

    def on_run_screen_said(self, message: Said) -> None:
        """What a thread has to say."""
        self.say(message.text, message.level)


class PanelsScreen(RunScreen):
    """All panels beside each other where there is room, else the one in focus."""

    def on_resize(self, event: Resize) -> None:
        """Many panels or one."""
        width, height = event.size
        self.set_class(width < LARGE[0] or height < LARGE[1], "-narrow")

    def turn_panel(self, by: int) -> None:
        """The focus to the panel that is so many further, which is shown if it was hidden."""
        panels = list(self.query(Panel))
        now = panels.index(self.focused) if isinstance(self.focused, Panel) else -by
        self.show_panel(panels[(now + by) % len(panels)])

    def show_panel(self, chosen: Panel) -> None:
        """The focus to this panel, which is shown if it was hidden."""
        self.show_only(chosen)
        chosen.focus()

    def show_only(self, chosen: Panel) -> None:
        """Where one panel has room, it is this."""
        for panel in self.query(Panel):
            panel.set_class(panel is chosen, "-shown")

    def action_zoom(self) -> None:
        """The panel in focus alone, or all."""
        if isinstance(self.focused, Panel):
            self.show_only(self.focused)
        self.toggle_class("-zoomed")
