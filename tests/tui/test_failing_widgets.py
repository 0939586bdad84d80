"""An error in one widget is told in its place; the app lives, and the run trains on."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import work
from textual.app import ComposeResult
from textual.geometry import Size
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import DataTable, Input, Static
from textual.worker import WorkerFailed

from engine.config import RunConfig
from tests.support.dashboard_app import dashboard, message, running
from tests.support.tui_fakes import texts_of
from tests.support.waiting import until
from tui.app import FmnistVaeTui
from tui.screens.dashboard.chart import MetricChart
from tui.screens.dashboard.latent_map import LatentMapPanel
from tui.screens.dashboard.samples import SamplePanel
from tui.screens.dashboard.screen import Dashboard
from tui.screens.dashboard.status import StatusPanel
from tui.terminal.app import TerminalApp
from tui.widgets.canvas import CanvasPanel
from tui.widgets.header import RunHeader
from tui.widgets.key_bar import KeyBar
from tui.widgets.message_line import MessageLine
from tui.widgets.panel import Panel
from tui.widgets.pictures import PicturePanel, ReconstructionPanel

pytestmark = pytest.mark.slow

SENTENCE = "can't be drawn: PlantedError: by a test"
DRAWN: list[tuple[type[Widget], type[Widget], str]] = [
    (MetricChart, MetricChart, "paint"),
    (LatentMapPanel, LatentMapPanel, "paint"),
    (ReconstructionPanel, PicturePanel, "paint"),
    (SamplePanel, PicturePanel, "paint"),
    (StatusPanel, StatusPanel, "render"),
    (RunHeader, RunHeader, "render"),
    (KeyBar, KeyBar, "render"),
    (MessageLine, MessageLine, "render"),
    (MetricChart, CanvasPanel, "render_line"),
    (Dashboard, Dashboard, "render_line"),
]
"""What is looked at, and which class's method fails."""


class PlantedError(Exception):
    """Not an error of the program."""


@contextmanager
def planted_error() -> Iterator[None]:
    """Textual's `run_test` passes over no error: it raises the first once the app has ended."""
    try:
        yield
    except (PlantedError, WorkerFailed):
        return
    raise AssertionError("nothing failed")


def plant(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, failing: set[object]) -> None:
    """The method fails while it is among those that are `failing`."""
    original: Callable[..., Any] = getattr(owner, name)

    def method(self: object, *args: object, **options: object) -> object:
        if (owner, name) in failing:
            raise PlantedError("by a test")
        return original(self, *args, **options)

    monkeypatch.setattr(owner, name, method)


async def trains_on(app: FmnistVaeTui, pilot: Pilot[None]) -> None:
    step = app.shown_run.snapshot.step
    await until(pilot, lambda: app.shown_run.snapshot.step > step)


def draw_again(widget: Widget) -> None:
    widget.refresh()
    if isinstance(widget, CanvasPanel):
        widget.repaint()


async def test_the_run_trains_on_whatever_widget_of_the_dashboard_can_not_be_drawn(
    endless: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing: set[object] = set()
    for owner, name in {(owner, name) for _, owner, name in DRAWN}:
        plant(monkeypatch, owner, name, failing)
    with planted_error():
        async with running(endless, tmp_path) as (app, pilot):
            screen = dashboard(pilot)
            await until(pilot, lambda: bool(screen.query_one(SamplePanel).border_title))
            for shown, owner, name in DRAWN:
                failing.add((owner, name))
                caplog.clear()
                widget = screen if shown is Dashboard else screen.query_one(shown)
                for _ in range(2):
                    draw_again(widget)
                    await pilot.pause()
                assert any(SENTENCE in text for text in texts_of(widget)), (shown, name)
                await trains_on(app, pilot)
                failing.clear()
                draw_again(widget)
                await pilot.pause()
                assert not any(SENTENCE in text for text in texts_of(widget)), (shown, name)
                tracebacks = [record for record in caplog.records if record.exc_info]
                assert len(tracebacks) <= 1, "logged once"
            await pilot.press("space")
            await until(pilot, lambda: "paused" in message(pilot))


async def test_what_fails_to_be_updated_or_handled_keeps_nothing_else_from_it(
    endless: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing: set[object] = set()
    plant(monkeypatch, Dashboard, "_show_chart", failing)
    plant(monkeypatch, Dashboard, "action_sample", failing)
    with planted_error():
        async with running(endless, tmp_path) as (app, pilot):
            screen = dashboard(pilot)
            await until(pilot, lambda: bool(screen.query_one(SamplePanel).border_title))
            failing.add((Dashboard, "_show_chart"))
            title = screen.query_one(LatentMapPanel).border_title
            await until(pilot, lambda: "this failed: PlantedError: by a test" in message(pilot))
            step = screen.query_one(StatusPanel).render().plain
            await until(pilot, lambda: screen.query_one(StatusPanel).render().plain != step)
            assert title
            failing.add((Dashboard, "action_sample"))
            await pilot.press("s")
            failing.clear()
            await pilot.press("s")
            await until(pilot, lambda: "seed 1" in str(screen.query_one(SamplePanel).border_title))
            await trains_on(app, pilot)


class Part(Static):
    """Fails in its compose after a first child."""

    def compose(self) -> ComposeResult:
        yield Static("first")
        raise PlantedError("by a test")


class Bare(TerminalApp):
    """Widgets that are Textual's own, in the app's boundary."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def compose(self) -> ComposeResult:
        yield DataTable[str](id="table")
        yield Input(id="input")
        yield Part(id="part")

    def tell_failure(self, text: str) -> None:
        self.told.append(text)

    @work(thread=True)
    def in_a_thread(self) -> None:
        raise PlantedError("by a test")

    @work
    async def in_a_worker(self) -> None:
        raise PlantedError("by a test")

    def fail(self) -> None:
        raise PlantedError("by a test")


@pytest.mark.parametrize("begin", ["in_a_thread", "in_a_worker", "timer", "later", "idle"])
async def test_an_error_of_a_worker_timer_or_callback_is_told_and_ends_nothing(begin: str) -> None:
    app = Bare()
    with planted_error():
        async with app.run_test() as pilot:
            app.told.clear()
            match begin:
                case "timer":
                    app.set_timer(0.001, app.fail)
                case "later":
                    app.query_one(Input).call_later(app.fail)
                case "idle":
                    app.query_one(Input).call_after_refresh(app.fail)
                case _:
                    getattr(app, begin)()
            async with asyncio.timeout(30):
                while not app.told:
                    await pilot.pause()
            assert app.told == ["this failed: PlantedError: by a test"]
            await pilot.press("tab")
            assert app.is_running


async def test_widgets_of_textual_and_what_can_not_be_composed_have_the_boundary_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing: set[object] = set()
    plant(monkeypatch, DataTable, "render_line", failing)
    plant(monkeypatch, Input, "_on_paste", failing)
    app = Bare()
    with planted_error():
        async with app.run_test(size=(80, 24)) as pilot:
            part = app.query_one(Part)
            assert [str(child.content) for child in part.query(Static)] == [
                "first",
                "this panel can't be drawn: PlantedError: by a test",
            ]
            failing.add((DataTable, "render_line"))
            table = app.query_one(DataTable)
            table.styles.height = 5
            await pilot.pause()
            assert SENTENCE in texts_of(table)[0]
            failing.clear()
            table.add_column("column")
            await pilot.pause()
            assert "column" in texts_of(table)[0]
            await pilot.press("tab", "a")
    assert sum(record.exc_info is not None for record in caplog.records) == 2


class Broken(CanvasPanel):
    """Can be drawn at one size only, and not before it has been cleared."""

    def __init__(self) -> None:
        super().__init__(id="broken")
        self.is_clear = False

    def paint(self, size: Size) -> list[Strip]:
        if not self.is_clear and size.width != 50:
            raise PlantedError("by [bold]x[/] \x1b[2J")
        return [Strip.blank(size.width)]

    def clear(self) -> None:
        self.is_clear = True
        self.repaint()


class OnePanel(TerminalApp):
    def compose(self) -> ComposeResult:
        yield Broken()


async def test_a_panel_is_drawn_again_when_its_data_or_its_size_has_changed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    app = OnePanel()
    with planted_error():
        async with app.run_test(size=(60, 5)) as pilot:
            panel = app.query_one(Broken)
            said = r"this panel can't be drawn: PlantedError: by [bold]x[/] \x1b[2J"
            assert texts_of(panel)[0].strip() == said[:60]
            await pilot.resize_terminal(50, 5)
            assert not texts_of(panel)[0].strip()
            await pilot.resize_terminal(60, 5)
            assert texts_of(panel)[0].strip()
            panel.clear()
            await pilot.pause()
            assert not texts_of(panel)[0].strip()
    assert len([record for record in caplog.records if record.exc_info]) == 1


@pytest.mark.parametrize("name", ["[bold]x", "[/]", "[@click=app.quit]x[/]", "\\[x]"])
async def test_markup_in_a_title_or_a_message_is_text(name: str) -> None:
    class Named(TerminalApp):
        def compose(self) -> ComposeResult:
            yield Panel(id="panel")
            yield MessageLine(id="message")

    app = Named()
    async with app.run_test(size=(80, 24), tooltips=True) as pilot:
        panel, line = app.query_one(Panel), app.query_one(MessageLine)
        panel.set_title(name)
        line.say(name)
        await pilot.pause()
        assert panel._border_title is not None
        assert panel._border_title.plain == name
        assert not panel._border_title.spans
        assert line.text == str(line.tooltip) == name
