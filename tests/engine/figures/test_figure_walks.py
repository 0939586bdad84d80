from dataclasses import replace

import numpy as np
import pytest

from engine.config import RunConfig
from engine.figures.caption import Caption
from engine.figures.paper import GAP
from engine.figures.walks import (
    SET_APART,
    interpolation_grid,
    interpolation_layout,
    manifold_grid,
    manifold_layout,
    traversal_grid,
    traversal_layout,
)
from engine.views import (
    Interpolation,
    InterpolationView,
    Manifold,
    ManifoldView,
    Traversal,
    TraversalView,
)
from tests.support.figure_source import FakeSource
from tests.support.tiles import assert_apart, enlarged, tile, written

VAE = Caption("VAE", "interpolation", "r", RunConfig(), 300, 6.0)
AE = Caption("AE", "interpolation", "r", RunConfig(model="ae"), 300, 6.0)


def test_an_interpolation_is_a_row_per_pair_between_its_originals(vae: FakeSource) -> None:
    view: InterpolationView = vae.view(Interpolation(rows=3, steps=5))
    page = interpolation_grid(view, VAE)
    layout = interpolation_layout(3, 5, with_originals=True)
    assert page.size == layout.size
    assert layout.scale == 10
    assert_apart((*layout.origins, *layout.originals), layout.size)
    assert view.originals is not None
    for row in range(3):
        ways = layout.origins[row * 5 : row * 5 + 5]
        ends = layout.originals[row * 2 : row * 2 + 2]
        assert len({y for _, y in (*ways, *ends)}) == 1
        assert [x for x, _ in ways] == [ways[0][0] + i * (280 + GAP) for i in range(5)]
        assert ways[0][0] - ends[0][0] == 280 + SET_APART
        assert ends[1][0] - ways[4][0] == 280 + SET_APART
        for origin, image in zip(ways, view.images[row], strict=True):
            np.testing.assert_array_equal(tile(page, origin), enlarged(image))
        for origin, image in zip(ends, view.originals[row], strict=True):
            np.testing.assert_array_equal(tile(page, origin), enlarged(image))


def test_ways_between_draws_have_no_originals(vae: FakeSource) -> None:
    view: InterpolationView = vae.view(Interpolation("prior", rows=2, steps=4))
    page = interpolation_grid(view, VAE)
    layout = interpolation_layout(2, 4, with_originals=False)
    assert layout.originals == ()
    assert page.width < interpolation_layout(2, 4, with_originals=True).size[0]
    for origin, image in zip(layout.origins, view.images.reshape(-1, 28, 28), strict=True):
        np.testing.assert_array_equal(tile(page, origin), enlarged(image))


@pytest.mark.parametrize("between", ["images", "prior"])
@pytest.mark.parametrize("caption", [VAE, AE], ids=["vae", "ae"])
def test_an_interpolation_names_its_ends_its_fractions_and_its_way(
    vae: FakeSource, caption: Caption, between: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    view: InterpolationView = vae.view(Interpolation(between))  # type: ignore[arg-type]
    names = tuple((f"Ankle boot {i}", f"T-shirt/top {i}") for i in range(5))
    words = written(monkeypatch)
    interpolation_grid(replace(view, names=names), caption)
    assert [f"0.{i}" for i in range(1, 10)] == words[3:12]
    assert (words[2], words[12]) == ("t = 0", "1")
    assert words.count("original") == (2 if between == "images" else 0)
    assert {name for pair in names for name in pair} < set(words)
    subtitle = words[1]
    expected = {
        ("images", "vae"): "lerp between μ",
        ("images", "ae"): "lerp between codes",
        ("prior", "vae"): "slerp between draws from N(0, I)",
        ("prior", "ae"): "slerp between draws from N(0, I), which is not its prior",
    }
    assert subtitle.endswith(f" · {expected[between, caption.config.model]}")


def test_a_traversal_is_a_row_per_dimension_beside_the_original(vae: FakeSource) -> None:
    view: TraversalView = vae.view(Traversal(rows=3, steps=4))
    page = traversal_grid(view, VAE)
    layout = traversal_layout(3, 4)
    assert page.size == layout.size
    assert_apart((*layout.origins, *layout.originals), layout.size)
    assert [y for _, y in layout.origins] == sorted(y for _, y in layout.origins)
    for origin, image in zip(layout.origins, view.images.reshape(-1, 28, 28), strict=True):
        np.testing.assert_array_equal(tile(page, origin), enlarged(image))
    ((x, y),) = layout.originals
    assert (x, y) == (layout.origins[3][0] + 280 + SET_APART, layout.origins[0][1])
    np.testing.assert_array_equal(tile(page, (x, y)), enlarged(view.original))


def test_a_vaes_dimensions_are_labelled_by_kl_and_the_priors_z(
    vae: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    view: TraversalView = vae.view(Traversal(image=1_234, rows=2, steps=3))
    view = replace(
        view,
        dims=np.array([6, 19]),
        weights=np.array([1.934, 0.5]),
        values=np.tile([-1.645, -1e-16, 1.645], (2, 1)),
    )
    words = written(monkeypatch)
    traversal_grid(view, VAE)
    assert "z₇  KL 1.93" in words
    assert "z₂₀  KL 0.50" in words
    start = words.index("quantile of N(0, 1)")
    assert words[start + 1 : start + 4] == ["0.05", "0.50", "0.95"]
    assert words[start + 4 : start + 8] == ["z", "−1.65", "0.00", "1.65"]
    assert "validation image 1,234" in words[1]


def test_an_autoencoders_dimensions_are_labelled_by_variance_and_their_own_range(
    vae: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    view: TraversalView = vae.view(Traversal(rows=2, steps=3))
    values = np.array([[-12.5, 0.0, 3.25], [-4096.0, 1.0, 4096.0]])
    view = replace(view, weights=np.array([19.5914, 12345.678]), values=values)
    words = written(monkeypatch)
    traversal_grid(view, AE)
    assert "z₂  variance 19.59" in words
    assert "−12.50 … 3.25" in words
    assert not any("KL" in word or "N(0" in word or "μ" in word for word in words)


def test_a_manifold_is_one_picture_without_gaps(vae: FakeSource) -> None:
    view: ManifoldView = vae.view(Manifold(size=3))
    page = manifold_grid(view, VAE)
    layout = manifold_layout(3, 3)
    assert page.size == layout.size
    assert_apart(layout.origins, layout.size)
    x, y = layout.origins[0]
    picture = np.asarray(page)[y : y + 840, x : x + 840]
    rows = [np.hstack([enlarged(image) for image in row]) for row in view.images]
    np.testing.assert_array_equal(picture, np.vstack(rows))


@pytest.mark.parametrize("caption", [VAE, AE], ids=["vae", "ae"])
@pytest.mark.parametrize("size", [3, 20, 30])
def test_a_manifolds_axes_have_names_and_values(
    vae: FakeSource, caption: Caption, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    view: ManifoldView = vae.view(Manifold(size=size))
    words = written(monkeypatch)
    manifold_grid(view, caption)
    assert [word for word in words if word.startswith("PC 1 (21.3 %)")]
    assert [word for word in words if word.startswith("PC 2 (12.0 %)")]
    # The outermost of 3: Φ⁻¹(1/6) = −0.967.
    outermost = {3: "−0.97", 20: "−1.96", 30: "−2.13"}[size]
    assert words.count(outermost) == 2
    # Each value stands beside its row or below its column, the second axis pointing up.
    below, left = (i for i, word in enumerate(words) if word == outermost)
    layout = manifold_layout(size, size)
    bottom_left, side = layout.origins[-size], 28 * layout.scale
    assert words.places[below][0] == bottom_left[0] + side // 2
    assert words.places[below][1] > bottom_left[1] + side
    assert words.places[left][1] == bottom_left[1] + side // 2
    assert words.places[left][0] < bottom_left[0]
    assert ("σ from the mean" in "".join(words[2:])) == (caption is AE)


def test_one_latent_dimension_is_one_row_without_a_second_axis(
    vae: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    view: ManifoldView = vae.view(Manifold(size=8))
    view = replace(view, images=view.images[:1], axis_names=("z₁", "0"))
    words = written(monkeypatch)
    page = manifold_grid(view, VAE)
    assert page.height < 1200
    assert "0" not in words
    assert "z₁" in words


def test_a_grid_too_large_for_full_tiles_is_drawn_in_half_as_large_ones(vae: FakeSource) -> None:
    assert manifold_layout(21, 21).scale == interpolation_layout(5, 18, True).scale == 10
    layout = manifold_layout(22, 22)
    assert layout.scale == interpolation_layout(5, 19, True).scale == 5
    view: ManifoldView = vae.view(Manifold(size=22))
    page = manifold_grid(view, VAE)
    np.testing.assert_array_equal(
        tile(page, layout.origins[25], scale=5), enlarged(view.images[1, 3], scale=5)
    )


def test_images_that_are_no_numbers_are_counted(
    vae: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    view: TraversalView = vae.view(Traversal(rows=2, steps=9))
    images = view.images.copy()
    images[1, 7:, 3, 3] = np.nan
    words = written(monkeypatch)
    traversal_grid(replace(view, images=images), VAE)
    assert words[1].endswith("2 images are not numbers, drawn black")
