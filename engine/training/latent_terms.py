"""What β weighs in a batch's loss: the KL, or another function of it, and that function's slope.

Written out like the rest of a step (`engine.training.gradients`): nothing waits for the device, so
that a CUDA graph can hold it. The same objectives for a whole split: `engine.model.objective`.
"""

import math

import torch
from torch import Tensor

from engine.config import RunConfig


class LatentTerm:
    """The KL itself: loss = reconstruction + β · KL. Higgins et al. 2017."""

    def weigh(self, kl: Tensor, beta: Tensor, _capacity: Tensor, sums: Tensor) -> Tensor:
        """Write the loss, summed over the batch, to `sums[0]`.

        Args:
            kl: (B, D) nats of each image and latent dimension.
            beta, capacity: β_t and C_t, scalars.
            sums: (4,), of which reconstruction and KL are there already.

        Returns:
            The derivative of the batch's mean loss by each of `kl`: a scalar, or (D,).
        """
        torch.addcmul(sums[1], sums[2], beta, out=sums[0])
        return beta / len(kl)

    def correlate(
        self, _z: Tensor, _mu: Tensor, _logvar: Tensor, _beta: Tensor, _sums: Tensor
    ) -> tuple[Tensor, Tensor, Tensor] | None:
        """Add what the loss has beside a function of the KL, if anything.

        Args:
            z, mu, logvar: (B, D).
            beta, sums: as above; the loss is there already.

        Returns:
            Of the batch's mean, the gradients by z, μ and log σ², each as if the others stood
            still; None if there is nothing.
        """
        return None


class FreeBits(LatentTerm):
    """Σ_j max(λ, mean over the batch of KL_j) instead of the KL. Kingma et al. 2016."""

    def __init__(self, nats: float) -> None:
        self._nats = nats

    def weigh(self, kl: Tensor, beta: Tensor, _capacity: Tensor, sums: Tensor) -> Tensor:
        """As above; a dimension below λ has no slope."""
        least = self._nats * len(kl)
        per_dim = kl.sum(0)
        torch.addcmul(sums[1], per_dim.clamp(min=least).sum(), beta, out=sums[0])
        return (per_dim > least) * (beta / len(kl))


class Capacity(LatentTerm):
    """|KL − C_t|, the KL being the batch's mean. Burgess et al. 2018, where β is γ."""

    def weigh(self, kl: Tensor, beta: Tensor, capacity: Tensor, sums: Tensor) -> Tensor:
        """As above; below C_t more KL is less loss."""
        beyond = sums[2] - capacity * len(kl)
        torch.addcmul(sums[1], beyond.abs(), beta, out=sums[0])
        return beyond.sign() * (beta / len(kl))


class TotalCorrelation(LatentTerm):
    """The KL, its total correlation weighted. Chen et al. 2018, eq. 4 with α = γ = 1.

    The KL counts the total correlation once by itself, so (weight − 1) times what a batch says of
    it is added to the exact KL (`engine.model.objective.total_correlation`). In the paper's code
    the other parts are estimated like it; the exact KL is their expectation, with less noise.

    Args:
        weight: of the total correlation.
    """

    def __init__(self, weight: float) -> None:
        self._more = weight - 1.0

    def correlate(
        self, z: Tensor, mu: Tensor, logvar: Tensor, beta: Tensor, sums: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As above."""
        batch, dims = z.shape
        # [i, j, d]: of z_i under q(z|x_j); the constant of a Gaussian's density cancels out.
        distance = z[:, None] - mu
        slope = distance * torch.exp(-logvar)
        log_density = (distance * slope).add_(logvar).mul_(-0.5)
        joint = log_density.sum(2)
        total = joint.logsumexp(1).sum() - log_density.logsumexp(1).sum()
        total += batch * (dims - 1) * math.log(batch)
        weight = beta * self._more
        sums[0].addcmul_(total, weight)

        by_density = joint.softmax(1)[:, :, None] - log_density.softmax(1)
        by_slope = by_density * slope
        weight = weight / batch
        by_logvar = by_slope.mul(distance).sub_(by_density).sum(0)
        return -by_slope.sum(1) * weight, by_slope.sum(0) * weight, by_logvar * (0.5 * weight)


def latent_term(config: RunConfig) -> LatentTerm:
    """Of a run."""
    match config.penalty:
        case "free_bits":
            return FreeBits(config.free_bits)
        case "capacity":
            return Capacity()
        case "tc_weight":
            return TotalCorrelation(config.tc_weight)
    return LatentTerm()
