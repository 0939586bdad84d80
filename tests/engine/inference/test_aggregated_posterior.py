import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm

from engine.diagnosis import AggregatedPosterior, DimensionKind, dimension_kind
from engine.inference.aggregated_posterior import aggregated_posterior, ks_distances


def posterior(mu: np.ndarray, variance: np.ndarray, seed: int = 0) -> AggregatedPosterior:
    rng = np.random.default_rng(seed)
    z = mu + np.sqrt(variance) * rng.normal(size=mu.shape)
    tensors = (torch.tensor(each, dtype=torch.float32) for each in (mu, np.log(variance), z))
    return aggregated_posterior(*tensors)


def test_the_moments_are_those_of_many_draws_from_the_mixture() -> None:
    rng = np.random.default_rng(1)
    mu = rng.normal(0.5, 1.3, (300, 2))
    variance = rng.uniform(0.1, 0.9, (300, 2))
    found = posterior(mu, variance)
    draws = (mu + np.sqrt(variance) * rng.normal(size=(4_000, 300, 2))).reshape(-1, 2)
    np.testing.assert_allclose(found.mean, draws.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(found.variance, draws.var(axis=0), rtol=0.01)
    np.testing.assert_allclose(found.sigma, np.sqrt(variance).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.sigma_spread, np.sqrt(variance).std(axis=0), rtol=1e-4)
    np.testing.assert_allclose(found.confident, (variance < 0.5).mean(axis=0), atol=1e-9)


def test_the_distance_is_scipys_and_the_worst_dimension_is_named() -> None:
    rng = np.random.default_rng(2)
    z = rng.normal([0.0, 1.0, 0.0], [1.0, 1.0, 0.3], (500, 3))
    found = ks_distances(torch.tensor(z)).numpy()
    expected = [kstest(column, norm.cdf).statistic for column in z.T]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    wide = posterior(np.array([[0.0, -3.0], [0.0, 3.0]] * 50), np.full((100, 2), 0.5))
    assert wide.worst == 1
    assert np.isnan(ks_distances(torch.tensor([[np.nan], [0.0]])).numpy()).all()


def test_kinds_are_by_the_variances_over_the_data() -> None:
    rng = np.random.default_rng(3)
    narrow, near_one = rng.uniform(0.02, 0.2, 200), rng.uniform(0.97, 1.0, 200)
    mixed = np.where(rng.random(200) < 0.5, narrow, near_one)
    variance = np.stack([narrow, mixed, near_one, np.full(200, 0.7)], axis=1)
    found = posterior(np.zeros((200, 4)), variance)
    kinds = (DimensionKind.ACTIVE, DimensionKind.MIXED, DimensionKind.PASSIVE, DimensionKind.ACTIVE)
    assert found.kinds == kinds


def test_a_few_odd_images_make_no_mixed_dimension() -> None:
    assert dimension_kind(0.2, 0.96, 0.04) is DimensionKind.ACTIVE
    assert dimension_kind(0.98, 0.04, 0.96) is DimensionKind.PASSIVE
    assert dimension_kind(0.5, 0.06, 0.94) is DimensionKind.MIXED
    assert dimension_kind(float("nan"), 0.5, 0.5) is None


def test_an_autoencoders_codes_have_moments_and_a_distance_but_no_sigma() -> None:
    rng = np.random.default_rng(4)
    codes = rng.normal(2.0, 3.0, (400, 2))
    tensor = torch.tensor(codes)
    found = aggregated_posterior(tensor, None, tensor)
    np.testing.assert_allclose(found.variance, codes.var(axis=0), rtol=1e-9)
    assert np.isnan(found.sigma).all()
    assert found.kinds == (None, None)
    assert found.ks == pytest.approx([kstest(c, norm.cdf).statistic for c in codes.T])
