import numpy as np
import pytest

from engine.config import RunConfig
from engine.figures.caption import Caption
from engine.figures.grids import (
    below,
    reconstruction_grid,
    reconstruction_layout,
    sample_grid,
    sample_layout,
)
from engine.figures.paper import TILE
from engine.views import PriorSamples, Reconstructions, ReconstructionView, SampleView
from tests.support.figure_source import FakeSource
from tests.support.made_views import sample_view
from tests.support.tiles import assert_apart, enlarged, tile, written

CAPTION = Caption("VAE", "samples", "r", RunConfig(), 300, 6.0)


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
    page = sample_grid(sample_view(images), CAPTION)
    first, second = sample_layout(2).origins
    assert (tile(page, first) == 0).all()
    assert (tile(page, second) == 255).all()


def test_the_letters_used_are_in_the_font() -> None:
    from engine.figures.paper import letters

    for bold in (False, True):
        font = letters(42, bold)
        missing = bytes(font.getmask("\uffff"))
        for letter in "−βμσρ~×·…₁₂‖():/%éüΦ⁻¹₀₃₄₅₆₇₈₉":
            assert bytes(font.getmask(letter)) != missing, letter


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (PriorSamples(), ()),
        (PriorSamples(seed=4, temperature=0.7), ("z of seed 4", "temperature 0.7")),
        (PriorSamples(around=(0.0, 0.0), likeness=0.8), ("like one sample (ρ = 0.8)",)),
    ],
    ids=["prior", "temperature", "around"],
)
def test_the_subtitle_says_how_samples_differ_from_the_prior(
    vae: FakeSource, monkeypatch: pytest.MonkeyPatch, request_: PriorSamples, said: tuple[str, ...]
) -> None:
    words = written(monkeypatch)
    sample_grid(vae.view(request_), CAPTION)
    subtitle = words[1]
    assert all(part in subtitle for part in said)
    assert ("temperature" in subtitle) == (request_.temperature != 1)
    assert ("like one" in subtitle) == (request_.around is not None)
