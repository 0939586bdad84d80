"""What figures should show, where there is a choice."""

from dataclasses import dataclass, field

from engine.projection import Projection
from engine.views import (
    Interpolation,
    LatentMap,
    LatentView,
    Manifold,
    PriorSamples,
    Reconstructions,
    Traversal,
)


@dataclass(frozen=True, slots=True)
class FigureOptions:
    """The choices; by default each figure's plainest."""

    reconstructions: Reconstructions = field(default_factory=Reconstructions)
    samples: PriorSamples = field(default_factory=PriorSamples)
    latent_map: LatentMap = field(default_factory=LatentMap)
    projection: Projection = "pca"
    latent_view: LatentView | None = None
    """A map that was made already, to be drawn instead of one made from the two above."""
    hidden_classes: frozenset[int] = frozenset()
    """Classes left out of the latent scatter."""
    interpolation: Interpolation = field(default_factory=Interpolation)
    traversal: Traversal = field(default_factory=Traversal)
    manifold: Manifold = field(default_factory=Manifold)
