"""`RunScreen`: what the screens that show a run have in common."""

from typing import ClassVar

from textual import work
from textual.screen import Screen

from engine.run import Access, Run
from engine.snapshot import Phase
from engine.storage.atomic_files import atomic_write
from tui.screens.dialogs.help import HelpScreen
from tui.state.context import RunContext
from tui.state.exports import ExportOrder, export
from tui.state.keymap import Action
from tui.state.run_messages import Level
from tui.widgets.canvas import CanvasPanel
from tui.widgets.message_line import MessageLine

LARGE = (120, 36)
"""Columns and rows from which four panels have room beside each other."""
READ_ONLY = "read-only: the process that trains this run can't be asked from here"


class RunScreen(Screen[None]):
    """Messages, exports, screenshots, help, pause; a subclass has a `MessageLine`."""

    TITLE_FOR_FILES: ClassVar[str] = "dashboard"
    """What a screenshot's file is called."""
    SCREEN_ACTIONS: ClassVar[tuple[Action, ...]] = ()

    def __init__(self, context: RunContext) -> None:
        super().__init__()
        self.context = context
        self._exporting = False

    @property
    def run(self) -> Run:
        """The run on show."""
        return self.context.run

    def say(self, text: str, level: Level = "info") -> None:
        """Put a message into the message line."""
        self.query_one(MessageLine).say(text, level)

    def action_pause(self) -> None:
        """Pause or go on."""
        phase = self.run.snapshot.phase
        if self.run.access is Access.READ and phase.is_active:
            self.say(READ_ONLY, "warning")
        elif phase is Phase.PAUSED:
            self.run.resume()
        elif phase is Phase.TRAINING:
            self.run.pause()
        else:
            self.say(f"nothing to pause: the run is {phase}")

    def action_image_mode(self) -> None:
        """Half-blocks or ASCII."""
        self.context.image_mode = "ascii" if self.context.image_mode == "half" else "half"
        self.apply_image_mode()

    def apply_image_mode(self) -> None:
        """Tell the panels how pictures are drawn."""
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
        svg = self.app.export_screenshot(title=f"fmnist-vae-tui · {run}")
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
        # Textual's call_from_thread waits for the screen: this thread may, training never does.
        def tell(text: str) -> None:
            self.app.call_from_thread(self.say, text)

        try:
            text, level = export(self.context, order, tell)
        finally:
            self._exporting = False
        self.app.call_from_thread(self.say, text, level)
