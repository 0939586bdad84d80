"""Interpolation, traversal and manifold, against the same networks in plain numpy."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats.mstats import mquantiles
from sklearn.decomposition import PCA

from data import CLASS_NAMES, ImageDataset
from engine.inference.codec import Codec
from engine.inference.latent_space import LatentSpace
from engine.inference.sampling import draw
from engine.inference.walks import interpolation, manifold, traversal
from engine.views import Interpolation, LatentMap, Manifold, ManifoldView, PriorSamples, Traversal
from tests.support.made_codec import CONFIG, Reference, made_codec

Made = tuple[Codec, Reference]


@pytest.fixture
def made(small_dataset: ImageDataset) -> Made:
    return made_codec(small_dataset)


# Interpolation.


@pytest.mark.parametrize("model", ["vae", "ae"])
def test_between_images_latents_go_straight(small_dataset: ImageDataset, model: str) -> None:
    codec, reference = made_codec(small_dataset, model=model)
    view = interpolation(codec, Interpolation(pairs=((3, 50), (50, 3), (7, 7)), steps=5))
    mu = reference.embed("validation")
    for row, (a, b) in enumerate(view.pairs):
        for column, t in enumerate((0, 0.25, 0.5, 0.75, 1)):
            expected = reference.decode(((1 - t) * mu[a] + t * mu[b])[None])[0]
            np.testing.assert_allclose(view.images[row, column], expected, atol=1e-4)
    assert view.images.shape == (3, 5, 28, 28)
    assert view.method == "lerp"
    assert view.fractions.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert view.pairs == ((3, 50), (50, 3), (7, 7))
    assert (view.step, view.epoch) == (7, 0.5)


def test_a_way_begins_and_ends_at_its_images_reconstructions(made: Made) -> None:
    codec, reference = made
    view = interpolation(codec, Interpolation(rows=5, steps=7))
    ends = np.array(view.pairs)
    labels = codec.images.validation.labels
    assert view.originals is not None
    for side, column in ((0, 0), (1, -1)):
        expected = codec.reconstruct("validation", ends[:, side])
        np.testing.assert_allclose(view.images[:, column], expected, atol=1e-5)
        originals = reference.unit("validation", ends[:, side]).reshape(-1, 28, 28)
        np.testing.assert_allclose(view.originals[:, side], originals, atol=1e-6)
        names = [CLASS_NAMES[labels[i]] for i in ends[:, side]]
        assert [pair[side] for pair in view.names] == names


@pytest.mark.parametrize("page", range(12))
def test_five_pairs_have_every_class_once(made: Made, page: int) -> None:
    codec, _ = made
    labels = codec.images.validation.labels
    view = interpolation(codec, Interpolation(page=page, rows=5, steps=2))
    assert sorted(labels[np.array(view.pairs).ravel()].tolist()) == list(range(10))
    view = interpolation(codec, Interpolation(page=page, rows=13, steps=2))
    counts = np.bincount(labels[np.array(view.pairs).ravel()], minlength=10)
    assert counts.sum() == 26
    assert set(counts.tolist()) <= {2, 3}


def test_no_way_goes_from_a_class_to_itself(small_dataset: ImageDataset) -> None:
    """With an odd number of classes one pair in so many has its ends in two rounds."""
    codec, _ = made_codec(small_dataset)
    labels = codec.images.validation.labels
    for classes in (2, 3, 5):
        labels[:] = np.arange(len(labels)) % classes
        for page in range(30):
            view = interpolation(codec, Interpolation(page=page, rows=10, steps=2))
            ends = labels[np.array(view.pairs)]
            assert (ends[:, 0] != ends[:, 1]).all()
            assert np.ptp(np.bincount(ends.ravel(), minlength=classes)) <= 1


def test_a_single_class_is_walked_within(small_dataset: ImageDataset) -> None:
    codec, _ = made_codec(small_dataset)
    codec.images.validation.labels[:] = 4
    view = interpolation(codec, Interpolation(rows=3, steps=2))
    assert view.names == ((CLASS_NAMES[4],) * 2,) * 3


def test_a_page_is_the_same_for_every_run_on_the_same_split(small_dataset: ImageDataset) -> None:
    def pairs(page: int, **settings: object) -> tuple[tuple[int, int], ...]:
        codec, _ = made_codec(small_dataset, **settings)  # type: ignore[arg-type]
        return interpolation(codec, Interpolation(page=page, rows=5, steps=2)).pairs

    assert pairs(2) == pairs(2, seed=99, model="ae", latent_dim=3)
    assert pairs(2) != pairs(2, split_seed=1)
    assert len({pairs(page) for page in range(5)}) == 5


def test_more_rows_are_the_same_ways_and_some_more(made: Made) -> None:
    codec, _ = made
    many = interpolation(codec, Interpolation(page=3, rows=17, steps=2)).pairs
    for rows in (1, 2, 5, 6, 11):
        few = interpolation(codec, Interpolation(page=3, rows=rows, steps=2)).pairs
        assert few == many[:rows]


def test_images_are_chosen_from_all_of_a_class(made: Made) -> None:
    codec, _ = made
    seen = {
        end
        for page in range(200)
        for pair in interpolation(codec, Interpolation(page=page, steps=2)).pairs
        for end in pair
    }
    assert seen == set(range(100))


def test_positions_count_round_the_split(made: Made) -> None:
    codec, _ = made
    view = interpolation(codec, Interpolation(pairs=((-1, 100), (250, 99)), steps=2))
    assert view.pairs == ((99, 0), (50, 99))


def test_between_draws_the_way_is_an_arc(made: Made) -> None:
    codec, reference = made
    request = Interpolation("prior", page=3, rows=6, steps=5)
    view = interpolation(codec, request)
    z = draw(CONFIG, PriorSamples(seed=3)).astype(np.float64)
    assert view.pairs == tuple((2 * r, 2 * r + 1) for r in range(6))
    for row, (a, b) in enumerate(view.pairs):
        angle = np.arccos(z[a] @ z[b] / np.linalg.norm(z[a]) / np.linalg.norm(z[b]))
        for column, t in enumerate((0, 0.25, 0.5, 0.75, 1)):
            point = (np.sin((1 - t) * angle) * z[a] + np.sin(t * angle) * z[b]) / np.sin(angle)
            np.testing.assert_allclose(
                view.images[row, column], reference.decode(point[None])[0], atol=1e-4
            )
    assert view.method == "slerp"
    assert view.originals is None
    assert view.names[1] == ("sample 3", "sample 4")


def test_draws_are_those_of_the_samples_panel_however_many_are_wanted(made: Made) -> None:
    codec, _ = made
    samples = codec.decode(draw(CONFIG, PriorSamples(seed=2)))
    few = interpolation(codec, Interpolation("prior", page=2, pairs=((63, 5),), steps=2))
    np.testing.assert_allclose(few.images[0, [0, -1]], samples[[63, 5]], atol=1e-6)
    assert few.names == (("sample 64", "sample 6"),)
    many = interpolation(codec, Interpolation("prior", page=2, rows=40, steps=2))
    np.testing.assert_allclose(many.images[:32, 0], samples[::2], atol=1e-6)


# Traversal.


def test_rows_are_the_dimensions_by_their_kl(made: Made) -> None:
    codec, reference = made
    kl = np.array([0.1, 2.0, 0.5, 0.5])
    view = traversal(codec, Traversal(image=17, rows=3, steps=7), kl)
    assert view.dims.tolist() == [1, 2, 3]
    assert view.weights.tolist() == [2.0, 0.5, 0.5]
    np.testing.assert_allclose(view.quantiles, np.linspace(0.05, 0.95, 7))
    np.testing.assert_allclose(view.values, np.tile(norm.ppf(view.quantiles), (3, 1)), atol=1e-9)
    start = reference.embed("validation", np.array([17]))[0]
    for row, dim in enumerate(view.dims):
        for column in range(7):
            z = start.copy()
            z[dim] = norm.ppf(view.quantiles[column])
            np.testing.assert_allclose(
                view.images[row, column], reference.decode(z[None])[0], atol=1e-4
            )
    np.testing.assert_allclose(
        view.original, reference.unit("validation", np.array([17])).reshape(28, 28), atol=1e-6
    )
    assert view.class_name == CLASS_NAMES[codec.images.validation.labels[17]]
    assert (view.index, view.step, view.epoch) == (17, 7, 0.5)


def test_more_rows_than_dimensions_are_all_dimensions_and_images_begin_anew(made: Made) -> None:
    codec, _ = made
    view = traversal(codec, Traversal(image=217, rows=30, steps=3), np.arange(4.0))
    assert view.dims.tolist() == [3, 2, 1, 0]
    assert view.images.shape == (4, 3, 28, 28)
    assert view.index == 17


def test_an_autoencoders_dimensions_move_over_its_own_codes(small_dataset: ImageDataset) -> None:
    codec, reference = made_codec(small_dataset, model="ae")
    view = traversal(codec, Traversal(image=2, rows=3, steps=5), np.empty(0))
    codes = reference.embed("validation")
    order = np.argsort(-codes.var(axis=0))[:3]
    assert view.dims.tolist() == order.tolist()
    np.testing.assert_allclose(view.weights, codes.var(axis=0)[order], rtol=1e-3)
    quantiles = mquantiles(codes, view.quantiles, alphap=1, betap=1, axis=0)
    np.testing.assert_allclose(view.values, np.asarray(quantiles).T[order], atol=1e-4)
    z = codes[2].copy()
    z[order[1]] = view.values[1, 3]
    np.testing.assert_allclose(view.images[1, 3], reference.decode(z[None])[0], atol=1e-4)


# Manifold.


def grid(codec: Codec, size: int) -> ManifoldView:
    return manifold(codec, Manifold(size), LatentSpace(codec).map(LatentMap()))


def middles(size: int) -> np.ndarray:
    edges = norm.ppf(np.linspace(0, 1, 2 * size + 1))
    points: np.ndarray = edges[1::2]
    return points


def test_two_dimensions_are_decoded_at_the_normals_quantiles_the_second_upwards(
    small_dataset: ImageDataset,
) -> None:
    codec, reference = made_codec(small_dataset, latent_dim=2)
    view = grid(codec, 5)
    z = middles(5)
    for row in range(5):
        for column in range(5):
            expected = reference.decode(np.array([[z[column], z[4 - row]]]))[0]
            np.testing.assert_allclose(view.images[row, column], expected, atol=1e-4)
    np.testing.assert_allclose(norm.ppf(view.quantiles), z, atol=1e-9)
    assert view.axis_names == ("z₁", "z₂")
    assert (view.step, view.epoch) == (7, 0.5)


def test_of_more_dimensions_the_plane_is_the_maps(made: Made) -> None:
    codec, reference = made
    latent_map = LatentSpace(codec).map(LatentMap())
    view = manifold(codec, Manifold(4), latent_map)
    assert view.axis_names == latent_map.axis_names
    latents = reference.embed("validation")
    pca = PCA(2).fit(latents)
    signs = np.sign((latent_map.points * pca.transform(latents)).sum(axis=0))
    axes, z = pca.components_ * signs[:, None], middles(4)
    for row in range(4):
        for column in range(4):
            point = pca.mean_ + z[column] * axes[0] + z[3 - row] * axes[1]
            np.testing.assert_allclose(
                view.images[row, column], reference.decode(point[None])[0], atol=1e-3
            )


@pytest.mark.parametrize("model", ["vae", "ae"])
def test_one_dimension_is_one_row(small_dataset: ImageDataset, model: str) -> None:
    codec, reference = made_codec(small_dataset, latent_dim=1, model=model)
    view = grid(codec, 6)
    assert view.images.shape == (1, 6, 28, 28)
    codes = reference.embed("validation")
    z = middles(6) if model == "vae" else codes.mean() + codes.std() * middles(6)
    np.testing.assert_allclose(view.images[0], reference.decode(z[:, None]), atol=1e-4)


@pytest.mark.parametrize("latent_dim", [2, 4])
def test_an_autoencoders_axes_are_scaled_by_its_codes(
    small_dataset: ImageDataset, latent_dim: int
) -> None:
    codec, reference = made_codec(small_dataset, latent_dim=latent_dim, model="ae")
    latent_map = LatentSpace(codec).map(LatentMap())
    view = manifold(codec, Manifold(3), latent_map)
    assert latent_map.plane is not None
    x, y = (
        latent_map.points[:, axis].mean(dtype=np.float64)
        + latent_map.points[:, axis].std(dtype=np.float64) * middles(3)
        for axis in (0, 1)
    )
    for row in range(3):
        for column in range(3):
            z = latent_map.plane.origin + np.array([x[column], y[2 - row]]) @ latent_map.plane.axes
            np.testing.assert_allclose(
                view.images[row, column], reference.decode(z[None])[0], atol=1e-4
            )


def test_walks_of_a_later_moment_say_so(made: Made) -> None:
    codec, _ = made
    codec.step, codec.epoch = 90, 3.25
    views = [
        interpolation(codec, Interpolation(rows=1, steps=2)),
        traversal(codec, Traversal(rows=1, steps=2), np.ones(4)),
        grid(codec, 2),
    ]
    assert {(view.step, view.epoch) for view in views} == {(90, 3.25)}
    assert replace(Interpolation(), page=1) != Interpolation()  # a feed tells them apart
