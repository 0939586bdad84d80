from rich.color import Color, ColorSystem

from tui.drawing.run_marks import RUN_COLORS, RUN_MARKS, run_color, run_mark
from tui.theme import TRAIN_COLOR, VALIDATION_COLOR


def test_the_first_two_are_the_dashboards() -> None:
    assert RUN_COLORS[:2] == (TRAIN_COLOR, VALIDATION_COLOR)


def test_a_terminal_of_256_colours_shows_six_different_ones() -> None:
    numbers = {
        Color.from_rgb(*color).downgrade(ColorSystem.EIGHT_BIT).number for color in RUN_COLORS
    }
    assert len(numbers) == len(RUN_COLORS) == len(set(RUN_MARKS)) == 6


def test_more_runs_repeat_colours_but_not_pairs() -> None:
    assert run_color(7) == RUN_COLORS[1]
    pairs = {(run_color(i), run_mark(i, "half")) for i in range(36)}
    assert len(pairs) == 36
    assert [run_mark(i, "ascii") for i in range(6)] == list("123456")
