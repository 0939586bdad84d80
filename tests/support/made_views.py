"""Views made of plain arrays, for tests of what draws them."""

import numpy as np

from engine.projection import Projection
from engine.views import LatentView, Plane, PriorSamples, SampleView


def latent_view(
    points: np.ndarray,
    labels: np.ndarray,
    class_names: tuple[str, ...],
    *,
    axis_names: tuple[str, str] = ("PC 1 (21.3 %)", "PC 2 (12.0 %)"),
    projection: Projection | None = "pca",
    step: int = 300,
    epoch: float = 6.0,
) -> LatentView:
    """A map whose latents are its points, with two zeros behind."""
    points = points.astype(np.float32)
    return LatentView(
        step=step,
        epoch=epoch,
        points=points,
        labels=labels.astype(np.uint8),
        class_names=class_names,
        projection=projection,
        axis_names=axis_names,
        split="validation",
        indices=np.arange(len(points)),
        latents=np.concatenate((points, np.zeros_like(points)), axis=1),
        plane=Plane(np.zeros(4), np.eye(4)[:2]),
    )


def sample_view(
    images: np.ndarray, request: PriorSamples | None = None, step: int = 300, epoch: float = 6.0
) -> SampleView:
    """Samples of these images, with latents that count up."""
    latents = np.arange(len(images) * 4, dtype=np.float32).reshape(-1, 4)
    return SampleView(step, epoch, images, latents, request or PriorSamples())
