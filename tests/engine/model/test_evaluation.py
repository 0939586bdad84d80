import math
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import (
    Bernoulli,
    Categorical,
    Independent,
    MixtureSameFamily,
    Normal,
    kl_divergence,
)

from engine.config import RunConfig
from engine.model.evaluation import evaluation_noise, measure, to_unit
from engine.model.networks import VAE, build_model
from engine.model.objective import Objective
from engine.model.seeds import Stream, stream_seed

CONFIG = RunConfig(hidden=(16,), latent_dim=3, seed=5)


def pixels(count: int) -> torch.Tensor:
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.integers(0, 256, (count, 784), dtype=np.uint8))


def spread_out(model: VAE) -> VAE:
    """An untrained encoder's means hardly differ: make them, one dimension aside."""
    with torch.no_grad():
        model.encoder[-1].weight[:2].mul_(30)
        model.encoder[-1].weight[2].mul_(0.01)
    return model


def test_pixels_become_shares_of_255_and_stay_as_they_were() -> None:
    raw = torch.arange(256, dtype=torch.uint8)
    unit = to_unit(raw)
    assert unit.dtype == torch.float32
    np.testing.assert_allclose(unit.numpy(), np.arange(256) / 255, rtol=1e-7)
    assert raw.tolist() == list(range(256))


def test_the_noise_is_normal_the_same_every_time_and_of_a_stream_of_its_own() -> None:
    config = replace(CONFIG, latent_dim=20)
    state = torch.get_rng_state()
    noise = evaluation_noise(config, 5000)
    assert torch.equal(torch.get_rng_state(), state), "no other generator is touched"
    assert torch.equal(noise, evaluation_noise(config, 5000))
    assert not torch.equal(noise, evaluation_noise(replace(config, seed=6), 5000))
    generator = torch.Generator().manual_seed(stream_seed(5, Stream.EVALUATION))
    assert torch.equal(noise, torch.randn(5000, 20, generator=generator))
    # Five standard errors.
    assert abs(float(noise.mean())) < 5 / math.sqrt(noise.numel())
    assert abs(float(noise.var()) - 1) < 5 * math.sqrt(2 / noise.numel())


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_a_vae_is_measured_as_torchs_distributions_measure_it(beta: float) -> None:
    model = build_model(CONFIG, init_seed=1)
    assert isinstance(model, VAE)
    spread_out(model)
    images, eps = pixels(37), evaluation_noise(CONFIG, 37)
    found = measure(model, images, eps, Objective(beta))
    x = images.double() / 255
    reference = model.double()
    with torch.no_grad():
        mu, logvar = reference.posterior(x)
        q = Normal(mu, logvar.exp().sqrt())
        p = Bernoulli(logits=reference.decode(q.mean + q.stddev * eps), validate_args=False)
        recon = -p.log_prob(x).sum(dim=1).mean().item()
        kl = kl_divergence(q, Normal(0.0, 1.0)).mean(dim=0).numpy()
    assert found.metrics.recon == pytest.approx(recon, rel=1e-5)
    np.testing.assert_allclose(found.kl_per_dim, kl, rtol=1e-3, atol=1e-6)
    assert found.metrics.kl == pytest.approx(kl.sum(), rel=1e-3)
    assert found.metrics.neg_elbo == pytest.approx(recon + kl.sum(), rel=1e-5)
    assert found.metrics.loss == pytest.approx(recon + beta * kl.sum(), rel=1e-5)
    variances = np.var(mu.numpy(), axis=0, ddof=1)
    assert found.active_units == (variances > 0.01).sum() == 2


def uniform(count: int) -> Categorical:
    return Categorical(torch.ones(count))


@pytest.mark.parametrize(
    ("settings", "cost"),
    [
        ({"free_bits": 0.01}, lambda kl, _: np.maximum(kl, 0.01).sum()),
        ({"capacity": 5.0}, lambda kl, _: abs(kl.sum() - 5.0)),
        ({"capacity": 0.001}, lambda kl, _: abs(kl.sum() - 0.001)),
        ({"tc_weight": 7.0, "batch_size": 8}, lambda kl, tc: kl.sum() + 6.0 * tc),
    ],
)
def test_the_loss_is_the_runs_and_the_elbo_is_not_touched_by_it(
    settings: dict[str, float], cost: Callable[[np.ndarray, float], float]
) -> None:
    model = build_model(CONFIG, init_seed=1)
    assert isinstance(model, VAE)
    spread_out(model)
    images, eps = pixels(20), evaluation_noise(CONFIG, 20)
    plain = measure(model, images, eps, Objective(1.0))
    found = measure(model, images, eps, Objective(3.0, **settings))  # type: ignore[arg-type]
    m = found.metrics
    assert (m.neg_elbo, m.recon, m.kl) == (
        plain.metrics.neg_elbo,
        plain.metrics.recon,
        plain.metrics.kl,
    )
    tc = 0.0
    for start in range(0, 20, 8):  # a group as large as training's batches; the last is short
        mu, logvar = model.posterior(images[start : start + 8].float() / 255)
        some_eps = eps[start : start + 8]
        tc += len(mu) * correlation_of_mixtures(mu + (0.5 * logvar).exp() * some_eps, mu, logvar)
    assert m.loss == pytest.approx(m.recon + 3.0 * cost(plain.kl_per_dim, tc / 20), rel=1e-5)


def correlation_of_mixtures(z: torch.Tensor, mu: torch.Tensor, logvar: torch.Tensor) -> float:
    """By torch's mixtures, which share no formula with ours."""
    sigma = (0.5 * logvar).exp()
    mix = uniform(len(mu))
    joint = MixtureSameFamily(mix, Independent(Normal(mu, sigma), 1)).log_prob(z)
    for d in range(z.shape[1]):
        joint = joint - MixtureSameFamily(mix, Normal(mu[:, d], sigma[:, d])).log_prob(z[:, d])
    return joint.mean().item()


def test_an_autoencoder_is_measured_without_noise_and_has_no_kl() -> None:
    model = build_model(replace(CONFIG, model="ae"), init_seed=1)
    images, eps = pixels(37), evaluation_noise(CONFIG, 37)
    found = measure(model, images, eps, Objective(4.0))
    x = images.float() / 255
    with torch.no_grad():
        p = Bernoulli(logits=model.decode(model.embed(x)), validate_args=False)
    recon = -p.log_prob(x).sum(dim=1).mean().item()
    assert found.metrics.recon == found.metrics.loss == pytest.approx(recon, rel=1e-5)
    assert math.isnan(found.metrics.kl)
    assert math.isnan(found.metrics.neg_elbo)
    assert found.metrics.score == found.metrics.recon
    assert found.kl_per_dim.shape == (0,)
    again = measure(model, images, eps + 1, Objective(0.0))
    assert again.metrics.recon == found.metrics.recon


@pytest.mark.parametrize("model", ["vae", "ae"])
@pytest.mark.parametrize("batch", [1, 4, 10, 11, 1000])
def test_images_weigh_alike_however_they_are_cut_into_batches(
    batch: int, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = build_model(replace(CONFIG, model=model), init_seed=1)
    images, eps = pixels(11), evaluation_noise(CONFIG, 11)
    # A dark last image: a mean over batches would be far off.
    images[-1] = 0
    one_by_one = [
        measure(network, images[i : i + 1], eps[i : i + 1], Objective(1.0)) for i in range(11)
    ]
    monkeypatch.setattr("engine.model.evaluation.BATCH", batch)
    between: list[int] = []
    found = measure(network, images, eps, Objective(1.0), lambda: between.append(1))
    recon = [m.metrics.recon for m in one_by_one]
    assert found.metrics.recon == pytest.approx(np.mean(recon), rel=1e-6)
    if model == "vae":
        per_dim = np.mean([m.kl_per_dim for m in one_by_one], axis=0)
        np.testing.assert_allclose(found.kl_per_dim, per_dim, rtol=1e-5)
    assert len(between) == math.ceil(11 / batch)


@pytest.mark.parametrize("model", ["vae", "ae"])
def test_a_single_image_is_measured_and_has_no_active_units_to_count(model: str) -> None:
    network = build_model(replace(CONFIG, model=model), init_seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure(network, pixels(1), evaluation_noise(CONFIG, 1), Objective(1.0))
    assert found.active_units is None, "undefined is not 0"
    assert math.isfinite(found.metrics.recon)
    assert found.kl_per_dim.shape == ((3,) if model == "vae" else (0,))
    assert np.isfinite(found.kl_per_dim).all()


def test_of_images_that_are_all_the_same_no_unit_is_active() -> None:
    network = build_model(CONFIG, init_seed=1)
    same = pixels(1).expand(5, -1).contiguous()
    assert measure(network, same, evaluation_noise(CONFIG, 5), Objective(1.0)).active_units == 0


def test_measuring_leaves_no_gradient_and_no_random_state_behind() -> None:
    model = build_model(CONFIG, init_seed=1)
    state = torch.get_rng_state()
    measure(model, pixels(5), evaluation_noise(CONFIG, 5), Objective(1.0))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in model.parameters())
