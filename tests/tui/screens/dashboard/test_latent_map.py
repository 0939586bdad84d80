import math
from collections import Counter
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.views import LatentView
from tests.support.made_views import latent_view
from tests.support.tui_fakes import CLASS_NAMES, WidgetApp, strips_of, texts_of
from tui.drawing.class_marks import class_style
from tui.drawing.grid import Grid, Occupancy, occupancy
from tui.screens.dashboard.latent_map import LatentMapPanel

MARKS = "●◊■▼▲◄✕✚◆★"


def view(points: npt.ArrayLike, labels: npt.ArrayLike) -> LatentView:
    return latent_view(np.array(points), np.array(labels), CLASS_NAMES)


def random_view(seed: int, count: int) -> LatentView:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count)
    spread = rng.uniform(0.1, 3, 2)
    return view(rng.normal(size=(10, 2))[labels] + spread * rng.normal(size=(count, 2)), labels)


def occupied(v: LatentView, columns: int, rows: int, aspect: float = 2.0) -> Occupancy:
    grid = Grid.around(v.points, columns, rows, aspect)
    return occupancy(grid, v.points, v.labels, len(v.class_names))


def majority_class(v: LatentView, columns: int, rows: int, aspect: float) -> npt.NDArray[np.intp]:
    return occupied(v, columns, rows, aspect).majority


def naive_majority(v: LatentView, columns: int, rows: int, aspect: float) -> list[list[int]]:
    xs, ys = (v.points[:, axis].astype(float).tolist() for axis in (0, 1))
    # A thousandth on each side may lie beyond the edge: of fewer images none.
    beyond = math.floor(0.001 * (len(xs) - 1))
    ranges = [(sorted(v)[beyond], sorted(v)[len(v) - 1 - beyond]) for v in (xs, ys)]
    (left, right), (bottom, top) = ranges
    # One scale for both axes: the one at which both ranges fit, with a hair to spare.
    unit = max((right - left) / columns, (top - bottom) / (rows * aspect), 1e-9 / columns) * 1.001
    cells: dict[tuple[int, int], Counter[int]] = {}
    for x, y, label in zip(xs, ys, v.labels.tolist(), strict=True):
        column = math.floor(columns / 2 + (x - (left + right) / 2) / unit)
        row = math.floor(rows / 2 - (y - (bottom + top) / 2) / (unit * aspect))
        cells.setdefault((row, column), Counter())[label] += 1

    def winner(row: int, column: int) -> int:
        counts = cells.get((row, column))
        return min(counts, key=lambda label: (-counts[label], label)) if counts else -1

    return [[winner(row, column) for column in range(columns)] for row in range(rows)]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 400),
    st.integers(5, 40),
    st.integers(3, 30),
    st.sampled_from([1.0, 2.0]),
)
def test_each_cell_has_the_class_that_most_of_its_images_have(
    seed: int, count: int, columns: int, rows: int, aspect: float
) -> None:
    v = random_view(seed, count)
    found = majority_class(v, columns, rows, aspect)
    expected = np.array(naive_majority(v, columns, rows, aspect))
    assert found.shape == (rows, columns)
    # A point on the very edge of a cell may fall to either side: floats.
    assert (found != expected).sum() <= 2


def test_the_first_axis_points_right_and_the_second_up() -> None:
    corners = np.repeat([[0, 0], [10, 0], [10, 10], [0, 10]], 500, axis=0)
    jitter = np.random.default_rng(0).uniform(-0.5, 0.5, corners.shape)
    found = majority_class(view(corners + jitter, np.repeat([0, 1, 2, 3], 500)), 11, 11, 1.0)
    assert [found[0, 0], found[0, -1], found[-1, 0], found[-1, -1]] == [3, 2, 0, 1]


def test_of_few_images_none_is_left_out() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    # So fine a map that no two images share a cell.
    assert (majority_class(view(points, np.zeros(40)), 999, 999, 1.0) == 0).sum() == 40


@pytest.mark.parametrize(("columns", "rows", "aspect"), [(40, 10, 1.0), (10, 40, 1.0), (40, 10, 2)])
def test_both_axes_have_one_scale_so_a_circle_stays_round(
    columns: int, rows: int, aspect: float
) -> None:
    angles = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    circle = view(np.stack([np.cos(angles), np.sin(angles)], axis=1), np.zeros(2000))
    drawn = majority_class(circle, columns, rows, aspect) == 0
    across = np.flatnonzero(drawn.any(axis=0))
    down = np.flatnonzero(drawn.any(axis=1))
    wide, high = np.ptp(across) + 1, (np.ptp(down) + 1) * aspect
    assert abs(wide - high) <= 2 * aspect
    assert max(wide / columns, high / (rows * aspect)) > 0.85, "as large as fits"


def test_strays_lie_beyond_the_edge_and_do_not_shrink_the_map() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (4000, 2))
    points[0] = [1000, 1000]
    found = majority_class(view(points, np.zeros(4000)), 20, 20, 1.0)
    assert (found == 0).mean() > 0.9


def test_images_all_in_one_place_are_one_cell_in_the_middle() -> None:
    found = majority_class(view([[3.0, 3.0]] * 5, [7] * 5), 9, 9, 1.0)
    assert np.argwhere(found == 7).tolist() == [[4, 4]]
    assert (found == -1).sum() == 80


MAP = replace(
    random_view(5, 3000),
    # Every class beside every other, so that cells of two colours occur.
    labels=np.random.default_rng(1).integers(0, 10, 3000).astype(np.uint8),
)


@pytest.mark.parametrize(("mode", "marks"), [("half", MARKS), ("ascii", "0123456789")])
async def test_each_cell_shows_the_mark_of_its_majority_class_by_its_density(
    mode: str, marks: str
) -> None:
    app = WidgetApp(LatentMapPanel(id="latent"))
    app.widget.styles.display = "block"
    async with app.run_test(size=(18, 10)) as pilot:
        panel = app.query_one(LatentMapPanel)
        panel.set_image_mode(mode)  # type: ignore[arg-type]
        panel.show(MAP)
        await pilot.pause()
        # The painting, not the drawn line: the panel's own background comes only there.
        lines = panel.paint(panel.size)
    expected = occupied(MAP, 18, 9)
    classes, densities = set(), set()
    for y, line in enumerate(lines):
        cells = [(c, s.style) for s in line.crop(0, 18) for c in s.text]
        for x, (shown, style) in enumerate(cells):
            label, density = int(expected.majority[y, x]), int(expected.density[y, x])
            assert shown == (" " if label < 0 else marks[label])
            assert label < 0 or style == class_style(label, density)
            classes.add(label)
            densities.add(density)
    assert len(lines) == 9
    assert classes == {-1, *range(10)}
    assert densities == {0, 1, 2}


@pytest.mark.parametrize(("mode", "marks"), [("half", MARKS), ("ascii", "0123456789")])
async def test_the_legend_names_every_class_beside_the_map(mode: str, marks: str) -> None:
    app = WidgetApp(LatentMapPanel(id="latent"))
    app.widget.styles.display = "block"
    async with app.run_test(size=(60, 14)) as pilot:
        panel = app.query_one(LatentMapPanel)
        panel.set_image_mode(mode)  # type: ignore[arg-type]
        panel.show(MAP)
        await pilot.pause()
        lines = texts_of(panel)
        drawn = strips_of(panel)
    # "■ T-shirt/top" is the longest, and a gap of two.
    for mark, name, line in zip(marks, CLASS_NAMES, lines, strict=False):
        assert line[60 - 15 :].rstrip() == f"  {mark} {name}"
    for label, line in enumerate(drawn[:10]):
        (swatch,) = line.crop(60 - 13, 60 - 12)
        assert swatch.style is not None
        assert swatch.style.color == class_style(label).color


async def test_a_narrow_map_takes_the_legends_room() -> None:
    app = WidgetApp(LatentMapPanel(id="latent"))
    app.widget.styles.display = "block"
    async with app.run_test(size=(34, 14)) as pilot:
        panel = app.query_one(LatentMapPanel)
        panel.set_image_mode("ascii")
        panel.show(MAP)
        await pilot.pause()
        assert "Trouser" not in " ".join(texts_of(panel))
        await pilot.resize_terminal(35, 14)
        await pilot.pause()
        assert "Trouser" in " ".join(texts_of(panel))


@pytest.mark.parametrize("size", [(60, 14), (30, 6), (16, 4), (3, 2)])
@pytest.mark.parametrize("mode", ["half", "ascii"])
async def test_lines_fill_the_panel_exactly(size: tuple[int, int], mode: str) -> None:
    app = WidgetApp(LatentMapPanel(id="latent"))
    app.widget.styles.display = "block"
    async with app.run_test(size=size) as pilot:
        panel = app.query_one(LatentMapPanel)
        panel.set_image_mode(mode)  # type: ignore[arg-type]
        panel.show(MAP)
        await pilot.pause()
        assert [line.cell_length for line in strips_of(panel)] == [size[0]] * (size[1] - 1)


@pytest.mark.parametrize(("model", "what"), [("vae", "μ"), ("ae", "codes")])
async def test_the_title_says_what_is_mapped_and_along_which_axes(model: str, what: str) -> None:
    app = WidgetApp(LatentMapPanel(id="latent"))
    app.widget.styles.display = "block"
    async with app.run_test(size=(80, 14)) as pilot:
        panel = app.query_one(LatentMapPanel)
        panel.model = model  # type: ignore[assignment]
        panel.show(MAP)
        await pilot.pause()
        assert panel.border_title == f"latent map, {what} · PC 1 (21.3 %) × PC 2 (12.0 %)"
