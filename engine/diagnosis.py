"""`Diagnosis`: why a run does as it does, in numbers. Measured now and then, on fixed images.

`engine.inference.diagnosis` computes it; the formulas and what they miss are told there.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from data import CLASS_NAMES
from engine.config import RunConfig

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_IMAGES = 2_000
"""Images of a split that are looked at, at most."""
LEAST_IMAGES = 50
TRAINING_IMAGES_PER_IMAGE = 25
"""Where few images are trained on, fewer are looked at, that the share of the time stays small."""
MOST_DIAGNOSES = 200
"""In a run's epochs, whatever their number: files and memory stay bounded."""
WORST = 10
"""Images that are named because they score worst."""
CLASSES = len(CLASS_NAMES)

NEAR_PRIOR = 0.9
"""σ² above which an image's posterior is as good as the prior: it costs less than 0.05 nats."""
CONFIDENT = 0.5
"""σ² below which an image's posterior is clearly narrower than the prior: at least 0.15 nats."""
SIDE_SHARE = 0.05
"""Share of the images that makes one of two peaks."""


class DimensionKind(StrEnum):
    """What a latent dimension does, by its posterior variances σ²(x) over the data."""

    ACTIVE = "active"
    """σ² well below 1: it carries something about most images."""
    MIXED = "mixed"
    """Both: for some images it is active, for others the prior."""
    PASSIVE = "passive"
    """σ² near 1 for all: it was pruned, or has collapsed. The decoder has learnt to ignore it."""


@dataclass(frozen=True, slots=True)
class SubsetScore:
    """A model's score on a fixed set of images, in nats per image; one draw of z each."""

    recon: float
    kl: float
    """NaN for an autoencoder."""
    floor: float
    """Pixel entropy of these images: no reconstruction can be lower."""

    @property
    def score(self) -> float:
        """−ELBO (β = 1), or an autoencoder's reconstruction."""
        return self.recon if math.isnan(self.kl) else self.recon + self.kl

    @property
    def above_floor(self) -> float:
        """The score less the images' own entropy: what compares two sets of images."""
        return self.score - self.floor


@dataclass(frozen=True, slots=True)
class Surgery:
    """Where the KL goes: KL = I(x; z) + total correlation + dimension-wise KL, in nats."""

    mutual_information: float
    """I_q(x; z) of the images looked at: what z says about which of them x is. At most ln N."""
    mutual_information_upper: float
    """An upper bound on that of all data, which lies between the two."""
    total_correlation: float
    """KL(q(z) ‖ Π_j q(z_j)): dependence between dimensions."""
    dimension_kl: float
    """Σ_j KL(q(z_j) ‖ p(z_j))."""

    @property
    def marginal_kl(self) -> float:
        """KL(q(z) ‖ p(z)): how far the aggregated posterior is from the prior."""
        return self.total_correlation + self.dimension_kl

    @property
    def total(self) -> float:
        """The KL that the three add up to: an estimate, from the same draws."""
        return self.mutual_information + self.marginal_kl


@dataclass(frozen=True, slots=True, eq=False)
class AggregatedPosterior:
    """q(z) = 1/N Σ q(z|x), a dimension at a time; all arrays are (D,).

    NaN where a file lacks a number. An autoencoder's codes have no σ.
    """

    mean: Doubles
    variance: Doubles
    """E[σ²] + Var[μ]; the prior's is 1."""
    sigma: Doubles
    """Mean of σ over the images."""
    sigma_spread: Doubles
    """Standard deviation of σ over the images."""
    confident: Doubles
    """Share of images with σ² < `CONFIDENT`."""
    near_prior: Doubles
    """Share of images with σ² > `NEAR_PRIOR`."""
    ks: Doubles
    """Kolmogorov–Smirnov distance of draws from q(z_j) to N(0, 1)."""

    @property
    def kinds(self) -> tuple[DimensionKind | None, ...]:
        """Of each dimension; None where it can't be told. See `dimension_kind`."""
        rows = zip(self.sigma, self.confident, self.near_prior, strict=True)
        return tuple(dimension_kind(*map(float, row)) for row in rows)

    @property
    def worst(self) -> int | None:
        """The dimension, from 0, with the largest KS distance; None if there is none."""
        if not np.isfinite(self.ks).any():
            return None
        return int(np.nanargmax(self.ks))


@dataclass(frozen=True, slots=True)
class LayerState:
    """A linear layer and the non-linearity after it."""

    gradient_norm: float
    """Of weights and biases, for the mean loss of a fixed batch of training images."""
    update_ratio: float
    """‖last update‖ / ‖weights and biases‖; NaN before the first step."""
    dead: float
    """Units through which no gradient passes for any of some 500 validation images; NaN of an
    output layer."""


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """One look at a model. In nats per image where nothing else is said."""

    step: int
    epoch: float
    images: int
    """N: as many validation images as training images were looked at, the same every time."""
    floor: float
    """Pixel entropy of the whole validation split, which its −ELBO can't come below."""
    validation: SubsetScore
    training: SubsetScore
    surgery: Surgery | None
    """None for an autoencoder, which has no q(z|x)."""
    posterior: AggregatedPosterior
    class_recon: Doubles
    """(C,) reconstruction of the validation images looked at, by class; NaN without one."""
    worst: Integers
    """(K,) positions in the validation split of the images that score worst, the worst first."""
    worst_scores: Doubles
    """(K,) their −ELBO, or an autoencoder's reconstruction."""
    layers: tuple[LayerState, ...]
    """In the order of `layer_names`."""

    @property
    def gap(self) -> float:
        """Validation less training, above the floors: the same weights on as many images."""
        return self.validation.above_floor - self.training.above_floor


def dimension_kind(sigma: float, confident: float, near_prior: float) -> DimensionKind | None:
    """Active, mixed or passive, after the definitions of Bonheme & Grzes 2021.

    There (section 3; for one image: Rolinek et al. 2019, Dai & Wipf 2019) a dimension is active if
    its posterior variances are near 0, passive if near 1 with a mean near 0, mixed if for some
    images the one and for others the other. "Near" is ours: see `CONFIDENT`, `NEAR_PRIOR` and
    `SIDE_SHARE`.

    Returns:
        None if the numbers are missing.
    """
    if math.isnan(sigma) or math.isnan(confident) or math.isnan(near_prior):
        return None
    if confident >= SIDE_SHARE and near_prior >= SIDE_SHARE:
        return DimensionKind.MIXED
    return DimensionKind.PASSIVE if near_prior > 0.5 else DimensionKind.ACTIVE


def images_looked_at(train: int, validation: int) -> int:
    """How many images of each split a diagnosis looks at."""
    share = max(LEAST_IMAGES, train // TRAINING_IMAGES_PER_IMAGE)
    return min(MOST_IMAGES, share, train, validation)


def diagnosis_due(step: int, steps_per_epoch: int, epochs: int) -> bool:
    """Whether a diagnosis belongs to the evaluation at this step.

    At step 0, at powers of four within the first epoch, and at the end of every epoch, or of at
    most `MOST_DIAGNOSES` of them, evenly spread, the last among them.
    """
    if step < steps_per_epoch:
        return step == 0 or (step.bit_count() == 1 and step.bit_length() % 2 == 1)
    if step % steps_per_epoch:
        return False
    epoch, wanted = step // steps_per_epoch, min(epochs, MOST_DIAGNOSES)
    return epoch * wanted // epochs > (epoch - 1) * wanted // epochs


def layer_names(config: RunConfig) -> tuple[str, ...]:
    """The linear layers, from the images through z to the images: 'encoder 1', 'encoder out', …"""
    hidden = range(1, len(config.hidden) + 1)
    return tuple(f"{part} {layer}" for part in ("encoder", "decoder") for layer in (*hidden, "out"))


def layer_units(config: RunConfig) -> tuple[int | None, ...]:
    """The width of each of those layers that has a non-linearity after it; None of the others."""
    return (*config.hidden, None, *reversed(config.hidden), None)
