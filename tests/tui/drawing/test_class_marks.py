from rich.cells import cell_len
from wcwidth import wcwidth
from wcwidth.table_vs16 import VS16_NARROW_TO_WIDE

from engine.figures.palette import class_color
from tui.drawing.class_marks import class_mark, class_style, map_line
from tui.drawing.grid import EMPTY

EMOJI_TOO = {
    code for table in VS16_NARROW_TO_WIDE.values() for a, b in table for code in range(a, b + 1)
}


def test_every_class_has_a_mark_of_its_own_one_cell_wide() -> None:
    marks = [class_mark(label, "half") for label in range(10)]
    assert len(set(marks)) == 10
    assert {cell_len(mark) for mark in marks} == {wcwidth(mark) for mark in marks} == {1}


def test_no_mark_is_a_character_that_some_terminals_draw_as_emoji() -> None:
    assert ord("◀") in EMOJI_TOO, "the table can tell"
    assert not {ord(class_mark(label, "half")) for label in range(10)} & EMOJI_TOO


def test_classes_beyond_ten_have_another_pair_of_mark_and_colour() -> None:
    pairs = {(class_mark(label, "half"), class_color(label)) for label in range(100)}
    assert len(pairs) == 100


def test_crowded_cells_are_lighter_and_bold_and_sparse_ones_darker() -> None:
    for label in range(10):
        few, some, many = (class_style(label, density) for density in range(3))
        light = [sum(s.color.get_truecolor()) for s in (few, some, many) if s.color]
        assert light == sorted(set(light))
        assert (few.bold, some.bold, many.bold) == (None, None, True)
        assert some.color is not None
        assert some.color.get_truecolor().hex.upper() == class_color(label).upper()


def test_a_line_of_the_map_has_a_mark_per_cell_in_its_colour() -> None:
    line = map_line([3, 3, EMPTY, 0, 0, 0], [1, 1, 0, 1, 2, 2], "half")
    assert [s.text for s in line] == ["▼▼", " ", "●", "●●"]
    assert [s.style for s in line] == [
        class_style(3, 1),
        None,
        class_style(0, 1),
        class_style(0, 2),
    ]
    assert [s.text for s in map_line([3, EMPTY, 12], [1, 0, 1], "ascii")] == ["3", " ", "2"]
