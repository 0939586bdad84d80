"""What can be asked of a model, and the pictures that come back: plain numpy, no torch.

A view is asked for by a small frozen request (`run.request(PriorSamples(seed=3))`) and
answered by the thread that owns the model, between two slices of training.
`engine.inference.viewer` computes them. Images are float32 in [0, 1], so that figures lose
nothing; the terminal rounds for itself.

Every view says the step and the epoch of the weights it was made with.
"""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from engine.projection import Projection

Images = npt.NDArray[np.float32]
"""(N, 28, 28) in [0, 1]; 0 is the garments' black background."""
Latents = npt.NDArray[np.float32]
"""(N, D) points in latent space."""
Labels = npt.NDArray[np.uint8]
"""(N,) classes."""
Split = Literal["train", "validation", "test"]

T = TypeVar("T", covariant=True)

SAMPLE_COUNT = 64
MAX_TEMPERATURE = 1e6
"""Of samples for a figure: the decoder's float32 ends somewhere beyond."""
HOTTEST = 3.0
"""The highest temperature of samples: the decoder has seen nothing so far out."""
RECONSTRUCTIONS_PER_CLASS = 2
MAP_TRAINING_IMAGES = 10_000
"""Images of the training split on a latent map: more than that only cover each other."""


class ViewRequest(Generic[T]):
    """A question whose answer is of type T."""


# Reconstructions and samples.


@dataclass(frozen=True, slots=True)
class ReconstructionView:
    """Images and what the model makes of them."""

    step: int
    epoch: float
    page: int
    """Which set of images; see `Reconstructions`."""
    originals: Images
    reconstructions: Images
    """Pixel means of the decoder at z = μ, without sampling noise."""
    labels: Labels
    class_names: tuple[str, ...]
    indices: npt.NDArray[np.int64]
    """(N,) positions in the split."""


@dataclass(frozen=True, slots=True)
class Reconstructions(ViewRequest[ReconstructionView]):
    """Two validation images per class. Page 0 is the fixed set of the film; others differ."""

    page: int = 0
    indices: tuple[int, ...] | None = None
    """Positions in the validation split, instead of a page; those beyond its end are left out."""


@dataclass(frozen=True, slots=True)
class SampleView:
    """Decoded latents that were drawn at random."""

    step: int
    epoch: float
    images: Images
    latents: Latents
    """What was decoded."""
    request: "PriorSamples"


@dataclass(frozen=True, slots=True)
class PriorSamples(ViewRequest[SampleView]):
    """`count` images decoded from z = T · ε, ε ~ N(0, I); the same ε for the same seed.

    With `around`, "more like this": z = ρ · c + √(1 − ρ²) · T · ε, the first of them c itself.
    Where c is a draw from the prior, so is z (the proposal of preconditioned Crank–Nicolson,
    Cotter et al. 2013, eq. 4.6).
    """

    seed: int = 0
    count: int = SAMPLE_COUNT
    temperature: float = 1.0
    """Standard deviation of the draw; 1 is the prior."""
    around: tuple[float, ...] | None = None
    """The latent c (D,) that the draws should resemble."""
    likeness: float = 0.9
    """ρ in [0, 1]: 0 forgets c, 1 repeats it."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodedView:
    """Images of given latents."""

    step: int
    epoch: float
    images: Images


@dataclass(frozen=True, slots=True, eq=False)
class Decode(ViewRequest[DecodedView]):
    """The images of latents (N, D) that the asker has."""

    latents: Latents


# The latent space.


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A plane in latent space, so that a point on a map has a latent."""

    origin: npt.NDArray[np.float64]
    """(D,) the latent at (0, 0)."""
    axes: npt.NDArray[np.float64]
    """(2, D) orthonormal rows; with one latent dimension the second is 0."""

    def latent(self, x: float, y: float) -> Latents:
        """The latent (1, D) at a point of the plane."""
        latents: Latents = (self.origin + (x, y) @ self.axes).astype(np.float32)[None]
        return latents


@dataclass(frozen=True, slots=True, eq=False)
class LatentView:
    """Images as points of latent space, in two dimensions."""

    step: int
    epoch: float
    points: npt.NDArray[np.float32]
    """(N, 2)"""
    labels: Labels
    class_names: tuple[str, ...]
    projection: Projection | None
    """How D dimensions became two; None where the two are latent dimensions as they are."""
    axis_names: tuple[str, str]
    """For people, with the explained variance where there is one: 'PC 1 (21.3 %)'."""
    split: Split
    indices: npt.NDArray[np.int64]
    """(N,) positions in the split."""
    latents: Latents
    """(N, D) the points before they were projected: an encoder's μ, or an autoencoder's codes."""
    plane: Plane | None
    """Where the points lie in latent space; None if the projection is not linear."""


@dataclass(frozen=True, slots=True)
class LatentMap(ViewRequest[LatentView]):
    """Where a split's images lie: two latent dimensions, or the first two principal components.

    Of the training split `MAP_TRAINING_IMAGES` are shown, chosen once by the split's seed.
    """

    split: Split = "validation"
    dims: tuple[int, int] | None = None
    """Two latent dimensions, from 0; None for PCA, or for all there are if they are two."""


@dataclass(frozen=True, slots=True, eq=False)
class LatentCloud:
    """All images of a split as points."""

    step: int
    epoch: float
    latents: Latents
    labels: Labels


@dataclass(frozen=True, slots=True)
class Embedding(ViewRequest[LatentCloud]):
    """Every image of a split through the encoder: seconds for the training split on a CPU."""

    split: Split = "train"


@dataclass(frozen=True, slots=True, eq=False)
class ProbeView:
    """A point in latent space: its image, and the images nearest to it."""

    step: int
    epoch: float
    image: npt.NDArray[np.float32]
    """(28, 28) the decoder's pixel means there."""
    neighbours: Images
    """Training images, the nearest first; empty while they are being embedded."""
    neighbour_labels: Labels
    distances: npt.NDArray[np.float32]
    """(K,) Euclidean distance of each neighbour's μ in latent space."""
    original: npt.NDArray[np.float32] | None
    """(28, 28) the image that was asked for, if one was."""


@dataclass(frozen=True, slots=True, eq=False)
class Probe(ViewRequest[ProbeView]):
    """What lies at a latent (D,).

    The training images' points are refreshed in turn, some at every question, so near a moving
    model they are at worst some ninety questions old.
    """

    latent: npt.NDArray[np.float32]
    neighbours: int = 8
    original: tuple[Split, int] | None = None
    """An image to show beside it, by its split and its position there."""


# Walks.


@dataclass(frozen=True, slots=True, eq=False)
class InterpolationView:
    """Paths through latent space, decoded."""

    step: int
    epoch: float
    images: npt.NDArray[np.float32]
    """(R, S, 28, 28): a path per row."""
    fractions: npt.NDArray[np.float64]
    """(S,) from 0 to 1."""
    pairs: tuple[tuple[int, int], ...]
    originals: npt.NDArray[np.float32] | None
    """(R, 2, 28, 28) the images at the ends, if the ends are images."""
    names: tuple[tuple[str, str], ...]
    """What the ends are, for people."""
    method: Literal["lerp", "slerp"]


@dataclass(frozen=True, slots=True)
class Interpolation(ViewRequest[InterpolationView]):
    """From one point to another: lerp between two images' μ, slerp between two prior draws."""

    between: Literal["images", "prior"] = "images"
    page: int = 0
    """Which pairs, where none are given: validation images of two classes each, or the draws of
    `PriorSamples(seed=page)` two by two."""
    pairs: tuple[tuple[int, int], ...] | None = None
    """Positions in the validation split, or in the draws of seed `page`."""
    rows: int = 5
    steps: int = 11


@dataclass(frozen=True, slots=True, eq=False)
class TraversalView:
    """One image's latent with single dimensions moved, decoded."""

    step: int
    epoch: float
    images: npt.NDArray[np.float32]
    """(R, S, 28, 28): a dimension per row, the most informative first."""
    dims: npt.NDArray[np.int64]
    """(R,) latent dimensions, from 0."""
    weights: npt.NDArray[np.float64]
    """(R,) what they are sorted by: KL in nats; an autoencoder's is the variance of the code."""
    quantiles: npt.NDArray[np.float64]
    """(S,) the columns' quantiles, of the prior; an autoencoder's, of the validation codes."""
    values: npt.NDArray[np.float64]
    """(R, S) what each dimension was set to."""
    original: npt.NDArray[np.float32]
    """(28, 28)"""
    index: int
    """The image's position in the validation split."""
    class_name: str


@dataclass(frozen=True, slots=True)
class Traversal(ViewRequest[TraversalView]):
    """Each dimension moved over the quantiles 0.05 to 0.95, the others at the image's μ.

    Higgins et al. 2017, section 4.
    """

    image: int = 0
    """Position in the validation split; beyond its end it starts again."""
    rows: int = 10
    """Dimensions, at most."""
    steps: int = 11


@dataclass(frozen=True, slots=True, eq=False)
class ManifoldView:
    """A plane of latent space, decoded on a grid."""

    step: int
    epoch: float
    images: npt.NDArray[np.float32]
    """(R, S, 28, 28), the second axis pointing up; one row if there is one latent dimension."""
    quantiles: npt.NDArray[np.float64]
    """(S,) of the standard normal, in (0, 1)."""
    axis_names: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Manifold(ViewRequest[ManifoldView]):
    """z = Φ⁻¹ of an even grid in (0, 1)². Kingma & Welling 2014, app. A.

    With more than two latent dimensions: in the plane of the first two principal components of
    μ. The codes of an autoencoder are not standard normal: its axes are scaled by their
    standard deviation.
    """

    size: int = 20


# Scores.


@dataclass(frozen=True, slots=True, eq=False)
class ScoreView:
    """How well the decoder's means at z = μ match a split's images, in all and by class."""

    step: int
    epoch: float
    bce: float
    """Binary cross entropy, nats per image."""
    mse: float
    """Squared error, mean over pixels and images, of pixels in [0, 1]."""
    class_bce: npt.NDArray[np.float64]
    """(C,) NaN for a class without images."""
    class_mse: npt.NDArray[np.float64]
    class_counts: npt.NDArray[np.int64]
    class_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scores(ViewRequest[ScoreView]):
    """Reconstruction errors that an autoencoder and a VAE can be compared by."""

    split: Split = "validation"


@dataclass(frozen=True, slots=True)
class Weights(ViewRequest[bytes]):
    """The model itself, as a checkpoint file's content, for another process to look at."""


# The film.


@dataclass(frozen=True, slots=True)
class Frame:
    """What the model made of page 0 and of seed 0's z at one evaluation, in 256 greys."""

    step: int
    epoch: float
    reconstructions: npt.NDArray[np.uint8]
    """(N, 28, 28), in the order of `Reconstructions(page=0)`."""
    samples: npt.NDArray[np.uint8]
    """(SAMPLE_COUNT, 28, 28), of `PriorSamples(seed=0)`."""


def to_uint8(images: Images) -> npt.NDArray[np.uint8]:
    """Float images in [0, 1] as 256 greys, rounded."""
    greys: npt.NDArray[np.uint8] = np.rint(images * 255.0).astype(np.uint8)
    return greys
