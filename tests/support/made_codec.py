"""A codec of an untrained model on few real images, and the same model in plain numpy."""

from dataclasses import replace

import numpy as np
import torch
from scipy.special import erf, expit
from torch import nn

from data import CLASS_NAMES, ImageDataset
from engine.config import RunConfig
from engine.inference.codec import Codec
from engine.model.device_data import ImageSplits, LabelledImages
from engine.model.networks import Model, build_model

CONFIG = RunConfig(hidden=(16, 8), latent_dim=4, seed=1, split_seed=0)


def never() -> LabelledImages:
    raise AssertionError("the test images were asked for")


def made_splits(dataset: ImageDataset, train: int = 200, validation: int = 100) -> ImageSplits:
    """Images in no order of classes, of every class as many; no test images."""
    order = np.random.default_rng(0).permutation(len(dataset.images))
    # Even classes, in an order that says nothing.
    by_class = [order[dataset.labels[order] == c] for c in range(10)]
    chosen = np.stack([members[: (train + validation) // 10] for members in by_class], 1).reshape(
        -1
    )

    def part(indices: np.ndarray) -> LabelledImages:
        pixels = torch.tensor(dataset.images[indices].reshape(-1, 784))
        return LabelledImages(pixels, dataset.labels[indices])

    return ImageSplits(part(chosen[:train]), part(chosen[train:]), CLASS_NAMES, never)


def made_codec(
    dataset: ImageDataset,
    config: RunConfig = CONFIG,
    *,
    splits: ImageSplits | None = None,
    **settings: object,
) -> tuple[Codec, "Reference"]:
    config = replace(config, **settings)  # type: ignore[arg-type]
    model = build_model(config, init_seed=1)
    model.eval()
    with torch.no_grad():  # so that latents differ by more than rounding
        for parameter in model.parameters():
            parameter *= 2.0
    codec = Codec(config, model, splits or made_splits(dataset))
    codec.step, codec.epoch = 7, 0.5
    return codec, Reference(model, codec.images)


class Reference:
    """What a model should say, in float64 and without torch."""

    def __init__(self, model: Model, images: ImageSplits) -> None:
        self.model = model
        self.images = images

    def unit(self, split: str, indices: np.ndarray | slice = slice(None)) -> np.ndarray:
        part = self.images.train if split == "train" else self.images.validation
        pixels: np.ndarray = part.pixels.numpy()[indices] / 255.0
        return pixels

    def posterior(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        out = _mlp(self.model.encoder, x)
        half = out.shape[1] // 2
        return out[:, :half], out[:, half:]

    def embed(self, split: str, indices: np.ndarray | slice = slice(None)) -> np.ndarray:
        out = _mlp(self.model.encoder, self.unit(split, indices))
        vae = type(self.model).__name__ == "VAE"
        return out[:, : out.shape[1] // 2] if vae else out

    def logits(self, z: np.ndarray) -> np.ndarray:
        return _mlp(self.model.decoder, z)

    def decode(self, z: np.ndarray) -> np.ndarray:
        images: np.ndarray = expit(self.logits(z)).reshape(-1, 28, 28)
        return images


def _mlp(layers: nn.Module, x: np.ndarray) -> np.ndarray:
    out = x.astype(np.float64)
    for layer in layers.children():
        if isinstance(layer, nn.Linear):
            weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
            out = out @ weight.astype(np.float64).T + bias
        else:
            assert isinstance(layer, nn.GELU)
            out = 0.5 * out * (1 + erf(out / np.sqrt(2)))
    return out
