"""Measuring a model on a set of images: the ELBO's parts, KL per dimension, active units."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.config import RunConfig
from engine.metrics import Metrics, active_units
from engine.model.device import sum_dtype
from engine.model.networks import VAE, Model
from engine.model.objective import (
    Objective,
    bernoulli_nll,
    gaussian_kl_per_dim,
    total_correlation,
)
from engine.model.seeds import Stream, stream_seed

BATCH = 500
GPU_BATCH = 8_192
"""Images between two looks at the command queue, on a CPU and on a GPU."""
CORRELATED_AT_ONCE = 500
"""Most images of which the total correlation is estimated at once: each is compared with each."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a model scores on a set of images."""

    metrics: Metrics
    kl_per_dim: npt.NDArray[np.float64]
    """(latent_dim,) in nats, the mean over the images; empty for an autoencoder."""
    active_units: int | None
    """As `Evaluation.active_units`."""


def to_unit(pixels: Tensor, out: Tensor | None = None) -> Tensor:
    """uint8 pixels as float32 in [0, 1]; into `out`, if it is given."""
    return torch.div(pixels, 255.0, out=out)


def evaluation_noise(config: RunConfig, count: int) -> Tensor:
    """ε (count, latent_dim) on the CPU, the same for every evaluation of a run.

    One draw per image estimates the expectation over q(z|x); the same draw every time keeps
    the curve from jittering. From a stream of its own: training's noise is not touched.
    """
    generator = torch.Generator().manual_seed(stream_seed(config.seed, Stream.EVALUATION))
    return torch.randn(count, config.latent_dim, generator=generator)


def images_at_once(device: torch.device) -> int:
    """How many to send through a model when nothing is learnt from them."""
    return BATCH if device.type == "cpu" else GPU_BATCH


@torch.no_grad()
def measure(
    model: Model,
    pixels: Tensor,
    eps: Tensor,
    objective: Objective,
    on_batch: Callable[[], None] | None = None,
) -> Measurement:
    """Means over images, not over batches: a short last batch weighs no more than its images.

    Args:
        pixels: (N, 784) uint8, on the model's device.
        eps: (N, latent_dim), likewise; an autoencoder takes none of it.
        objective: of `Metrics.loss`.
        on_batch: called before each batch, so that a caller can answer others meanwhile.
    """
    count, device = len(pixels), pixels.device
    precise = sum_dtype(device)
    # Summed on the device and read at the end: no batch waits for the one before.
    recon_sum = torch.zeros((), dtype=precise, device=device)
    kl_sums = torch.zeros(eps.shape[1], dtype=precise, device=device)
    embedded: list[Tensor] = []
    logvars: list[Tensor] = []
    batch = images_at_once(device)
    for start in range(0, count, batch):
        if on_batch is not None:
            on_batch()
        x = to_unit(pixels[start : start + batch])
        if isinstance(model, VAE):
            logits, mu, logvar = model(x, eps[start : start + batch])
            kl_sums += gaussian_kl_per_dim(mu, logvar).sum(dim=0)
            logvars.append(logvar)
        else:
            mu = model.embed(x)
            logits = model.decode(mu)
        recon_sum += bernoulli_nll(logits, x).sum()
        embedded.append(mu)
    recon = float(recon_sum) / count
    if isinstance(model, VAE):
        kl_per_dim = kl_sums.cpu().double().numpy() / count
        kl = float(kl_per_dim.sum())
        correlation = 0.0
        if objective.tc_weight != 1:
            posterior = torch.cat(embedded), torch.cat(logvars)
            correlation = _total_correlation(*posterior, eps, objective.batch_size, on_batch)
        loss = objective.loss(recon, kl_per_dim, correlation)
    else:
        kl_per_dim, kl, loss = np.empty(0), math.nan, recon
    return Measurement(
        Metrics(loss=loss, recon=recon, kl=kl),
        kl_per_dim,
        active_units(torch.cat(embedded).cpu().numpy()),
    )


def _total_correlation(
    mu: Tensor, logvar: Tensor, eps: Tensor, batch: int, on_batch: Callable[[], None] | None
) -> float:
    """As training estimates it from its batches: of so many images at once."""
    batch = min(batch, CORRELATED_AT_ONCE)
    total = torch.zeros((), dtype=sum_dtype(mu.device), device=mu.device)
    parts = (torch.split(tensor, batch) for tensor in (mu, logvar, eps))
    for some_mu, some_logvar, some_eps in zip(*parts, strict=True):
        if on_batch is not None:
            on_batch()
        z = some_mu + torch.exp(0.5 * some_logvar) * some_eps
        total += total_correlation(z, some_mu, some_logvar) * len(z)
    return float(total) / len(mu)
