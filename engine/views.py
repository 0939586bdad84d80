"""What can be asked of a model, and the pictures that come back: plain numpy, no torch.

A view is asked for by a small frozen request (`engine.request(PriorSamples(seed=3))`) and
answered by the thread that owns the model, between two slices of training. `engine.viewer`
computes them. Images are float32 in [0, 1], so that figures lose nothing; the terminal
rounds for itself.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.float32]
"""(N, 28, 28) in [0, 1]; 0 is the garments' black background."""

T = TypeVar("T", covariant=True)

SAMPLE_COUNT = 64
RECONSTRUCTIONS_PER_CLASS = 2


class ViewRequest(Generic[T]):
    """A question whose answer is of type T."""


@dataclass(frozen=True, slots=True)
class ReconstructionView:
    """Validation images and what the model makes of them."""

    step: int
    epoch: float
    page: int
    """Which set of images; see `Reconstructions`."""
    originals: Images
    reconstructions: Images
    """Pixel means of the decoder at z = μ, without sampling noise."""
    labels: npt.NDArray[np.uint8]
    """(N,) class of each image."""
    class_names: tuple[str, ...]
    indices: npt.NDArray[np.int64]
    """(N,) positions in the validation split."""


@dataclass(frozen=True, slots=True)
class SampleView:
    """Decoded latents that were drawn from N(0, I)."""

    step: int
    epoch: float
    images: Images
    seed: int


@dataclass(frozen=True, slots=True)
class LatentView:
    """The validation images' places in latent space, in two dimensions."""

    step: int
    epoch: float
    points: npt.NDArray[np.float32]
    """(N, 2): the two latent dimensions themselves, or their first two principal components."""
    labels: npt.NDArray[np.uint8]
    class_names: tuple[str, ...]
    projection: str
    """'identity' or 'PCA'."""
    axis_names: tuple[str, str]
    """For people, with the explained variance where there is one: 'PC 1 (21.3 %)'."""


@dataclass(frozen=True, slots=True)
class Reconstructions(ViewRequest[ReconstructionView]):
    """Two validation images per class. Page 0 is the fixed set of the film; others differ."""

    page: int = 0


@dataclass(frozen=True, slots=True)
class PriorSamples(ViewRequest[SampleView]):
    """`count` images decoded from z ~ N(0, I); the same z for the same seed."""

    seed: int = 0
    count: int = SAMPLE_COUNT


@dataclass(frozen=True, slots=True)
class LatentMap(ViewRequest[LatentView]):
    """Where the validation images lie in latent space."""


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
