import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.drawing.braille import cells_of, dots_of, line_dots

dots = st.tuples(st.integers(0, 39), st.integers(0, 31))
# Unicode's chart U2800: dots 1 to 8 are bits 0 to 7; down the left side 1 2 3 7, the right 4 5 6 8.
UNICODE_DOTS = {
    (0, 0): 1,
    (0, 1): 2,
    (0, 2): 3,
    (1, 0): 4,
    (1, 1): 5,
    (1, 2): 6,
    (0, 3): 7,
    (1, 3): 8,
}


def dots_in(characters: dict[tuple[int, int], str]) -> set[tuple[int, int]]:
    """(x, y) from the top left, of characters by (column, row)."""
    return {
        (2 * column + x, 4 * row + y)
        for (column, row), character in characters.items()
        for (x, y), number in UNICODE_DOTS.items()
        if (ord(character) - 0x2800) >> (number - 1) & 1
    }


@given(st.lists(dots, min_size=1, max_size=30))
def test_cells_show_exactly_the_dots_and_no_cell_is_blank(points: list[tuple[int, int]]) -> None:
    x, y = np.array(points).T
    rows, columns, characters = cells_of(x, y, 20, 8)
    shown = dict(zip(zip(columns.tolist(), rows.tolist(), strict=True), characters, strict=True))
    assert len(shown) == len(characters)
    assert dots_in(shown) == set(points)
    assert "⠀" not in characters


@pytest.mark.slow
@given(st.lists(dots, min_size=1, max_size=30))
def test_a_line_goes_through_its_points_without_gaps_and_never_half_a_dot_off(
    points: list[tuple[int, int]],
) -> None:
    x, y = line_dots(*np.array(points).T)
    line = list(zip(x.tolist(), y.tolist(), strict=True))
    assert (line[0], line[-1]) == (points[0], points[-1])
    assert set(points) <= set(line)
    assert max(np.abs(np.diff(x)).max(initial=0), np.abs(np.diff(y)).max(initial=0)) <= 1
    for dot in line:
        assert (
            min(distance(dot, a, b) for a, b in zip(points, points[1:] or points, strict=False))
            <= 0.5
        )


def distance(dot: tuple[int, int], a: tuple[int, int], b: tuple[int, int]) -> float:
    """From a straight line between two dots."""
    p, start, way = np.array(dot), np.array(a), np.subtract(b, a)
    along = np.clip((p - start) @ way / max(1, way @ way), 0, 1)
    return float(np.linalg.norm(p - start - along * way))


@given(st.integers(1, 300), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_the_limits_are_the_first_and_the_last_dot_and_the_rest_lies_evenly_between(
    count: int, low: float, extent: float
) -> None:
    values = low + extent * np.arange(count) / max(1, count - 1)
    found = dots_of(values, low, low + extent, count)
    assert np.abs(found - np.arange(count)).max() <= (0 if extent > abs(low) / 1e6 else 1)
