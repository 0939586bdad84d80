"""An app with the run browser, which notes what that asks of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.app import App
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Static

import tui
from tests.support.waiting import until
from tui.screens.runs.details import RunDetails
from tui.screens.runs.screen import RunsScreen
from tui.screens.runs.table import MARK, RunTable
from tui.state.context import RunContext
from tui.theme import THEME
from tui.widgets.message_line import MessageLine


class RunsApp(App[None]):
    CSS_PATH = Path(tui.__file__).parent / "styles.tcss"

    def __init__(self, checkpoints: Path) -> None:
        super().__init__()
        self.browser = RunsScreen(RunContext([], Path("exports"), checkpoints))
        self.asked: list[Message] = []

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(self.browser)

    def on_runs_screen_open(self, message: RunsScreen.Open) -> None:
        self.asked.append(message)

    def on_runs_screen_resume(self, message: RunsScreen.Resume) -> None:
        self.asked.append(message)

    def on_runs_screen_export(self, message: RunsScreen.Export) -> None:
        self.asked.append(message)

    def on_runs_screen_compare(self, message: RunsScreen.Compare) -> None:
        self.asked.append(message)


class Browser:
    """The browser as a person sees and drives it."""

    def __init__(self, app: RunsApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot, self.screen = app, pilot, app.browser

    @property
    def table(self) -> RunTable:
        return self.screen.query_one(RunTable)

    @property
    def names(self) -> list[str]:
        """The runs on show, from the top."""
        return self.column("name")

    @property
    def columns(self) -> list[str]:
        return self.table.columns

    @property
    def marks(self) -> list[str]:
        """The names of the marked runs."""
        return [n for n, m in zip(self.names, self.column("mark"), strict=True) if m == MARK]

    @property
    def current(self) -> str:
        """The name of the run under the cursor."""
        return self.names[self.table.cursor_row]

    @property
    def title(self) -> str:
        return str(self.screen.query_one("#runs-title", Static).render())

    @property
    def message(self) -> str:
        return self.screen.query_one(MessageLine).text

    @property
    def details(self) -> str:
        return self.screen.query_one(RunDetails).text

    def column(self, name: str) -> list[str]:
        rows = range(len(self.table.rows))
        return [str(self.table.cells(row)[name]).strip() for row in rows]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object]) -> None:
        await until(self.pilot, condition)

    async def look(self) -> None:
        """As if the time for another look at the disk had come."""
        self.screen._look()
        await self.until(lambda: not self.screen._listing)
        await self.pilot.pause()


@asynccontextmanager
async def browsing(checkpoints: Path, size: tuple[int, int] = (140, 45)) -> AsyncIterator[Browser]:
    """The browser over the runs in a directory, once they are listed."""
    app = RunsApp(checkpoints)
    async with app.run_test(size=size) as pilot:
        browser = Browser(app, pilot)
        await browser.until(lambda: app.browser.is_mounted and app.browser.is_listed)
        await pilot.pause()
        yield browser
