"""The gradients against autograd's, in double precision."""

import itertools
import math
from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from engine.config import Activation, RunConfig
from engine.model.networks import MAX_LOGVAR, VAE, Model, build_model
from engine.training.gradients import Matmul, MlpPass, backpropagation

BETA = 0.7
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


def by_autograd(model: Model, x: Tensor) -> tuple[list[Tensor], list[float]]:
    """Gradients and sums from torch's distributions, which share no formula with ours."""
    kl = torch.full((), torch.nan, dtype=torch.float64)
    if isinstance(model, VAE):
        mu, logvar = model.posterior(x)
        q = Normal(mu, logvar.exp().sqrt())
        logits = model.decode(mu + q.stddev * noise(len(x)))
        kl = kl_divergence(q, Normal(0.0, 1.0)).sum()
    else:
        logits = model.decode(model.embed(x))
    recon = -Bernoulli(logits=logits, validate_args=False).log_prob(x).sum()
    loss = recon + BETA * kl if isinstance(model, VAE) else recon
    gradients = torch.autograd.grad(loss / len(x), list(model.parameters()))
    return list(gradients), [loss.item(), recon.item(), kl.item(), len(x)]


def by_hand(model: Model, batches: list[Tensor]) -> tuple[list[Tensor], list[float]]:
    """The last batch's, of a pass that has seen the others."""
    backward = backpropagation(model, len(batches[0]), Matmul())
    sums = torch.zeros(4, dtype=torch.float64)
    with torch.no_grad():
        for x in batches:
            eps = noise(len(x))[:, : backward.noise_dim]
            backward.run(x, eps, torch.tensor(BETA, dtype=torch.float64), sums)
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
        backward.run(x, torch.empty(1, 0), torch.tensor(1.0), sums)
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
            backward.run(x, torch.empty(1, 0), torch.tensor(1.0), sums)
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
