import math
from dataclasses import replace

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from engine.config import RunConfig
from engine.model.objective import (
    Objective,
    bernoulli_nll,
    beta_at,
    gaussian_kl_per_dim,
    objective_at,
    total_correlation,
)


def test_reconstruction_is_the_bernoulli_log_likelihood_summed_over_pixels() -> None:
    logits = torch.randn(5, 784) * 3
    x = torch.randint(0, 2, (5, 784)).float()
    expected = -Bernoulli(logits=logits).log_prob(x).sum(dim=1)
    torch.testing.assert_close(bernoulli_nll(logits, x), expected)


def test_reconstruction_of_grey_pixels_is_the_cross_entropy() -> None:
    logits, x = torch.randn(5, 784), torch.rand(5, 784)
    p = torch.sigmoid(logits.double())
    expected = -(x * p.log() + (1 - x) * (1 - p).log()).sum(dim=1)
    torch.testing.assert_close(bernoulli_nll(logits, x).double(), expected, rtol=1e-6, atol=1e-4)


def test_reconstruction_stays_finite_for_extreme_logits() -> None:
    logits = torch.tensor([[1000.0, -1000.0]])
    assert bernoulli_nll(logits, torch.tensor([[0.0, 1.0]])).item() == 2000.0


def test_kl_per_dimension_is_that_of_torch_distributions() -> None:
    mu, logvar = torch.randn(7, 3), torch.randn(7, 3)
    expected = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(gaussian_kl_per_dim(mu, logvar), expected)


def test_kl_of_the_prior_itself_is_zero() -> None:
    assert gaussian_kl_per_dim(torch.zeros(2, 3), torch.zeros(2, 3)).abs().max() == 0


def test_beta_rises_linearly_over_the_warm_up_and_then_stays() -> None:
    config = RunConfig(beta=4.0, kl_warmup=2.0)
    assert [beta_at(config, epoch) for epoch in (0.0, 0.5, 1.0, 2.0, 30.0)] == [0, 1, 2, 4, 4]
    assert beta_at(RunConfig(beta=4.0, kl_warmup=0.0), 0.0) == 4.0


def test_beta_rises_in_cycles_and_stays_over_the_second_half_of_each() -> None:
    config = RunConfig(beta=4.0, kl_schedule="cyclical", kl_cycles=3, epochs=12, kl_warmup=9.0)
    found = [beta_at(config, epoch) for epoch in (0, 0.5, 1, 2, 3, 3.99, 4, 5, 6, 7.9, 11, 12, 13)]
    assert found == [0, 1, 2, 4, 4, 4, 0, 2, 4, 4, 4, 4, 4]


def test_cyclical_annealing_is_the_papers_step_by_step() -> None:
    # Fu et al. 2019: steps t = 1, 2, ... T in M cycles, of each the share R rising.
    total, cycles, share = 60, 4, 0.5
    config = RunConfig(kl_schedule="cyclical", kl_cycles=cycles, epochs=10)
    for t in range(1, total + 1):
        tau = ((t - 1) % math.ceil(total / cycles)) / (total / cycles)
        expected = tau / share if tau <= share else 1.0
        assert beta_at(config, (t - 1) * config.epochs / total) == pytest.approx(expected), t


def test_the_capacity_rises_linearly_and_then_stays() -> None:
    config = RunConfig(capacity=20.0, capacity_warmup=4.0, kl_warmup=0.0)
    found = [objective_at(config, epoch).capacity for epoch in (0.0, 1.0, 4.0, 30.0, math.inf)]
    assert found == [0.0, 5.0, 20.0, 20.0, 20.0]
    assert objective_at(replace(config, capacity_warmup=0.0), 0.0).capacity == 20.0
    assert objective_at(RunConfig(), 0.0) == Objective(0.0, batch_size=128)
    assert objective_at(RunConfig(beta=3.0), math.inf).beta == 3.0


def test_latents_that_are_independent_have_no_total_correlation() -> None:
    # Of one image, of the prior for every image, and of one dimension.
    assert total_correlation(torch.randn(1, 5), torch.zeros(1, 5), torch.zeros(1, 5)) == 0.0
    z = torch.randn(50, 5)
    found = total_correlation(z, torch.zeros(50, 5), torch.zeros(50, 5))
    assert found.item() == pytest.approx(0.0, abs=1e-4)
    found = total_correlation(torch.randn(50, 1), torch.randn(50, 1), torch.randn(50, 1))
    assert found.item() == pytest.approx(0.0, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_the_total_correlation_of_a_gaussian_is_its_closed_form(correlation: float) -> None:
    # z ~ N(0, C) with unit variances: μ ~ N(0, C − σ²I), z|x ~ N(μ, σ²I). TC = −½ ln det C.
    count, variance = 3000, 0.1
    covariance = torch.tensor([[1.0, correlation], [correlation, 1.0]], dtype=torch.float64)
    generator = torch.Generator().manual_seed(3)
    factor = torch.linalg.cholesky(covariance - variance * torch.eye(2))
    mu = torch.randn(count, 2, generator=generator, dtype=torch.float64) @ factor.T
    z = mu + variance**0.5 * torch.randn(count, 2, generator=generator, dtype=torch.float64)
    found = total_correlation(z, mu, torch.full_like(mu, math.log(variance))).item()
    # The estimate's own bias, which falls with the batch, and five standard errors.
    assert found == pytest.approx(-0.5 * math.log(1.0 - correlation**2), abs=0.06)
