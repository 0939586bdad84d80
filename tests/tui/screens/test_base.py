"""When a screen looks at its run: the base screen with a run whose answers a test gives."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.screen import Screen

import tui
from engine.config import RunConfig
from engine.errors import ViewError
from engine.history import History
from engine.run import Access
from engine.snapshot import Phase
from engine.views import PriorSamples
from tests.support.mailbox import AskedRun
from tests.support.tui_fakes import history, snapshot_of
from tui.screens.base import Part, RunScreen
from tui.screens.dashboard.screen import Dashboard
from tui.screens.explorer.screen import ExplorerScreen
from tui.screens.walks.screen import WalksScreen
from tui.state.context import RunContext
from tui.state.view_feed import ViewFeed
from tui.theme import THEME
from tui.widgets.header import RunHeader
from tui.widgets.message_line import MessageLine


class Clock:
    """The time, moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Run(AskedRun):
    def __init__(self, name: str, phase: Phase = Phase.TRAINING) -> None:
        super().__init__()
        self.parent = None
        self.config, self.access, self.directory = RunConfig(), Access.OWNER, Path(name)
        self.snapshot = replace(snapshot_of(history(3, 10)), run=name, phase=phase)

    def pause(self) -> None:
        """It does so before it answers the next question, not at once."""

    history, frames = History(), ()

    def become(self, phase: Phase) -> None:
        self.snapshot = replace(self.snapshot, phase=phase)


class Looking(RunScreen):
    """Asks for samples of each step, and counts its updates."""

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        self.shown: list[Any] = []
        self.updates = 0
        self.feed: ViewFeed[Any] | None = None

    def compose(self) -> ComposeResult:
        yield RunHeader(id="header")
        yield MessageLine(id="message")

    def begin_run(self) -> None:
        if self.feed is not None:
            self.feed.close()
        self.feed = ViewFeed(self.run, self, self.view_failed)

    def parts(self) -> list[Part]:
        return [Part(self._update)]

    def _update(self) -> None:
        assert self.feed is not None
        self.updates += 1
        self.feed.ask(PriorSamples(), self.shown.append, version=self.run.snapshot.step)

    @property
    def message(self) -> str:
        return self.query_one(MessageLine).text

    @property
    def header(self) -> str:
        return self.query_one(RunHeader).render().plain


class StyledApp(App[None]):
    CSS_PATH = Path(tui.__file__).parent / "styles.tcss"

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name


@asynccontextmanager
async def looking(
    monkeypatch: pytest.MonkeyPatch, *runs: Run, kind: type[Any] = Looking
) -> AsyncIterator[tuple[Any, Pilot[None]]]:
    """Without a tick: a test says when it looks."""
    monkeypatch.setattr("tui.screens.base.TICK", 3600.0)
    context = RunContext(list(runs), Path("exports"))  # type: ignore[arg-type]
    screen = kind(context)
    app: App[None] = StyledApp()
    async with app.run_test(size=(140, 40)) as pilot:
        await app.push_screen(screen)
        await pilot.pause()
        yield screen, pilot
    context.worker.close()


# Parts.


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("tui.screens.base.monotonic", clock)
    return clock


def looks_until(part: Part, clock: Clock, seconds: float) -> None:
    """Ten looks a second."""
    end = clock.now + seconds
    while clock.now < end:
        part.look()
        clock.now += 0.125


@pytest.mark.parametrize(("interval", "updates"), [(0.0, 16), (0.5, 4), (1.0, 2)])
def test_a_part_is_updated_as_often_as_its_interval_allows(
    clock: Clock, interval: float, updates: int
) -> None:
    calls: list[float] = []
    looks_until(Part(lambda: calls.append(clock.now), interval), clock, 2.0)
    assert len(calls) == updates


def test_a_part_is_updated_at_once_when_what_it_depends_on_changes(clock: Clock) -> None:
    calls: list[float] = []
    phase = ["loading"]
    part = Part(lambda: calls.append(clock.now), 10.0, at_once=lambda: phase[0])
    looks_until(part, clock, 1.0)
    assert calls == [1000.0]
    phase[0] = "training"
    looks_until(part, clock, 1.0)
    assert calls == [1000.0, 1001.0]


def test_a_part_can_depend_on_nothing_but_changes(clock: Clock) -> None:
    calls: list[float] = []
    answers = [0]
    part = Part(lambda: calls.append(clock.now), inf, at_once=lambda: answers[0])
    looks_until(part, clock, 100.0)
    answers[0] += 1
    part.look()
    part.look(at_once=True)
    assert len(calls) == 3


# On top, and not.


async def test_a_covered_screen_asks_and_updates_nothing_and_catches_up_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Run("vae")
    async with looking(monkeypatch, run) as (screen, pilot):
        run.answer("first")
        await pilot.pause()
        assert screen.shown == ["first"]
        await pilot.app.push_screen(Screen())
        updates = screen.updates
        run.snapshot = replace(run.snapshot, step=10**6, phase=Phase.PAUSED)
        screen.look_now()
        await pilot.pause()
        assert (screen.updates, len(run.asked)) == (updates, 1)
        assert "paused" not in screen.header
        pilot.app.pop_screen()
        await pilot.pause()
        assert screen.updates == updates + 1
        assert len(run.asked) == 2
        assert "paused" in screen.header
        assert screen.message.startswith("paused")


async def test_an_answer_for_a_covered_screen_is_kept_for_its_return_and_nothing_more_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Run("vae")
    async with looking(monkeypatch, run) as (screen, pilot):
        run.snapshot = replace(run.snapshot, step=10**6)
        screen.look_now()  # to be asked when the first is answered
        await pilot.app.push_screen(Screen())
        run.answer("first")
        await pilot.pause()
        assert (screen.shown, len(run.asked)) == ([], 1)
        pilot.app.pop_screen()
        await pilot.pause()
        assert (screen.shown, len(run.asked)) == (["first"], 2)


async def test_a_failure_is_a_message_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run("vae")
    async with looking(monkeypatch, run) as (screen, pilot):
        run.fail(ViewError("there is no model here"))
        await pilot.pause()
        assert screen.message == "there is no model here"
        run.snapshot = replace(run.snapshot, step=10**6)
        screen.look_now()
        run.fail(OSError("the directory is gone"))
        await pilot.pause()
        assert screen.message == "OSError: the directory is gone"


async def test_the_screen_of_a_run_of_any_name_is_saved_as_svg(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with looking(monkeypatch, Run("r\udcff\x1b<b>")) as (screen, pilot):
        screen.context.exports = tmp_path
        screen.action_screenshot()
        await pilot.pause()
        [file] = tmp_path.glob("*/*.svg")
        assert screen.message.startswith("wrote ")
        shown = "".join(ElementTree.parse(file).getroot().itertext()).replace(
            "\N{NO-BREAK SPACE}", " "
        )
        assert r"fmnist-vae-tui · r\udcff\x1b<b>" in shown


async def test_a_pause_shows_as_soon_as_the_run_has_heard_of_it_without_a_timer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Run("vae")
    async with looking(monkeypatch, run) as (screen, pilot):
        screen.action_pause()
        await pilot.pause()
        assert "training" in screen.header
        run.become(Phase.PAUSED)
        run.answer("an image of anything")
        await pilot.pause()
        assert "paused" in screen.header
        assert screen.message.startswith("paused")


async def test_a_screen_that_was_left_asks_and_shows_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Run("vae")
    async with looking(monkeypatch, run) as (screen, pilot):
        screen.action_back()
        await pilot.pause()
        run.snapshot = replace(run.snapshot, step=10**6)
        screen.look_now()
        run.answer("too late")
        await pilot.pause()
        assert (screen.shown, len(run.asked)) == ([], 1)


# Which run.


@pytest.mark.parametrize(
    ("access", "word"),
    [(Access.OWNER, ""), (Access.CONTROL, "attached "), (Access.READ, "attached, read-only ")],
)
async def test_the_header_says_whether_the_run_is_attached(
    monkeypatch: pytest.MonkeyPatch, access: Access, word: str
) -> None:
    run = Run("vae")
    run.access = access
    async with looking(monkeypatch, run) as (screen, _):
        assert screen.header.endswith(f" {word}● training")


async def test_another_run_on_show_is_asked_and_the_run_before_never_shown_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = Run("first"), Run("second")
    async with looking(monkeypatch, first, second) as (screen, pilot):
        screen.context.shown = 1
        screen.look_now()
        assert "second" in screen.header
        first.answer("of the first")
        await pilot.pause()
        assert screen.shown == []
        second.answer("of the second")
        await pilot.pause()
        assert screen.shown == ["of the second"]


@pytest.mark.parametrize("kind", [Dashboard, ExplorerScreen, WalksScreen])
async def test_no_screen_shows_an_answer_of_the_run_before(
    monkeypatch: pytest.MonkeyPatch, kind: type[RunScreen]
) -> None:
    first, second = Run("first"), Run("second")
    async with looking(monkeypatch, first, second, kind=kind) as (screen, pilot):
        await pilot.pause()
        screen.look_now()
        assert first.asked
        screen.context.shown = 1
        screen.look_now()
        for index in range(len(first.asked)):
            first.answer("of the first", index)  # no panel can show this
        await pilot.pause()
        assert second.asked
        screen.context.shown = 0
        screen.look_now()
        await pilot.pause()


async def test_an_answer_kept_for_a_covered_screen_is_not_shown_of_another_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = Run("first"), Run("second")
    async with looking(monkeypatch, first, second) as (screen, pilot):
        await pilot.app.push_screen(Screen())
        first.answer("of the first")
        await pilot.pause()
        screen.context.shown = 1
        pilot.app.pop_screen()
        await pilot.pause()
        assert screen.shown == []
        assert len(second.asked) == 1


async def test_the_next_run_of_ours_comes_on_show_when_the_one_before_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = Run("first"), Run("second", Phase.WAITING)
    async with looking(monkeypatch, first, second) as (screen, pilot):
        second.become(Phase.TRAINING)
        screen.look_now()
        assert screen.context.shown == 0, "it has not ended"
        first.become(Phase.FINISHED)
        second.become(Phase.WAITING)
        screen.look_now()
        assert screen.context.shown == 0, "the next has not begun"
        second.become(Phase.TRAINING)
        screen.look_now()
        assert screen.context.shown == 1
        assert screen.message == "first has ended: now second trains"
        first.answer("of the first")
        await pilot.pause()
        assert screen.shown == []


@pytest.mark.parametrize(
    ("follows", "access"), [(False, Access.OWNER), (True, Access.CONTROL), (True, Access.READ)]
)
async def test_a_chosen_run_stays_on_show_and_an_attached_one_does_not_come(
    monkeypatch: pytest.MonkeyPatch, follows: bool, access: Access
) -> None:
    first, second = Run("first"), Run("second")
    second.access = access
    async with looking(monkeypatch, first, second) as (screen, _):
        screen.context.follows_training = follows
        first.become(Phase.FINISHED)
        screen.look_now()
        assert "first" in screen.header
        assert screen.context.shown == 0


async def test_a_threads_message_is_said_without_the_thread_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def export(_: object, __: object, report: Any) -> tuple[str, str]:
        report("wrote a.png …")
        return "wrote a.png", "done"

    monkeypatch.setattr("tui.screens.base.export", export)
    async with looking(monkeypatch, Run("vae")) as (screen, pilot):
        screen.start_export(object())  # type: ignore[arg-type]
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert screen.message == "wrote a.png"
