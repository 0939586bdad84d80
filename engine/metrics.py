"""The numbers of a run: `Metrics`, one evaluation, one point of the training curve.

All in nats per image, averaged over images, never over batches. The sign is that of a loss:
lower is better. See `engine.model.objective` for the formulas.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from engine.config import ModelName

ACTIVE_UNIT_VARIANCE = 0.01
"""Threshold on Var_x(E_q[z_j|x]) above which a dimension is active (Burda et al. 2016)."""
_IMAGES_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Metrics:
    """The objective and its parts, each the mean over a set of images, in nats per image."""

    loss: float
    """What the optimiser minimises: recon + β_t · KL."""
    recon: float
    """−log p(x|z), summed over the pixels."""
    kl: float
    """KL(q(z|x) ‖ p(z)), summed over the latent dimensions; NaN for an autoencoder."""

    @property
    def neg_elbo(self) -> float:
        """−ELBO = recon + KL at β = 1, whatever the loss was; NaN for an autoencoder."""
        return self.recon + self.kl

    @property
    def score(self) -> float:
        """The number that picks the best evaluation: −ELBO, or an autoencoder's recon."""
        return self.recon if math.isnan(self.kl) else self.neg_elbo

    def at_beta(self, beta: float) -> float:
        """The loss at some β: recon + β · KL; the recon of an autoencoder, or of a β of 0."""
        return self.recon if beta == 0 or math.isnan(self.kl) else self.recon + beta * self.kl

    def is_finite(self) -> bool:
        """Whether training is still sound; an autoencoder's missing KL doesn't count."""
        return math.isfinite(self.loss) and math.isfinite(self.score)


def score_name(model: ModelName) -> str:
    """What `Metrics.score` is called for this kind of model."""
    return "−ELBO" if model == "vae" else "reconstruction"


def json_number(value: float) -> float | None:
    """A metric as JSON can hold it: what isn't there is NaN here, and null there."""
    return None if math.isnan(value) else value


@dataclass(frozen=True, slots=True)
class TrainPoint:
    """The running training metrics over the steps since the point before."""

    step: int
    epoch: float
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One pass over the validation split, and what training was like up to it."""

    step: int
    epoch: float
    """Epochs trained: step / steps per epoch."""
    beta: float
    """β_t at this step."""
    lr: float
    val: Metrics
    train: Metrics | None
    """Mean over the images trained on in the running epoch; None at step 0."""
    kl_per_dim: npt.NDArray[np.float64]
    """(latent_dim,) mean KL of each latent dimension; empty for an autoencoder."""
    active_units: int | None
    """Dimensions j with Var_x(E_q[z_j|x]) > 0.01 (Burda et al. 2016); None of a single image, which
    has no variance."""
    seconds: float
    """Time spent training up to here, without evaluations and pauses."""

    @property
    def score(self) -> float:
        """`Metrics.score` on the validation split."""
        return self.val.score


class Scored(Protocol):
    """An evaluation, as far as it takes to find the best one."""

    @property
    def score(self) -> float:
        """`Metrics.score` on the validation split."""


S = TypeVar("S", bound=Scored)


def best_evaluation(evaluations: Iterable[S]) -> S | None:
    """The one with the lowest score, the first of equal ones.

    The untrained model's counts, so that a run that only got worse says so: its best is where it
    began. A score that is no finite number doesn't.
    """
    finite = (e for e in evaluations if math.isfinite(e.score))
    return min(finite, key=lambda e: e.score, default=None)


def active_units(mu: npt.NDArray[np.floating]) -> int | None:
    """Latent dimensions whose posterior mean varies over the data. Burda et al. 2016, eq. 10.

    Args:
        mu: (N, D) posterior means of a data set.

    Returns:
        None for fewer than two images: their variance is not 0, it is undefined.
    """
    if len(mu) < 2:
        return None
    with np.errstate(invalid="ignore", over="ignore"):  # of a model that has diverged
        # One at a time: a copy of all of them, in double precision, may be large.
        variances = [unit.astype(np.float64).var(ddof=1) for unit in mu.T]
    return sum(bool(variance > ACTIVE_UNIT_VARIANCE) for variance in variances)


def pixel_entropies(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Σ H(pixel) of each image (N,), in nats, a pixel's grey p taken as Bernoulli(p).

    Cross entropy with grey targets is H(p) + KL(p ‖ p̂), so this is its floor.

    Args:
        images: (N, …) the pixels of each, whatever their shape.
    """
    p = np.arange(256) / 255.0
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.nan_to_num(p * np.log(p)) - np.nan_to_num((1 - p) * np.log(1 - p))
    flat = images.reshape(len(images), -1) if len(images) else images.reshape(0, 1)
    parts = [
        entropy[flat[start : start + _IMAGES_AT_ONCE]].sum(axis=1)
        for start in range(0, len(flat), _IMAGES_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.empty(0)
