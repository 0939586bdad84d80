import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

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


@settings(deadline=None)  # a machine may be busy
@given(
    st.lists(
        st.lists(st.tuples(st.floats(0, 1e6) | st.just(np.nan), st.floats()), max_size=40),
        max_size=3,
    ),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
@example([[(0.0, 7.6e15)]], None)
@example([[(float(n), 7.6e15) for n in range(20)]], None)
@example([[(0.0, 544.0), (0.1, 1e38), *((float(n), 389.0) for n in range(1, 9))]], None)
@example([[(float(n), 1.7e308 * (-1) ** n) for n in range(20)]], None)
@example([[(float(n), np.inf) for n in range(20)]], 0.0)
@example([[(1.0, -5.0)]], 0.0)
def test_limits_are_finite_and_in_order_whatever_the_values_are(
    curves: list[list[tuple[float, float]]], floor: float | None
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        limits = visible_limits(
            [curve([x for x, _ in c], [y for _, y in c]) for c in curves], floor=floor
        )
    assert np.isfinite([limits.low, limits.high, limits.high - limits.low]).all()
    assert limits.low < limits.high


def test_a_jolt_at_the_start_does_not_squash_what_came_after_it() -> None:
    jolt = curve([0, 0.01, *range(1, 30)], [544.0, 7.6e15, *[389.0 - n for n in range(29)]])
    limits = visible_limits([jolt])
    assert limits.high < 400
    assert limits.outside(jolt[1]) == 2


def test_without_values_there_is_still_an_axis() -> None:
    assert visible_limits([curve([], [])]) == Limits(0.0, 1.0)
