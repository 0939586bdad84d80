"""Principal component analysis of latents."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PrincipalAxes:
    """The directions of largest variance of a set of points."""

    mean: Array
    """(D,)"""
    axes: Array
    """(count, D) orthonormal rows, largest variance first."""
    explained: Array
    """(count,) share of the total variance along each axis; 0 if there is no variance."""

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
        points: (N, D), N ≥ 2, D ≥ count.
        like: axes (count, D) of an earlier PCA. An axis's sign is arbitrary: each is turned
            to agree with the one here, or else so that its largest component is positive.
    """
    centred = points.astype(np.float64)
    mean = centred.mean(axis=0)
    centred -= mean
    variances, vectors = np.linalg.eigh(centred.T @ centred / (len(points) - 1))
    axes = vectors[:, ::-1][:, :count].T
    if like is None:
        largest = np.abs(axes).argmax(axis=1)
        signs = np.sign(axes[np.arange(count), largest])
    else:
        signs = np.sign(np.sum(axes * like, axis=1))
    signs[signs == 0] = 1.0
    total = variances.sum()
    explained = np.maximum(variances[::-1][:count], 0.0) / total if total > 0 else np.zeros(count)
    return PrincipalAxes(mean=mean, axes=axes * signs[:, None], explained=explained)
