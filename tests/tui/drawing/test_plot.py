"""A chart of any numbers, at any size, is lines of cells that fit."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from textual.geometry import Size

from engine.visible_range import Limits, drawable, visible_limits
from tui.drawing.plot import Curve, Mark, draw_chart
from tui.drawing.series import Series, round_ticks, tick_labels

RED, BLUE = (255, 0, 0), (0, 0, 255)

numbers = st.floats() | st.sampled_from(
    [math.nan, math.inf, -math.inf, 0.0, 7.6e15, 1e308, -1e308, 1.7976931348623157e308, 1e-320]
)


def chart_of(
    values: list[float], width: int, height: int, floor: float | None, epoch: float
) -> list[str]:
    """What a chart of these values shows, drawn as the panels do."""
    epochs = np.arange(len(values), dtype=float)
    limits = visible_limits([(epochs, np.array(values, float))], floor=floor)
    kept = np.isfinite(values) if values else np.zeros(0, bool)
    series = Series(epochs[kept], drawable(np.array(values, float))[kept])
    mark = Mark(0.0, values[0], RED) if values else None
    size = Size(width, height)
    strips = draw_chart(size, [Curve(series, BLUE)], limits, epoch, mark, (epoch, RED))
    assert len(strips) <= height
    if len(strips) > 1:
        assert all(strip.cell_length <= width for strip in strips)
    return [strip.text for strip in strips]


@pytest.mark.slow
@settings(max_examples=150)
@given(
    st.lists(numbers, max_size=12),
    st.integers(1, 300),
    st.integers(1, 100),
    st.sampled_from([None, 0.0]),
    numbers,
)
@example([544.0, 7.6e15, 7.6e15], 60, 20, None, 2.0)
@example([1e308, -1e308], 60, 20, None, 2.0)
@example([240.0] * 5, 1, 1, None, 4.0)
@example([1e-320] * 3, 300, 100, 0.0, 2.0)
def test_a_chart_of_any_numbers_at_any_size_is_drawn(
    values: list[float], width: int, height: int, floor: float | None, epoch: float
) -> None:
    chart_of(values, width, height, floor, epoch)


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ([545.0, 7.6e15, 7.5e15], "4e15"),
        ([3e38] * 8, "3e38"),
        ([1e308] * 3, "1e307"),
        ([-7e20, 7e20], "0"),
        ([240.0], "240"),
    ],
)
def test_huge_numbers_have_short_labels(values: list[float], label: str) -> None:
    lines = chart_of(values, 60, 20, None, 3.0)
    labels = [line.split("┤")[0].strip() for line in lines if "┤" in line]
    assert label in labels
    assert max(map(len, labels)) <= 10


limits = st.floats(-1e300, 1e300)


@given(limits, limits, st.integers(0, 25))
@example(1e15, 1e15 + 0.25, 5)
@example(0.0, 5e-324, 3)
@example(7.1e15, 8.1e15, 5)
def test_there_is_always_a_tick_and_none_beyond_the_limits(
    one: float, other: float, most: int
) -> None:
    low, high = min(one, other), max(one, other)
    ticks = round_ticks(low, high, most)
    assert 1 <= len(ticks) <= max(3, most)
    assert ticks == sorted(set(ticks))
    slack = 1e-9 * max(high - low, math.ulp(high), math.ulp(low))
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    assert len(set(tick_labels(ticks))) == len(ticks), "labels tell the ticks apart"


def test_labels_that_six_digits_do_not_tell_apart_have_more() -> None:
    assert tick_labels([1234567.0, 1234568.0]) == ["1234567", "1234568"]
    assert tick_labels([1.2e6, 1.4e6]) == ["1.2e6", "1.4e6"]
    assert tick_labels([0.0, 2e15, 4e15]) == ["0", "2e15", "4e15"]
    assert tick_labels([11.84, 11.86]) == ["11.84", "11.86"]


def test_an_axis_without_extent_has_its_one_value() -> None:
    assert round_ticks(3.0, 3.0, 5) == [3.0]
    assert draw_chart(
        Size(40, 10),
        [Curve(Series(np.array([0.0]), np.array([3.0])), BLUE)],
        Limits(2.997, 3.003),
        0.0,
    )
