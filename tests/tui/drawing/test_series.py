import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tui.drawing.series import (
    Series,
    epoch_ticks,
    metrics_of,
    round_ticks,
    thin,
)

values = st.floats(-1e6, 1e6, allow_nan=False)


def series(epochs: list[float], values: list[float]) -> Series:
    return Series(np.array(epochs, dtype=float), np.array(values, dtype=float))


@st.composite
def evenly_sampled(draw: st.DrawFn) -> list[float]:
    # 2^k + 1 values at the epochs 0 to 2^k: which column each is in is exact in floats.
    count = 2 ** draw(st.integers(3, 7)) + 1
    return draw(st.lists(values, min_size=count, max_size=count))


def test_an_autoencoder_is_charted_by_its_reconstruction_alone() -> None:
    assert metrics_of("vae") == ("neg_elbo", "recon", "kl")
    assert metrics_of("ae") == ("recon",)


@pytest.mark.slow
@given(evenly_sampled(), st.integers(1, 40))
def test_thinning_keeps_the_lowest_and_the_highest_of_every_column_in_order(
    sampled: list[float], columns: int
) -> None:
    last = len(sampled) - 1
    thinned = thin(series(list(range(last + 1)), sampled), columns)
    kept = thinned.epochs.astype(int).tolist()
    assert kept == sorted(set(kept)), "in order of time, none twice"
    assert thinned.values.tolist() == [sampled[i] for i in kept], "points are kept, not made"
    if len(sampled) <= 2 * columns:
        assert kept == list(range(last + 1))
        return
    by_column: dict[int, list[int]] = {}
    for i in range(last + 1):
        by_column.setdefault(min(i * columns // last, columns - 1), []).append(i)
    for members in by_column.values():
        shown = [sampled[i] for i in members if i in set(kept)]
        everything = [sampled[i] for i in members]
        assert 1 <= len(shown) <= 2
        assert {min(shown), max(shown)} == {min(everything), max(everything)}


@given(st.lists(st.tuples(st.floats(0, 1e4), values), max_size=300), st.integers(1, 40))
def test_thinning_bounds_the_points_and_keeps_the_extremes_for_any_spacing(
    pairs: list[tuple[float, float]], columns: int
) -> None:
    pairs.sort(key=lambda pair: pair[0])
    thinned = thin(series([p[0] for p in pairs], [p[1] for p in pairs]), columns)
    assert len(thinned.epochs) <= 2 * columns or len(pairs) <= 2 * columns
    if pairs:
        assert thinned.values.min() == min(p[1] for p in pairs)
        assert thinned.values.max() == max(p[1] for p in pairs)


def test_many_points_at_one_moment_become_two() -> None:
    thinned = thin(series([3.0] * 100, [*range(100)]), 10)
    assert thinned.values.tolist() == [0.0, 99.0]


@given(st.floats(0, 1e6), st.integers(4, 300))
def test_epoch_ticks_are_whole_evenly_apart_and_have_room(epoch: float, columns: int) -> None:
    ticks = epoch_ticks(epoch, columns)
    assert ticks[0] == 0.0
    assert all(tick == int(tick) for tick in ticks)
    assert ticks[-1] <= max(1.0, math.ceil(epoch))
    gaps = {b - a for a, b in itertools.pairwise(ticks)}
    assert len(gaps) <= 1
    if columns >= 24 and epoch >= 1:
        # Two ticks at least, and no two closer than eight columns.
        assert len(ticks) >= 2
        assert gaps.pop() * columns / epoch >= 8 - 1e-9


@pytest.mark.parametrize(
    ("epoch", "columns", "expected"),
    [
        (0.0, 80, [0, 1]),
        (0.3, 80, [0, 1]),
        (10.0, 80, list(range(11))),
        (10.0, 79, [0, 2, 4, 6, 8, 10]),
        (30.0, 60, [0, 5, 10, 15, 20, 25, 30]),
        (100.0, 60, [0, 20, 40, 60, 80, 100]),
    ],
)
def test_epoch_ticks_are_as_many_as_have_room(
    epoch: float, columns: int, expected: list[float]
) -> None:
    assert epoch_ticks(epoch, columns) == expected


@pytest.mark.parametrize("epoch", [21.0, 41.0, 49.5, 4_001.0])
def test_an_axis_with_room_for_two_ticks_has_two(epoch: float) -> None:
    assert len(epoch_ticks(epoch, 16)) >= 2


def is_round_step(step: float) -> bool:
    mantissa = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    return min(abs(mantissa - digit) for digit in (1, 2, 5)) < 1e-3


@pytest.mark.slow
@given(st.floats(-1e4, 1e4), st.floats(1e-2, 1e4), st.integers(2, 12))
@example(low=1.6, extent=0.2, most=2)
def test_y_ticks_are_round_within_the_limits_and_as_many_as_have_room(
    low: float, extent: float, most: int
) -> None:
    high = low + extent
    ticks = round_ticks(low, high, most)
    assert 1 <= len(ticks) <= most
    assert all(low - 1e-6 <= tick <= high + 1e-6 for tick in ticks)
    steps = [b - a for a, b in itertools.pairwise(ticks)]
    if not steps:
        return
    step = float(f"{steps[0]:.3g}")
    assert steps == pytest.approx([step] * len(steps), rel=1e-3)
    assert is_round_step(step)
    assert all(abs(tick / step - round(tick / step)) < 1e-3 for tick in ticks)
    # The next finer round step (at best 2.5 times finer) gives more ticks than there is room for.
    assert extent / (step / 2.5) >= 0.999 * most
    # None is left out at the ends, but for one on the very limit: floats.
    assert ticks[0] - step < low + 1e-3 * step
    assert ticks[-1] + step > high - 1e-3 * step


def test_y_ticks_of_a_usual_chart() -> None:
    assert round_ticks(236.2, 251.8, 5) == [240.0, 245.0, 250.0]
    assert round_ticks(-1.0, 1.0, 5) == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert round_ticks(11.84, 11.91, 4) == [11.84, 11.86, 11.88, 11.9]


@pytest.mark.parametrize("limits", [(1.6, 1.8), (0.2, 0.4), (1.15, 1.45), (120.0, 140.0)])
@pytest.mark.parametrize("most", [0, 1])
def test_there_is_one_y_tick_at_least_if_any_fits(limits: tuple[float, float], most: int) -> None:
    ticks = round_ticks(*limits, most)
    assert len(ticks) == 1
    assert limits[0] <= ticks[0] <= limits[1]
