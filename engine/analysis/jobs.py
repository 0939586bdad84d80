"""Slow work on latents that needs no model: t-SNE, UMAP, a Gaussian mixture, k-NN accuracy.

A job is a small frozen object with everything it needs: it can be run here (`job.run()`, for
`export` and `report`), or sent to another process (`engine.analysis.helper_process`), so that
neither training nor the screen waits for it. The libraries are imported when a job runs.
"""

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from engine.analysis.compiled_libraries import import_compiled
from engine.errors import JobError
from engine.model.latent_geometry import VOTING_NEIGHBOURS, classify, nearest, principal_axes
from engine.projection import NonlinearProjection

T = TypeVar("T")

Progress = Callable[[float, str], None]
"""Called with how far a job is, 0 to 1, and what it does."""

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer]

_PERPLEXITY = 30.0
_EARLY_ITERATIONS = 250
_ITERATIONS = 500
_ITERATIONS_A_REPORT = 25
_UMAP_NEIGHBOURS = 15
_UMAP_LAYOUT_AT = 0.2
"""Share of a UMAP that has passed when the layout begins, roughly."""
_FEWEST_POINTS = 4
"""With fewer, neighbours say nothing that the principal axes don't."""
_MIXTURE_ITERATIONS = 100
_MIXTURE_ITERATIONS_A_REPORT = 5


def no_progress(_share: float, _activity: str) -> None:
    """Progress that nobody follows."""


class Job(Generic[T]):
    """Work whose result is of type T."""

    __slots__ = ()

    def run(self, progress: Progress = no_progress) -> T:
        """Do it.

        Raises:
            JobError: if the input can't be worked with.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Project(Job[Floats]):
    """A map (N, 2) of the latents; the same bits for the same seed on the same machine.

    t-SNE is openTSNE's (van der Maaten and Hinton 2008; Poličar et al. 2024), UMAP umap-learn's
    (McInnes et al. 2018). Both start from the principal axes, so that the large-scale
    arrangement means something (Kobak and Linderman 2021). Fewer than 4 points, or equal ones,
    are put on their principal axes.
    """

    latents: Floats
    """(N, D)"""
    method: NonlinearProjection
    seed: int = 0

    def run(self, progress: Progress = no_progress) -> Floats:
        """Coordinates (N, 2).

        Raises:
            JobError: if there are no latents or some are not finite.
        """
        _check(self.latents)
        points = self.latents.astype(np.float64)
        points -= points.mean(axis=0)
        if points.shape[1] < 2:
            points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
        size = np.abs(points).max()
        if len(points) < _FEWEST_POINTS or size == 0.0:
            return _on_principal_axes(points)
        project = _tsne if self.method == "tsne" else _umap
        # Neither depends on the scale, until squared distances overflow inside them.
        return project(points / size, self.seed, progress)


def _on_principal_axes(points: Doubles) -> Floats:
    if len(points) < 2:
        return np.zeros((len(points), 2), np.float32)
    return principal_axes(points, 2).project(points).astype(np.float32)


def _tsne(points: Doubles, seed: int, progress: Progress) -> Floats:
    import_compiled("pynndescent")  # which openTSNE imports in the middle of its work
    from openTSNE import TSNE

    total = _EARLY_ITERATIONS + _ITERATIONS
    done = 0

    def after_some_iterations(_iteration: int, _error: float, _embedding: Doubles) -> None:
        nonlocal done  # openTSNE counts the two phases apart
        done += _ITERATIONS_A_REPORT
        progress(done / total, f"t-SNE: {done} of {total} iterations")

    progress(0.0, "t-SNE: finding neighbours")
    tsne = TSNE(
        perplexity=min(_PERPLEXITY, (len(points) - 1) / 3),
        initialization="pca",
        early_exaggeration_iter=_EARLY_ITERATIONS,
        n_iter=_ITERATIONS,
        n_jobs=1,
        random_state=seed,
        callbacks=after_some_iterations,
        callbacks_every_iters=_ITERATIONS_A_REPORT,
    )
    return np.asarray(tsne.fit(points), dtype=np.float32)


def _umap(points: Doubles, seed: int, progress: Progress) -> Floats:
    progress(0.0, "UMAP: loading")
    with warnings.catch_warnings():
        # It warns of what is meant: no tensorflow, and neighbours that can't be searched later.
        warnings.simplefilter("ignore")
        import_compiled("umap")
        from umap import UMAP

        def after_some_queries(done: int) -> None:
            progress(_UMAP_LAYOUT_AT * done / len(points), "UMAP: finding neighbours")

        neighbours = min(_UMAP_NEIGHBOURS, len(points) - 1)
        after_some_queries(0)
        # Exact, and without the 25 s in which pynndescent compiles itself.
        found = nearest(points, points, neighbours, algorithm="auto", on_batch=after_some_queries)
        progress(_UMAP_LAYOUT_AT, "UMAP: preparing")
        umap = UMAP(
            n_neighbors=neighbours,
            min_dist=0.1,
            init="pca",
            random_state=seed,
            n_jobs=1,
            precomputed_knn=found,
            # `verbose` would print to stdout as well.
            tqdm_kwds={
                "disable": False,
                "file": _UmapReport(progress),
                "bar_format": "{n_fmt}/{total_fmt}",
            },
        )
        return np.asarray(umap.fit_transform(points.astype(np.float32)), dtype=np.float32)


class _UmapReport(io.TextIOBase):
    """The file that UMAP's progress bar is written to, its only report of how far it is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def write(self, text: str) -> int:
        if counts := re.search(r"(\d+)/(\d+)", text):
            done, total = map(int, counts.groups())
            share = _UMAP_LAYOUT_AT + (1.0 - _UMAP_LAYOUT_AT) * done / total
            self._progress(share, f"UMAP: {done} of {total} epochs")
        return len(text)


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """A mixture of K Gaussians with full covariances in a latent space of D dimensions."""

    weights: Doubles
    """(K,), sum 1."""
    means: Doubles
    """(K, D)"""
    covariances: Doubles
    """(K, D, D)"""

    def sample(self, count: int, seed: int) -> Floats:
        """Independent draws (count, D), the same for the same seed."""
        rng = np.random.default_rng(seed)
        component = rng.choice(len(self.weights), size=count, p=self.weights)
        samples = np.empty((count, self.means.shape[1]), np.float32)
        for k, (mean, covariance) in enumerate(zip(self.means, self.covariances, strict=True)):
            chosen = np.flatnonzero(component == k)
            # eigh, as Cholesky's fails where rounding makes a flat covariance indefinite.
            samples[chosen] = rng.multivariate_normal(
                mean, covariance, size=len(chosen), method="eigh", check_valid="ignore"
            )
        return samples


@dataclass(frozen=True, slots=True, eq=False)
class FitMixture(Job[Mixture]):
    """A density of the latents, fitted after training, to sample from instead of the prior.

    Ghosh et al. 2020, "From variational to deterministic autoencoders", section 4: 10 Gaussians
    with full covariances. Fitted by scikit-learn's expectation maximisation from k-means.
    """

    latents: Floats
    """(N, D)"""
    components: int = 10
    """At most; there are never more than there are different points."""
    seed: int = 0

    def run(self, progress: Progress = no_progress) -> Mixture:
        """Fit it.

        Raises:
            JobError: if there are no latents, some are not finite, or no Gaussian fits them.
        """
        _check(self.latents)
        from sklearn.mixture import GaussianMixture

        points = self.latents.astype(np.float64)
        different = len(np.unique(points, axis=0))
        if len(points) == 1:  # scikit-learn wants two
            points = np.repeat(points, 2, axis=0)
        # A fit that starts warm goes on where the one before stopped: the same as one long fit.
        model = GaussianMixture(
            n_components=min(self.components, different),
            covariance_type="full",
            max_iter=_MIXTURE_ITERATIONS_A_REPORT,
            random_state=self.seed,
            warm_start=True,
        )
        progress(0.0, "mixture: k-means")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that some iterations were not all it needs
            for done in range(0, _MIXTURE_ITERATIONS, _MIXTURE_ITERATIONS_A_REPORT):
                try:
                    model.fit(points)
                except ValueError as error:
                    raise JobError(f"No Gaussian mixture fits these latents: {error}") from error
                if model.converged_:
                    break
                iterations = done + _MIXTURE_ITERATIONS_A_REPORT
                share = iterations / _MIXTURE_ITERATIONS
                progress(share, f"mixture: {iterations} of ≤ {_MIXTURE_ITERATIONS} iterations")
        progress(1.0, "mixture: fitted")
        return Mixture(model.weights_, model.means_, model.covariances_)


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourAccuracy(Job[float]):
    """Share of held-out images whose class is that of most of their nearest training images.

    Distances are Euclidean between latents; see `engine.model.latent_geometry.classify`.
    """

    train: Floats
    """(N, D)"""
    train_labels: Labels
    """(N,)"""
    held_out: Floats
    """(M, D)"""
    labels: Labels
    """(M,)"""
    neighbours: int = VOTING_NEIGHBOURS

    def run(self, progress: Progress = no_progress) -> float:
        """The share, 0 to 1.

        Raises:
            JobError: if there are no latents on one side or some are not finite.
        """
        _check(self.train)
        _check(self.held_out)
        count = len(self.held_out)

        def after_some_images(done: int) -> None:
            progress(done / count, f"neighbours: {done} of {count} images")

        progress(0.0, "neighbours: loading")
        predicted = classify(
            self.train, self.train_labels, self.held_out, after_some_images, self.neighbours
        )
        return int(np.count_nonzero(predicted == self.labels)) / count


def _check(latents: Floats) -> None:
    if not len(latents):
        raise JobError("There are no latents to work with.")
    if not np.isfinite(latents).all():
        raise JobError("Some latents are not finite numbers: the training has diverged.")
