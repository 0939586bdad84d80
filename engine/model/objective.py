"""The evidence lower bound and its parts, per image, in nats.

    ELBO(x) = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z))        Kingma & Welling 2014, eq. 3

Sums run over the pixels and over the latent dimensions, never means: mixing the two would
silently weigh one term against the other.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch.nn.functional as F
from torch import Tensor

from engine.config import RunConfig


def bernoulli_nll(logits: Tensor, x: Tensor) -> Tensor:
    """−log p(x|z) under Bernoulli pixels, from logits. Kingma & Welling 2014, app. C.1.

    Args:
        logits: (B, P) of any real value.
        x: (B, P) pixels in [0, 1]. Grey values are taken as they are, so this is a cross
            entropy, bounded below by the pixels' own entropy, not a likelihood of grey data.

    Returns:
        (B,) nats per image, summed over the pixels.
    """
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)


def gaussian_kl_per_dim(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) of every latent dimension. Kingma & Welling 2014, app. B.

    Args:
        mu: (B, D) posterior means.
        logvar: (B, D) log σ².

    Returns:
        (B, D) nats: ½(μ² + σ² − 1 − ln σ²).
    """
    return 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar)


def beta_at(config: RunConfig, epoch: float) -> float:
    """The KL's weight at an epoch.

    Linear: β_t = β · min(1, t / T), KL warm-up over T epochs. Sønderby et al. 2016.

    Cyclical: M cycles over the run, in each of which β_t rises linearly from 0 to β over the first
    half and stays there over the second. Fu et al. 2019, with R = ½.
    """
    if config.kl_schedule == "cyclical":
        if epoch >= config.epochs:  # the end of the last cycle, not the beginning of one more
            return config.beta
        return config.beta * min(1.0, 2.0 * (epoch * config.kl_cycles / config.epochs % 1.0))
    if config.kl_warmup <= 0:
        return config.beta
    return config.beta * min(1.0, epoch / config.kl_warmup)


def total_correlation(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(q(z) ‖ Π_j q(z_j)), how far latents are from independent, estimated from a batch.

    Minibatch-weighted sampling, Chen et al. 2018, eq. 3: q(z_i) ≈ Σ_j q(z_i|x_j) / (N·M) for M of
    N images. The constant (D − 1)·log N that this makes is left out: it has no gradient, and
    without it latents that tell nothing have 0. Biased where posteriors hardly overlap: z_i's own
    counts 1/M there, not 1/N.

    Args:
        z: (M, D), z_i drawn from q(z|x_i).
        mu, logvar: (M, D).

    Returns:
        A scalar, in nats, the mean over the batch.
    """
    batch, dims = z.shape
    exponent = (z[:, None] - mu).square() * (-logvar).exp() + logvar
    log_density = -0.5 * exponent  # of z_i under q(z|x_j); the Gaussians' constant cancels out
    joint = log_density.sum(dim=2).logsumexp(dim=1)
    marginals = log_density.logsumexp(dim=1).sum(dim=1)
    return (joint - marginals).mean() + (dims - 1) * math.log(batch)


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss as it is at one moment; at most one of the settings after β differs from its
    default."""

    beta: float
    """Weight of what the KL costs, β_t."""
    free_bits: float = 0.0
    """λ: nats of each latent dimension that cost nothing more. Kingma et al. 2016."""
    capacity: float | None = None
    """C_t, if the KL is drawn to it. Burgess et al. 2018."""
    tc_weight: float = 1.0
    """Of the total correlation within the KL. Chen et al. 2018, eq. 4."""
    batch_size: int = 0
    """Images of which the total correlation is estimated at once."""

    def loss(
        self, recon: float, kl_per_dim: npt.NDArray[np.float64], correlation: float = 0.0
    ) -> float:
        """From means over images.

        Args:
            kl_per_dim: (D,) in nats.
            correlation: `total_correlation`, where it has another weight than 1.
        """
        kl = float(kl_per_dim.sum())
        if self.capacity is not None:
            return recon + self.beta * abs(kl - self.capacity)
        if self.free_bits > 0:
            return recon + self.beta * float(np.maximum(kl_per_dim, self.free_bits).sum())
        return recon + self.beta * (kl + (self.tc_weight - 1.0) * correlation)


def objective_at(config: RunConfig, epoch: float) -> Objective:
    """A run's loss at an epoch; at infinity what it is after all that rises has risen."""
    capacity = None
    if config.capacity > 0:
        share = min(1.0, epoch / config.capacity_warmup) if config.capacity_warmup > 0 else 1.0
        capacity = config.capacity * share
    return Objective(
        beta_at(config, epoch), config.free_bits, capacity, config.tc_weight, config.batch_size
    )
