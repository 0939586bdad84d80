"""Where the KL goes: mutual information, total correlation, dimension-wise KL."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.diagnosis import Surgery

MOST_DENSITIES = 12_000_000
"""Normal densities of single numbers that are computed, about: draws · images · dimensions."""
LEAST_DRAWS = 50
_ROWS = 64
"""Draws at once on a CPU: what is computed for them stays in its cache."""
_DIMS = 16
"""Dimensions between two looks at the command queue."""
_HALF_LN_2PI = 0.5 * math.log(2.0 * math.pi)
_LN_2 = math.log(2.0)


def draws_within_budget(images: int, dims: int) -> int:
    """How many draws of z the surgery takes."""
    return min(images, max(LEAST_DRAWS, MOST_DENSITIES // max(1, images * dims)))


@dataclass(frozen=True, slots=True)
class _Components:
    """The mixture, each (D, N)."""

    mean: Tensor
    narrowness: Tensor
    """1 / (σ √(2 ln 2)): densities are powers of 2, three times as fast as those of e."""
    weight: Tensor
    """1 / (N σ)."""


@torch.no_grad()
def elbo_surgery(
    mu: Tensor, logvar: Tensor, eps: Tensor, on_batch: Callable[[], None] | None = None
) -> Surgery:
    """Split the mean KL of N images' posteriors, whose mixture with equal weights is q(z).

        mean KL = I_q(x; z) + KL(q(z) ‖ Π q(z_j)) + Σ_j KL(q(z_j) ‖ p(z_j))

    The first term against the others: Hoffman & Johnson 2016, eq. 9; the other two: Chen et al.
    2018, eq. 2. Of M draws z ~ q(z|x), one each of the first M images, log q(z) and log q(z_j) are
    taken by logsumexp over the posteriors of all N images: Chen's minibatch-weighted estimate (app.
    C.1) for a data set that is these images, exact but for the M draws. The same draws are used
    throughout, so that the three add up to their mean of log q(z|x)/p(z).

    As N images can be told apart by no more than ln N nats (7.6 for 2,000), I is at most that, and
    near it a lower bound on that of the distribution the images are from; what it lacks is in the
    total correlation and the dimension-wise KL, then. `Surgery.mutual_information_upper` is the
    bound from the other side: the same with the image's own posterior left out of the mixture
    (Poole et al. 2019, section 2.1, "leave-one-out"), and never more than the KL itself.

    Args:
        mu, logvar: (N, D) posteriors, N ≥ 2.
        eps: (M, D) of N(0, 1), M ≤ N.
        on_batch: called now and then, so that a caller can answer others meanwhile.
    """
    draws, images = len(eps), len(mu)
    # A row a dimension: each is gone through alone.
    by_dim = [each.t().contiguous() for each in (mu, logvar)]
    inverse = torch.exp(-0.5 * by_dim[1])
    components = _Components(by_dim[0], inverse * math.sqrt(0.5 / _LN_2), inverse / images)
    z = mu[:draws] + torch.exp(0.5 * logvar[:draws]) * eps
    # Σ_j ln σ_j + D/2 ln 2π of each component, and of each draw its own density.
    log_norm = 0.5 * logvar.sum(dim=1) + mu.shape[1] * _HALF_LN_2PI
    own = -0.5 * eps.square().sum(dim=1) - log_norm[:draws]
    prior = -0.5 * z.square().sum(dim=1) - mu.shape[1] * _HALF_LN_2PI
    rows = _ROWS if mu.device.type == "cpu" else draws
    totals = torch.zeros(4, dtype=torch.float64)
    for start in range(0, draws, rows):
        part = slice(start, min(start + rows, draws))
        joint, marginals = _densities(z[part], components, on_batch)
        joint.mul_(_LN_2).sub_(log_norm)
        mixture = torch.logsumexp(joint, dim=1) - math.log(images)
        here = torch.arange(part.start, part.stop, device=mu.device)
        joint[here - part.start, here] = -math.inf
        others = torch.logsumexp(joint, dim=1) - math.log(max(1, images - 1))
        parts = (
            own[part] - mixture,
            mixture - marginals,
            marginals - prior[part],
            own[part] - others,
        )
        totals += torch.stack([each.sum() for each in parts]).cpu().double()
    information, correlation, dimensions, upper = (totals / draws).tolist()
    total = information + correlation + dimensions
    return Surgery(
        mutual_information=information,
        mutual_information_upper=max(information, min(upper, total)),
        total_correlation=correlation,
        dimension_kl=dimensions,
    )


def _densities(
    z: Tensor, components: _Components, on_batch: Callable[[], None] | None
) -> tuple[Tensor, Tensor]:
    """Of draws (B, D): −½ Σ_j ((z_j − μ_j)/σ_j)² / ln 2 by component (B, N); Σ_j ln q(z_j) (B,)."""
    joint = z.new_zeros(len(z), components.mean.shape[1])
    u, square = torch.empty_like(joint), torch.empty_like(joint)
    zero = z.new_zeros(())
    marginals = z.new_zeros(len(z))
    columns = zip(z.t(), components.mean, components.narrowness, components.weight, strict=True)
    for dim, (z_j, mean, narrowness, weight) in enumerate(columns):
        if on_batch is not None and dim % _DIMS == 0:
            on_batch()
        torch.sub(z_j[:, None], mean, out=u).mul_(narrowness)
        torch.addcmul(zero, u, u, value=-1.0, out=square)
        joint += square
        # No largest term need be taken out: a draw's own component alone keeps the sum above 0.
        density = square.exp2_() @ weight
        marginals += density.log_().sub_(_HALF_LN_2PI)
    return joint, marginals
