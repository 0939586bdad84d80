"""Images to latents and back, against the same networks in plain numpy."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss, mean_squared_error

from data import ImageDataset
from tests.support.made_codec import made_codec

SOME = np.array([3, 99, 0, 3])


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.model.evaluation.BATCH", 30)  # the last of every split is short


@pytest.mark.parametrize("model", ["vae", "ae"])
def test_images_are_embedded_at_mu_in_their_order(small_dataset: ImageDataset, model: str) -> None:
    codec, reference = made_codec(small_dataset, model=model)
    for indices in (None, SOME, np.arange(95), np.empty(0, np.int64)):
        embedded = codec.embed("train", indices)
        expected = reference.embed("train", slice(None) if indices is None else indices)
        np.testing.assert_allclose(embedded, expected, atol=1e-4)
        assert embedded.dtype == np.float32
    assert codec.embed("validation").shape == (100, 4)


def test_latents_are_decoded_to_pixel_means(small_dataset: ImageDataset) -> None:
    codec, reference = made_codec(small_dataset)
    z = np.random.default_rng(0).normal(size=(70, 4))
    images = codec.decode(z)
    np.testing.assert_allclose(images, reference.decode(z.astype(np.float32)), atol=1e-5)
    assert images.shape == (70, 28, 28)
    assert images.dtype == np.float32
    assert codec.decode(np.empty((0, 4))).shape == (0, 28, 28)


@pytest.mark.parametrize("model", ["vae", "ae"])
def test_reconstructions_are_decoded_at_mu(small_dataset: ImageDataset, model: str) -> None:
    codec, reference = made_codec(small_dataset, model=model)
    for indices in (SOME, np.arange(95)):
        expected = reference.decode(reference.embed("validation", indices))
        np.testing.assert_allclose(codec.reconstruct("validation", indices), expected, atol=1e-4)


def test_originals_are_the_images_between_0_and_1(small_dataset: ImageDataset) -> None:
    codec, reference = made_codec(small_dataset)
    originals = codec.originals("validation", SOME)
    expected = reference.unit("validation", SOME).reshape(-1, 28, 28)
    np.testing.assert_allclose(originals, expected, rtol=1e-6)
    assert originals.dtype == np.float32
    assert codec.originals("train", np.empty(0, np.int64)).shape == (0, 28, 28)


def test_kl_per_dimension_is_its_mean_over_the_validation_images(
    small_dataset: ImageDataset,
) -> None:
    codec, reference = made_codec(small_dataset)
    mu, logvar = reference.posterior(reference.unit("validation"))
    expected = np.mean(0.5 * (mu**2 + np.exp(logvar) - 1 - logvar), axis=0)
    np.testing.assert_allclose(codec.kl_per_dim(), expected, rtol=1e-4)
    assert made_codec(small_dataset, model="ae")[0].kl_per_dim().shape == (0,)


@pytest.mark.parametrize("model", ["vae", "ae"])
def test_errors_are_those_of_scikit_learn_image_by_image(
    small_dataset: ImageDataset, model: str
) -> None:
    codec, reference = made_codec(small_dataset, model=model)
    parts = list(codec.errors("validation"))
    assert [len(bce) for bce, _ in parts] == [30, 30, 30, 10]
    bce, mse = (np.concatenate(values) for values in zip(*parts, strict=True))
    x = reference.unit("validation")
    p = expit(reference.logits(reference.embed("validation")))
    np.testing.assert_allclose(
        mse, mean_squared_error(x.T, p.T, multioutput="raw_values"), rtol=1e-4
    )
    # A grey pixel is so much of a white one and so much of a black one.
    weights = np.stack((x, 1 - x), axis=2)
    for i in (0, 42, 99):
        expected = log_loss(
            np.tile([1, 0], 784),
            np.repeat(p[i], 2),
            sample_weight=weights[i].reshape(-1),
            normalize=False,
        )
        assert bce[i] == pytest.approx(expected, rel=1e-4)


def test_on_batch_is_called_before_every_batch(small_dataset: ImageDataset) -> None:
    codec, _ = made_codec(small_dataset)
    calls: list[None] = []

    def count(work: Callable[[], object]) -> int:
        calls.clear()
        work()
        return len(calls)

    def on_batch() -> None:
        calls.append(None)

    assert count(lambda: codec.embed("train", on_batch=on_batch)) == 7
    assert count(lambda: codec.embed("validation", on_batch=on_batch)) == 4
    assert count(lambda: codec.kl_per_dim(on_batch)) == 4
    assert count(lambda: list(codec.errors("validation", on_batch))) == 4
    assert count(lambda: codec.embed("validation", SOME, on_batch)) == 1


def test_nothing_keeps_gradients(small_dataset: ImageDataset) -> None:
    codec, reference = made_codec(small_dataset)
    codec.embed("validation")
    codec.decode(np.zeros((1, 4)))
    codec.reconstruct("validation", SOME)
    codec.kl_per_dim()
    for bce, mse in codec.errors("validation"):
        assert bce.dtype == mse.dtype == np.float64
    assert all(p.grad is None for p in reference.model.parameters())


def test_pictures_of_a_model_that_diverged_are_not_numbers_but_no_failure(
    small_dataset: ImageDataset,
) -> None:
    codec, _ = made_codec(small_dataset)
    images = codec.decode(np.full((2, 4), np.nan))
    assert np.isnan(images).all()
