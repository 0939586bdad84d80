import math
import random
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.decomposition import PCA
from torch.distributions import Normal, kl_divergence

from data import DataError, ImageDataset
from engine.config import RunConfig
from engine.inference.viewer import Viewer
from engine.model.device_data import ImageSplits, LabelledImages
from engine.model.networks import Model, build_model
from engine.model.seeds import Stream, stream_seed
from engine.training.trainer import Trainer
from engine.views import (
    Decode,
    Embedding,
    Interpolation,
    LatentMap,
    Manifold,
    PriorSamples,
    Probe,
    Reconstructions,
    Scores,
    ScoreView,
    Traversal,
    ViewRequest,
)

NAMES = tuple(f"class {n}" for n in range(10))
CONFIG = RunConfig(hidden=(16,), latent_dim=4, seed=1, split_seed=0)


@pytest.fixture
def images(small_dataset: ImageDataset) -> tuple[np.ndarray, np.ndarray]:
    """100 validation images, ten of every class, not in the classes' order."""
    order = np.random.default_rng(0).permutation(400)[:100]
    labels = np.resize(np.arange(10, dtype=np.uint8), 100)
    return small_dataset.images[order].reshape(-1, 784), labels


def viewer(
    images: tuple[np.ndarray, np.ndarray], config: RunConfig = CONFIG, model: Model | None = None
) -> Viewer:
    network = model or build_model(config, init_seed=1)
    part = LabelledImages(torch.tensor(images[0]), images[1])
    return Viewer(config, network, ImageSplits(part, part, NAMES, lambda: part)).at(7, 0.5)


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_reconstructions_are_the_decoders_means_at_mu(
    kind: str, images: tuple[np.ndarray, np.ndarray]
) -> None:
    config = replace(CONFIG, model=kind)
    model = build_model(config, init_seed=1)
    view = viewer(images, config, model).compute(Reconstructions())
    x = torch.tensor(images[0][view.indices] / 255, dtype=torch.float32)
    with torch.no_grad():
        z = model.encoder(x)[:, :4]  # a VAE's first half is μ
        means = 1 / (1 + np.exp(-model.decoder(z).double().numpy()))
    np.testing.assert_allclose(view.originals.reshape(-1, 784), x.numpy(), rtol=1e-6)
    np.testing.assert_allclose(view.reconstructions.reshape(-1, 784), means, rtol=1e-5)
    assert view.originals.shape == view.reconstructions.shape == (20, 28, 28)
    assert view.originals.dtype == view.reconstructions.dtype == np.float32
    assert (view.step, view.epoch, view.class_names) == (7, 0.5, NAMES)


def test_page_0_has_the_first_two_images_of_every_class_side_by_side(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    view = viewer(images).compute(Reconstructions(page=0))
    expected = [i for label in range(10) for i in (label, label + 10)]
    assert view.indices.tolist() == expected
    assert view.labels.tolist() == [label for label in range(10) for _ in (0, 1)]


def test_other_pages_have_two_of_every_class_too_but_others(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    pages = [viewer(images).compute(Reconstructions(page)) for page in range(4)]
    for view in pages:
        assert view.labels.tolist() == [label for label in range(10) for _ in (0, 1)]
        assert images[1][view.indices].tolist() == view.labels.tolist()
        assert len(set(view.indices.tolist())) == 20
    assert len({tuple(view.indices.tolist()) for view in pages}) == 4


def test_a_page_is_the_same_for_every_run_on_the_same_split(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    def page(config: RunConfig) -> list[int]:
        indices: list[int] = viewer(images, config).compute(Reconstructions(3)).indices.tolist()
        return indices

    assert page(CONFIG) == page(replace(CONFIG, seed=99, model="ae"))
    assert page(CONFIG) != page(replace(CONFIG, split_seed=1))


def test_a_class_with_a_single_image_or_none_is_shown_as_far_as_it_goes(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    pixels, labels = images[0][:4], np.array([3, 3, 3, 8], dtype=np.uint8)
    for page in (0, 1):
        view = viewer((pixels, labels)).compute(Reconstructions(page))
        assert view.labels.tolist() == [3, 3, 8]


def test_samples_are_decoded_standard_normal_draws(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    drawn: list[torch.Tensor] = []
    model = build_model(CONFIG, init_seed=1)
    decode = model.decode

    def spy(z: torch.Tensor) -> torch.Tensor:
        drawn.append(z)
        return decode(z)

    model.decode = spy  # type: ignore[method-assign]
    view = viewer(images, model=model).compute(PriorSamples(seed=3, count=2500))
    (z,) = drawn
    assert z.shape == (2500, 4)
    # Five standard errors.
    assert float(z.mean().abs()) < 5 / math.sqrt(z.numel())
    assert float((z.var() - 1).abs()) < 5 * math.sqrt(2 / z.numel())
    np.testing.assert_allclose(np.corrcoef(z.T), np.eye(4), atol=5 / math.sqrt(2500))
    with torch.no_grad():
        means = torch.sigmoid(model.decoder(z)).reshape(-1, 28, 28)
    np.testing.assert_allclose(view.images, means.numpy(), rtol=1e-6)
    assert np.array_equal(view.latents, z.numpy())
    assert (view.request.seed, view.step, view.epoch) == (3, 7, 0.5)


def test_the_same_seed_draws_the_same_samples_and_another_others(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    def sample(seed: int, config: RunConfig = CONFIG) -> np.ndarray:
        model = build_model(CONFIG, init_seed=1)
        return viewer(images, config, model).compute(PriorSamples(seed)).images

    assert np.array_equal(sample(0), sample(0))
    assert not np.array_equal(sample(0), sample(1))
    assert not np.array_equal(sample(0), sample(0, replace(CONFIG, seed=2)))


def test_previews_draw_from_no_stream_of_training(images: tuple[np.ndarray, np.ndarray]) -> None:
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    v = viewer(images)
    requests: list[ViewRequest[object]] = [Reconstructions(2), PriorSamples(1), LatentMap()]
    for request in requests:
        v.compute(request)
    v.frame()
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    preview = {stream_seed(1, Stream.PREVIEW, n) for n in range(100)}
    assert not preview & {stream_seed(1, s) for s in Stream if s is not Stream.PREVIEW}


def embedded(model: Model, pixels: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        mu: np.ndarray = model.embed(torch.tensor(pixels / 255, dtype=torch.float32)).numpy()
    return mu


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_a_plane_of_two_latent_dimensions_is_shown_as_it_is(
    kind: str, images: tuple[np.ndarray, np.ndarray]
) -> None:
    config = replace(CONFIG, latent_dim=2, model=kind)
    model = build_model(config, init_seed=1)
    view = viewer(images, config, model).compute(LatentMap())
    np.testing.assert_allclose(view.points, embedded(model, images[0]), rtol=1e-4, atol=1e-6)
    assert view.labels.tolist() == images[1].tolist()
    assert (view.projection, view.axis_names) == (None, ("z₁", "z₂"))


def test_a_single_dimension_lies_on_a_line(images: tuple[np.ndarray, np.ndarray]) -> None:
    config = replace(CONFIG, latent_dim=1)
    model = build_model(config, init_seed=1)
    view = viewer(images, config, model).compute(LatentMap())
    np.testing.assert_allclose(
        view.points[:, 0], embedded(model, images[0])[:, 0], rtol=1e-4, atol=1e-6
    )
    assert view.points.shape == (100, 2)
    assert not view.points[:, 1].any()
    assert view.axis_names == ("z₁", "0")


def test_more_dimensions_are_projected_as_scikit_learns_pca_does(
    images: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.model.evaluation.BATCH", 30)  # four batches, the last short
    model = build_model(CONFIG, init_seed=1)
    view = viewer(images, model=model).compute(LatentMap())
    pca = PCA(2).fit(embedded(model, images[0]).astype(np.float64))
    expected = pca.transform(embedded(model, images[0]).astype(np.float64))
    signs = np.sign((view.points * expected).sum(axis=0))
    np.testing.assert_allclose(view.points, expected * signs, atol=1e-5)
    first, second = 100 * pca.explained_variance_ratio_
    assert view.axis_names == (f"PC 1 ({first:.1f} %)", f"PC 2 ({second:.1f} %)")
    assert view.projection == "pca"


def test_a_live_map_does_not_flip_from_one_moment_to_the_next(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    along, across = np.random.default_rng(0).normal(size=(2, 100)) * [[3], [1]]

    def turned(degrees: float) -> torch.Tensor:
        """Latents that vary most along (cos, −sin): its larger part changes at 45°."""
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        plane = np.outer(along, [c, -s, 0, 0]) + np.outer(across, [s, c, 0, 0])
        return torch.tensor(plane, dtype=torch.float32)

    def map_of(v: Viewer, degrees: float, step: int) -> np.ndarray:
        model.embed = lambda _: turned(degrees)  # type: ignore[method-assign]
        return v.at(step, 0.1).compute(LatentMap()).points

    model = build_model(CONFIG, init_seed=1)
    live = viewer(images, model=model)
    before, after = map_of(live, 30, step=1), map_of(live, 60, step=2)
    on_its_own = map_of(viewer(images, model=model), 60, step=2)
    np.testing.assert_allclose(after, before, atol=1e-3)
    np.testing.assert_allclose(on_its_own[:, 0], -after[:, 0], atol=1e-3)


def test_the_map_is_computed_once_for_a_step(images: tuple[np.ndarray, np.ndarray]) -> None:
    model = build_model(CONFIG, init_seed=1)
    calls: list[int] = []
    embed = model.embed

    def spy(x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return embed(x)

    model.embed = spy  # type: ignore[method-assign]
    v = viewer(images, model=model)
    assert v.compute(LatentMap()) is v.compute(LatentMap())
    assert sum(calls) == 100
    assert v.at(8, 0.6).compute(LatentMap()).step == 8
    assert sum(calls) == 200


def test_a_frame_is_page_0_and_seed_0_in_256_greys(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    v = viewer(images)
    frame = v.frame()
    reconstructions = v.compute(Reconstructions(0)).reconstructions
    samples = v.compute(PriorSamples(0)).images
    assert (frame.step, frame.epoch) == (7, 0.5)
    assert frame.reconstructions.dtype == frame.samples.dtype == np.uint8
    assert frame.samples.shape == (64, 28, 28)
    assert np.abs(frame.reconstructions - 255.0 * reconstructions).max() <= 0.5 + 1e-4
    assert np.abs(frame.samples - 255.0 * samples).max() <= 0.5 + 1e-4


def test_an_unknown_question_is_an_error(images: tuple[np.ndarray, np.ndarray]) -> None:
    class Horoscope(ViewRequest[str]):
        pass

    with pytest.raises(TypeError, match=r"unknown view .*Horoscope"):
        viewer(images).compute(Horoscope())


# All kinds of question.


def questions() -> list[ViewRequest[Any]]:
    latent = np.full(4, 0.5, np.float32)
    return [
        Reconstructions(2),
        PriorSamples(1),
        PriorSamples(seed=2, count=3, around=(0.1, 0.2, 0.3, 0.4)),
        Decode(latent[None]),
        LatentMap(),
        LatentMap("train", dims=(0, 2)),
        LatentMap("test"),
        Embedding(),
        Probe(latent),
        Interpolation(),
        Interpolation("prior"),
        Traversal(),
        Manifold(3),
        Scores(),
        Scores("train"),
    ]


def answers(view: object) -> list[np.ndarray]:
    """Every array of a view."""
    values = [getattr(view, field.name) for field in fields(view)]  # type: ignore[arg-type]
    return [value for value in values if isinstance(value, np.ndarray)]


def trained(config: RunConfig, dataset: ImageDataset, watched: bool) -> dict[str, torch.Tensor]:
    trainer = Trainer(config, dataset, torch.device("cpu"))
    v = Viewer(config, trainer.model, trainer.images)
    for _ in range(6):
        trainer.train(2)
        if watched:
            for question in questions():
                v.at(trainer.step, trainer.epoch).compute(question)
            v.frame()
    state: dict[str, torch.Tensor] = trainer.model.state_dict()
    return state


@pytest.mark.slow
def test_a_model_that_is_looked_at_in_every_way_learns_the_same(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    alone = trained(small_config, small_dataset, watched=False)
    watched = trained(small_config, small_dataset, watched=True)
    for name, expected in alone.items():
        assert torch.equal(watched[name], expected), name


def test_no_question_changes_the_weights_or_anybodys_random_numbers(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    for kind in ("vae", "ae"):
        config = replace(CONFIG, model=kind)
        model = build_model(config, init_seed=1)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
        v = viewer(images, config, model)
        for question in questions():
            v.compute(question)
        assert all(torch.equal(value, before[n]) for n, value in model.state_dict().items())
        assert torch.equal(torch.get_rng_state(), states[0])
        assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
        assert random.getstate() == states[2]


def test_the_same_question_about_the_same_model_has_the_same_answer(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    for question in questions():
        first, second = (viewer(images).compute(question) for _ in (0, 1))
        for a, b in zip(answers(first), answers(second), strict=True):
            assert np.array_equal(a, b), question
        assert (first.step, first.epoch) == (7, 0.5)


def test_no_answer_keeps_the_model_or_its_tensors(images: tuple[np.ndarray, np.ndarray]) -> None:
    """An answer crosses threads: numpy and plain values only."""
    v = viewer(images)
    for question in questions():
        view = v.compute(question)
        assert answers(view) or isinstance(view, ScoreView)
        for field in fields(view):
            assert not isinstance(getattr(view, field.name), torch.Tensor)


@pytest.mark.parametrize("kind", ["vae", "ae"])
@pytest.mark.parametrize("question", [LatentMap(), Embedding(), Traversal(), Manifold(3), Scores()])
def test_a_caller_can_answer_others_between_the_batches_of_every_long_question(
    kind: str,
    question: ViewRequest[Any],
    images: tuple[np.ndarray, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.model.evaluation.BATCH", 30)
    config = replace(CONFIG, model=kind)
    v = viewer(images, config)
    calls: list[None] = []

    def between() -> None:
        calls.append(None)
        for other in questions():
            v.compute(other)

    answer = v.compute(question, between)
    assert len(calls) == 4
    alone = viewer(images, config).compute(question)
    for a, b in zip(answers(answer), answers(alone), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_test_images_are_never_loaded_unless_asked_for(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    def refuse() -> LabelledImages:
        raise DataError("no test images here")

    part = LabelledImages(torch.tensor(images[0]), images[1])
    v = Viewer(CONFIG, build_model(CONFIG, init_seed=1), ImageSplits(part, part, NAMES, refuse))
    for question in questions():
        if question != LatentMap("test"):
            v.compute(question)
    v.frame()
    for asked in (LatentMap("test"), Embedding("test"), Scores("test")):
        with pytest.raises(DataError, match="no test images"):
            v.compute(asked)


# The viewer's own.


def test_given_latents_are_decoded(images: tuple[np.ndarray, np.ndarray]) -> None:
    model = build_model(CONFIG, init_seed=1)
    z = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    view = viewer(images, model=model).compute(Decode(z))
    with torch.no_grad():
        logits = model.decoder(torch.tensor(z)).double().numpy()
    np.testing.assert_allclose(view.images.reshape(9, -1), 1 / (1 + np.exp(-logits)), rtol=1e-5)
    assert (view.step, view.epoch) == (7, 0.5)


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_scores_are_plain_means_over_images_in_all_and_by_class(
    kind: str, images: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.model.evaluation.BATCH", 30)
    config = replace(CONFIG, model=kind)
    model = build_model(config, init_seed=1)
    pixels = images[0]
    labels = np.repeat(np.array([0, 1, 2, 9], np.uint8), [5, 50, 44, 1])  # six are missing
    view = viewer((pixels, labels), config, model).compute(Scores())
    x = pixels / 255.0
    with torch.no_grad():
        z = model.encoder(torch.tensor(x, dtype=torch.float32))[:, :4]
        logits = model.decoder(z).double().numpy()
    bce = (np.logaddexp(0, logits) - x * logits).sum(axis=1)
    mse = ((expit(logits) - x) ** 2).mean(axis=1)
    assert view.bce == pytest.approx(bce.mean(), rel=1e-5)
    assert view.mse == pytest.approx(mse.mean(), rel=1e-5)
    for label in range(10):
        chosen = labels == label
        assert view.class_counts[label] == chosen.sum()
        if chosen.any():
            assert view.class_bce[label] == pytest.approx(bce[chosen].mean(), rel=1e-5)
            assert view.class_mse[label] == pytest.approx(mse[chosen].mean(), rel=1e-5)
        else:
            assert math.isnan(view.class_bce[label])
            assert math.isnan(view.class_mse[label])
    assert (view.class_names, view.step, view.epoch) == (NAMES, 7, 0.5)


def test_scores_are_of_the_split_that_was_asked_for(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    pixels, labels = images

    def part(of: slice) -> LabelledImages:
        return LabelledImages(torch.tensor(pixels[of]), labels[of])

    splits = ImageSplits(
        part(slice(0, 60)), part(slice(60, 90)), NAMES, lambda: part(slice(90, 100))
    )
    v = Viewer(CONFIG, build_model(CONFIG, init_seed=1), splits)
    counts = [v.compute(Scores(s)).class_counts.sum() for s in ("train", "validation", "test")]  # type: ignore[arg-type]
    assert counts == [60, 30, 10]
    assert v.compute(Scores()).class_counts.sum() == 30


def test_a_traversal_sorts_by_the_latest_evaluation_or_else_by_what_it_measures(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    model = build_model(CONFIG, init_seed=1)
    v = viewer(images, model=model)
    with torch.no_grad():
        mu, logvar = model.encoder(torch.tensor(images[0] / 255, dtype=torch.float32)).chunk(2, 1)
        prior = Normal(torch.zeros(4), torch.ones(4))
        kl = kl_divergence(Normal(mu, (0.5 * logvar).exp()), prior).mean(dim=0).double().numpy()
    measured = v.compute(Traversal(rows=4))
    np.testing.assert_allclose(measured.weights, np.sort(kl)[::-1], rtol=1e-3)
    assert measured.dims.tolist() == np.argsort(-kl).tolist()
    given = v.at(8, 0.6, np.array([1.0, 4.0, 2.0, 3.0])).compute(Traversal(rows=4))
    assert given.dims.tolist() == [1, 3, 2, 0]
    assert v.at(9, 0.7).compute(Traversal(rows=4)).dims.tolist() == measured.dims.tolist()


def test_the_model_is_looked_at_in_evaluation_mode(images: tuple[np.ndarray, np.ndarray]) -> None:
    model = build_model(CONFIG, init_seed=1)
    model.train()
    viewer(images, model=model).compute(PriorSamples())
    assert not model.training


def test_images_may_be_asked_for_by_their_positions(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    view = viewer(images).compute(Reconstructions(indices=(31, 7, 99, 100)))
    assert view.indices.tolist() == [31, 7, 99]  # the split ends at 99
    np.testing.assert_allclose(view.originals.reshape(-1, 784), images[0][[31, 7, 99]] / 255)
    assert view.labels.tolist() == images[1][[31, 7, 99]].tolist()
