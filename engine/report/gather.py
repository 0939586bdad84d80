"""Computes a report's facts from stored runs: seconds for each run on a CPU."""

import math
from collections.abc import Callable, Iterator
from typing import get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from data import DataError, ImageDataset, split_indices
from data.fashion_mnist import FASHION_MNIST_FINGERPRINT
from engine.analysis.alert_rules.watch import raised_alerts
from engine.config import RunConfig
from engine.errors import RunError
from engine.metrics import Evaluation, pixel_entropies
from engine.model.evaluation import BATCH, measure, to_unit
from engine.model.networks import VAE, Model
from engine.model.objective import objective_at
from engine.report.facts import (
    ClassFacts,
    DataFacts,
    EpochFacts,
    LatentFacts,
    LayerFacts,
    RunFacts,
    ScoreFacts,
    SplitFacts,
    TrainingFacts,
    Which,
)
from engine.report.neighbours import neighbour_facts, remote_share
from engine.runs.stored_run import StoredRun
from engine.storage import checkpoint
from engine.views import Embedding, Scores, Split

OnActivity = Callable[[str], None]

Doubles = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

_NOISE_DRAWS = 4
"""Evaluations with other ε: enough for the size of their scatter."""


def gather(stored: StoredRun, report: OnActivity) -> RunFacts:
    """All of a run.

    Args:
        report: called with what is being computed.

    Raises:
        RunError: if the model's latents are not finite numbers.
        DataError: if the data set can't be read.
    """
    config = stored.config
    report("reading the images")
    data = data_facts(stored.dataset, config)
    report("scoring the weights")
    scores, missing = _scores(stored, data)
    errors = stored.view(Scores())
    report("looking at the latent space")
    latent = _latent_facts(stored)
    return RunFacts(
        name=stored.name,
        path=str(stored.path),
        config=config,
        which=stored.which,
        step=stored.step,
        epoch=errors.epoch,
        data=data,
        training=training_facts(stored, data.train.images),
        layers=tuple(layer_facts(stored.model)),
        scores=scores,
        missing_weights=missing,
        recon_bce=errors.bce,
        recon_mse=errors.mse,
        classes=tuple(
            ClassFacts(name, int(count), float(bce), float(mse), floor)
            for name, count, bce, mse, floor in zip(
                errors.class_names,
                errors.class_counts,
                errors.class_bce,
                errors.class_mse,
                data.validation.class_floors,
                strict=True,
            )
            if count
        ),
        latent=latent,
        score_noise=_score_noise(stored),
        alerts=tuple(
            raised_alerts(config, stored.evaluations(), stored.train_points(), stored.steering)
        ),
    )


# The data.


def data_facts(dataset: ImageDataset, config: RunConfig) -> DataFacts:
    """Counts and entropies of a run's three splits."""
    split = split_indices(dataset.labels, config.validation_share, config.split_seed)
    entropies = pixel_entropies(dataset.images)
    classes = len(dataset.class_names)

    def part(chosen: npt.NDArray[np.int64]) -> SplitFacts:
        return _split_facts(entropies[chosen], dataset.labels[chosen], classes)

    test, problem = None, ""
    try:
        images, labels = dataset.load_test()
        test = _split_facts(pixel_entropies(images), labels, classes)
    except DataError as error:
        problem = str(error)
    return DataFacts(
        source=dataset.source,
        fingerprint=dataset.fingerprint,
        is_fashion_mnist=dataset.fingerprint == FASHION_MNIST_FINGERPRINT,
        class_names=dataset.class_names,
        train=part(split.train),
        validation=part(split.validation),
        test=test,
        test_problem=problem,
    )


def _split_facts(entropies: Doubles, labels: Pixels, classes: int) -> SplitFacts:
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=entropies, minlength=classes)
    with np.errstate(invalid="ignore"):
        floors = sums / counts
    floor = float(entropies.mean()) if len(entropies) else math.nan
    return SplitFacts(tuple(counts.tolist()), floor, tuple(floors.tolist()))


# The run.


def training_facts(stored: StoredRun, images: int) -> TrainingFacts:
    """How a run went, from its files.

    Args:
        images: size of the training split.
    """
    config, provenance = stored.config, stored.provenance
    rows = [e for e in stored.evaluations() if e.step > 0]
    steps_per_epoch = math.ceil(images / config.batch_size)
    steps = rows[-1].step if rows else stored.step
    epochs, rest = divmod(steps, steps_per_epoch)

    def is_end(evaluation: Evaluation) -> bool:
        return evaluation.step % steps_per_epoch == 0 or evaluation is rows[-1]

    return TrainingFacts(
        created=provenance.created,
        device=provenance.device.label,
        threads=provenance.device.threads,
        versions=provenance.versions,
        seconds=rows[-1].seconds if rows else math.nan,
        images_seen=epochs * images + rest * config.batch_size,
        steps=steps,
        planned_steps=config.epochs * steps_per_epoch,
        evaluations=tuple(EpochFacts(e.epoch, e.val, e.train) for e in rows if is_end(e)),
        early=tuple(EpochFacts(e.epoch, e.val, e.train) for e in rows if not is_end(e)),
        parent=provenance.parent,
        steering=stored.steering,
    )


def layer_facts(model: Model) -> Iterator[LayerFacts]:
    """The linear layers, input to output."""
    for part in ("encoder", "decoder"):
        modules = list(model.get_submodule(part).children())
        for module, following in zip(modules, [*modules[1:], None], strict=True):
            if isinstance(module, nn.Linear):
                after = "" if following is None else type(following).__name__
                count = sum(p.numel() for p in module.parameters())
                yield LayerFacts(part, module.in_features, module.out_features, after, count)


def _scores(stored: StoredRun, data: DataFacts) -> tuple[tuple[ScoreFacts, ...], str]:
    """The scores of the last and the best weights, and why one of them is missing."""
    other: Which
    mine, other = stored.which, "best" if stored.which == "last" else "last"
    missing, another = "", None
    try:
        if checkpoint.read(stored.path / f"{other}.pt")["step"] != stored.step:
            another = StoredRun(stored.path, other, stored.data)
    except RunError as error:
        missing = str(error)
    both = another is None and not missing
    scores = [*_scores_of(stored, ("last", "best") if both else (mine,), data, get_args(Split))]
    if another is not None:
        scores += _scores_of(another, (other,), data, ("validation", "test"))
    return tuple(scores), missing


def _scores_of(
    stored: StoredRun, weights: tuple[Which, ...], data: DataFacts, splits: tuple[Split, ...]
) -> Iterator[ScoreFacts]:
    steps_per_epoch = math.ceil(data.train.images / stored.config.batch_size)
    facts = {"train": data.train, "validation": data.validation, "test": data.test}
    for split in splits:
        about = facts[split]
        if about is None:
            continue
        measured = stored.measure(split)
        epoch = stored.step / steps_per_epoch
        yield ScoreFacts(
            weights, epoch, split, measured.metrics, about.floor, measured.active_units
        )


@torch.no_grad()
def _score_noise(stored: StoredRun) -> float:
    """Standard deviation of the validation score over draws of ε; 0 where none are drawn."""
    if not isinstance(stored.model, VAE):
        return 0.0
    pixels = stored.images.validation.pixels
    generator = torch.Generator().manual_seed(stored.config.seed)
    scores, objective = [], objective_at(stored.config, math.inf)
    for _ in range(_NOISE_DRAWS):
        eps = torch.randn(len(pixels), stored.config.latent_dim, generator=generator)
        scores.append(measure(stored.model, pixels, eps, objective).metrics.score)
    return float(np.std(scores, ddof=1))


# The latent space.


def _latent_facts(stored: StoredRun) -> LatentFacts:
    train, held_out = stored.view(Embedding("train")), stored.view(Embedding("validation"))
    if not (np.isfinite(train.latents).all() and np.isfinite(held_out.latents).all()):
        raise RunError(f"run {stored.name}'s latents are not all numbers: its training diverged")
    variances = _posterior_variances(stored)
    few = len(held_out.latents) < 2
    mu = held_out.latents.astype(np.float64)
    covariance = np.atleast_2d(np.cov(mu, rowvar=False, ddof=0)) + np.diag(variances.mean(axis=0))
    rng = np.random.default_rng(stored.config.seed)
    latents = mu + np.sqrt(variances) * rng.standard_normal(mu.shape)
    return LatentFacts(
        kl_per_dim=tuple(stored.measure("validation").kl_per_dim.tolist()),
        mean=tuple(mu.mean(axis=0).tolist()),
        variance=(math.nan,) * mu.shape[1] if few else tuple(mu.var(axis=0).tolist()),
        noise=tuple(variances.mean(axis=0).tolist()),
        prior_distance=math.nan if few else gaussian_distance(mu.mean(axis=0), covariance),
        neighbours=neighbour_facts(
            train.latents,
            train.labels,
            held_out.latents,
            held_out.labels,
            len(stored.dataset.class_names),
        ),
        remote_draws=remote_share(train.latents, latents, rng.standard_normal(mu.shape)),
    )


def gaussian_distance(mean: Doubles, covariance: Doubles) -> float:
    """KL(N(m, S) ‖ N(0, I)) = ½(tr S + m·m − D − ln det S); NaN if S is singular."""
    sign, log_determinant = np.linalg.slogdet(covariance)
    if sign <= 0:
        return math.nan
    return float(0.5 * (np.trace(covariance) + mean @ mean - len(mean) - log_determinant))


@torch.no_grad()
def _posterior_variances(stored: StoredRun) -> Doubles:
    """σ² (N, D) of the validation images' q(z|x); zeros for an autoencoder."""
    model, pixels = stored.model, stored.images.validation.pixels
    if not isinstance(model, VAE):
        return np.zeros((len(pixels), stored.config.latent_dim))
    parts = [model.posterior(to_unit(x))[1].exp().double() for x in torch.split(pixels, BATCH)]
    variances: Doubles = torch.cat(parts).numpy()
    return variances
