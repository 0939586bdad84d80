import numpy as np
import pytest

from engine.visible_range import Limits, visible_limits


def curve(epochs: list[float], values: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(epochs, float), np.array(values, float)


def test_curves_with_positions_of_their_own_share_the_axis() -> None:
    low_one = curve([1, 2, 3, 4, 5, 6], [20, 18, 16, 14, 12, 10])
    high_one = curve([2, 4, 6], [30, 28, 26])
    limits = visible_limits([low_one, high_one])
    assert limits.low == pytest.approx(10 - 0.06 * 20)
    assert limits.high == pytest.approx(30 + 0.06 * 20)


def test_the_first_twentieth_of_the_longest_curve_may_leave_the_chart() -> None:
    steep = curve([0, 0.2, 0.5, *range(1, 11)], [550, 400, 300, *[250 - n for n in range(10)]])
    limits = visible_limits([steep, curve([], [])])
    assert limits == Limits(pytest.approx(241 - 0.06 * 9), pytest.approx(250 + 0.06 * 9))
    assert limits.outside(steep[1]) == 3


def test_a_few_points_are_shown_whole() -> None:
    few = curve([0, 0.01, 5], [550, 500, 240])
    assert visible_limits([few]).outside(few[1]) == 0


def test_a_single_value_lies_within() -> None:
    limits = visible_limits([curve([0], [0.0])])
    assert limits.low < 0 < limits.high


def test_what_is_not_finite_does_not_count() -> None:
    broken = curve([1, 2, 3, 4, 5, 6, 7], [5, np.nan, 6, np.inf, 7, 8, 9])
    limits = visible_limits([broken])
    assert (limits.low, limits.high) == (pytest.approx(4.76), pytest.approx(9.24))


def test_without_values_there_is_still_an_axis() -> None:
    assert visible_limits([curve([], [])]) == Limits(0.0, 1.0)
