"""Geometry of latent space: principal axes, nearest points, paths between two points, quantiles."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Points = npt.NDArray[np.floating]
Indices = npt.NDArray[np.int64]

VOTING_NEIGHBOURS = 15
"""Nearest points whose classes decide about another point's."""
_QUERIES_A_BATCH = 500
_NO_ANGLE = 1e-6


@dataclass(frozen=True, slots=True)
class PrincipalAxes:
    """The directions of largest variance of a set of points."""

    mean: Array
    """(D,)"""
    axes: Array
    """(count, D) orthonormal rows, largest variance first."""
    explained: Array
    """(count,) share of the total variance along each axis; NaN where nothing varies."""

    def project(self, points: npt.NDArray[np.floating]) -> Array:
        """Points (N, D) in the coordinates of the axes, (N, count)."""
        projected: Array = (points.astype(np.float64) - self.mean) @ self.axes.T
        return projected


def principal_axes(
    points: npt.NDArray[np.floating], count: int, like: Array | None = None
) -> PrincipalAxes:
    """PCA by the eigenvectors of the covariance (Pearson 1901).

    D is small and N large, so the (D, D) covariance is much cheaper than an SVD of the points.

    Args:
        points: (N, D), D ≥ count. A single one has no variance and any axes.
        like: axes (count, D) of an earlier PCA. An axis's sign is arbitrary: each is turned
            to agree with the one here, or else so that its largest component is positive.
    """
    centred = points.astype(np.float64)
    mean = centred.mean(axis=0)
    centred -= mean
    variances, vectors = np.linalg.eigh(centred.T @ centred / max(1, len(points) - 1))
    axes = vectors[:, ::-1][:, :count].T
    if like is None:
        largest = np.abs(axes).argmax(axis=1)
        signs = np.sign(axes[np.arange(count), largest])
    else:
        signs = np.sign(np.sum(axes * like, axis=1))
    signs[signs == 0] = 1.0
    total = variances.sum()
    explained = (
        np.maximum(variances[::-1][:count], 0.0) / total if total > 0 else np.full(count, np.nan)
    )
    return PrincipalAxes(mean=mean, axes=axes * signs[:, None], explained=explained)


def nearest(
    points: Points,
    queries: Points,
    count: int,
    *,
    algorithm: Literal["auto", "brute"] = "brute",
    on_batch: Callable[[int], None] = lambda _: None,
) -> tuple[Indices, Points]:
    """The points (N, D) nearest to each query (M, D; M ≥ 1), nearest first.

    Loads scikit-learn, and takes seconds where N and M are tens of thousands.

    Args:
        count: K, at most N.
        algorithm: scikit-learn's; auto may search a tree, faster in few dimensions.
        on_batch: called after every few hundred queries with how many are done.

    Returns:
        Positions (M, K) in the points, and Euclidean distances (M, K).
    """
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(count, len(points)), algorithm=algorithm).fit(points)
    found = []
    for start in range(0, len(queries), _QUERIES_A_BATCH):
        found.append(search.kneighbors(queries[start : start + _QUERIES_A_BATCH]))
        on_batch(min(start + _QUERIES_A_BATCH, len(queries)))
    distances, indices = (np.concatenate(part) for part in zip(*found, strict=True))
    return indices, distances


def nearest_to_one(points: Points, query: Points, count: int) -> tuple[Indices, Points]:
    """`nearest` to a single query (D,), at once: positions (K,) and distances (K,).

    For the process that trains: among 54,000 points of 20 dimensions 10 ms, where scikit-learn
    took 300 ms for a single query (on two busy cores), and has to be loaded first.
    """
    distances = np.linalg.norm(points - query.astype(points.dtype), axis=1)
    count = min(count, len(points))
    found = np.argpartition(distances, count - 1)[:count]
    found = found[np.argsort(distances[found], kind="stable")]
    return found, distances[found]


def classify(
    points: Points,
    labels: npt.NDArray[np.integer],
    queries: Points,
    on_batch: Callable[[int], None] = lambda _: None,
    neighbours: int = VOTING_NEIGHBOURS,
) -> npt.NDArray[np.integer]:
    """The class (M,) of most of each query's nearest points, by brute force.

    Of classes with equally many neighbours the one with the lowest number counts, as in
    scikit-learn's KNeighborsClassifier.

    Args:
        points: (N, D)
        labels: (N,) the points' classes.
        queries: (M, D)
        on_batch: called after every few hundred queries with how many are done.
    """
    indices, _ = nearest(points, queries, neighbours, on_batch=on_batch)
    classes, numbers = np.unique(labels, return_inverse=True)
    votes = np.zeros((len(queries), len(classes)), np.int64)
    np.add.at(votes, (np.arange(len(queries))[:, None], numbers[indices]), 1)
    predicted: npt.NDArray[np.integer] = classes[votes.argmax(axis=1)]
    return predicted


def lerp(a: Array, b: Array, fractions: Array) -> Array:
    """The straight line (S, D) from a (D,) to b (D,) at fractions (S,) of the way."""
    t = fractions[:, None]
    points: Array = (1.0 - t) * a + t * b
    return points


def slerp(a: Array, b: Array, fractions: Array) -> Array:
    """The path along the great circle, (S, D), so that lengths don't shrink half-way.

    White 2016, "Sampling generative networks", section 2.1. Where a and b (nearly) lie on one
    line through the origin the circle is not determined: the straight line then.
    """
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    cosine = float(a @ b / lengths) if lengths > 0 else 1.0
    angle = math.acos(min(1.0, max(-1.0, cosine)))
    if math.sin(angle) < _NO_ANGLE:
        return lerp(a, b, fractions)
    t = fractions[:, None]
    points: Array = (np.sin((1.0 - t) * angle) * a + np.sin(t * angle) * b) / math.sin(angle)
    return points


def normal_quantiles(quantiles: npt.NDArray[np.floating]) -> Array:
    """Φ⁻¹ of quantiles (S,) in (0, 1)."""
    inverse = NormalDist().inv_cdf
    return np.array([inverse(float(q)) for q in quantiles])


def even_quantiles(count: int) -> Array:
    """The middles (count,) of equal parts of (0, 1)."""
    return (np.arange(count) + 0.5) / count
