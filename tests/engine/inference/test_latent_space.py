"""Maps and neighbours, against numpy and scikit-learn on the embedded images."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from data import ImageDataset
from engine.inference.codec import Codec
from engine.inference.latent_space import LatentSpace
from engine.model.device_data import ImageSplits, LabelledImages
from engine.views import Embedding, LatentMap, LatentView, Probe, ProbeView
from tests.support.made_codec import Reference, made_codec, made_splits, never

FIRST = np.zeros(4, np.float32)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.model.evaluation.BATCH", 30)


@pytest.fixture
def made(small_dataset: ImageDataset) -> tuple[LatentSpace, Reference, Codec]:
    codec, reference = made_codec(small_dataset)
    return LatentSpace(codec), reference, codec


def on(view: LatentView, x: float, y: float) -> np.ndarray:
    assert view.plane is not None
    return view.plane.latent(x, y)


# Maps.


@pytest.mark.parametrize("model", ["vae", "ae"])
def test_a_map_is_scikit_learns_pca_of_the_split(small_dataset: ImageDataset, model: str) -> None:
    codec, reference = made_codec(small_dataset, model=model)
    view = LatentSpace(codec).map(LatentMap())
    latents = reference.embed("validation")
    pca = PCA(2).fit(latents)
    expected = pca.transform(latents)
    signs = np.sign((view.points * expected).sum(axis=0))
    np.testing.assert_allclose(view.points, expected * signs, atol=1e-3)
    np.testing.assert_allclose(view.latents, latents, atol=1e-4)
    assert view.indices.tolist() == list(range(100))
    assert view.labels.tolist() == codec.images.validation.labels.tolist()
    assert (view.split, view.projection, view.step, view.epoch) == ("validation", "pca", 7, 0.5)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("latent_dim", [1, 2, 4])
def test_few_or_equal_images_have_a_map_and_no_share_of_a_variance_they_have_not(
    count: int, latent_dim: int, small_dataset: ImageDataset
) -> None:
    whole = made_splits(small_dataset)
    first = LabelledImages(
        whole.validation.pixels[:1].repeat(count, 1), whole.validation.labels[[0] * count]
    )
    splits = ImageSplits(whole.train, first, whole.class_names, never)
    codec, reference = made_codec(small_dataset, splits=splits, latent_dim=latent_dim)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        view = LatentSpace(codec).map(LatentMap())
    assert view.points.shape == (count, 2)
    assert np.isfinite(view.points).all()
    assert not any("%" in name for name in view.axis_names)
    for x, y in view.points:
        np.testing.assert_allclose(on(view, x, y), reference.embed("validation")[:1], atol=1e-4)


@pytest.mark.parametrize(
    ("latent_dim", "dims"), [(1, None), (2, None), (2, (1, 0)), (4, None), (4, (3, 1)), (4, (0, 2))]
)
def test_a_place_of_the_map_has_the_latent_that_lies_there(
    small_dataset: ImageDataset, latent_dim: int, dims: tuple[int, int] | None
) -> None:
    codec, reference = made_codec(small_dataset, latent_dim=latent_dim)
    view = LatentSpace(codec).map(LatentMap(dims=dims))
    latents = reference.embed("validation")
    assert view.plane is not None
    axes, origin = view.plane.axes, view.plane.origin
    gram = axes @ axes.T
    np.testing.assert_allclose(gram, np.diag([1.0, min(1, latent_dim - 1)]), atol=1e-9)
    # The points are the latents' coordinates in the plane, and back.
    np.testing.assert_allclose((latents - origin) @ axes.T, view.points, atol=1e-3)
    for x, y in ((0.0, 0.0), (1.5, -2.0), (-3.0, 0.25)):
        latent = on(view, x, y)
        assert latent.shape == (1, latent_dim)
        assert latent.dtype == np.float32
        back = (latent[0] - origin) @ axes.T
        np.testing.assert_allclose(back, [x, y if latent_dim > 1 else 0.0], atol=1e-5)


def test_the_plane_of_two_dimensions_goes_through_the_middle_of_the_others(
    made: tuple[LatentSpace, Reference, Codec],
) -> None:
    space, reference, _ = made
    view = space.map(LatentMap(dims=(3, 1)))
    latents = reference.embed("validation")
    middle = latents.mean(axis=0)
    np.testing.assert_allclose(on(view, 2.0, -1.0), [[middle[0], -1.0, middle[2], 2.0]], atol=1e-4)
    np.testing.assert_allclose(view.points, latents[:, [3, 1]], atol=1e-4)
    assert (view.projection, view.axis_names) == (None, ("z₄", "z₂"))


def test_all_there_is_of_two_dimensions_is_shown_as_it_is(small_dataset: ImageDataset) -> None:
    codec, reference = made_codec(small_dataset, latent_dim=2)
    view = LatentSpace(codec).map(LatentMap())
    np.testing.assert_allclose(view.points, reference.embed("validation"), atol=1e-4)
    np.testing.assert_allclose(on(view, 2.0, -1.0), [[2.0, -1.0]])
    assert view.projection is None
    assert view.axis_names == ("z₁", "z₂")


def test_of_many_training_images_some_are_chosen_once(
    small_dataset: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.inference.latent_space.MAP_TRAINING_IMAGES", 60)
    codec, reference = made_codec(small_dataset)
    space = LatentSpace(codec)
    view = space.map(LatentMap("train"))
    assert len(view.points) == len(view.labels) == len(view.latents) == 60
    assert np.all(np.diff(view.indices) > 0)
    assert view.indices[-1] > 100  # not simply the first ones
    assert view.labels.tolist() == codec.images.train.labels[view.indices].tolist()
    np.testing.assert_allclose(view.latents, reference.embed("train", view.indices), atol=1e-4)
    codec.step += 1
    assert space.map(LatentMap("train")).indices.tolist() == view.indices.tolist()
    for settings, alike in (({"seed": 9, "model": "ae"}, True), ({"split_seed": 9}, False)):
        other = LatentSpace(made_codec(small_dataset, **settings)[0]).map(LatentMap("train"))
        assert (other.indices.tolist() == view.indices.tolist()) is alike
    # Of the validation images all are shown.
    assert len(space.map(LatentMap()).points) == 100


def test_few_training_images_are_all_shown(made: tuple[LatentSpace, Reference, Codec]) -> None:
    assert made[0].map(LatentMap("train")).indices.tolist() == list(range(200))


def test_the_test_images_are_loaded_when_their_map_is_asked_for_and_not_before(
    small_dataset: ImageDataset,
) -> None:
    splits = made_splits(small_dataset)
    loaded: list[LabelledImages] = []

    def load() -> LabelledImages:
        images, labels = small_dataset.load_test()
        loaded.append(LabelledImages(torch.tensor(images.reshape(-1, 784)), labels))
        return loaded[-1]

    splits._load_test = load
    codec, _ = made_codec(small_dataset, splits=splits)
    space = LatentSpace(codec)
    space.map(LatentMap())
    space.map(LatentMap("train"))
    space.embedding(Embedding())
    space.probe(Probe(FIRST))
    assert loaded == []
    for _ in range(2):
        view = space.map(LatentMap("test"))
        assert view.labels.tolist() == small_dataset.load_test()[1].tolist()
    assert len(loaded) == 1


def test_a_step_s_images_are_embedded_once_for_all_their_maps(
    made: tuple[LatentSpace, Reference, Codec],
) -> None:
    space, _, codec = made
    calls: list[None] = []

    def between() -> None:
        calls.append(None)

    first = space.map(LatentMap(), between)
    assert len(calls) == 4  # batches of 30 of 100 images
    assert space.map(LatentMap(), between) is first
    dims = space.map(LatentMap(dims=(0, 1)), between)
    assert dims.latents is first.latents
    assert len(calls) == 4
    space.map(LatentMap("train"), between)
    assert len(calls) == 4 + 7
    codec.step += 1
    assert space.map(LatentMap(), between) is not first
    assert space.map(LatentMap(), between).step == 8
    assert len(calls) == 4 + 7 + 4


def test_all_images_of_a_split_are_embedded(made: tuple[LatentSpace, Reference, Codec]) -> None:
    space, reference, codec = made
    calls: list[None] = []
    for split, batches in (("train", 7), ("validation", 4)):
        calls.clear()
        cloud = space.embedding(Embedding(split), lambda: calls.append(None))  # type: ignore[arg-type]
        np.testing.assert_allclose(cloud.latents, reference.embed(split), atol=1e-4)
        assert cloud.labels.tolist() == codec.images.of(split).labels.tolist()  # type: ignore[arg-type]
        assert (cloud.step, cloud.epoch, len(calls)) == (7, 0.5, batches)


def test_maps_of_different_splits_do_not_turn_each_other(
    made: tuple[LatentSpace, Reference, Codec], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their first axes point nearly opposite ways, each with its largest component positive."""
    space, _, codec = made
    along, across = np.random.default_rng(0).normal(size=(2, 200)) * [[3], [1]]
    axes = {"train": [1.0, -0.9, 0, 0], "validation": [-0.9, 1.0, 0, 0]}

    def embed(split: str, indices: np.ndarray, _between: object) -> np.ndarray:
        latents = np.outer(along, axes[split]) + np.outer(across, [0, 0, 1, 0])
        return latents[indices].astype(np.float32)

    monkeypatch.setattr(codec, "embed", embed)
    for _ in range(2):
        for split in ("validation", "train"):
            view = space.map(LatentMap(split))  # type: ignore[arg-type]
            assert view.plane is not None
            expected = np.array(axes[split]) / np.linalg.norm(axes[split])
            np.testing.assert_allclose(view.plane.axes[0], expected, atol=0.05)
        codec.step += 1


# Places.


@pytest.mark.parametrize("count", [1, 8, 200, 500])
def test_neighbours_are_those_that_scikit_learn_finds_among_all_training_images(
    made: tuple[LatentSpace, Reference, Codec], count: int
) -> None:
    space, reference, codec = made
    pool = reference.embed("train")
    search = NearestNeighbors(n_neighbors=min(count, 200), algorithm="brute").fit(pool)
    for seed in range(5):
        latent = np.random.default_rng(seed).normal(size=4).astype(np.float32)
        view = space.probe(Probe(latent, neighbours=count))
        [distances], [nearest] = search.kneighbors(latent[None])
        np.testing.assert_allclose(view.distances, distances, rtol=1e-3, atol=1e-4)
        images = reference.unit("train", nearest).reshape(-1, 28, 28)
        np.testing.assert_allclose(view.neighbours, images, atol=1e-6)
        assert view.neighbour_labels.tolist() == codec.images.train.labels[nearest].tolist()
        np.testing.assert_allclose(view.image, reference.decode(latent[None])[0], atol=1e-5)
        assert view.original is None
        assert (view.step, view.epoch) == (7, 0.5)


def test_the_image_that_was_asked_for_is_shown_beside_its_place(
    made: tuple[LatentSpace, Reference, Codec],
) -> None:
    space, reference, _ = made
    for split in ("train", "validation"):
        latent = reference.embed(split, np.array([17]))[0].astype(np.float32)
        view = space.probe(Probe(latent, original=(split, 17)))  # type: ignore[arg-type]
        expected = reference.unit(split, np.array([17])).reshape(28, 28)
        assert view.original is not None
        np.testing.assert_allclose(view.original, expected, atol=1e-6)
        if split == "train":
            assert view.distances[0] == pytest.approx(0, abs=1e-4)
            np.testing.assert_allclose(view.neighbours[0], expected, atol=1e-6)


class Moving:
    """A model whose latents are all the step it is at, and that counts what it embeds."""

    def __init__(self, codec: Codec) -> None:
        self.codec, self.embedded = codec, 0
        codec._model.embed = self.embed  # type: ignore[method-assign]

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        self.embedded += len(x)
        return torch.full((len(x), 4), float(self.codec.step))


def steps_of(view: ProbeView) -> list[int]:
    """At which step each training image was embedded: all four coordinates of a point are it."""
    steps: list[int] = np.rint(view.distances / 2).astype(int).tolist()
    return steps


def test_stale_points_are_refreshed_a_few_at_a_time_until_all_are_new(
    made: tuple[LatentSpace, Reference, Codec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.inference.latent_space.REFRESHED_AT_ONCE", 70)
    space, _, codec = made
    moving = Moving(codec)
    everything = Probe(FIRST, neighbours=200)
    assert steps_of(space.probe(everything)) == [7] * 200
    moving.embedded = 0
    space.probe(everything)
    assert moving.embedded == 0  # the model has not moved
    codec.step = 9
    for new in (70, 140, 200, 200):
        view = space.probe(everything)
        assert steps_of(view) == [7] * (200 - new) + [9] * new
    assert moving.embedded == 200


def test_near_a_moving_model_no_point_is_older_than_a_few_questions(
    made: tuple[LatentSpace, Reference, Codec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.inference.latent_space.REFRESHED_AT_ONCE", 70)
    space, _, codec = made
    moving = Moving(codec)
    space.probe(Probe(FIRST, neighbours=200))
    for _ in range(12):
        codec.step += 1
        moving.embedded = 0
        steps = steps_of(space.probe(Probe(FIRST, neighbours=200)))
        assert moving.embedded == 70
        assert min(steps) >= codec.step - 3  # 200 images in rounds of 70
    # A question answered meanwhile from the map's plane changes nothing of that.
    assert len(steps) == 200


def test_a_question_in_the_middle_of_the_first_one_has_no_neighbours_yet(
    made: tuple[LatentSpace, Reference, Codec],
) -> None:
    space, reference, _ = made
    nested: list[ProbeView] = []
    latent = np.ones(4, np.float32)

    def between() -> None:
        if len(nested) < 2:
            nested.append(space.probe(Probe(latent, original=("train", 3)), between))

    outer = space.probe(Probe(FIRST), between)
    assert len(outer.neighbours) == 8
    assert len(nested) == 2
    for view in nested:
        assert view.neighbours.shape == (0, 28, 28)
        assert len(view.distances) == len(view.neighbour_labels) == 0
        np.testing.assert_allclose(view.image, reference.decode(latent[None])[0], atol=1e-5)
        assert view.original is not None
    assert len(space.probe(Probe(latent)).neighbours) == 8


def test_a_first_question_that_failed_can_be_asked_again(
    made: tuple[LatentSpace, Reference, Codec],
) -> None:
    space, _, _ = made

    def failing() -> None:
        raise RuntimeError("the device is gone")

    with pytest.raises(RuntimeError):
        space.probe(Probe(FIRST), failing)
    assert len(space.probe(Probe(FIRST)).neighbours) == 8


def test_an_answer_does_not_change_when_the_next_one_is_computed(
    made: tuple[LatentSpace, Reference, Codec],
) -> None:
    space, _, codec = made
    first = space.probe(Probe(FIRST))
    before = replace(first, distances=first.distances.copy(), neighbours=first.neighbours.copy())
    codec.step += 1
    Moving(codec)
    space.probe(Probe(FIRST))
    assert np.array_equal(first.distances, before.distances)
    assert np.array_equal(first.neighbours, before.neighbours)
