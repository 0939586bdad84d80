import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from engine.inference import elbo_surgery as module
from engine.inference.elbo_surgery import draws_within_budget, elbo_surgery


def normals(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def kl(mu: torch.Tensor, logvar: torch.Tensor) -> float:
    return float((0.5 * (mu.square() + logvar.exp() - 1 - logvar)).sum(dim=1).mean())


def test_a_linear_gaussian_model_has_the_parts_of_its_closed_form() -> None:
    """x ~ N(0, I), q(z|x) = N(Wx, s² I): then q(z) = N(0, WWᵀ + s² I)."""
    weights = np.array([[0.9, 0.0], [0.6, 0.5]])
    variance = 0.8
    count = 4_000
    mu = normals(count, 2) @ torch.tensor(weights.T, dtype=torch.float32)
    logvar = torch.full_like(mu, math.log(variance))
    found = elbo_surgery(mu, logvar, normals(count, 2, seed=1))

    c = weights @ weights.T + variance * np.eye(2)
    information = 0.5 * math.log(np.linalg.det(c) / variance**2)
    correlation = 0.5 * math.log(np.diag(c).prod() / np.linalg.det(c))
    dimensions = 0.5 * float(np.sum(np.diag(c) - 1 - np.log(np.diag(c))))
    assert found.mutual_information == pytest.approx(information, abs=0.03)
    assert found.total_correlation == pytest.approx(correlation, abs=0.02)
    assert found.dimension_kl == pytest.approx(dimensions, abs=0.02)
    # In so few dimensions 4,000 images bound I from both sides.
    assert found.mutual_information <= found.mutual_information_upper < information + 0.03
    assert found.total == pytest.approx(kl(mu, logvar), abs=0.05)
    assert found.marginal_kl == pytest.approx(correlation + dimensions, abs=0.03)


@pytest.mark.parametrize(("images", "draws"), [(30, 30), (150, 130), (70, 5)])
def test_each_part_is_what_scipys_densities_of_the_mixture_give(images: int, draws: int) -> None:
    mu, logvar = 2 * normals(images, 3), normals(images, 3, seed=1) - 1
    eps = normals(draws, 3, seed=2)
    found = elbo_surgery(mu, logvar, eps)

    means, deviations = mu.double().numpy(), np.exp(0.5 * logvar.double().numpy())
    z = means[:draws] + deviations[:draws] * eps.double().numpy()
    each = np.array(
        [
            multivariate_normal(mean, np.diag(deviation**2)).logpdf(z)
            for mean, deviation in zip(means, deviations, strict=True)
        ]
    )
    own = each[np.arange(draws), np.arange(draws)]
    mixture = logsumexp(each, axis=0) - math.log(images)
    marginal = [
        logsumexp(norm(means[:, j], deviations[:, j]).logpdf(z[:, j, None]), axis=1)
        - math.log(images)
        for j in range(3)
    ]
    prior = norm.logpdf(z).sum(axis=1)
    others = each.copy()
    others[np.arange(draws), np.arange(draws)] = -np.inf
    left_out = logsumexp(others, axis=0) - math.log(images - 1)
    total = (own - prior).mean()
    assert found.mutual_information == pytest.approx((own - mixture).mean(), abs=1e-4)
    assert found.total_correlation == pytest.approx((mixture - sum(marginal)).mean(), abs=1e-4)
    assert found.dimension_kl == pytest.approx((sum(marginal) - prior).mean(), abs=1e-4)
    assert found.total == pytest.approx(total, abs=1e-4)
    upper = min((own - left_out).mean(), total)
    assert found.mutual_information_upper == pytest.approx(upper, abs=1e-4)


def test_images_that_are_all_told_apart_have_ln_n_and_the_rest_is_elsewhere() -> None:
    mu = 100.0 * torch.arange(50)[:, None] * torch.ones(1, 2)
    logvar = torch.full_like(mu, -2.0)
    found = elbo_surgery(mu, logvar, normals(50, 2))
    assert found.mutual_information == pytest.approx(math.log(50), abs=1e-3)
    # The two dimensions say the same: what one knows, the other does.
    assert found.total_correlation == pytest.approx(math.log(50), abs=1e-3)
    assert found.mutual_information < found.mutual_information_upper <= found.total


def test_posteriors_that_are_the_prior_have_nothing_anywhere() -> None:
    nothing = torch.zeros(40, 3)
    found = elbo_surgery(nothing, nothing, normals(40, 3))
    parts = (found.mutual_information, found.total_correlation, found.dimension_kl)
    assert parts == pytest.approx((0.0, 0.0, 0.0), abs=1e-5)


def test_a_narrow_posterior_far_out_is_no_infinity() -> None:
    mu = 30.0 * normals(60, 4)
    found = elbo_surgery(mu, torch.full_like(mu, -18.0), normals(60, 4))
    assert math.isfinite(found.total)
    assert found.mutual_information == pytest.approx(math.log(60), abs=1e-3)


def test_it_looks_at_commands_and_draws_no_more_than_its_budget() -> None:
    calls: list[None] = []
    mu = normals(200, 40)
    elbo_surgery(mu, torch.zeros_like(mu), normals(100, 40), lambda: calls.append(None))
    assert len(calls) == 2 * 3  # rows of draws, dimensions sixteen at a time
    assert draws_within_budget(2_000, 20) == module.MOST_DENSITIES // 40_000
    assert draws_within_budget(100, 2) == 100
    assert draws_within_budget(2_000, 60_000) == module.LEAST_DRAWS
