from dataclasses import replace

import numpy as np
import pytest

from engine.views import LatentView, Plane
from tests.support.made_views import latent_view
from tui.drawing.grid import Grid
from tui.screens.explorer.cursor import LatentCursor, row_of

NAMES = ("shoe", "bag", "coat")
GRID = Grid(20, 10, scale=0.5)


def view(seed: int = 0, count: int = 60, **changes: object) -> LatentView:
    rng = np.random.default_rng(seed)
    made = latent_view(rng.normal(size=(count, 2)), np.arange(count) % 3, NAMES)
    # Positions in the split need not be those in the view.
    return replace(made, indices=np.arange(count) * 7, **changes)  # type: ignore[arg-type]


def t_sne(seed: int, base: LatentView) -> LatentView:
    points = np.random.default_rng(seed).normal(size=base.points.shape) * 40
    return replace(
        base,
        points=points.astype(np.float32),
        plane=None,
        projection="tsne",
        axis_names=("t-SNE 1", "t-SNE 2"),
    )


def at(cursor: LatentCursor) -> tuple[float, float]:
    return cursor.x, cursor.y


def image(cursor: LatentCursor) -> int:
    assert cursor.view is not None
    assert cursor.nearest is not None
    return int(cursor.view.indices[cursor.nearest])


def test_it_begins_in_the_middle_of_the_points() -> None:
    cursor, first = LatentCursor(), view()
    cursor.show(first)
    assert at(cursor) == pytest.approx(first.points.mean(axis=0).tolist(), abs=1e-6)


def test_it_stays_where_it_is_while_the_map_learns() -> None:
    cursor = LatentCursor()
    cursor.show(view(0))
    cursor.move_to(0.3, -0.8)
    cursor.show(view(1, axis_names=("PC 1 (9.9 %)", "PC 2 (1.0 %)")))
    assert at(cursor) == (0.3, -0.8)
    points = view(1).points
    assert image(cursor) == 7 * np.hypot(points[:, 0] - 0.3, points[:, 1] + 0.8).argmin()


@pytest.mark.parametrize("kind", ["t-SNE", "dimensions"])
def test_it_follows_the_image_under_it_to_another_kind_of_map(kind: str) -> None:
    cursor, pca = LatentCursor(), view()
    cursor.show(pca)
    cursor.move_to(*pca.points[17].tolist())
    dimensions = replace(view(5), projection=None, axis_names=("z₁", "z₂"))
    other = t_sne(5, pca) if kind == "t-SNE" else dimensions
    cursor.show(other)
    assert at(cursor) == pytest.approx(other.points[17].tolist())
    assert image(cursor) == 17 * 7
    cursor.show(t_sne(6, pca))
    assert image(cursor) == 17 * 7
    cursor.show(pca)
    assert at(cursor) == pytest.approx(pca.points[17].tolist())


def test_other_dimensions_are_another_map() -> None:
    cursor = LatentCursor()
    first = replace(view(0), projection=None, axis_names=("z₁", "z₂"))
    second = replace(view(1), projection=None, axis_names=("z₃", "z₄"))
    cursor.show(first)
    cursor.move_to(*first.points[4].tolist())
    cursor.show(second)
    assert image(cursor) == 4 * 7


def test_an_image_of_another_split_is_another_image() -> None:
    cursor, validation = LatentCursor(), view()
    cursor.show(t_sne(1, validation))
    cursor.move_to(*t_sne(1, validation).points[17].tolist())
    training = t_sne(2, replace(view(3), split="train"))
    cursor.show(training)
    assert at(cursor) == pytest.approx(training.points.mean(axis=0).tolist(), abs=1e-4)


def test_on_a_plane_the_cursor_itself_is_decoded() -> None:
    axes = np.array([[0.6, 0.8, 0, 0], [0, 0, 1, 0]])
    cursor = LatentCursor()
    cursor.show(view(plane=Plane(np.array([1.0, 2, 3, 4]), axes)))
    cursor.move_to(2.0, -1.5)
    point = cursor.point(GRID)
    assert point is not None
    np.testing.assert_allclose(point.latent, [1 + 1.2, 2 + 1.6, 3 - 1.5, 4], rtol=1e-6)
    assert point.latent.dtype == np.float32
    assert point.coordinates == (("PC 1", 2.0), ("PC 2", -1.5))


def test_where_there_is_no_plane_the_nearest_point_is_decoded() -> None:
    base = view()
    cursor, projected = LatentCursor(), t_sne(3, base)
    cursor.show(projected)
    x, y = projected.points[21].tolist()
    cursor.move_to(x + 1e-3, y)
    point = cursor.point(GRID)
    assert point is not None
    np.testing.assert_array_equal(point.latent, base.latents[21])
    assert (point.index, point.label, point.coordinates) == (21 * 7, 0, ())


def test_hidden_classes_are_neither_snapped_to_nor_counted() -> None:
    cursor, first = LatentCursor(), view()
    cursor.show(first)
    cursor.move_to(*first.points[0].tolist())
    everything = cursor.point(Grid(1, 1, scale=100))
    cursor.hide(frozenset({0}))
    rest = cursor.point(Grid(1, 1, scale=100))
    assert everything is not None
    assert rest is not None
    assert (everything.label, everything.counts) == (0, ((0, 20), (1, 20), (2, 20)))
    assert rest.label in (1, 2)
    assert rest.counts == ((1, 20), (2, 20))
    cursor.hide(frozenset({0, 1, 2}))
    assert cursor.nearest is None
    on_plane = cursor.point(GRID)
    assert on_plane is not None, "a plane can be decoded without any image"
    assert (on_plane.index, on_plane.counts) == (None, ())
    cursor.show(t_sne(1, first))
    assert cursor.point(GRID) is None


def test_only_the_images_in_the_cursors_cell_are_counted_the_most_frequent_first() -> None:
    points = np.array([[0.1, 0.1], [0.2, 0.2], [0.3, 0.1], [3, 3]])
    cursor = LatentCursor()
    cursor.show(latent_view(points, np.array([2, 1, 2, 0]), NAMES))
    cursor.move_to(0.1, 0.1)
    point = cursor.point(GRID)
    assert point is not None
    assert point.counts == ((2, 2), (1, 1))


def test_a_space_of_one_dimension_has_one_coordinate() -> None:
    made = view(latents=np.zeros((60, 1), np.float32), plane=Plane(np.zeros(1), np.eye(1, 2).T))
    cursor = LatentCursor()
    cursor.show(made)
    cursor.move_to(1.5, 3.0)
    point = cursor.point(GRID)
    assert point is not None
    assert point.latent.tolist() == [1.5]
    assert len(point.coordinates) == 1


def test_points_that_are_no_numbers_harm_nobody() -> None:
    made = view()
    cursor = LatentCursor()
    cursor.show(replace(made, points=np.full_like(made.points, np.nan)))
    assert at(cursor) == (0.0, 0.0)
    assert cursor.nearest is None
    assert cursor.point(GRID) is not None


def test_a_row_is_found_by_its_position_in_the_split() -> None:
    made = view()
    assert row_of(made, 14) == 2
    assert row_of(made, 15) is None
    assert row_of(made, None) is None
