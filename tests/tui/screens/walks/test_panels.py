"""The three walks as widgets: what they ask for at a size, and how an answer is laid out."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from textual.geometry import Size

from engine.config import RunConfig
from engine.views import (
    Interpolation,
    InterpolationView,
    Manifold,
    ManifoldView,
    Traversal,
    TraversalView,
)
from tests.support.tui_fakes import WidgetApp, spied, strips_of, texts_of
from tui.drawing.pixels import ASCII_RAMP
from tui.screens.walks.interpolation import InterpolationPanel, paths_layout
from tui.screens.walks.manifold import ManifoldPanel, best_layout, grid_layouts
from tui.screens.walks.panel import SIZES, WalkPanel, chosen_columns, fitting
from tui.screens.walks.tabs import WalkBar
from tui.screens.walks.traversal import TraversalPanel, traversal_layout

VAE, AE = RunConfig(), RunConfig(model="ae")
widths, heights = st.integers(1, 260), st.integers(1, 90)


def level(grey: float) -> str:
    return ASCII_RAMP[int(grey * 255) // 16]


def flat(greys: np.ndarray) -> np.ndarray:
    """Images of one grey each: (..., 28, 28)."""
    return np.broadcast_to(greys[..., None, None], (*greys.shape, 28, 28)).astype(np.float32)


def greys(*shape: int) -> np.ndarray:
    """Greys in the middle of a level each, never black."""
    return ((np.arange(math.prod(shape)) % 14 + 1) * 16 + 8).reshape(shape) / 255


def fitted(panel: WalkPanel, config: RunConfig = VAE) -> WidgetApp:
    panel.begin(config)
    panel.set_image_mode("ascii")
    panel.add_class("-shown")
    return WidgetApp(panel)


# How much fits.


@given(st.integers(0, 300), st.integers(1, 30), st.integers(0, 2))
def test_the_most_images_fit_that_leave_one_half_way(width: int, size: int, gap: int) -> None:
    count = fitting(width, size, gap)
    if width < size:
        assert count <= 0
        return
    assert count % 2 == 1
    assert count * size + (count - 1) * gap <= width
    assert (count + 2) * size + (count + 1) * gap > width


@given(st.integers(1, 40), st.integers(1, 40))
def test_fewer_columns_are_spread_evenly_from_the_first_to_the_last(
    available: int, wanted: int
) -> None:
    columns = chosen_columns(available, wanted)
    assert len(columns) == min(available, wanted)
    assert columns[0] == 0
    if wanted > 1:
        assert columns[-1] == available - 1
    assert np.all(np.diff(columns) >= 1)


@given(widths, heights, st.booleans())
def test_ways_fit_and_have_an_odd_number_of_steps(width: int, height: int, originals: bool) -> None:
    layout = paths_layout(width, height, originals)
    if layout is None:
        assert width < 3 * 10 or height < 6
        return
    assert layout.size >= 10
    assert layout.steps % 2 == 1
    assert layout.width <= width
    assert layout.rows >= 1
    assert layout.rows * layout.lines <= height
    if layout.originals:
        assert originals
        assert layout.steps >= 5
    if width >= 54:
        assert layout.steps >= 5


@pytest.mark.parametrize(
    ("terminal", "originals", "expected"),
    [
        ((80, 24), True, (10, 5, 3)),
        ((80, 24), False, (14, 5, 2)),
        ((140, 45), True, (14, 7, 5)),
        ((200, 60), True, (16, 9, 6)),
        ((60, 18), True, (10, 5, 2)),
    ],
)
def test_ways_at_the_usual_sizes(
    terminal: tuple[int, int], originals: bool, expected: tuple[int, int, int]
) -> None:
    layout = paths_layout(terminal[0] - 2, terminal[1] - 4, originals)
    assert layout is not None
    assert (layout.size, layout.steps, layout.rows) == expected


@given(widths, heights, st.integers(1, 64), st.booleans())
def test_dimensions_fit_with_their_labels(
    width: int, height: int, dims: int, own_values: bool
) -> None:
    heads, row_heads = (1, 1) if own_values else (2, 0)
    layout = traversal_layout(width, height, dims, 9, heads, row_heads)
    if layout is None:
        assert width < 10 + 30 or height < heads + row_heads + 5
        return
    block = max(layout.original, 11) + 2 if layout.original else 0
    across = layout.steps * layout.size + (layout.steps - 1) * layout.gap
    assert block + 9 + 1 + across <= width
    gaps = 0 if own_values else layout.rows - 1
    lines = layout.rows * (layout.size // 2 + row_heads) + gaps
    assert heads + lines <= height
    assert layout.steps % 2 == 1
    assert layout.original >= layout.size or not layout.original


def test_few_dimensions_need_no_room_for_many() -> None:
    many, few = (traversal_layout(138, 20, dims, 9, heads=2, row_heads=0) for dims in (20, 2))
    assert many is not None
    assert few is not None
    assert (many.size, many.rows) == (10, 3)
    assert (few.size, few.rows) == (14, 2)


@given(widths, heights)
def test_every_grid_fits_and_is_as_large_as_can_be(width: int, height: int) -> None:
    for layout in grid_layouts(width, height, flat=False):
        beside = layout.margin > 0
        assert layout.count * layout.size + layout.margin <= width
        assert layout.count * layout.size // 2 + (1 if beside else 2) <= height
        more = (layout.count + 1) * layout.size
        for margin, lines in ((15, 1), (0, 2)):
            assert more + margin > width or more > 2 * (height - lines)


def test_by_default_the_grid_has_the_largest_images_of_which_eight_fit() -> None:
    layouts = grid_layouts(198, 56, flat=False)
    assert [(g.size, g.count) for g in layouts] == [
        (28, 3),
        (20, 5),
        (14, 7),
        (12, 9),
        (10, 11),
        (8, 13),
    ]
    assert layouts[best_layout(layouts)].count == 9
    small = grid_layouts(78, 20, flat=False)
    assert small[best_layout(small)].size == 8  # nowhere are there eight
    assert grid_layouts(9, 3, flat=False) == []


# Interpolation.


def ways(
    rows: int, steps: int, originals: bool = True, pairs: tuple[tuple[int, int], ...] | None = None
) -> InterpolationView:
    return InterpolationView(
        step=7,
        epoch=2.5,
        images=flat(greys(rows, steps)),
        fractions=np.linspace(0, 1, steps),
        pairs=pairs or tuple((10 + r, 400 + r) for r in range(rows)),
        originals=flat(greys(rows, 2)) if originals else None,
        names=tuple(("Trouser", f"Bag {r}") for r in range(rows)),
        method="lerp",
    )


async def test_a_way_stands_between_its_two_originals_under_their_names() -> None:
    panel = InterpolationPanel(id="interpolation")
    async with fitted(panel).run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        assert panel.request() == Interpolation(rows=3, steps=5)
        view = ways(3, 5)
        panel.accept(view, Interpolation(rows=3, steps=5))
        lines = texts_of(panel)
        assert view.originals is not None
        for row in range(3):
            head, *images = [line.strip() for line in lines[7 * row : 7 * row + 6]]
            assert head.startswith(f"Trouser #{10 + row} ──")
            assert head.endswith(f"── Bag {row} #{400 + row}")
            assert len(head) == 78
            start, end = (level(g) * 10 for g in view.originals[row, :, 0, 0])
            middle = " ".join(level(g) * 10 for g in view.images[row, :, 0, 0])
            assert images == [f"{start}  {middle}  {end}"] * 5


async def test_draws_have_no_originals_and_say_their_prior() -> None:
    panel = InterpolationPanel(id="interpolation")
    async with fitted(panel).run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        panel.switch_ends()
        assert panel.request() == Interpolation("prior", rows=2, steps=5)
        panel.accept(ways(2, 5, originals=False), Interpolation("prior", rows=2, steps=5))
        heads = [line.strip() for line in texts_of(panel)[::9][:2]]
        assert [(h.split()[0], h.split()[-2:]) for h in heads] == [
            ("Trouser", ["Bag", "0"]),
            ("Trouser", ["Bag", "1"]),
        ]
        assert all("prior" in title for title in panel.titles())
        assert "slerp" in panel.titles()[0]
        panel.begin(AE)
        assert all("prior" in t for t in panel.titles())
        assert "no prior of this AE" in panel.titles()[0]
        panel.switch_ends()
        assert "codes" in panel.titles()[0]


async def test_marked_ends_are_the_first_row_and_typed_ones_come_before_them() -> None:
    panel = InterpolationPanel(id="interpolation")
    async with fitted(panel).run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        panel.mark((5, None))
        page = panel.request()
        assert page == Interpolation(rows=3, steps=5)
        panel.mark((5, 9))
        assert panel.request() == page  # the page's own pairs are not known yet
        panel.accept(ways(3, 5), page)
        assert panel.request() == replace(page, pairs=((5, 9), (10, 400), (11, 401)))
        panel.go_to((1, 2))
        assert panel.request() == replace(page, pairs=((1, 2), (10, 400), (11, 401)))
        assert panel.turn(1)
        assert panel.request() == replace(page, page=1)
        panel.accept(ways(3, 5, pairs=((3, 4), (6, 7), (8, 9))), replace(page, page=1))
        assert panel.request() == replace(page, page=1, pairs=((5, 9), (3, 4), (6, 7)))
        panel.switch_ends()
        prior = Interpolation("prior", rows=2, steps=5)
        panel.accept(ways(2, 5, originals=False), prior)
        assert panel.request() == prior  # positions of images are no draws


async def test_the_answer_with_a_chosen_path_does_not_push_the_others_down() -> None:
    panel = InterpolationPanel(id="interpolation")
    async with fitted(panel).run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        panel.mark((5, 9))
        page = Interpolation(rows=3, steps=5)
        panel.accept(ways(3, 5), page)
        chosen = panel.request()
        assert chosen is not None
        panel.accept(ways(3, 5, pairs=chosen.pairs), chosen)
        assert panel.request() == chosen


async def test_an_answer_about_another_page_is_not_taken_for_this_ones() -> None:
    panel = InterpolationPanel(id="interpolation")
    async with fitted(panel).run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        panel.mark((5, 9))
        first = panel.request()
        assert first is not None
        panel.turn(1)
        panel.accept(ways(3, 5), first)
        assert panel.request() == replace(first, page=1)


async def test_there_is_no_page_before_the_first() -> None:
    panel = InterpolationPanel(id="interpolation")
    async with fitted(panel).run_test(size=(80, 20)):
        assert not panel.turn(-1)
        assert panel.turn(1)
        assert panel.turn(-1)
        panel.go_to((1, 2))
        assert panel.turn(-1)  # away from what was typed
        assert panel.request() == Interpolation(rows=3, steps=5)


async def test_a_chosen_path_stands_out() -> None:
    panel = InterpolationPanel(id="interpolation")
    async with fitted(panel).run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        panel.mark((10, 400))
        panel.accept(ways(3, 5), Interpolation(rows=3, steps=5))
        styles = [strips_of(panel)[line]._segments for line in (0, 7)]
        bold = [any(s.style and s.style.bold for s in segments) for segments in styles]
        assert bold == [True, False]


# Traversal.


def dimensions(rows: int, steps: int, own_values: bool = False) -> TraversalView:
    quantiles = np.linspace(0.05, 0.95, steps)
    values = np.tile(norm.ppf(quantiles), (rows, 1))
    return TraversalView(
        step=7,
        epoch=2.5,
        images=flat(greys(rows, steps)),
        dims=np.arange(rows)[::-1] + 6,
        weights=np.linspace(1.93, 0.01, rows),
        quantiles=quantiles,
        values=values + np.arange(rows)[:, None] if own_values else values,
        original=flat(np.array(1.0)),
        index=42,
        class_name="Ankle boot",
    )


async def test_dimensions_stand_under_their_quantiles_beside_the_original() -> None:
    panel = TraversalPanel(id="traversal")
    async with fitted(panel).run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        request = panel.request()
        assert request == Traversal(image=0, rows=6, steps=5)
        view = dimensions(6, 5)
        panel.accept(view, request)
        lines = texts_of(panel)
        assert lines[0].split() == ["5", "%", "27.5", "%", "50", "%", "72.5", "%", "95", "%"]
        assert lines[1].split() == ["KL,", "nats", "−1.64", "−0.60", "0.00", "0.60", "1.64"]
        for row in range(3):
            band = lines[2 + 6 * row : 7 + 6 * row]
            images = " ".join(level(g) * 10 for g in view.images[row, :, 0, 0])
            assert [line.rstrip()[-54:] for line in band] == [images] * 5
            name, weight = band[2][13:].split()[:2]
            assert name == "z" + ["₁₂", "₁₁", "₁₀"][row]
            assert float(weight) == pytest.approx(view.weights[row], abs=0.005)
        left = [line[:12].strip() for line in lines]
        assert set(left[2 : left.index("Ankle boot")]) == {"@" * 12}
        assert "#42" in left
        assert "1–3 of 20" in left
        assert "prior quantiles 5 % … 95 %" in panel.titles()[0]


async def test_up_and_down_scroll_as_far_as_there_are_dimensions() -> None:
    panel = TraversalPanel(id="traversal")
    async with fitted(panel, RunConfig(latent_dim=5)).run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        assert panel.request() == Traversal(rows=5, steps=5)
        panel.accept(dimensions(5, 5), Traversal(rows=5, steps=5))
        assert not panel.scroll_dims(-1)
        assert panel.scroll_dims(1)
        assert panel.scroll_dims(9)
        assert not panel.scroll_dims(1)
        labels = [line[13:].split()[0] for line in texts_of(panel)[4::6][:3]]
        assert labels == ["z₉", "z₈", "z₇"]
        assert panel.request() == Traversal(rows=5, steps=5)
        assert panel.figure()[1].traversal == Traversal(rows=5, steps=5)
        assert panel.scroll_dims(-1)
        assert panel.figure()[1].traversal.rows == 4


async def test_scrolling_asks_for_a_page_more_than_is_shown() -> None:
    panel = TraversalPanel(id="traversal")
    async with fitted(panel).run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        panel.scroll_dims(4)
        assert panel.request() == Traversal(rows=10, steps=5)
        assert panel.figure()[1].traversal == Traversal(rows=7, steps=5)


async def test_an_autoencoders_dimensions_have_values_of_their_own() -> None:
    panel = TraversalPanel(id="traversal")
    async with fitted(panel, AE).run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        request = panel.request()
        assert request is not None
        view = dimensions(request.rows, 5, own_values=True)
        panel.accept(view, request)
        lines = texts_of(panel)
        assert lines[0].split()[:3] == ["variance", "5", "%"]
        shown = [line.split() for line in lines]
        for row in range(2):
            assert [
                f"{v:.2f}".replace("-", "−").replace("−0.00", "0.00") for v in view.values[row]
            ] in [words[-5:] for words in shown]
        assert all("prior" in title for title in panel.titles())
        assert "own codes" in panel.titles()[0]


def test_another_image_and_the_one_before() -> None:
    panel = TraversalPanel(id="traversal")
    assert not panel.turn(-1)
    assert panel.turn(1)
    assert panel.turn(-1)


# Manifold.


def grid(rows: int, columns: int) -> ManifoldView:
    quantiles = (np.arange(columns) + 0.5) / columns
    return ManifoldView(
        step=7,
        epoch=2.5,
        images=flat(greys(rows, columns)),
        quantiles=quantiles,
        axis_names=("PC 1 (27.4 %)", "PC 2 (24.9 %)"),
    )


async def test_the_grid_stands_between_its_axes() -> None:
    panel = ManifoldPanel(id="manifold")
    async with fitted(panel).run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        assert panel.request() == Manifold(4)
        view = grid(4, 4)
        panel.accept(view, Manifold(4))
        lines = [line.strip() for line in texts_of(panel)]
        for row in range(4):
            images = "".join(level(g) * 8 for g in view.images[row, :, 0, 0])
            assert all(line.endswith(images) for line in lines[4 * row : 4 * row + 4])
        assert lines[0].startswith("88 % ↑")
        assert lines[15].startswith("12 % ↓")
        assert lines[8].startswith("PC 2 (24.9 %)")
        assert lines[16].split("  ")[0] == "12 % ←"
        assert "PC 1 (27.4 %)" in lines[16]
        assert lines[16].endswith("→ 88 %")
        assert panel.titles()[-1] == "4 × 4"


async def test_plus_and_minus_go_through_the_grids_that_fit() -> None:
    panel = ManifoldPanel(id="manifold")
    async with fitted(panel).run_test(size=(140, 41)) as pilot:
        await pilot.pause()
        counts = [g.count for g in grid_layouts(138, 41, flat=False)]
        seen = [panel.request().size]  # type: ignore[union-attr]
        while panel.refine(-1):
            seen.insert(0, panel.request().size)  # type: ignore[union-attr]
        while panel.refine(1):
            if panel.request().size not in seen:  # type: ignore[union-attr]
                seen.append(panel.request().size)  # type: ignore[union-attr]
        assert seen == counts
        assert panel.figure()[1].manifold == Manifold(counts[-1])


async def test_one_latent_dimension_is_one_row() -> None:
    panel = ManifoldPanel(id="manifold")
    async with fitted(panel, RunConfig(latent_dim=1)).run_test(size=(140, 20)) as pilot:
        await pilot.pause()
        request = panel.request()
        assert request == Manifold(9)  # of 14 pixels
        panel.accept(grid(1, 9), request)
        lines = [line.strip() for line in texts_of(panel)]
        assert len(lines[0]) == 9 * 14
        assert lines[7].startswith("5.6 % ←")
        assert lines[8] == ""
        assert "PC 2" not in "".join(lines)


async def test_an_autoencoders_grid_says_that_there_is_no_prior() -> None:
    panel = ManifoldPanel(id="manifold")
    async with fitted(panel, AE).run_test(size=(80, 20)):
        panel.accept(grid(4, 4), Manifold(4))
        assert all("no prior" in title for title in panel.titles())


# All of them.

PANELS = [
    (InterpolationPanel, ways(3, 5), Interpolation(rows=3, steps=5)),
    (TraversalPanel, dimensions(6, 5), Traversal(rows=6, steps=5)),
    (ManifoldPanel, grid(4, 4), Manifold(4)),
]


@pytest.mark.parametrize(("panel_class", "view", "request_"), PANELS)
@pytest.mark.parametrize("mode", ["half", "ascii"])
@pytest.mark.parametrize("config", [VAE, AE, RunConfig(latent_dim=1)])
async def test_lines_fit_whatever_the_size_and_however_old_the_answer(
    panel_class: type[WalkPanel], view: object, request_: object, mode: str, config: RunConfig
) -> None:
    panel = panel_class(id="panel")
    async with fitted(panel, config).run_test(size=(80, 20)):
        panel.set_image_mode(mode)  # type: ignore[arg-type]
        panel.accept(view, request_)  # type: ignore[arg-type]
        for size in ((200, 60), (140, 41), (78, 20), (60, 14), (45, 9), (30, 7), (12, 3), (2, 1)):
            for line in panel.paint(Size(*size)):
                assert line.cell_length == len(line.text)
                assert line.cell_length <= size[0]


@pytest.mark.parametrize(("panel_class", "view", "request_"), PANELS)
async def test_only_lines_that_changed_are_drawn_again(
    panel_class: type[WalkPanel], view: object, request_: object
) -> None:
    panel = panel_class(id="panel")
    async with fitted(panel).run_test(size=(80, 20)) as pilot:
        panel.accept(view, request_)  # type: ignore[arg-type]
        await pilot.pause()
        drawn: list[int] = []
        original = panel.refresh

        def refresh(*regions: object, **options: object) -> object:
            drawn.extend(region.y for region in regions)  # type: ignore[attr-defined]
            return original(*regions, **options)  # type: ignore[arg-type]

        panel.refresh = refresh  # type: ignore[assignment,method-assign]
        panel.accept(view, request_)  # type: ignore[arg-type]
        assert drawn == []
        images = view.images.copy()  # type: ignore[attr-defined]
        images[0] = 1.0 - images[0]
        panel.accept(replace(view, images=images), request_)  # type: ignore[arg-type,type-var]
        assert drawn
        assert len(drawn) <= 5


@pytest.mark.parametrize(("panel_class", "view", "request_"), PANELS)
async def test_a_panel_says_why_it_is_empty(
    panel_class: type[WalkPanel], view: object, request_: object
) -> None:
    panel = panel_class(id="panel")
    async with fitted(panel).run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        assert "waiting for the model" in texts_of(panel)[0]
        panel.accept(view, request_)  # type: ignore[arg-type]
        assert "waiting" not in texts_of(panel)[0]
        panel.begin(AE)
        assert "waiting for the model" in texts_of(panel)[0]
        await pilot.resize_terminal(27, 3)
        await pilot.pause()
        assert panel.request() is None
        assert "too small for this walk" in texts_of(panel)[0]


async def test_images_that_are_no_numbers_are_black() -> None:
    panel = ManifoldPanel(id="manifold")
    async with fitted(panel).run_test(size=(80, 20)):
        view = grid(4, 4)
        view.images[0, 0] = np.nan
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a warning would be one a second in the run's log
            panel.accept(view, Manifold(4))
        assert texts_of(panel)[0].split()[-1][0] == level(view.images[0, 1, 0, 0])


def test_every_size_fills_whole_cells() -> None:
    assert all(size % 2 == 0 for size in SIZES)


# The line above.

TITLES = ("a very long title that needs a hundred columns or so", "a short title", "tiny")


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (
            104,
            "─ 1 interpolation ─ 2 traversal ─ 3 manifold ──── "
            "a very long title that needs a hundred columns or so ─",
        ),
        (80, "─ 1 interpolation ─ 2 traversal ─ 3 manifold ─────────────────── a short title ─"),
        (60, "─ 1 interpolation ─ 2 traversal ─ 3 manifold ──────── tiny ─"),
        (45, "─ 1 ─ 2 traversal ─ 3 ──────── a short title ─"[:45]),
        (31, "─ 1 ─ 2 traversal ─ 3 ── tiny ─"),
    ],
)
async def test_the_bar_shows_what_there_is_room_for(width: int, expected: str) -> None:
    bar = WalkBar(("interpolation", "traversal", "manifold"), id="bar")
    bar.styles.padding = 0
    async with WidgetApp(bar).run_test(size=(width, 3)) as pilot:
        bar.show_walk("traversal", TITLES)
        await pilot.pause()
        text = bar.render().plain
        assert len(text) <= width
        assert text.replace("─", "") == expected.replace("─", "")


async def test_the_same_title_is_not_drawn_again() -> None:
    bar = WalkBar(("interpolation", "traversal", "manifold"), id="bar")
    async with WidgetApp(bar).run_test(size=(80, 3)):
        drawn: list[object] = []

        def refresh(*regions: object) -> WalkBar:
            drawn.append(regions)
            return bar

        bar.refresh = refresh  # type: ignore[assignment,method-assign]
        for _ in range(2):
            bar.show_walk("traversal", ("one",))
        assert len(drawn) == 1
        bar.show_walk("traversal", ("two",))
        assert len(drawn) == 2


async def test_painting_is_not_repeated_for_every_line() -> None:
    panel = ManifoldPanel(id="manifold")
    async with fitted(panel).run_test(size=(80, 20)) as pilot:
        panel.accept(grid(4, 4), Manifold(4))
        await pilot.pause()
        calls: list[Size] = []
        spied(panel, calls)
        panel.refresh()
        await pilot.pause()
        assert calls == []
