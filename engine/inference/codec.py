"""`Codec`: a model as a way from images to latents and back, in numpy.

What the pictures are made of: they need no more of a model than this.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.config import RunConfig
from engine.model.device_data import ImageSplits
from engine.model.evaluation import images_at_once, to_unit
from engine.model.networks import VAE, Model
from engine.model.objective import bernoulli_nll, gaussian_kl_per_dim
from engine.views import Images, Latents, Split

Indices = npt.NDArray[np.integer]


class Codec:
    """One model on one data set, at one moment of training. Draws nothing at random.

    The model is used as it is: whoever calls has put it into evaluation mode.
    """

    def __init__(self, config: RunConfig, model: Model, images: ImageSplits) -> None:
        self.config = config
        self.images = images
        self.step = 0
        self.epoch = 0.0
        self._model = model

    @torch.no_grad()
    def embed(
        self,
        split: Split,
        indices: Indices | None = None,
        on_batch: Callable[[], None] | None = None,
    ) -> Latents:
        """The points (N, D) that stand for images: μ, or an autoencoder's codes.

        Args:
            indices: positions in the split; None for all.
            on_batch: called before each batch.
        """
        parts = [self._model.embed(x).cpu() for x in self._batches(split, indices, on_batch)]
        latents: Latents = torch.cat(parts).numpy()
        return latents

    @torch.no_grad()
    def decode(self, latents: npt.NDArray[np.floating]) -> Images:
        """Pixel means (N, 28, 28) of latents (N, D)."""
        z = torch.tensor(latents, dtype=torch.float32, device=self.images.validation.pixels.device)
        return _as_images(torch.sigmoid(self._model.decode(z)))

    @torch.no_grad()
    def reconstruct(self, split: Split, indices: Indices) -> Images:
        """Pixel means (N, 28, 28) of images, decoded at z = μ."""
        parts = [
            torch.sigmoid(self._model.decode(self._model.embed(x)))
            for x in self._batches(split, indices, None)
        ]
        return _as_images(torch.cat(parts))

    def originals(self, split: Split, indices: Indices) -> Images:
        """Images (N, 28, 28) of a split as they are."""
        return _as_images(to_unit(self._pixels(split, indices)))

    @torch.no_grad()
    def kl_per_dim(self, on_batch: Callable[[], None] | None = None) -> npt.NDArray[np.float64]:
        """KL (D,) of each latent dimension, in nats, the mean over the validation images.

        Empty for an autoencoder.
        """
        if not isinstance(self._model, VAE):
            return np.empty(0)
        total = np.zeros(self.config.latent_dim)
        for x in self._batches("validation", None, on_batch):
            kl = gaussian_kl_per_dim(*self._model.posterior(x)).sum(dim=0)
            total += kl.double().cpu().numpy()
        return total / len(self.images.validation)

    @torch.no_grad()
    def errors(
        self, split: Split, on_batch: Callable[[], None] | None = None
    ) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
        """Reconstruction errors at z = μ, batch by batch: BCE in nats and MSE, each (B,)."""
        for x in self._batches(split, None, on_batch):
            logits = self._model.decode(self._model.embed(x))
            bce = bernoulli_nll(logits, x)
            mse = (torch.sigmoid(logits) - x).square().mean(dim=1)
            yield bce.double().cpu().numpy(), mse.double().cpu().numpy()

    def _batches(
        self, split: Split, indices: Indices | None, on_batch: Callable[[], None] | None
    ) -> Iterator[Tensor]:
        """Images in [0, 1] in the order of the indices, (B, 784) each; the last may have fewer."""
        pixels = self._pixels(split, indices)
        for batch in torch.split(pixels, images_at_once(pixels.device)):
            if on_batch is not None:
                on_batch()
            yield to_unit(batch)

    def _pixels(self, split: Split, indices: Indices | None) -> Tensor:
        pixels = self.images.of(split).pixels
        if indices is None:
            return pixels
        return pixels[torch.tensor(indices, dtype=torch.int64, device=pixels.device)]


def _as_images(pixels: Tensor) -> Images:
    images: Images = pixels.reshape(-1, 28, 28).cpu().numpy()
    return images
