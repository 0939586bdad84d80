import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual.geometry import Region, Size
from textual.strip import Strip

from engine.views import PriorSamples, ReconstructionView
from tests.support.made_views import sample_view
from tests.support.tui_fakes import CLASS_NAMES, WidgetApp, strips_of, texts_of
from tui.drawing.pixels import ASCII_RAMP
from tui.screens.dashboard.samples import SamplePanel
from tui.widgets.canvas import CanvasPanel
from tui.widgets.pictures import ReconstructionPanel, choose_tiling, spread

SIZES = (8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 56)


def fit(size: int, width: int, height: int, stacked: int) -> int:
    return (width // size) * (height // (size * stacked))


@given(st.integers(0, 250), st.integers(0, 80), st.integers(1, 3), st.integers(1, 70))
def test_images_fit_and_no_larger_ones_would_show_enough(
    width: int, rows: int, stacked: int, available: int
) -> None:
    height = 2 * rows
    tiling = choose_tiling(width, height, stacked, available)
    fitting = [size for size in SIZES if fit(size, width, height, stacked)]
    if tiling is None:
        assert not fitting
        return
    assert tiling.size in fitting
    assert tiling.columns >= 1
    assert tiling.rows >= 1
    assert tiling.gap in (0, 1)
    assert tiling.columns * tiling.size + (tiling.columns - 1) * tiling.gap <= width
    assert tiling.rows * stacked * tiling.size <= height
    shown = tiling.columns * tiling.rows
    assert shown == fit(tiling.size, width, height, stacked)
    wanted = min(10, available)
    enough = [s for s in fitting if s >= 12 and fit(s, width, height, stacked) >= wanted]
    readable = [s for s in fitting if s >= 12]
    if enough:
        assert tiling.size == max(enough)
    elif readable:
        assert shown == max(fit(s, width, height, stacked) for s in readable)
        assert tiling.size == max(s for s in readable if fit(s, width, height, stacked) == shown)
    else:
        assert tiling.size == max(fitting)


@given(st.integers(1, 100), st.integers(1, 100))
def test_chosen_images_are_evenly_spread(available: int, count: int) -> None:
    count = min(count, available)
    chosen = spread(available, count).tolist()
    assert chosen[0] == 0
    assert len(set(chosen)) == count
    assert max(chosen) < available
    gaps = np.diff([*chosen, available])
    assert gaps.max() - gaps.min() <= 1


def test_of_two_images_a_class_one_of_each_class_is_shown() -> None:
    labels = np.repeat(np.arange(10), 2)
    assert labels[spread(20, 10)].tolist() == list(range(10))


def flat_images(greys: list[int]) -> np.ndarray:
    return np.broadcast_to(np.array(greys)[:, None, None] / 255, (len(greys), 28, 28)).astype("f4")


def reconstruction_view(
    originals: list[int], reconstructions: list[int], page: int = 0
) -> ReconstructionView:
    return ReconstructionView(
        step=1,
        epoch=0.1,
        page=page,
        originals=flat_images(originals),
        reconstructions=flat_images(reconstructions),
        labels=np.arange(len(originals), dtype=np.uint8),
        class_names=CLASS_NAMES,
        indices=np.arange(len(originals)),
    )


ORIGINALS = [25 * i for i in range(10)]
RECONSTRUCTIONS = [25 * i + 20 for i in range(10)]


def level(grey: int) -> str:
    return ASCII_RAMP[grey // 16]


async def test_every_original_stands_over_its_reconstruction() -> None:
    app = WidgetApp(ReconstructionPanel(id="reconstructions"))
    # 5 × 12 cells and gaps across, the border, 2 × 2 × 6 cells down.
    async with app.run_test(size=(64, 25)) as pilot:
        panel = app.query_one(ReconstructionPanel)
        panel.set_image_mode("ascii")
        panel.show(reconstruction_view(ORIGINALS, RECONSTRUCTIONS))
        await pilot.pause()
        lines = texts_of(panel)
        assert panel.border_title == "originals (top), reconstructions"
    assert len(lines) == 24
    rows = [ORIGINALS[:5], RECONSTRUCTIONS[:5], ORIGINALS[5:], RECONSTRUCTIONS[5:]]
    for row, greys in enumerate(rows):
        expected = " ".join(level(grey) * 12 for grey in greys)
        assert lines[6 * row : 6 * row + 6] == [expected] * 6


async def test_pictures_stand_in_the_middle() -> None:
    app = WidgetApp(SamplePanel(id="samples"))
    async with app.run_test(size=(40, 15)) as pilot:
        panel = app.query_one(SamplePanel)
        panel.set_image_mode("ascii")
        panel.show(sample_view(flat_images([255]), PriorSamples(seed=4)))
        await pilot.pause()
        assert panel.border_title == "samples from the prior · seed 4"
        assert texts_of(panel) == [" " * 6 + "@" * 28 + " " * 6] * 14


@pytest.mark.parametrize("size", [(80, 24), (40, 13), (30, 8), (17, 6), (9, 3), (3, 2)])
@pytest.mark.parametrize("mode", ["half", "ascii"])
async def test_lines_fill_the_panel_exactly_whatever_its_size(
    size: tuple[int, int], mode: str
) -> None:
    app = WidgetApp(ReconstructionPanel(id="reconstructions"))
    async with app.run_test(size=size) as pilot:
        panel = app.query_one(ReconstructionPanel)
        panel.show(reconstruction_view(ORIGINALS, RECONSTRUCTIONS))
        panel.set_image_mode(mode)  # type: ignore[arg-type]
        await pilot.pause()
        painted = panel.paint(panel.size)
        assert len(painted) <= panel.size.height
        assert all(line.cell_length <= size[0] for line in painted)
        assert [line.cell_length for line in strips_of(panel)] == [size[0]] * (size[1] - 1)


async def test_titles_say_which_set_and_what_an_autoencoders_samples_are() -> None:
    app = WidgetApp(ReconstructionPanel(id="reconstructions"))
    async with app.run_test(size=(64, 25)):
        panel = app.query_one(ReconstructionPanel)
        panel.show(reconstruction_view(ORIGINALS, RECONSTRUCTIONS, page=2))
        assert panel.border_title == "originals (top), reconstructions · page 3"
    app = WidgetApp(SamplePanel(id="samples"))
    async with app.run_test(size=(64, 25)):
        samples = app.query_one(SamplePanel)
        samples.model = "ae"
        samples.show(sample_view(flat_images([255])))
        assert samples.border_title == "decoded N(0, I), no prior · seed 0"


async def test_a_panel_without_pictures_says_that_it_waits() -> None:
    app = WidgetApp(SamplePanel(id="samples"))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        assert "waiting for the model" in " ".join(texts_of(app.query_one(SamplePanel)))


class Letters(CanvasPanel):
    """One letter a line."""

    def __init__(self, letters: str) -> None:
        super().__init__(id="letters")
        self.letters = letters
        self.refreshed: list[tuple[Region, ...]] = []

    def paint(self, size: Size) -> list[Strip]:
        return [Strip([Segment(letter * size.width)]) for letter in self.letters]

    def refresh(self, *regions: Region, **options: bool) -> CanvasPanel:
        self.refreshed.append(regions)
        return super().refresh(*regions, **options)


async def test_only_lines_that_changed_are_drawn_again() -> None:
    app = WidgetApp(Letters("abcde"))
    async with app.run_test(size=(8, 6)) as pilot:
        panel = app.query_one(Letters)
        await pilot.pause()
        assert texts_of(panel) == [letter * 8 for letter in "abcde"]
        panel.refreshed.clear()
        panel.letters = "aXcYe"
        panel.repaint()
        assert panel.refreshed == [(Region(0, 1, 8, 1),), (Region(0, 3, 8, 1),)]
        await pilot.pause()
        assert texts_of(panel) == [letter * 8 for letter in "aXcYe"]


async def test_nothing_is_drawn_again_where_nothing_changed() -> None:
    app = WidgetApp(Letters("abcde"))
    async with app.run_test(size=(8, 6)) as pilot:
        panel = app.query_one(Letters)
        await pilot.pause()
        panel.refreshed.clear()
        panel.repaint()
        assert panel.refreshed == []


async def test_lines_that_are_missing_are_blank_and_those_too_many_are_cut() -> None:
    app = WidgetApp(Letters("abcdefgh"))
    async with app.run_test(size=(8, 6)) as pilot:
        panel = app.query_one(Letters)
        await pilot.pause()
        assert texts_of(panel) == [letter * 8 for letter in "abcde"]
        panel.letters = "ab"
        panel.repaint()
        await pilot.pause()
        assert texts_of(panel) == ["a" * 8, "b" * 8, " " * 8, " " * 8, " " * 8]


async def test_another_size_is_painted_anew() -> None:
    app = WidgetApp(Letters("abcde"))
    async with app.run_test(size=(8, 6)) as pilot:
        panel = app.query_one(Letters)
        await pilot.pause()
        await pilot.resize_terminal(11, 4)
        await pilot.pause()
        assert texts_of(panel) == [letter * 11 for letter in "abc"]


async def test_a_panel_without_a_border_is_painted_too() -> None:
    app = WidgetApp(Letters("abcde"))
    app.widget.styles.border_top = ("none", "white")
    async with app.run_test(size=(8, 5)) as pilot:
        panel = app.query_one(Letters)
        await pilot.pause()
        assert texts_of(panel) == [letter * 8 for letter in "abcde"]
        panel.letters = "aXcde"
        panel.repaint()
        await pilot.pause()
        assert texts_of(panel) == [letter * 8 for letter in "aXcde"]


async def test_a_painted_panel_still_knows_its_outer_size() -> None:
    app = WidgetApp(Letters("abcde"))
    async with app.run_test(size=(8, 6)) as pilot:
        await pilot.pause()
        assert app.query_one(Letters).outer_size == Size(8, 6)
