"""A latent map whose two dimensions are those of t-SNE or UMAP."""

from dataclasses import replace

from engine.analysis.jobs import Floats
from engine.projection import PROJECTION_NAMES, NonlinearProjection
from engine.views import LatentView


def projected(view: LatentView, projection: NonlinearProjection, points: Floats) -> LatentView:
    """The map with its points (N, 2) where `engine.analysis.jobs.Project` has put its latents."""
    name = PROJECTION_NAMES[projection]
    return replace(
        view,
        points=points,
        projection=projection,
        axis_names=(f"{name} 1", f"{name} 2"),
        plane=None,
    )
