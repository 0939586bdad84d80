"""The evidence lower bound and its parts, per image, in nats.

    ELBO(x) = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z))        Kingma & Welling 2014, eq. 3

Sums run over the pixels and over the latent dimensions, never means: mixing the two would
silently weigh one term against the other.
"""

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
    half and stays there over the second. Fu et al. 2019, eq. 6 to 8 with R = ½.
    """
    if config.kl_schedule == "cyclical":
        if epoch >= config.epochs:  # the end of the last cycle, not the beginning of one more
            return config.beta
        return config.beta * min(1.0, 2.0 * (epoch * config.kl_cycles / config.epochs % 1.0))
    if config.kl_warmup <= 0:
        return config.beta
    return config.beta * min(1.0, epoch / config.kl_warmup)
