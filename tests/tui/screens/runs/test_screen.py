"""The run browser, driven by keys (Pilot), on directories made by hand."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.text import Text
from textual.widgets import Input, Static

from engine.snapshot import Phase
from engine.storage.listing import RunState, RunSummary
from engine.storage.run_index import RunIndex
from engine.storage.run_lock import RunLock
from tests.support.made_runs import CONFIG, make_run, trained_by_another, write_phase
from tests.support.runs_app import Browser, RunsApp, browsing
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.dialogs.rename import RenameScreen
from tui.screens.runs.columns import ListedRun, listed_run
from tui.screens.runs.order import SORTS
from tui.screens.runs.screen import RunsScreen
from tui.screens.runs.table import RunTable
from tui.screens.runs.words import STATES, Differences

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("in_utc")]


@pytest.fixture
def four(tmp_path: Path) -> Path:
    """d is the newest, a the oldest."""
    for day, (name, score, epoch, seconds, model) in enumerate(
        [
            ("a", 243.0, 4.0, 40.0, "vae"),
            ("b", 241.0, 2.0, 90.0, "vae"),
            ("c", 225.0, 4.0, 10.0, "ae"),
            ("d", 242.0, 1.5, 60.0, "vae"),
        ],
        start=1,
    ):
        path = make_run(
            tmp_path,
            name,
            {1.0: score},
            replace(CONFIG, model=model, beta=float(day)),
            created=f"2026-11-0{day}T10:00:00+00:00",
        )
        phase = Phase.FINISHED if epoch == 4 else Phase.STOPPED
        write_phase(path, phase, epoch=epoch, epochs=4, elapsed=seconds)
        (path / "last.pt").write_bytes(b"x" * (10 - day) * 2**20)
    return tmp_path


# What is shown.


async def test_all_runs_are_listed_newest_first_with_their_numbers(four: Path) -> None:
    async with browsing(four) as browser:
        assert browser.names == ["d", "c", "b", "a"]
        assert browser.column("state") == ["■ stopped", "✓ finished", "■ stopped", "✓ finished"]
        assert browser.column("model") == ["vae", "ae", "vae", "vae"]
        assert browser.column("settings") == ["beta=4", "", "beta=2", "beta=1"]
        assert browser.column("best") == ["242.00", "225.00*", "241.00", "243.00"]
        assert browser.column("epochs") == ["1.5/4", "4/4", "2/4", "4/4"]
        assert browser.column("time") == ["1:00", "0:10", "1:30", "0:40"]
        assert browser.column("size") == ["6 MiB", "7 MiB", "8 MiB", "9 MiB"]
        assert browser.column("when")[0] == "2026-11-04 10:00"
        assert f"4 in {four}/" in browser.title
        assert "* reconstruction" in browser.title


async def test_every_state_has_a_mark_of_its_own(tmp_path: Path) -> None:
    phases = {"f": Phase.FINISHED, "s": Phase.STOPPED, "x": Phase.FAILED, "t": Phase.TRAINING}
    for name, phase in (phases | {"r": Phase.TRAINING, "p": Phase.PAUSED}).items():
        write_phase(make_run(tmp_path, name), phase)
    (tmp_path / "u").mkdir()
    (tmp_path / "u" / "config.json").touch()
    locks = [RunLock(tmp_path / name) for name in ("r", "p")]
    async with browsing(tmp_path) as browser:
        found = dict(zip(browser.names, browser.column("state"), strict=True))
    for lock in locks:
        lock.release()
    assert found == {
        "f": "✓ finished",
        "s": "■ stopped",
        "x": "✗ failed",
        "t": "† died",
        "r": "● running",
        "p": "‖ paused",
        "u": "? unreadable",
    }
    assert STATES.keys() == set(RunState)
    assert len({mark for mark, _ in STATES.values()}) == len(STATES)


@pytest.mark.parametrize(
    ("size", "missing"),
    [((140, 45), set()), ((90, 24), {"size", "when"}), ((80, 24), {"size", "when", "last"})],
)
async def test_where_there_is_no_room_the_least_columns_are_left_out(
    four: Path, size: tuple[int, int], missing: set[str]
) -> None:
    make_run(four, "a-name-of-twenty-six-letters")
    async with browsing(four, size) as browser:
        wanted = ["mark", "name", "state", "model", "settings", "best", "last"]
        wanted += ["epochs", "time", "size", "when"]
        assert browser.columns == [name for name in wanted if name not in missing]
        assert browser.table.virtual_size.width <= size[0]
        await browser.pilot.resize_terminal(140, 45)
        await browser.pilot.pause()
        assert browser.columns == wanted


async def test_the_details_tell_settings_that_are_not_the_defaults_and_problems(
    tmp_path: Path,
) -> None:
    path = make_run(tmp_path, "a", {1: 250.0, 2: 251.0}, replace(CONFIG, beta=4.0))
    write_phase(path, Phase.FAILED, epoch=2.2, elapsed=60.0, error="the loss is not a number")
    async with browsing(tmp_path) as browser:
        assert browser.details.splitlines() == [
            "a  ✗ failed",
            "the loss is not a number",
            "VAE 784-8-2 · best −ELBO 250.00 at epoch 1, last 251.00",
            "2.20 epochs in 1:00 · 0 MiB · 2026-11-22 10:00",
            "hidden=8 latent_dim=2 beta=4 epochs=4",
        ]


async def test_the_details_follow_the_cursor(four: Path) -> None:
    async with browsing(four) as browser:
        assert browser.details.startswith("d ")
        await browser.press("down", "down")
        assert browser.current == "b"
        assert browser.details.startswith("b ")


@pytest.mark.parametrize("name", ["[red]x[b]", "two\nlines", "日本語" * 20, "\x1b[31m"])
async def test_odd_names_break_nothing(tmp_path: Path, name: str) -> None:
    make_run(tmp_path, "mine").rename(tmp_path / name)
    shown = name.replace("\n", r"\n").replace("\x1b", r"\x1b")
    async with browsing(tmp_path, (80, 24)) as browser:
        assert shown in browser.details
        assert browser.names[0].removesuffix("…").strip() in shown
        await browser.press("d")
        assert isinstance(browser.app.screen, ConfirmScreen)
        assert shown in str(browser.app.screen.query_one(".dialog-title", Static).render())
        await browser.press("y")
        await browser.until(lambda: browser.screen.runs == [] and browser.message != "")
        assert browser.message == f"deleted {shown}"


async def test_without_runs_it_says_so(tmp_path: Path) -> None:
    async with browsing(tmp_path / "none") as browser:
        assert browser.details == "no runs yet: training makes them"
        for key in ("enter", "R", "e", "r", "d", "space"):
            browser.screen.say("")
            await browser.press(key)
            assert browser.message == "there is no run here", key
        assert browser.app.asked == []


async def test_a_directory_that_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with browsing(tmp_path / "file") as browser:
        assert "can't be read: Not a directory" in browser.message
        browser.screen.say("something else")
        await browser.look()
        assert browser.message == "something else"


# Keeping up with the disk.


async def test_news_come_by_themselves_and_leave_cursor_and_marks_alone(
    four: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.runs.list.INTERVAL", 0.05)
    async with browsing(four) as browser:
        await browser.press("down", "space", "down")
        make_run(four, "new", created="2026-12-01T00:00:00+00:00")
        write_phase(four / "b", Phase.FAILED, epoch=3.0, epochs=4)
        await browser.until(lambda: browser.names == ["new", "d", "c", "b", "a"])
        assert browser.current == "b"
        assert browser.marks == ["c"]
        assert browser.column("state")[3] == "✗ failed"
        assert browser.details.startswith("b  ✗ failed")


async def test_only_after_its_first_look_the_list_does_not_rest(
    four: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, original = [0], RunIndex.look

    def counting(index: RunIndex) -> Iterator[list[RunSummary]]:
        looks[0] += 1
        return original(index)

    monkeypatch.setattr(RunIndex, "look", counting)
    monkeypatch.setattr("tui.screens.runs.list.INTERVAL", 0.01)
    monkeypatch.setattr("tui.screens.runs.list.REST", 1e9)
    async with browsing(four) as browser:
        await browser.until(lambda: looks[0] > 1)
        for _ in range(5):
            await browser.pilot.pause(0.02)
        assert looks == [2]


async def test_of_runs_that_are_as_they_were_nothing_is_made_or_shown_again(
    four: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with browsing(four) as browser:
        made: list[str] = []
        shown: list[bool] = []

        def counting(run: RunSummary, among: Differences) -> ListedRun:
            made.append(run.name)
            return listed_run(run, among)

        monkeypatch.setattr("tui.screens.runs.list.listed_run", counting)
        monkeypatch.setattr(browser.screen, "show", lambda: shown.append(True))
        await browser.look()
        assert (made, shown) == ([], [])
        monkeypatch.undo()
        monkeypatch.setattr("tui.screens.runs.list.listed_run", counting)
        write_phase(four / "b", Phase.STOPPED, epoch=3.0, epochs=4, elapsed=90.0)
        await browser.look()
        assert browser.column("epochs")[2] == "3/4"
        assert made == ["b"]


async def test_of_many_runs_only_those_on_the_screen_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        make_run(tmp_path, f"{number:03}")
    async with browsing(tmp_path, (80, 24)) as browser:
        drawn: set[int] = set()
        cells = RunTable.cells

        def counting(self: RunTable, row: int) -> dict[str, Text]:
            drawn.add(row)
            return cells(self, row)

        monkeypatch.setattr(RunTable, "cells", counting)
        await browser.press("slash", "0", "down", "backspace")
        assert 0 < len(drawn) < 60


async def test_a_scrolled_table_stays_where_it_is_when_runs_come(tmp_path: Path) -> None:
    for number in range(40):
        make_run(tmp_path, f"{number:02}", created=f"2026-11-22T10:{number:02}:00+00:00")
    async with browsing(tmp_path, (80, 24)) as browser:
        await browser.press("end", "up", "up", "up")
        before = browser.table.scroll_y
        assert before > 0
        make_run(tmp_path, "oldest", created="2026-11-21T10:00:00+00:00")
        await browser.look()
        assert len(browser.names) == 41
        assert browser.current == "03"
        assert browser.table.scroll_y == before


async def test_when_the_run_under_the_cursor_goes_the_cursor_stays_where_it_is(four: Path) -> None:
    async with browsing(four) as browser:
        await browser.press("space", "down", "space", "down", "down")
        (four / "a").rename(four / ".gone")
        (four / "d").rename(four / ".gone too")
        await browser.look()
        assert browser.names == ["c", "b"]
        assert browser.current == "b"
        assert list(browser.screen.marked) == [four / "c"]


@pytest.mark.parametrize("keys", [(), ("down",)])
async def test_while_the_first_runs_come_in_an_unmoved_cursor_stays_at_the_top(
    four: Path, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    more, original = threading.Event(), RunIndex.look

    def in_pieces(index: RunIndex) -> Iterator[list[RunSummary]]:
        runs = list(original(index))[-1]
        yield runs[2:]
        more.wait(10)
        yield runs

    monkeypatch.setattr(RunIndex, "look", in_pieces)
    app = RunsApp(four)
    async with app.run_test(size=(140, 45)) as pilot:
        browser = Browser(app, pilot)
        await browser.until(lambda: app.browser.is_mounted and app.browser.runs)
        assert (browser.names, browser.current) == (["b", "a"], "b")
        await browser.press(*keys)
        more.set()
        await browser.until(lambda: app.browser.is_listed)
        assert browser.names == ["d", "c", "b", "a"]
        assert browser.current == ("a" if keys else "d")


async def test_the_screen_answers_while_the_disk_does_not(
    four: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, looks = threading.Event(), []
    original = RunIndex.look

    def listing(index: RunIndex) -> Iterator[list[RunSummary]]:
        looks.append(threading.current_thread() is threading.main_thread())
        slow.wait(10)
        yield list(original(index))[-1]

    async with browsing(four) as browser:
        monkeypatch.setattr("tui.screens.runs.list.RunIndex.look", listing)
        monkeypatch.setattr("tui.screens.runs.list.INTERVAL", 0.01)
        for _ in range(5):
            browser.screen._look()
            await asyncio.sleep(0.01)
        await browser.press("down")
        assert browser.current == "c"
        assert looks == [False], "one look at a time, and not in the screen's thread"
        slow.set()


async def test_the_run_on_show_is_under_the_cursor_first(four: Path) -> None:
    class OnShow:
        directory = four / "b"

    async with browsing(four) as browser:
        browser.screen.context.runs = [OnShow()]  # type: ignore[list-item]
        await browser.app.push_screen(again := RunsScreen(browser.screen.context))
        browser.screen = again
        await browser.until(lambda: again.runs is not None)
        assert browser.current == "b"


# Order, filter, marks.


async def test_s_goes_through_the_orders_and_the_cursor_stays_on_its_run(four: Path) -> None:
    async with browsing(four) as browser:
        await browser.press("down")
        orders = {}
        for _ in range(7):
            assert browser.current == "c"
            orders[browser.title.split(" · ")[1]] = browser.names
            await browser.press("s")
        assert orders == {
            "newest first": ["d", "c", "b", "a"],
            "by name": ["a", "b", "c", "d"],
            "by best −ELBO": ["b", "d", "a", "c"],
            "by state": ["c", "a", "d", "b"],
            "by time": ["b", "d", "a", "c"],
            "by size": ["a", "b", "c", "d"],
            "as a tree": ["d", "c", "b", "a"],
        }
        assert browser.names == orders["newest first"]


@pytest.mark.parametrize(
    ("letters", "found"),
    [
        ("B", ["d", "b", "a"]),
        ("beta=2", ["b"]),
        ("stopped", ["d", "b"]),
        ("ae", ["d", "c", "b", "a"]),
        (" ae ", ["d", "c", "b", "a"]),
        ("finished ae", ["c"]),
        ("[", []),
    ],
)
async def test_the_filter_finds_letters_in_name_state_model_and_settings(
    four: Path, letters: str, found: list[str]
) -> None:
    async with browsing(four) as browser:
        await browser.press("slash")
        browser.screen.query_one(Input).value = letters
        await browser.pilot.pause()
        assert browser.names == found
        assert f"{len(found)} with “{letters.strip()}”" in browser.title


async def test_keys_in_the_filter_are_letters_and_esc_takes_it_away_first(four: Path) -> None:
    async with browsing(four) as browser:
        await browser.press("slash", "s", "t", "o", "p")
        assert browser.names == ["d", "b"]
        await browser.press("enter")
        assert browser.names == ["d", "b"]
        assert browser.app.asked == [], "Enter left the filter, it opened nothing"
        await browser.press("down", "space")
        assert browser.marks == ["b"]
        await browser.press("escape")
        assert browser.names == ["d", "c", "b", "a"]
        assert (browser.current, browser.marks) == ("b", ["b"])
        assert browser.app.screen is browser.screen
        await browser.press("escape")
        assert browser.app.screen is not browser.screen


async def test_a_filter_that_nothing_has_says_how_to_get_rid_of_it(four: Path) -> None:
    async with browsing(four) as browser:
        await browser.press("slash", "z", "z")
        assert browser.details == "no run has “zz”: Esc clears the filter"
        await browser.press("escape")
        assert browser.details.startswith("d ")


async def test_space_and_m_mark_and_unmark(four: Path) -> None:
    async with browsing(four) as browser:
        await browser.press("down", "m", "down", "space", "up")
        assert browser.marks == ["c", "b"]
        assert "2 marked" in browser.title
        await browser.press("space")
        assert browser.marks == ["b"]


async def test_a_mark_or_a_letter_of_the_filter_puts_nothing_in_order_again(
    four: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered: list[str] = []
    by_name = SORTS["by name"]

    def counting(run: RunSummary) -> object:
        ordered.append(run.name)
        return by_name(run)

    monkeypatch.setattr("tui.screens.runs.list.SORTS", {**SORTS, "by name": counting})
    async with browsing(four) as browser:
        await browser.press("s")
        assert sorted(ordered) == ["a", "b", "c", "d"]
        with monkeypatch.context() as patch:
            patch.setattr(browser.screen, "show", lambda: ordered.append("all shown again"))
            await browser.press("down", "space")
        assert browser.marks == ["d"]
        assert "1 marked" in browser.title
        await browser.press("slash", "s", "t", "o", "p")
        assert browser.names == ["b", "d"]
        assert len(ordered) == 4


# What the app is asked for.


async def test_enter_opens_the_run_under_the_cursor_and_the_marked_if_it_is_one(
    four: Path,
) -> None:
    async with browsing(four) as browser:
        await browser.press("enter", "down", "space", "down", "down", "space")
        await browser.press("enter", "up", "enter")
    assert browser.app.asked == [
        RunsScreen.Open((four / "d",)),
        RunsScreen.Open((four / "c", four / "a")),
        RunsScreen.Open((four / "b",)),
    ]


async def test_a_double_click_opens_and_a_click_does_not(four: Path) -> None:
    async with browsing(four) as browser:
        await browser.pilot.click("#runs", offset=(6, 2))
        await browser.pilot.click("#runs", offset=(6, 2))
        await browser.pilot.pause()
        assert (browser.current, browser.app.asked) == ("c", [])
        await browser.pilot.double_click("#runs", offset=(6, 3))
        await browser.pilot.pause()
    assert browser.app.asked == [RunsScreen.Open((four / "b",))]


async def test_compare_takes_two_marked_runs_or_more_in_the_order_of_marking(four: Path) -> None:
    async with browsing(four) as browser:
        await browser.press("c")
        assert browser.message == "to compare, mark two runs or more with space: none are marked"
        await browser.press("space", "c")
        assert browser.message.endswith("1 is marked")
        assert browser.app.asked == []
        await browser.press("end", "space", "c")
    assert browser.app.asked == [RunsScreen.Compare((four / "d", four / "a"))]


async def test_resume_and_export_ask_for_the_run_under_the_cursor(four: Path) -> None:
    async with browsing(four) as browser:
        await browser.press("down", "R", "e")
    assert browser.app.asked == [RunsScreen.Resume(four / "c"), RunsScreen.Export(four / "c")]


@pytest.mark.parametrize("key", ["R", "r", "f2", "d", "delete"])
async def test_a_run_in_training_is_not_resumed_renamed_or_deleted(
    tmp_path: Path, key: str
) -> None:
    path = make_run(tmp_path)
    write_phase(path, Phase.TRAINING)
    with trained_by_another(path) as pid:
        async with browsing(tmp_path) as browser:
            await browser.press(key)
            assert f"process {pid} on " in browser.message
            assert browser.app.screen is browser.screen
            if key == "R":
                assert browser.message.endswith(": Enter attaches to it")
    assert browser.app.asked == []


@pytest.mark.parametrize("key", ["enter", "R", "e", "c"])
async def test_a_run_that_cannot_be_read_is_refused_with_the_reason(four: Path, key: str) -> None:
    (four / "d" / "config.json").write_text("{}")
    async with browsing(four) as browser:
        await browser.press("home", "space", "down", "space", "up", key)
        assert browser.message.startswith("can't ")
        assert browser.message.endswith("it has no settings")
    assert browser.app.asked == []


async def test_help_lists_the_keys_of_this_screen(four: Path) -> None:
    async with browsing(four) as browser:
        await browser.press("question_mark")
        assert isinstance(browser.app.screen, HelpScreen)
        assert browser.app.screen._actions == RunsScreen.SCREEN_ACTIONS


# Renaming and deleting.


async def rename(browser: Browser, name: str) -> None:
    await browser.press("r")
    assert isinstance(browser.app.screen, RenameScreen)
    browser.app.screen.query_one(Input).value = name
    await browser.press("enter")


async def test_a_renamed_run_keeps_cursor_and_mark(four: Path) -> None:
    async with browsing(four) as browser:
        await browser.press("s", "down", "space")
        assert browser.current == "d"
        await browser.press("up", "space")
        await rename(browser, "zebra")
        await browser.until(lambda: browser.names == ["a", "b", "d", "zebra"])
        assert browser.message == "renamed c to zebra"
        assert (browser.current, browser.marks) == ("zebra", ["d", "zebra"])
    assert (four / "zebra" / "config.json").is_file()


async def test_a_look_between_a_rename_and_its_message_costs_no_mark(four: Path) -> None:
    async with browsing(four) as browser:
        await browser.press("space")
        (four / "d").rename(four / "zebra")
        await browser.look()
        assert browser.marks == [], "the disk has no d any more"
        browser.screen.look_after_change(four / "d", four / "zebra", was_marked=True)
        await browser.until(lambda: "zebra" in browser.names)
        assert (browser.current, browser.marks) == ("zebra", ["zebra"])


async def test_a_taken_name_is_told_and_an_impossible_one_keeps_the_dialog(four: Path) -> None:
    async with browsing(four) as browser:
        await rename(browser, "a")
        await browser.until(lambda: browser.message)
        assert browser.message == f"there is 'a' already in {four}/"
        await rename(browser, "../x")
        assert isinstance(browser.app.screen, RenameScreen)
        error = browser.app.screen.query_one(".dialog-error", Static)
        assert "can't be used" in str(error.render())
        browser.app.screen.query_one(Input).value = "x"
        await browser.pilot.pause()
        assert str(error.render()) == ""
        await browser.press("escape")
        assert browser.app.screen is browser.screen
    assert sorted(path.name for path in four.iterdir()) == ["a", "b", "c", "d"]


async def test_the_same_name_changes_nothing(four: Path) -> None:
    async with browsing(four) as browser:
        await rename(browser, "d")
        assert (browser.app.screen, browser.message) == (browser.screen, "")


async def test_deleting_asks_first_and_no_keeps_the_run(four: Path) -> None:
    async with browsing(four) as browser:
        for answer in ("n", "escape", "enter"):
            await browser.press("d")
            assert isinstance(browser.app.screen, ConfirmScreen)
            await browser.press(answer)
            assert browser.app.screen is browser.screen
        await browser.look()
        assert browser.names == ["d", "c", "b", "a"]
        await browser.press("delete", "y")
        await browser.until(lambda: browser.names == ["c", "b", "a"])
        assert browser.message == "deleted d"
    assert not (four / "d").exists()


async def test_a_run_that_someone_began_to_train_meanwhile_stays(four: Path) -> None:
    async with browsing(four) as browser:
        await browser.press("d")
        with trained_by_another(four / "d") as pid:
            await browser.press("y")
            await browser.until(lambda: browser.message)
            assert browser.message.startswith(f"run d is in use: process {pid} on ")
    assert (four / "d" / "config.json").is_file()


async def test_a_look_from_before_a_change_does_not_bring_the_run_back(
    four: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, looks = threading.Event(), []
    original = RunIndex.look

    def listing(index: RunIndex) -> Iterator[list[RunSummary]]:
        found = list(original(index))[-1]
        looks.append([run.name for run in found])
        if len(looks) == 1:
            go_on.wait(10)
        yield found

    async with browsing(four) as browser:
        await browser.press("r")
        monkeypatch.setattr("tui.screens.runs.list.RunIndex.look", listing)
        browser.screen._listing = False
        browser.screen._list()
        browser.screen._listing = True
        await browser.until(lambda: looks)
        browser.app.screen.query_one(Input).value = "zebra"
        await browser.press("enter")
        await browser.until(lambda: browser.message == "renamed d to zebra")
        go_on.set()
        await browser.until(lambda: "zebra" in browser.names)
        assert looks[0] == ["d", "c", "b", "a"]
        assert browser.current == "zebra"
