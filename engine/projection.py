"""How D latent dimensions become the two of a map: one vocabulary for flags, jobs and screens."""

from typing import Final, Literal, get_args

Projection = Literal["pca", "tsne", "umap"]
"""pca: the linear map. Where a model has two latent dimensions, or two of them are chosen, it
shows these as they are."""
NonlinearProjection = Literal["tsne", "umap"]
"""The projections that take a minute (`engine.analysis.jobs.Project`), and whose points say
nothing about the places between them."""

PROJECTIONS: Final[tuple[Projection, ...]] = get_args(Projection)
PROJECTION_NAMES: Final[dict[Projection, str]] = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
"""As people write them."""
