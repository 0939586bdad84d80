"""Sizes of the explorer's parts; what they draw is in test_explorer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tui_fakes import CLASS_NAMES, WidgetApp
from tui.screens.explorer.inspector import choose_width, lay_out, two_decimals
from tui.screens.explorer.legend import ClassLegend, choose_columns

widths, heights = st.integers(0, 260), st.integers(0, 90)


@given(widths, heights)
def test_the_parts_of_a_place_fit_into_it(width: int, height: int) -> None:
    layout = lay_out(width, height)
    assert layout.image <= width
    assert layout.image // 2 <= height
    assert layout.original <= layout.side <= width - layout.image
    assert layout.per_row * layout.pitch <= width
    below = layout.image // 2 + layout.rows * (layout.thumb // 2 + 1)
    assert below <= height
    if layout.original and layout.thumb:
        assert layout.original // 2 + 2 <= layout.image // 2
        assert layout.neighbours > 0


@pytest.mark.parametrize(
    ("terminal", "image", "neighbours", "columns"),
    [
        ((80, 24), 28, 3, 41),
        ((100, 30), 28, 4, 43),
        ((140, 45), 56, 5, 69),
        ((200, 60), 56, 18, 115),
        ((50, 16), 14, 0, 25),
        ((24, 8), 0, 0, 23),
    ],
)
def test_a_terminal_is_divided_between_map_and_place(
    terminal: tuple[int, int], image: int, neighbours: int, columns: int
) -> None:
    width, height = terminal
    place = choose_width(width, height - 4)
    layout = lay_out(place, height - 4)
    assert (layout.image, layout.neighbours, width - place - 1) == (image, neighbours, columns)


@given(st.integers(1, 260), st.integers(1, 90))
def test_the_map_keeps_half_the_width_or_forty_columns(width: int, rows: int) -> None:
    place = choose_width(width, rows)
    assert width - place - 1 >= min(40, width // 2) or place == 0


@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 5))
def test_a_legend_stands_in_its_columns(width: int, classes: int, rows: int) -> None:
    names = tuple(f"{'class ' * (n % 3)}{n}" for n in range(classes))
    columns = choose_columns(width, rows, names, [1000] * classes)
    assert columns.per_row * rows >= classes
    longest = max(map(len, names)) + 4 + (6 if columns.with_counts else 0)
    assert columns.close or columns.width > longest
    assert columns.close or columns.per_row * columns.width <= width


@pytest.mark.parametrize(
    ("width", "height", "rows", "with_counts", "whole_names"),
    [(41, 20, 3, False, False), (69, 41, 4, True, True), (115, 56, 2, True, True)],
)
async def test_a_legend_shows_all_classes_in_few_rows(
    width: int, height: int, rows: int, with_counts: bool, whole_names: bool
) -> None:
    app = WidgetApp(ClassLegend(id="explorer-legend"))
    async with app.run_test(size=(width, height)) as pilot:
        legend = app.query_one(ClassLegend)
        legend.show(CLASS_NAMES, [600] * 10, frozenset({2}))
        await pilot.pause()
        lines = legend.render().plain.split("\n")
        assert len(lines) == legend.size.height == rows
        assert all(len(line) <= width for line in lines)
        shown = "\n".join(lines)
        for label, name in enumerate(CLASS_NAMES):
            assert f"{label}" in shown
            assert (name if whole_names else name[:6]) in shown
        assert ("600" in shown) == with_counts
        assert "■" not in shown, "the mark of a hidden class is left out"
        assert "●" in shown
        legend.set_image_mode("ascii")
        assert legend.render().plain.startswith(("0 T-shirt", "0T-shirt")), "the digit is the mark"


async def test_a_map_with_few_rows_has_them_to_itself() -> None:
    app = WidgetApp(ClassLegend(id="explorer-legend"))
    async with app.run_test(size=(40, 8)) as pilot:
        app.query_one(ClassLegend).show(CLASS_NAMES, [600] * 10, frozenset())
        await pilot.pause()
        assert app.query_one(ClassLegend).size.height == 0


def test_a_number_that_rounds_to_zero_has_no_sign() -> None:
    assert [two_decimals(v) for v in (-0.004, -0.31, 2.0)] == ["0.00", "−0.31", "2.00"]


def test_numbers_of_a_diverged_model_take_little_room() -> None:
    assert (two_decimals(-7.6e15), two_decimals(-0.001), two_decimals(-0.314)) == (
        "−7.6e15",
        "0.00",
        "−0.31",
    )
