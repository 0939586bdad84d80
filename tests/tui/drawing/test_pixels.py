import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from textual.strip import Strip

from tui.drawing.pixels import ASCII_RAMP, quantise, runs, shrink, strips

Grey = npt.NDArray[np.uint8]


def random_images(seed: int, count: int = 3) -> npt.NDArray[np.float32]:
    """Uniform noise, garment-like sums of it, and pure black and white."""
    rng = np.random.default_rng(seed)
    images = rng.random((count, 28, 28), dtype=np.float32)
    return np.where(rng.random((count, 1, 1)) < 0.3, images.round(), images)


@st.composite
def canvases(draw: st.DrawFn) -> Grey:
    shape = (2 * draw(st.integers(1, 4)), draw(st.integers(1, 12)))
    # Few values, so that neighbours are often equal.
    values = st.sampled_from([0, 15, 16, 127, 128, 255]) | st.integers(0, 255)
    return draw(arrays(np.uint8, shape, elements=values))


def half_block_greys(lines: list[Strip]) -> npt.NDArray[np.int64]:
    """What a terminal would show: two pixels a cell, the upper from ▀, the lower behind it."""
    rows: list[list[int]] = []
    for line in lines:
        top: list[int] = []
        bottom: list[int] = []
        for segment in line:
            assert segment.style is not None
            behind = segment.style.bgcolor.triplet
            front = segment.style.color.triplet if "▀" in segment.text else behind
            assert set(segment.text) <= {"▀", " "}
            assert len({*behind}) == len({*front}) == 1, "greys"
            top += [front.red] * len(segment.text)
            bottom += [behind.red] * len(segment.text)
        rows += [top, bottom]
    return np.array(rows)


@pytest.mark.parametrize("size", [28, 14, 7, 4, 2, 1])
def test_sizes_that_divide_28_shrink_as_pillow_does(size: int) -> None:
    images = random_images(seed=0)
    for image, small in zip(images, shrink(images, size), strict=True):
        theirs = Image.fromarray(image).resize((size, size), Image.Resampling.BOX)
        np.testing.assert_allclose(small, 255.0 * np.asarray(theirs), atol=0.501)


@pytest.mark.parametrize("size", range(1, 29))
def test_any_size_shrinks_to_the_mean_over_each_area(size: int) -> None:
    images = random_images(seed=size)
    for image, small in zip(images, shrink(images, size), strict=True):
        # Every source pixel as size × size of them: then each target is 28 × 28 whole ones.
        large = Image.fromarray(image).resize((28 * size, 28 * size), Image.Resampling.NEAREST)
        np.testing.assert_allclose(small, 255.0 * np.asarray(large.reduce(28)), atol=0.501)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 28))
def test_shrinking_keeps_the_mean_grey(seed: int, size: int) -> None:
    images = random_images(seed)
    means = shrink(images, size).mean(axis=(1, 2)) / 255.0
    np.testing.assert_allclose(means, images.mean(axis=(1, 2)), atol=0.51 / 255)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_multiples_of_28_repeat_pixels(factor: int) -> None:
    images = random_images(seed=7)
    expected = [np.kron(np.rint(image * 255), np.ones((factor, factor))) for image in images]
    np.testing.assert_array_equal(shrink(images, 28 * factor), expected)


def test_values_beyond_black_and_white_are_cut_and_do_not_wrap_around() -> None:
    images = np.full((1, 28, 28), 1.25, np.float32)
    assert shrink(images, 14).tolist() == [[[255] * 14] * 14]
    assert shrink(-images, 28).max() == 0


def test_every_level_holds_sixteen_greys() -> None:
    levels = quantise(np.arange(256, dtype=np.uint8))
    assert levels.tolist() == [grey // 16 for grey in range(256)]


@given(canvases())
def test_half_blocks_show_exactly_the_canvas_in_sixteen_greys(canvas: Grey) -> None:
    lines = strips(canvas, "half")
    assert len(lines) == len(canvas) // 2
    assert [line.cell_length for line in lines] == [canvas.shape[1]] * len(lines)
    shown = half_block_greys(lines)
    np.testing.assert_array_equal(shown, 17 * (canvas.astype(int) // 16))


def test_black_is_black_and_white_is_white() -> None:
    lines = strips(np.array([[0, 255], [0, 255]], np.uint8), "half")
    assert half_block_greys(lines).tolist() == [[0, 255]] * 2


@given(canvases())
def test_equal_neighbours_are_sent_as_one_run(canvas: Grey) -> None:
    levels = (canvas // 16).tolist()
    for line, top, bottom in zip(strips(canvas, "half"), levels[::2], levels[1::2], strict=True):
        assert len(list(line)) == len(list(itertools.groupby(zip(top, bottom, strict=True))))


@given(canvases())
def test_ascii_has_one_character_for_the_mean_of_two_pixels(canvas: Grey) -> None:
    lines = strips(canvas, "ascii")
    pairs = canvas.astype(int)[::2] + canvas.astype(int)[1::2]
    expected = ["".join(ASCII_RAMP[total // 32] for total in row) for row in pairs.tolist()]
    assert [line.text for line in lines] == expected
    assert [line.cell_length for line in lines] == [canvas.shape[1]] * len(lines)
    assert all(segment.style is None for line in lines for segment in line), "needs no colour"


@given(st.lists(st.integers(0, 3), max_size=30))
def test_runs_are_those_of_groupby_and_spell_the_codes_again(codes: list[int]) -> None:
    found = runs(codes)
    assert found == [(value, len(list(group))) for value, group in itertools.groupby(codes)]
    assert [value for value, length in found for _ in range(length)] == codes
