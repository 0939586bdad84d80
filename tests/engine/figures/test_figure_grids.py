import numpy as np
import numpy.typing as npt
import pytest
from figure_source import FakeSource
from PIL import Image

from engine.config import RunConfig
from engine.figures.caption import Caption
from engine.figures.grids import (
    TILE,
    below,
    reconstruction_grid,
    reconstruction_layout,
    sample_grid,
    sample_layout,
)
from engine.views import PriorSamples, Reconstructions, ReconstructionView, SampleView

CAPTION = Caption("VAE", "samples", "r", RunConfig(), 300, 6.0)


def tile(page: Image.Image, origin: tuple[int, int]) -> npt.NDArray[np.uint8]:
    x, y = origin
    return np.asarray(page.crop((x, y, x + 280, y + 280)))


def enlarged(image: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """By definition: every pixel a square of 10×10, rounded to 8 bit."""
    return np.kron(np.rint(image * 255), np.ones((10, 10))).astype(np.uint8)


def assert_apart(layout: tuple[tuple[int, int], ...], size: tuple[int, int]) -> None:
    taken = np.zeros(size[::-1], dtype=int)
    for x, y in layout:
        assert 0 < x < size[0] - 280
        assert 0 < y < size[1] - 280
        taken[y : y + 280, x : x + 280] += 1
    assert taken.max() == 1, "tiles overlap"


def test_sixty_four_samples_are_eight_rows_of_exact_pixels(vae: FakeSource) -> None:
    view: SampleView = vae.view(PriorSamples(seed=2))
    page = sample_grid(view, CAPTION)
    layout = sample_layout(64)
    assert TILE == 280
    assert page.size == layout.size
    assert_apart(layout.origins, layout.size)
    assert len({x for x, _ in layout.origins}) == len({y for _, y in layout.origins}) == 8
    for image, origin in zip(view.images, layout.origins, strict=True):
        np.testing.assert_array_equal(tile(page, origin), enlarged(image))


def test_each_reconstruction_lies_below_its_original_in_its_class_column(vae: FakeSource) -> None:
    view: ReconstructionView = vae.view(Reconstructions())
    page = reconstruction_grid(view, CAPTION)
    layout = reconstruction_layout(view.labels, 10)
    assert page.size == layout.size
    assert_apart((*layout.origins, *map(below, layout.origins)), layout.size)
    columns = sorted({x for x, _ in layout.origins})
    assert len(columns) == 10
    for i, origin in enumerate(layout.origins):
        assert columns.index(origin[0]) == view.labels[i]
        np.testing.assert_array_equal(tile(page, origin), enlarged(view.originals[i]))
        np.testing.assert_array_equal(tile(page, below(origin)), enlarged(view.reconstructions[i]))


def test_a_class_without_images_keeps_its_column_empty() -> None:
    layout = reconstruction_layout(np.array([0, 0, 2], dtype=np.uint8), 3)
    full = reconstruction_layout(np.array([0, 0, 1, 2], dtype=np.uint8), 3)
    assert layout.size == full.size
    assert layout.origins == (*full.origins[:2], full.origins[3])


@pytest.mark.parametrize("count", [0, 1, 10, 65])
def test_any_number_of_samples_has_its_places(count: int) -> None:
    layout = sample_layout(count)
    assert len(layout.origins) == count
    if count:
        assert_apart(layout.origins, layout.size)


def test_values_out_of_range_become_black_and_white_not_their_opposites() -> None:
    images = np.zeros((2, 28, 28), dtype=np.float32)
    images[0], images[1] = -0.01, 1.01
    page = sample_grid(SampleView(1, 0.1, images, 0), CAPTION)
    first, second = sample_layout(2).origins
    assert (tile(page, first) == 0).all()
    assert (tile(page, second) == 255).all()


def test_the_letters_used_are_in_the_font() -> None:
    from engine.figures.grids import _font

    for bold in (False, True):
        font = _font(42, bold)
        missing = bytes(font.getmask("\uffff"))
        for letter in "−βμσ~×·…₁₂‖():/%éü":
            assert bytes(font.getmask(letter)) != missing, letter
