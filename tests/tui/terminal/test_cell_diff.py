"""What is sent instead of Textual's own writes shows the same, by an emulator (pyte), in less."""

import re

import numpy as np
import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tui.drawing.pixels import strips
from tui.terminal.cell_diff import CellDiff

COLUMNS, ROWS = 16, 6
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
FRONTS = ("", "38;2;{0};{0};{0}", "38;5;{0}", "3{1}", "9{1}")
BACKS = ("", "48;2;{0};{0};{0}", "48;5;{0}", "4{1}", "10{1}")


class Emulator:
    """A terminal that remembers how many bytes it got."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.Stream(self.screen)
        self.received = ""

    def feed(self, data: str) -> None:
        self.received += data
        self._stream.feed(data)

    @property
    def cells(self) -> list[list[tuple[object, ...]]]:
        """What can be seen: a blank's foreground can't, unless it is a line's or inverted."""
        rows = [[self.screen.buffer[y][x] for x in range(COLUMNS)] for y in range(ROWS)]
        return [
            [
                tuple(c._replace(fg="default", bold=False))
                if c.data == " " and not (c.reverse or c.underscore)
                else tuple(c)
                for c in row
            ]
            for row in rows
        ]


class Both:
    """A terminal that gets everything, and one that gets the changes."""

    def __init__(self) -> None:
        self.whole, self.spared = Emulator(), Emulator()
        self.sent = CellDiff()
        self.write(ENTER)

    def write(self, data: str) -> str:
        changes = self.sent.changes(data)
        self.whole.feed(data)
        self.spared.feed(changes)
        return changes

    @property
    def alike(self) -> bool:
        whole, spared = self.whole.screen.cursor, self.spared.screen.cursor
        return self.whole.cells == self.spared.cells and (whole.x, whole.y, whole.attrs) == (
            spared.x,
            spared.y,
            spared.attrs,
        )


def at(row: int, column: int) -> str:
    return f"\x1b[{row + 1};{column + 1}H"


def styled(text: str, sgr: str = "") -> str:
    """As Textual writes a segment."""
    return f"\x1b[{sgr}m{text}\x1b[0m" if sgr else text


@pytest.fixture
def both() -> Both:
    return Both()


styles = st.builds(
    lambda attribute, front, back, grey: ";".join(
        part for part in (attribute, *(c.format(grey, grey % 8) for c in (front, back))) if part
    ),
    st.sampled_from(["", "", "1", "2", "4", "7", "1;3"]),
    st.sampled_from(FRONTS),
    st.sampled_from(BACKS),
    st.sampled_from([0, 17, 119, 255]),
)


@st.composite
def updates(draw: st.DrawFn) -> str:
    """Lines, or parts of lines, as Textual's compositor writes them."""
    lines = []
    for row in sorted(draw(st.sets(st.integers(0, ROWS - 1), min_size=1))):
        start = draw(st.integers(0, COLUMNS - 1))
        line = at(row, start)
        while start < COLUMNS and draw(st.integers(0, 4)):
            text = draw(st.text("  ab▀━⣿", min_size=1, max_size=COLUMNS - start))
            start += len(text)
            line += styled(text, draw(styles))
        lines.append(line)
    return "\n".join(lines) + at(0, 0)


@pytest.mark.slow
@given(st.lists(updates(), min_size=1, max_size=12))
def test_any_updates_show_what_they_would_have_shown_in_no_more_bytes(writes: list[str]) -> None:
    both = Both()
    for write in writes:
        both.write(write)
        assert both.alike
    assert len(both.spared.received) <= len(both.whole.received) + 8 * len(writes)
    for write in writes[-1:]:
        assert both.write(write) == "", "once more, and nothing has changed"


def test_an_unchanged_line_sends_nothing(both: Both) -> None:
    line = at(2, 0) + styled("▀▀▀", "38;2;1;1;1;48;2;9;9;9") + styled("abc", "1") + at(0, 0)
    assert len(both.write(line)) > 30
    assert both.write(line) == ""
    assert both.alike


def test_a_changed_cell_sends_itself_alone(both: Both) -> None:
    both.write(at(2, 0) + styled("abcdefgh", "31") + at(0, 0))
    changes = both.write(at(2, 0) + styled("abcdXfgh", "31") + at(0, 0))
    assert re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", changes) == "X"
    assert "\x1b[3;5H" in changes
    assert len(changes) < 25
    assert both.alike


def test_of_two_colours_only_the_one_that_differs_is_sent(both: Both) -> None:
    segments = ((10, 200), (10, 100), (50, 100), (50, 100))
    changes = both.write(
        at(0, 0) + "".join(styled("▀", f"38;2;{f};{f};{f};48;2;{b};{b};{b}") for f, b in segments)
    )
    assert re.findall(r"\x1b\[([\d;]*)m", changes) == [
        "38;2;10;10;10;48;2;200;200;200",
        "48;2;100;100;100",
        "38;2;50;50;50",
        "",
    ]
    assert both.alike


def test_what_stands_on_blanks_in_another_colour_is_not_sent(both: Both) -> None:
    both.write(at(1, 0) + styled("    ", "31;44") + at(0, 0))
    assert both.write(at(1, 0) + styled("    ", "32;44") + at(0, 0)) == ""
    assert "\x1b[4" in both.write(at(1, 0) + styled("    ", "4;32;44") + at(0, 0)), "underlined"
    assert both.alike


def test_a_blank_keeps_the_colour_for_what_comes_after_it(both: Both) -> None:
    changes = both.write(at(1, 0) + styled("▀", "31;44") + styled(" ", "45") + styled("▀", "31;44"))
    assert re.findall(r"\x1b\[([\d;]*)m", changes) == ["31;44", "45", "44", ""]


def test_a_reset_ends_all_that_was_set_before_it(both: Both) -> None:
    both.write(at(1, 0) + "\x1b[1m\x1b[31mbold and red\x1b[0mnot" + at(0, 0))
    assert both.alike


def test_the_next_move_in_a_line_is_by_its_column_for_terminals_with_wider_marks(
    both: Both,
) -> None:
    both.write(at(1, 0) + "●aaaaaa" + at(0, 0))
    changes = both.write(at(1, 0) + "●bababa" + at(0, 0))
    assert changes.startswith("\x1b[2;2Hb\x1b[4Gb\x1b[6Gb")


@pytest.mark.parametrize("wide", ["漢", "e\u0301", "👩\u200d🔬"])
def test_after_characters_of_another_width_the_line_is_sent_whole(wide: str, both: Both) -> None:
    line = at(1, 0) + f"a{wide}b" + at(0, 0)
    both.write(line)
    assert wide in both.write(line)
    # The other lines are known still.
    other = at(3, 0) + "abc" + at(0, 0)
    both.write(other)
    both.write(line)
    assert both.write(other) in ("", at(0, 0))


def test_what_stood_under_a_wide_character_is_sent_again(both: Both) -> None:
    for text in ("abcd", "a漢d", "abcd"):
        both.write(at(1, 0) + text + at(0, 0))
        assert both.alike


def test_after_a_change_of_size_everything_is_sent_again(both: Both) -> None:
    line = at(2, 0) + styled("abc", "31") + at(0, 0)
    both.write(line)
    both.sent.forget()
    assert "abc" in both.write(line)
    assert "31" in both.spared.received
    assert both.alike


def test_what_is_not_known_to_be_harmless_is_passed_on_and_everything_is_sent_after_it(
    both: Both,
) -> None:
    line = at(2, 0) + "abc" + at(0, 0)
    both.write(line)
    assert "\x1b[2J" in both.write("\x1b[2J")
    assert "abc" in both.write(line)
    assert both.alike


@pytest.mark.parametrize("harmless", ["\x1b[?25l", "\x1b[?2026h", "\x1b]0;title\x07", "\x07"])
def test_modes_titles_and_the_bell_are_passed_on_as_they_are(harmless: str, both: Both) -> None:
    line = at(2, 0) + "abc" + at(0, 0)
    both.write(line)
    assert both.write(harmless) == harmless
    assert both.write(line) == ""


def test_before_and_after_full_screen_mode_everything_is_passed_on() -> None:
    sent = CellDiff()
    text = "a line\r\n\x1b[31manother\x1b[0m\n"
    assert sent.changes(text) == text
    sent.changes(ENTER)
    sent.changes(at(0, 0) + "abc")
    assert LEAVE in sent.changes(LEAVE)
    assert sent.changes(text) == text
    # And suspended and back: the screen is blank.
    sent.changes(ENTER)
    assert "abc" in sent.changes(at(0, 0) + "abc")


def test_a_picture_that_changes_a_little_costs_a_little(both: Both) -> None:
    canvas = np.random.default_rng(0).integers(0, 256, (2 * ROWS, COLUMNS)).astype(np.uint8)
    console = Console(color_system="truecolor")

    def draw() -> int:
        lines = [strip.render(console) for strip in strips(canvas, "half")]
        update = "\n".join(at(y, 0) + line for y, line in enumerate(lines))
        return len(both.write(update + at(0, 0)))

    first = draw()
    canvas[3, 5] ^= 0x80
    assert draw() < 60 < first / 20
    assert both.alike
