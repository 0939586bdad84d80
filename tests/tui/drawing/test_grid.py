import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.drawing.grid import EMPTY, Grid, nearest_point, occupancy

sizes = st.integers(1, 200)
numbers = st.floats(-1e6, 1e6)
grids = st.builds(
    Grid,
    columns=sizes,
    rows=sizes,
    centre=st.tuples(numbers, numbers),
    scale=st.floats(1e-3, 1e3),
    aspect=st.sampled_from([1.0, 2.0]),
)


@given(grids, st.data())
def test_the_point_of_a_cell_is_in_that_cell(grid: Grid, data: st.DataObject) -> None:
    cell = (data.draw(st.integers(0, grid.columns - 1)), data.draw(st.integers(0, grid.rows - 1)))
    point = grid.point(*cell)
    assert grid.cell(*point) == cell
    columns, rows = grid.cells(np.array([point]))
    assert (columns[0], rows[0]) == cell


@given(grids, st.data())
def test_a_cell_to_the_right_is_one_scale_on_and_a_cell_down_one_aspect_less(
    grid: Grid, data: st.DataObject
) -> None:
    x, y = grid.point(3, 4)
    right, below = grid.point(4, 4), grid.point(3, 5)
    near = {"rel": 1e-6, "abs": 1e-6}
    assert (right[0] - x, right[1] - y) == pytest.approx((grid.scale, 0), **near)
    assert (below[0] - x, below[1] - y) == pytest.approx((0, -grid.scale * grid.aspect), **near)


@given(grids, st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_a_place_beyond_the_edge_is_in_the_outermost_cell(grid: Grid, x: float, y: float) -> None:
    column, row = grid.cell(x, y)
    assert 0 <= column < grid.columns
    assert 0 <= row < grid.rows
    if x > grid.centre[0] + grid.columns * grid.scale:
        assert column == grid.columns - 1
    if y > grid.centre[1] + grid.rows * grid.scale * grid.aspect:
        assert row == 0


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), sizes, sizes)
def test_a_grid_around_points_holds_nearly_all_and_is_no_larger_than_need_be(
    seed: int, count: int, columns: int, rows: int
) -> None:
    points = np.random.default_rng(seed).normal(size=(count, 2)).astype(np.float32) * (1, 5)
    grid = Grid.around(points, columns, rows)
    inside = grid.cells(points)[0] != EMPTY
    # A thousandth on each of four sides; of these, at most one a side.
    assert (~inside).sum() <= 4 * (count > 1000)
    width, height = columns * grid.scale, rows * grid.scale * grid.aspect
    used = np.ptp(points, axis=0) / (width, height)
    assert count == 1 or used.max() > 0.99


def test_what_is_no_number_is_left_off_the_grid() -> None:
    points = np.array([[0, 0], [np.nan, 0], [1, 1], [0, np.inf]], np.float32)
    grid = Grid.around(points, 10, 10)
    assert (grid.cells(points)[0] != EMPTY).tolist() == [True, False, True, False]
    nothing = Grid.around(points[1:2], 10, 10)
    assert nothing.cell(*nothing.point(4, 7)) == (4, 7)


def test_cells_are_counted_by_class_and_hidden_classes_are_not() -> None:
    grid = Grid(3, 1, aspect=1.0)
    points = np.array([[-1, 0], [-1, 0], [-1, 0], [1, 0], [9, 9]])
    labels = np.array([0, 2, 2, 1, 1], np.uint8)
    all_classes = occupancy(grid, points, labels, 3)
    assert all_classes.counts.tolist() == [[[1, 0, 2], [0, 0, 0], [0, 1, 0]]]
    assert all_classes.majority.tolist() == [[2, EMPTY, 1]]
    without = occupancy(grid, points, labels, 3, frozenset({1, 2}))
    assert without.majority.tolist() == [[0, EMPTY, EMPTY]]


def test_full_cells_are_dense_and_single_images_are_not() -> None:
    counts = [1, 2, 8, 30, 40]
    points = np.repeat([[n - 2, 0] for n in range(5)], counts, axis=0)
    labels = np.zeros(len(points), np.uint8)
    density = occupancy(Grid(5, 1), points, labels, 1).density[0].tolist()
    assert density == sorted(density)
    assert (density[0], density[-1]) == (0, 2)
    assert 1 in density


def test_where_every_cell_has_one_image_none_is_dim() -> None:
    points = np.array([[-1, 0], [0, 0], [1, 0]])
    density = occupancy(Grid(3, 1), points, np.zeros(3, np.uint8), 1).density
    assert density.tolist() == [[1, 1, 1]]


def test_one_cell_that_holds_nearly_all_does_not_dim_the_rest() -> None:
    points = np.concatenate(
        [np.zeros((10_000, 2)), np.repeat([[x, 0] for x in range(1, 40)], 6, 0)]
    )
    density = occupancy(Grid(81, 1), points, np.zeros(len(points), np.uint8), 1).density
    assert density[0, 40] == 2
    assert density[0, 41] > 0


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 50))
def test_the_nearest_point_is_the_nearest_of_those_shown(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, 2))
    points[rng.random(count) < 0.2] = np.nan
    shown = rng.random(count) < 0.6
    place = tuple(rng.normal(size=2).tolist())
    usable = [i for i in range(count) if shown[i] and np.isfinite(points[i]).all()]
    expected = min(usable, key=lambda i: np.hypot(*(points[i] - place)), default=None)
    assert nearest_point(points, shown, place) == expected
    assert nearest_point(points, np.zeros(count, np.bool_), place) is None
