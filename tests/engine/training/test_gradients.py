"""The gradients against autograd's, in double precision."""

import itertools
import math
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import (
    Bernoulli,
    Categorical,
    Independent,
    MixtureSameFamily,
    Normal,
    kl_divergence,
)

from engine.config import Activation, RunConfig
from engine.model.networks import MAX_LOGVAR, VAE, Model, build_model
from engine.training.gradients import Matmul, MlpPass, backpropagation
from engine.training.latent_terms import latent_term

BETA = 0.7
CAPACITY_SCALE = 20.0
"""C_t in units of the setting's: the KL of the network below is beyond the setting's range."""
CONFIG = RunConfig(hidden=(12, 9), latent_dim=3)


def doubled(config: RunConfig) -> Model:
    model = build_model(config, 5).double()
    if isinstance(model, VAE):  # so that KL's gradients are of a size, and some σ² are limited
        last = model.encoder[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            last.weight.mul_(20.0)
            last.bias[config.latent_dim :] += torch.tensor([0.0, 10.0, 14.0])
    return model


def images(batch: int) -> Tensor:
    return torch.rand(batch, 784, generator=torch.Generator().manual_seed(batch)).double()


def noise(batch: int) -> Tensor:
    return torch.randn(
        batch, CONFIG.latent_dim, generator=torch.Generator().manual_seed(1)
    ).double()


def by_autograd(
    model: Model, x: Tensor, config: RunConfig = CONFIG
) -> tuple[list[Tensor], list[float]]:
    """Gradients and sums from torch's distributions, which share no formula with ours."""
    latent = torch.zeros((), dtype=torch.float64)
    kl = torch.full((), torch.nan, dtype=torch.float64)
    if isinstance(model, VAE):
        mu, logvar = model.posterior(x)
        q = Normal(mu, logvar.exp().sqrt())
        z = mu + q.stddev * noise(len(x))
        logits = model.decode(z)
        per_dim = kl_divergence(q, Normal(0.0, 1.0)).mean(0)
        kl = per_dim.sum() * len(x)
        latent = per_dim.sum()
        if config.free_bits:
            latent = torch.stack(
                [torch.max(one, one * 0 + config.free_bits) for one in per_dim]
            ).sum()
        if config.capacity:
            latent = (latent - CAPACITY_SCALE * config.capacity).abs()
        latent = latent + (config.tc_weight - 1.0) * correlation_of_mixtures(z, q)
    else:
        logits = model.decode(model.embed(x))
    recon = -Bernoulli(logits=logits, validate_args=False).log_prob(x).sum()
    loss = recon + BETA * latent * len(x)
    gradients = torch.autograd.grad(loss / len(x), list(model.parameters()))
    return list(gradients), [loss.item(), recon.item(), kl.item(), len(x)]


def correlation_of_mixtures(z: Tensor, q: Normal) -> Tensor:
    """The mean over a batch of log q(z) − Σ_d log q(z_d), by torch's mixtures."""
    mix = Categorical(torch.ones(len(z), dtype=torch.float64))
    joint: Tensor = MixtureSameFamily(mix, Independent(q, 1)).log_prob(z)
    for d in range(z.shape[1]):
        marginal = MixtureSameFamily(mix, Normal(q.mean[:, d], q.stddev[:, d]))
        joint = joint - marginal.log_prob(z[:, d])
    return joint.mean()


def by_hand(
    model: Model, batches: list[Tensor], config: RunConfig = CONFIG
) -> tuple[list[Tensor], list[float]]:
    """The last batch's, of a pass that has seen the others."""
    backward = backpropagation(model, len(batches[0]), Matmul(), latent_term(config))
    capacity = torch.tensor(CAPACITY_SCALE * config.capacity, dtype=torch.float64)
    sums = torch.zeros(4, dtype=torch.float64)
    with torch.no_grad():
        for x in batches:
            eps = noise(len(x))[:, : backward.noise_dim]
            backward.run(x, eps, torch.tensor(BETA, dtype=torch.float64), capacity, sums)
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    return gradients, sums.tolist()


@pytest.mark.parametrize(
    ("activation", "model"), itertools.product(get_args(Activation), ["vae", "ae"])
)
def test_gradients_and_sums_are_autograds(activation: Activation, model: str) -> None:
    network = doubled(replace(CONFIG, activation=activation, model=model))
    x = images(6)
    gradients, sums = by_hand(network, [1.0 - x, x])  # nothing may be left of the first batch
    expected_gradients, expected_sums = by_autograd(network, x)
    assert sums == pytest.approx(expected_sums, rel=1e-10, nan_ok=True)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


LATENT_TERMS: list[dict[str, float]] = [
    {"free_bits": 2.0},
    {"free_bits": 1000.0},
    {"capacity": 1.0},
    {"capacity": 10_000.0},
    {"tc_weight": 6.0},
    {"tc_weight": 0.0},
]
"""Below and above the KL of some dimensions and of all, see
`test_the_terms_above_hold_the_kl_back_and_let_it_go`."""


@pytest.mark.parametrize("settings", LATENT_TERMS, ids=str)
@pytest.mark.parametrize("batch", [6, 1])
def test_gradients_of_every_latent_term_are_autograds(settings: dict[str, Any], batch: int) -> None:
    config = replace(CONFIG, **settings)
    network, x = doubled(config), images(batch)
    gradients, sums = by_hand(network, [1.0 - x, x], config)
    expected_gradients, expected_sums = by_autograd(network, x, config)
    assert sums == pytest.approx(expected_sums, rel=1e-10)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("settings", [{}, *LATENT_TERMS], ids=str)
def test_gradients_are_the_numerical_ones(settings: dict[str, Any]) -> None:
    config = replace(CONFIG, **settings)
    network, x = doubled(config), images(6)
    exact = [gradient.clone() for gradient in by_hand(network, [x], config)[0]]
    for parameter, gradient in zip(network.parameters(), exact, strict=True):
        flat, place = parameter.detach().view(-1), int(gradient.abs().argmax())
        value, width = flat[place].item(), 1e-6
        losses = []
        for moved in (value - width, value + width):
            flat[place] = moved
            losses.append(by_hand(network, [x], config)[1][0] / len(x))
        flat[place] = value
        slope = (losses[1] - losses[0]) / (2 * width)
        assert slope == pytest.approx(gradient.view(-1)[place].item(), rel=1e-4, abs=1e-6)


def test_the_terms_above_hold_the_kl_back_and_let_it_go() -> None:
    network, x = doubled(CONFIG), images(6)
    assert isinstance(network, VAE)
    mu, logvar = network.posterior(x)
    per_dim = kl_divergence(Normal(mu, logvar.exp().sqrt()), Normal(0.0, 1.0)).mean(0)
    assert 0 < (per_dim > 2.0).sum() < len(per_dim)
    assert CAPACITY_SCALE < per_dim.sum().item() < CAPACITY_SCALE * 10_000.0


def test_the_network_above_limits_some_variances_and_not_others() -> None:
    model = doubled(CONFIG)
    assert isinstance(model, VAE)
    limited = model.posterior(images(6))[1] == MAX_LOGVAR
    assert limited.any()
    assert not limited.all()


def test_extreme_logits_have_finite_losses_and_exact_gradients() -> None:
    model = build_model(RunConfig(model="ae", hidden=(2,), latent_dim=1), 0)
    for parameter in model.parameters():
        parameter.detach().zero_()
    last = model.decoder[-1]
    assert isinstance(last, nn.Linear)
    last.bias.detach()[:4] = torch.tensor([500.0, 500.0, -500.0, -500.0])
    x = torch.zeros(1, 784)
    x[0, :4] = torch.tensor([0.0, 1.0, 0.0, 1.0])
    backward, sums = backpropagation(model, 1, Matmul()), torch.zeros(4)
    with torch.no_grad():
        backward.run(x, torch.empty(1, 0), torch.tensor(1.0), torch.tensor(0.0), sums)
    assert sums[1].item() == pytest.approx(1000.0 + 780 * torch.log(torch.tensor(2.0)).item())
    assert last.bias.grad is not None
    assert last.bias.grad[:5].tolist() == [1.0, 0.0, 0.0, -1.0, 0.5]


@pytest.mark.parametrize("target", [0.0, 1.0, 0.5, 1 / 255, 254 / 255])
def test_the_loss_keeps_its_digits_at_any_logit_and_the_gradient_too(target: float) -> None:
    model = build_model(RunConfig(model="ae", hidden=(2,), latent_dim=1), 0)
    for parameter in model.parameters():
        parameter.detach().zero_()
    last = model.decoder[-1]
    assert isinstance(last, nn.Linear)
    backward, sums = backpropagation(model, 1, Matmul()), torch.zeros(4)
    x = torch.full((1, 784), target)
    for logit in [*range(-87, 88), -100, 100, 0.3, -0.3, 19.99, 20.01]:  # e^−88 is denormal
        last.bias.detach().fill_(logit)
        with torch.no_grad():
            backward.run(x, torch.empty(1, 0), torch.tensor(1.0), torch.tensor(0.0), sums)
        # log(1 + e^l) − x l in double precision, each part of it without cancellation.
        value, pixel = last.bias.detach()[0].item(), x[0, 0].item()
        white, black = (pixel * _softplus(-value), (1.0 - pixel) * _softplus(value))
        expected = 784 * (white + black)
        assert sums[1].item() == pytest.approx(expected, rel=1e-6, abs=1e-36), logit
        assert last.bias.grad is not None
        p = math.exp(-_softplus(-value))
        # sigmoid(l) − x, each rounded to float32.
        assert last.bias.grad[0].item() == pytest.approx(p - pixel, rel=1e-6, abs=1.2e-7), logit


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def test_the_gradient_by_the_input_is_autograds() -> None:
    model = doubled(CONFIG)
    x = images(4).requires_grad_()
    out = model.encoder(x)
    weights = torch.arange(out.numel(), dtype=torch.float64).view_as(out)
    (expected,) = torch.autograd.grad((out * weights).sum(), x)
    encoder = MlpPass(model.encoder, 4, Matmul(), to_input=True)
    with torch.no_grad():
        torch.testing.assert_close(encoder.forward(x), out)
        torch.testing.assert_close(encoder.backward(weights.clone()), expected)
