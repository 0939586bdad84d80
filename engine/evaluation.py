"""Measuring a model on a set of images: the ELBO's parts, KL per dimension, active units."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.config import RunConfig
from engine.metrics import Metrics
from engine.models import VAE, Model
from engine.objective import active_units, bernoulli_nll, gaussian_kl_per_dim
from engine.seeds import Stream, stream_seed

BATCH = 500
"""Images between two looks at the command queue."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a model scores on a set of images."""

    metrics: Metrics
    kl_per_dim: npt.NDArray[np.float64]
    """(latent_dim,) in nats, the mean over the images; empty for an autoencoder."""
    active_units: int


def to_unit(pixels: Tensor) -> Tensor:
    """uint8 pixels as float32 in [0, 1]."""
    return pixels.to(torch.float32).div_(255.0)


def evaluation_noise(config: RunConfig, count: int) -> Tensor:
    """ε (count, latent_dim) on the CPU, the same for every evaluation of a run.

    One draw per image estimates the expectation over q(z|x); the same draw every time keeps
    the curve from jittering. From a stream of its own: training's noise is not touched.
    """
    generator = torch.Generator().manual_seed(stream_seed(config.seed, Stream.EVALUATION))
    return torch.randn(count, config.latent_dim, generator=generator)


@torch.no_grad()
def measure(
    model: Model,
    pixels: Tensor,
    eps: Tensor,
    beta: float,
    between: Callable[[], None] | None = None,
) -> Measurement:
    """Means over images, not over batches: a short last batch weighs no more than its images.

    Args:
        pixels: (N, 784) uint8, on the model's device.
        eps: (N, latent_dim), likewise; an autoencoder takes none of it.
        beta: β_t, for `Metrics.loss`.
        between: called between batches, so that a caller can answer others meanwhile.
    """
    model.eval()
    recon, count = 0.0, len(pixels)
    kl_per_dim = np.zeros(eps.shape[1])
    embedded: list[Tensor] = []
    for start in range(0, count, BATCH):
        if between is not None:
            between()
        x = to_unit(pixels[start : start + BATCH])
        if isinstance(model, VAE):
            logits, mu, logvar = model(x, eps[start : start + BATCH])
            kl_per_dim += gaussian_kl_per_dim(mu, logvar).sum(dim=0).double().cpu().numpy()
        else:
            mu = model.embed(x)
            logits = model.decode(mu)
        recon += float(bernoulli_nll(logits, x).sum())
        embedded.append(mu)
    if isinstance(model, VAE):
        kl_per_dim /= count
        kl = float(kl_per_dim.sum())
        loss = recon / count + beta * kl
    else:
        kl_per_dim, kl, loss = np.empty(0), math.nan, recon / count
    return Measurement(
        Metrics(loss=loss, recon=recon / count, kl=kl),
        kl_per_dim,
        active_units(torch.cat(embedded)),
    )
