"""Computes views (`engine.views`) from a model, for the engine's thread and for `export`.

Every random number comes from a stream of its own, so looking changes nothing.
"""

from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.config import RunConfig
from engine.evaluation import BATCH, to_unit
from engine.latent import principal_axes
from engine.models import Model
from engine.seeds import Stream, stream_seed
from engine.views import (
    RECONSTRUCTIONS_PER_CLASS,
    Frame,
    Images,
    LatentMap,
    LatentView,
    PriorSamples,
    Reconstructions,
    ReconstructionView,
    SampleView,
    ViewRequest,
    to_uint8,
)

T = TypeVar("T")


class Viewer:
    """Pictures of one model on one validation split.

    Args:
        pixels: (N, 784) uint8 validation images, on the model's device.
        labels: (N,) their classes.
    """

    def __init__(
        self,
        config: RunConfig,
        model: Model,
        pixels: Tensor,
        labels: npt.NDArray[np.uint8],
        class_names: tuple[str, ...],
    ) -> None:
        self.step = 0
        self.epoch = 0.0
        self._config = config
        self._model = model
        self._pixels = pixels
        self._labels = labels
        self._class_names = class_names
        self._axes: npt.NDArray[np.float64] | None = None
        self._latent_map: LatentView | None = None

    def at(self, step: int, epoch: float) -> "Viewer":
        """Say where in training the model is now; returns itself."""
        self.step, self.epoch = step, epoch
        return self

    @torch.no_grad()
    def compute(self, request: ViewRequest[T]) -> T:
        """The answer to a request, from the model as it is now."""
        self._model.eval()
        # Each case knows its T, which the checker can't see through.
        question: object = request
        match question:
            case Reconstructions(page):
                return cast("T", self._reconstructions(page))
            case PriorSamples(seed, count):
                return cast("T", self._samples(seed, count))
            case LatentMap():
                return cast("T", self._latents())
        raise TypeError(f"unknown view {request!r}")

    def frame(self) -> Frame:
        """The film's picture of this moment."""
        reconstructions = self.compute(Reconstructions()).reconstructions
        samples = self.compute(PriorSamples()).images
        return Frame(self.step, self.epoch, to_uint8(reconstructions), to_uint8(samples))

    def _reconstructions(self, page: int) -> ReconstructionView:
        indices = self._page_indices(page)
        x = to_unit(self._pixels[torch.from_numpy(indices).to(self._pixels.device)])
        return ReconstructionView(
            step=self.step,
            epoch=self.epoch,
            page=page,
            originals=_as_images(x),
            reconstructions=self._decode(self._model.embed(x)),
            labels=self._labels[indices],
            class_names=self._class_names,
            indices=indices,
        )

    def _page_indices(self, page: int) -> npt.NDArray[np.int64]:
        """Two images of every class, side by side: the first ones on page 0, else at random."""
        seed = stream_seed(self._config.split_seed, Stream.PREVIEW, page)
        rng = np.random.default_rng(seed)
        chosen: list[npt.NDArray[np.int64]] = []
        for label in range(len(self._class_names)):
            of_class = np.flatnonzero(self._labels == label)
            if page > 0:
                of_class = rng.permutation(of_class)
            chosen.append(of_class[:RECONSTRUCTIONS_PER_CLASS])
        return np.concatenate(chosen).astype(np.int64)

    def _samples(self, seed: int, count: int) -> SampleView:
        generator = torch.Generator().manual_seed(
            stream_seed(self._config.seed, Stream.PREVIEW, seed)
        )
        z = torch.randn(count, self._config.latent_dim, generator=generator)
        return SampleView(self.step, self.epoch, self._decode(z.to(self._pixels.device)), seed)

    def _latents(self) -> LatentView:
        if self._latent_map is None or self._latent_map.step != self.step:
            self._latent_map = self._project(self._embed_all())
        return self._latent_map

    def _project(self, mu: npt.NDArray[np.float32]) -> LatentView:
        if mu.shape[1] == 2:
            points, projection, names = mu, "identity", ("z₁", "z₂")
        elif mu.shape[1] == 1:
            # One dimension fills a plane with nothing: the second axis stays at 0.
            points, projection = np.concatenate((mu, np.zeros_like(mu)), axis=1), "identity"
            names = ("z₁", "0")
        else:
            # Turned to agree with the map before, so that a live map doesn't flip.
            pca = principal_axes(mu, count=2, like=self._axes)
            self._axes = pca.axes
            points, projection = pca.project(mu).astype(np.float32), "PCA"
            first, second = (f"PC {i + 1} ({100 * r:.1f} %)" for i, r in enumerate(pca.explained))
            names = (first, second)
        return LatentView(
            step=self.step,
            epoch=self.epoch,
            points=points,
            labels=self._labels,
            class_names=self._class_names,
            projection=projection,
            axis_names=names,
        )

    def _embed_all(self) -> npt.NDArray[np.float32]:
        parts = [self._model.embed(to_unit(p)).cpu() for p in torch.split(self._pixels, BATCH)]
        return torch.cat(parts).numpy()

    def _decode(self, z: Tensor) -> Images:
        return _as_images(torch.sigmoid(self._model.decode(z)))


def _as_images(pixels: Tensor) -> Images:
    images: Images = pixels.reshape(-1, 28, 28).cpu().numpy()
    return images
