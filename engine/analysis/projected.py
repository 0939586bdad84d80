"""A latent map whose two dimensions are those of t-SNE or UMAP."""

from dataclasses import replace
from typing import Final

from engine.analysis.jobs import Floats, NonlinearProjection
from engine.views import LatentView

PROJECTION_NAMES: Final[dict[NonlinearProjection, str]] = {"tsne": "t-SNE", "umap": "UMAP"}
"""As people write them."""


def projected(view: LatentView, method: NonlinearProjection, points: Floats) -> LatentView:
    """The map with its points (N, 2) where `engine.analysis.jobs.Project` has put its latents."""
    name = PROJECTION_NAMES[method]
    return replace(
        view,
        points=points,
        projection=name,
        axis_names=(f"{name} 1", f"{name} 2"),
        plane=None,
    )
