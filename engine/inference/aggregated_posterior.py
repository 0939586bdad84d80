"""The aggregated posterior of a set of images against the prior, a dimension at a time."""

import torch
from torch import Tensor

from engine.diagnosis import CONFIDENT, NEAR_PRIOR, AggregatedPosterior, Doubles
from engine.model.device import sum_dtype


@torch.no_grad()
def aggregated_posterior(mu: Tensor, logvar: Tensor | None, z: Tensor) -> AggregatedPosterior:
    """Moments of q(z_j) = 1/N Σ q(z_j|x), what σ_j is like over the images, and the KS distance.

    E[z_j] and, by the law of total variance, Var[z_j] = E_x[σ_j²] + Var_x[μ_j]. Both are exact for
    these images; the KS distance is of one draw each: drawn from N(0, 1) itself, it would be above
    1.36/√N at one time in twenty (0.030 for 2,000).

    Args:
        mu: (N, D) means, or an autoencoder's codes.
        logvar: (N, D); None for an autoencoder, whose q(z|x) is a point.
        z: (N, D) one draw from each image's posterior.
    """
    precise = sum_dtype(mu.device)
    means = mu.to(precise)
    variance = means.var(dim=0, correction=0)
    if logvar is None:
        sigma = spread = confident = near_prior = torch.full_like(variance, torch.nan)
    else:
        variances = logvar.to(precise).exp()
        variance = variance + variances.mean(dim=0)
        sigmas = variances.sqrt()
        sigma, spread = sigmas.mean(dim=0), sigmas.std(dim=0, correction=0)
        confident = (variances < CONFIDENT).to(precise).mean(dim=0)
        near_prior = (variances > NEAR_PRIOR).to(precise).mean(dim=0)
    return AggregatedPosterior(
        mean=_doubles(means.mean(dim=0)),
        variance=_doubles(variance),
        sigma=_doubles(sigma),
        sigma_spread=_doubles(spread),
        confident=_doubles(confident),
        near_prior=_doubles(near_prior),
        ks=_doubles(ks_distances(z)),
    )


def ks_distances(z: Tensor) -> Tensor:
    """sup |F_N(z) − Φ(z)| of every column of draws (N, D), on the CPU; NaN if one isn't finite."""
    draws = z.cpu().double()
    count = len(draws)
    cdf = torch.special.ndtr(draws.sort(dim=0).values)
    # F_N jumps at each draw: it is below Φ right before, above it right after.
    after = torch.arange(1, count + 1, dtype=cdf.dtype)[:, None] / count
    distances = torch.maximum(after - cdf, cdf - (after - 1.0 / count)).amax(dim=0)
    return torch.where(torch.isfinite(draws).all(dim=0), distances, torch.nan)


def _doubles(values: Tensor) -> Doubles:
    doubles: Doubles = values.cpu().double().numpy()
    return doubles
