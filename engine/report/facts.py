"""What a report knows of its runs: numbers in frozen dataclasses, no prose.

Errors and scores are in nats per image (`engine.metrics`), unless something else is said.
"""

import math
from dataclasses import dataclass
from typing import Literal

from engine.alerts import Alert
from engine.config import ModelName, RunConfig
from engine.metrics import Metrics, best_evaluation, score_name
from engine.parent import Parent
from engine.run_settings import penalty_text
from engine.steering import SteeringChange
from engine.validation_images import ValidationImages
from engine.views import Split

Numbers = tuple[float, ...]
Which = Literal["last", "best"]


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """Numbers and pixel entropies of the images of one split."""

    class_counts: tuple[int, ...]
    """(C,) images of each class."""
    floor: float
    """Pixel-entropy floor: no decoder's reconstruction BCE can be lower."""
    class_floors: Numbers
    """(C,) the floor of each class alone; NaN for a class without images."""

    @property
    def images(self) -> int:
        """Images of all classes."""
        return sum(self.class_counts)


@dataclass(frozen=True, slots=True)
class DataFacts:
    """The data set as the run saw it."""

    source: str
    fingerprint: str
    is_fashion_mnist: bool
    """Whether these are Fashion-MNIST's own training images, wherever they were read from."""
    class_names: tuple[str, ...]
    train: SplitFacts
    validation: SplitFacts
    test: SplitFacts | None
    test_problem: str
    """Why there is no test split; empty if there is one."""


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One linear layer, and what follows it."""

    part: Literal["encoder", "decoder"]
    inputs: int
    outputs: int
    activation: str
    """'GELU'; empty if none follows."""
    parameters: int


@dataclass(frozen=True, slots=True)
class EpochFacts:
    """The evaluation at the end of an epoch, or at the end of the run."""

    epoch: float
    val: Metrics
    train: Metrics | None
    """Running mean of the epoch, over weights that were changing."""

    @property
    def score(self) -> float:
        """`Metrics.score` on the validation split."""
        return self.val.score


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """A run's training: machine, duration, evaluations."""

    created: str
    """ISO 8601; empty if it isn't known."""
    device: str
    threads: int | None
    versions: tuple[tuple[str, str], ...]
    """Software and its version."""
    seconds: float
    """Spent on training steps, up to the last evaluation."""
    images_seen: int
    """Up to the last evaluation, repeats counted."""
    steps: int
    """Up to the last evaluation."""
    planned_steps: int
    evaluations: tuple[EpochFacts, ...]
    """At the ends of epochs and of the run, oldest first; empty if metrics.csv is missing."""
    early: tuple[EpochFacts, ...] = ()
    """Those within the first epoch, after 1, 2, 4, … steps, oldest first."""
    parent: Parent | None = None
    """The run that it began with the weights of."""
    steering: tuple[SteeringChange, ...] = ()
    """The settings that were changed on the way."""

    def epoch_of(self, change: SteeringChange, epochs: int) -> float:
        """When a change was made, in a run of so many epochs."""
        return change.step * epochs / self.planned_steps if self.planned_steps else math.nan

    @property
    def images_per_second(self) -> float:
        """NaN if the time isn't known."""
        return self.images_seen / self.seconds if self.seconds > 0 else math.nan

    @property
    def best(self) -> EpochFacts | None:
        """The `best_evaluation` of all, as best.pt is; it may lie within the first epoch."""
        return best_evaluation((*self.early, *self.evaluations))

    @property
    def last(self) -> EpochFacts | None:
        """The latest evaluation; None if metrics.csv is missing."""
        return self.evaluations[-1] if self.evaluations else None


@dataclass(frozen=True, slots=True)
class ScoreFacts:
    """What some weights score on the images of one split, as training's evaluations measure it."""

    weights: tuple[Which, ...]
    """What these weights are: the last, the best, or both."""
    epoch: float
    split: Split
    metrics: Metrics
    floor: float
    """Pixel-entropy floor of these images."""
    active_units: int | None
    """None of a single image."""

    @property
    def excess(self) -> float:
        """Reconstruction above the floor.

        BCE = H(x) + KL(x ‖ x̂), summed over the pixels: this is the second part, the model's own.
        """
        return self.metrics.recon - self.floor


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """The validation images of one class, reconstructed at z = μ."""

    name: str
    images: int
    bce: float
    mse: float
    floor: float

    @property
    def excess(self) -> float:
        """BCE above the floor: what the model loses, whatever the class's share of greys."""
        return self.bce - self.floor


@dataclass(frozen=True, slots=True)
class NeighbourFacts:
    """Classification of validation images by their nearest training images in latent space."""

    neighbours: int
    confusions: tuple[tuple[int, ...], ...]
    """(C, C) validation images of class [row] that are taken for class [column]."""

    @property
    def accuracy(self) -> float:
        """Share of the images taken for what they are."""
        right = sum(row[i] for i, row in enumerate(self.confusions))
        images = sum(map(sum, self.confusions))
        return right / images if images else math.nan


@dataclass(frozen=True, slots=True)
class LatentFacts:
    """The validation images in latent space."""

    kl_per_dim: Numbers
    """(D,) empty for an autoencoder."""
    mean: Numbers
    """(D,) of μ, or of an autoencoder's codes, over the images."""
    variance: Numbers
    """(D,) of μ, or of the codes, over the images; NaN of fewer than two."""
    noise: Numbers
    """(D,) mean σ² of q(z|x); zeros for an autoencoder."""
    prior_distance: float
    """KL(N(m, S) ‖ N(0, I)) for the mean m and covariance S of z over images and q(z|x).

    A lower bound of KL(q(z) ‖ p(z)): that is larger by KL(q(z) ‖ N(m, S)). NaN if S is singular,
    or of fewer than two images.
    """
    neighbours: NeighbourFacts
    remote_draws: float
    """Share of draws from N(0, I) whose nearest training image is farther than that of all but
    `REMOTE_SHARE` of the validation images' z; `REMOTE_SHARE` if both are distributed alike. NaN
    of fewer than `FEWEST_IMAGES`."""

    @property
    def total_variance(self) -> Numbers:
        """(D,) of z over images and q(z|x): Var μ + E σ²; the prior's is 1."""
        return tuple(v + n for v, n in zip(self.variance, self.noise, strict=True))


FEWEST_IMAGES = 10
"""Validation images that a verdict is based on, at least."""
REMOTE_SHARE = 0.05
"""Share of validation images' z that counts as remote: the usual one in twenty."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Everything that a report says of one run is made from this."""

    name: str
    path: str
    config: RunConfig
    which: Which
    """The weights that the latent space, the classes and the pictures are of."""
    step: int
    epoch: float
    """Position of these weights in training."""
    data: DataFacts
    training: TrainingFacts
    layers: tuple[LayerFacts, ...]
    scores: tuple[ScoreFacts, ...]
    missing_weights: str
    """Why the other weights have no scores; empty if they have."""
    recon_bce: float
    """Reconstruction of the validation images at z = μ: comparable between all models."""
    recon_mse: float
    """The same as mean squared error of pixels in [0, 1]."""
    classes: tuple[ClassFacts, ...]
    """Those that have validation images."""
    latent: LatentFacts
    score_noise: float = 0.0
    """Standard deviation of the validation score over draws of ε, one for each image."""
    alerts: tuple[Alert, ...] = ()
    """What rules raised while it trained, oldest first."""

    @property
    def minimised(self) -> str:
        """What training lowers, in words: the score, or where it is another the loss."""
        if not self.is_vae or (self.config.beta == 1 and not self.config.penalty):
            return score_name(self.model)
        weights = filter(None, [f"β = {self.config.beta:g}", penalty_text(self.config)])
        return f"loss ({', '.join(weights)})"

    def objective(self, metrics: Metrics) -> float:
        """What training lowers, at its full β; with free bits or a weighted total correlation,
        which metrics don't tell, at the β of then."""
        if self.config.penalty in ("free_bits", "tc_weight"):
            return metrics.loss
        if self.config.penalty == "capacity":
            return metrics.recon + self.config.beta * abs(metrics.kl - self.config.capacity)
        return metrics.at_beta(self.config.beta)

    @property
    def model(self) -> ModelName:
        """'vae' or 'ae'."""
        return self.config.model

    @property
    def validation_images(self) -> ValidationImages:
        """What the run is validated on."""
        return ValidationImages.of(self.config, self.data.fingerprint)

    @property
    def is_vae(self) -> bool:
        """Whether there is a KL, and a prior that it was trained for."""
        return self.config.model == "vae"

    # These are named as in `engine.analysis.comparison.RunNumbers`, for the comparison's rows.

    @property
    def neg_elbo(self) -> float | None:
        """Validation −ELBO; None for an autoencoder."""
        score = self.score("validation")
        return score.metrics.neg_elbo if score and self.is_vae else None

    @property
    def knn_accuracy(self) -> float:
        """Share of the validation images that their neighbours classify, 0 to 1.

        NaN where all training images are of one class: there is nothing to tell apart.
        """
        classes = sum(count > 0 for count in self.data.train.class_counts)
        return self.latent.neighbours.accuracy if classes > 1 else math.nan

    @property
    def active_units(self) -> int | None:
        """Of the validation images; None without their score, or if it is one image."""
        score = self.score("validation")
        return self.active_units_of(score) if score else None

    def active_units_of(self, score: ScoreFacts) -> int | None:
        """None where one image, which has no variance, was scored."""
        splits = {"train": self.data.train, "validation": self.data.validation}
        about = splits.get(score.split, self.data.test)
        return None if about is not None and about.images < 2 else score.active_units

    def score(self, split: Split) -> ScoreFacts | None:
        """What the weights in question score on a split."""
        for score in self.scores:
            if score.split == split and self.which in score.weights:
                return score
        return None
