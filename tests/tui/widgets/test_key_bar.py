import itertools

import pytest
from textual.app import ComposeResult
from textual.screen import Screen

from tests.support.tui_fakes import WidgetApp, texts_of
from tui.state.keymap import ACTIONS
from tui.widgets.key_bar import KeyBar

LABELLED = [action for action in ACTIONS if action.label]


async def bar_at(width: int) -> str:
    app = WidgetApp(KeyBar())
    async with app.run_test(size=(width, 3)):
        widget = app.query_one(KeyBar)
        (line,) = texts_of(widget)
        assert len(line) <= widget.size.width == width - 2
        return line.rstrip()


def shown_in(bar: str) -> list[str]:
    keys = bar.split("  ")
    labels = {f"{action.key_text} {action.label}": action.name for action in LABELLED}
    return [labels[key] for key in keys]


@pytest.mark.parametrize("width", [50, 80, 120, 140])
async def test_the_keys_have_room_and_quit_is_the_last(width: int) -> None:
    bar = await bar_at(width)
    assert len(bar) <= width - 2
    assert bar.endswith("q quit"), bar
    assert "? help" in bar
    assert bar.startswith("space pause")


async def test_keys_keep_the_tables_order_and_a_wide_bar_has_all() -> None:
    assert shown_in(await bar_at(200)) == [action.name for action in LABELLED]


async def test_the_highest_ranks_are_left_out_first_and_no_more_than_need_be() -> None:
    ranks = {action.name: action.rank for action in LABELLED}
    order = [action.name for action in LABELLED]
    bars = [await bar_at(width) for width in range(40, 150, 10)]
    for width, bar in zip(range(40, 150, 10), bars, strict=True):
        shown = shown_in(bar)
        assert shown == [name for name in order if name in shown], "in the table's order"
        missing = [name for name in order if name not in shown]
        if not missing:
            continue
        assert min(ranks[name] for name in missing) >= max(ranks[name] for name in shown)
        wanted = min(missing, key=ranks.__getitem__)
        action = next(action for action in LABELLED if action.name == wanted)
        assert len(f"{bar}  {action.key_text} {action.label}") > width - 2
    for narrow, wide in itertools.pairwise(bars):
        assert set(shown_in(narrow)) <= set(shown_in(wide))


async def test_even_where_they_have_no_room_pause_help_and_quit_stay() -> None:
    app = WidgetApp(KeyBar())
    async with app.run_test(size=(30, 3)):
        bar = app.query_one(KeyBar).render().plain
    assert bar == "space pause  ? help  q quit"


class Recorder(Screen[None]):
    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def compose(self) -> ComposeResult:
        yield KeyBar()

    def action_sample(self) -> None:
        self.done.append("sample")

    def action_leave(self) -> None:
        self.done.append("leave")


@pytest.mark.parametrize(("key", "action"), [("s sample", "sample"), ("q quit", "leave")])
async def test_a_click_on_a_key_does_what_the_key_does(key: str, action: str) -> None:
    app = WidgetApp(KeyBar())
    async with app.run_test(size=(160, 3)) as pilot:
        screen = Recorder()
        await app.push_screen(screen)
        await pilot.pause()
        (line,) = texts_of(screen.query_one(KeyBar))
        await pilot.click(KeyBar, offset=(line.index(key) + 1 + 2, 0))
        assert screen.done == [action]


async def test_a_click_beside_the_keys_does_nothing() -> None:
    app = WidgetApp(KeyBar())
    async with app.run_test(size=(220, 3)) as pilot:
        screen = Recorder()
        await app.push_screen(screen)
        await pilot.pause()
        await pilot.click(KeyBar, offset=(218, 0))
        assert screen.done == []
