"""Two or more runs side by side: the numbers and the pictures that they can be compared by.

An autoencoder's loss is the reconstruction error of codes without noise; a VAE's −ELBO has noise
and a KL in it. What all models share is the reconstruction at z = μ (or from the code), where
images lie in latent space, and what comes out of a density fitted to that after training.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.analysis.jobs import FitMixture, Mixture, NeighbourAccuracy, Progress, no_progress
from engine.analysis.run_source import RunSource
from engine.config import RunConfig
from engine.errors import FigureError
from engine.metrics import Evaluation, active_units, best_evaluation
from engine.steering import SteeringChange
from engine.views import (
    Decode,
    Embedding,
    Images,
    PriorSamples,
    Reconstructions,
    Scores,
)

COMPARED_IMAGES = 10
"""Validation images and samples of each run: a row."""


@dataclass(frozen=True, slots=True, eq=False)
class RunNumbers:
    """What one run scores on the validation images; errors in nats per image."""

    name: str
    config: RunConfig
    step: int
    epoch: float
    """Position in training of the weights."""
    recon_bce: float
    """Binary cross entropy of the decoder's means at z = μ, or from the code."""
    recon_mse: float
    """Squared error of the same, mean over pixels in [0, 1]."""
    evaluation: Evaluation | None
    """The evaluation of these weights, or the last before them; None if there is none."""
    best: Evaluation | None
    """The `best_evaluation`."""
    knn_accuracy: float
    """Share of the validation images, 0 to 1, that their 15 nearest training images classify.

    NaN where all training images are of one class: there is nothing to tell apart.
    """
    active_units: int | None
    """Latent dimensions whose μ has a variance above 0.01 (Burda et al. 2016); None of one image,
    which has no variance."""
    mixture: Mixture
    """Ghosh et al. 2020: 10 Gaussians fitted to the training images' μ after training."""
    steering: tuple[SteeringChange, ...] = ()
    """How its settings were changed while it was trained."""

    @property
    def best_epoch(self) -> float | None:
        """Position of the best evaluation in training."""
        return self.best.epoch if self.best else None

    @property
    def expected_recon(self) -> float | None:
        """Reconstruction at a z drawn from q(z|x); None for an autoencoder, which draws none."""
        return self._of_a_vae(self.evaluation.val.recon) if self.evaluation else None

    @property
    def neg_elbo(self) -> float | None:
        """−ELBO; None for an autoencoder, which has none."""
        return self._of_a_vae(self.evaluation.val.neg_elbo) if self.evaluation else None

    def _of_a_vae(self, nats: float) -> float | None:
        return nats if self.config.model == "vae" else None


@dataclass(frozen=True, slots=True, eq=False)
class RunComparison:
    """One run's part of a comparison."""

    numbers: RunNumbers
    originals: Images
    """(N, 28, 28) the first validation image of each class, at most `COMPARED_IMAGES`."""
    labels: npt.NDArray[np.uint8]
    """(N,) classes of the originals."""
    class_names: tuple[str, ...]
    reconstructions: Images
    """(N, 28, 28) decoded at z = μ."""
    prior_samples: Images
    """(`COMPARED_IMAGES`, 28, 28) decoded from N(0, I)."""
    mixture_samples: Images
    """(`COMPARED_IMAGES`, 28, 28) decoded from draws from the mixture."""


def compare(
    sources: Sequence[RunSource], progress: Progress = no_progress, seed: int = 0
) -> tuple[RunComparison, ...]:
    """All of two or more runs: half a minute for each on a CPU.

    Args:
        progress: called before each part, and while jobs run.
        seed: which draws are decoded, as `PriorSamples.seed`.

    Raises:
        FigureError: if the runs can't be compared.
        JobError: if a run's latents are no finite numbers.
    """
    check_comparable(sources)
    return tuple(
        compare_run(source, _part(progress, number, len(sources)), seed)
        for number, source in enumerate(sources)
    )


def check_comparable(sources: Sequence[RunSource]) -> None:
    """See that the runs were validated on the same images, wherever these lie.

    Raises:
        FigureError: saying which two were not, or that there is nothing to compare.
    """
    if len(sources) < 2:
        raise FigureError("a comparison needs two runs")
    first, *others = sources
    for other in others:
        if first.validation_images.differ_from(other.validation_images):
            raise FigureError(
                f"runs {first.name} and {other.name} can't be compared: they are validated on "
                "different images (data, split_seed or validation_share differ)"
            )


def compare_run(
    source: RunSource, progress: Progress = no_progress, seed: int = 0
) -> RunComparison:
    """One run's numbers and pictures.

    Args:
        progress: called before each part, and while jobs run.
        seed: which draws are decoded, as `PriorSamples.seed`.
    """
    numbers = describe_run(source, lambda share, what: progress(0.9 * share, what))
    progress(0.9, f"{source.name}: decoding")
    view = source.view(Reconstructions(page=0))
    # The first of each class; `np.unique` gives the classes in order.
    _, chosen = np.unique(view.labels, return_index=True)
    chosen = chosen[:COMPARED_IMAGES]
    prior = source.view(PriorSamples(seed=seed))
    latents = numbers.mixture.sample(COMPARED_IMAGES, seed)
    return RunComparison(
        numbers=numbers,
        originals=view.originals[chosen],
        labels=view.labels[chosen],
        class_names=view.class_names,
        reconstructions=view.reconstructions[chosen],
        prior_samples=prior.images[:COMPARED_IMAGES],
        mixture_samples=source.view(Decode(latents)).images,
    )


def describe_run(source: RunSource, progress: Progress = no_progress) -> RunNumbers:
    """One run's numbers on the validation images.

    Args:
        progress: called before each part, and while jobs run.

    Raises:
        JobError: if the latents are no finite numbers.
    """
    name = source.name
    progress(0.0, f"{name}: reconstruction errors")
    scores = source.view(Scores())
    progress(0.05, f"{name}: embedding the images")
    train, held_out = source.view(Embedding("train")), source.view(Embedding("validation"))
    progress(0.3, f"{name}: nearest neighbours")
    accuracy = source.work(
        NeighbourAccuracy(train.latents, train.labels, held_out.latents, held_out.labels),
        lambda share, _: progress(0.3 + 0.2 * share, f"{name}: nearest neighbours"),
    )
    progress(0.5, f"{name}: Gaussian mixture")
    mixture = source.work(
        FitMixture(train.latents),
        lambda share, _: progress(0.5 + 0.5 * share, f"{name}: Gaussian mixture"),
    )
    progress(1.0, name)
    evaluations = source.evaluations()
    return RunNumbers(
        name=name,
        config=source.config,
        step=scores.step,
        epoch=scores.epoch,
        recon_bce=scores.bce,
        recon_mse=scores.mse,
        evaluation=max(
            (e for e in evaluations if e.step <= scores.step), key=lambda e: e.step, default=None
        ),
        best=best_evaluation(evaluations),
        knn_accuracy=accuracy if len(np.unique(train.labels)) > 1 else math.nan,
        active_units=active_units(held_out.latents) if len(held_out.latents) > 1 else None,
        mixture=mixture,
        steering=tuple(source.steering),
    )


def _part(progress: Progress, number: int, count: int) -> Progress:
    return lambda share, what: progress((number + share) / count, what)
