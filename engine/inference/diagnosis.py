"""`Diagnostician`: looks at a model with fixed images and fixed noise, and changes nothing.

Which images and which noise come from a stream of their own (`Stream.DIAGNOSIS`), so that what is
measured never changes what is trained, and two moments differ by the weights alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.config import RunConfig
from engine.diagnosis import (
    CLASSES,
    WORST,
    Diagnosis,
    Doubles,
    LayerState,
    SubsetScore,
    images_looked_at,
)
from engine.inference.aggregated_posterior import aggregated_posterior
from engine.inference.elbo_surgery import draws_within_budget, elbo_surgery
from engine.inference.layer_states import UnitWatch, gradient_norms, update_ratios
from engine.metrics import Evaluation, pixel_entropies
from engine.model.device_data import ImageSplits, LabelledImages
from engine.model.evaluation import BATCH, to_unit
from engine.model.networks import MAX_LOGVAR, VAE, Model
from engine.model.objective import bernoulli_nll, gaussian_kl_per_dim
from engine.model.seeds import Stream, stream_seed

GRADIENT_BATCH = 128
"""Training images of the batch that gradients are of."""
_VALIDATION, _TRAINING, _NOISE = range(3)
"""Parts of the stream."""


@dataclass(frozen=True, slots=True)
class _Encoded:
    """What a model makes of N images."""

    recon: Doubles
    """(N,) with one draw of z each."""
    kl: Doubles | None
    mu: Tensor
    logvar: Tensor | None
    z: Tensor


class Diagnostician:
    """Of one run's model. The images are chosen once: the same for runs of the same split.

    Args:
        optimizer: the run's, for its last update; None where there is none.
    """

    def __init__(
        self,
        config: RunConfig,
        model: Model,
        images: ImageSplits,
        optimizer: torch.optim.Adam | None,
    ) -> None:
        self._config, self._model, self._optimizer = config, model, optimizer
        self._splits = images
        self._count = images_looked_at(len(images.train), len(images.validation))
        self._chosen = _chosen(config, _VALIDATION, images.validation, self._count)
        trained = _chosen(config, _TRAINING, images.train, self._count)
        self._validation = _pixels(images.validation, self._chosen)
        self._training = _pixels(images.train, trained)
        self._floor = _entropy(images.validation.pixels)
        self._floors = (_entropy(self._validation), _entropy(self._training))
        generator = torch.Generator().manual_seed(
            stream_seed(config.seed, Stream.DIAGNOSIS, _NOISE)
        )
        noise = torch.randn(2, self._count, config.latent_dim, generator=generator)
        self._eps = noise.to(images.validation.pixels.device)

    @torch.no_grad()
    def look(self, evaluation: Evaluation, on_batch: Callable[[], None] | None = None) -> Diagnosis:
        """Measure the model as it is now.

        Args:
            evaluation: of these weights.
            on_batch: called before each batch, so that a caller can answer others meanwhile.
        """
        watches = (UnitWatch(self._model.encoder), UnitWatch(self._model.decoder))
        validation = self._encode(self._validation, self._eps[0], watches, on_batch)
        training = self._encode(self._training, self._eps[1], None, on_batch)
        scores = validation.recon if validation.kl is None else validation.recon + validation.kl
        worst = np.argsort(-np.nan_to_num(scores, nan=math.inf), kind="stable")[:WORST]
        surgery = None
        if validation.logvar is not None and self._count > 1:
            draws = draws_within_budget(self._count, self._config.latent_dim)
            eps = self._eps[0, :draws]
            surgery = elbo_surgery(validation.mu, validation.logvar, eps, on_batch)
        return Diagnosis(
            step=evaluation.step,
            epoch=evaluation.epoch,
            images=self._count,
            floor=self._floor,
            validation=_subset_score(validation, self._floors[0]),
            training=_subset_score(training, self._floors[1]),
            surgery=surgery,
            posterior=aggregated_posterior(validation.mu, validation.logvar, validation.z),
            class_recon=self._by_class(validation.recon),
            worst=self._chosen[worst],
            worst_scores=scores[worst],
            layers=self._layers(evaluation, watches, on_batch),
        )

    def _encode(
        self,
        pixels: Tensor,
        eps: Tensor,
        watches: tuple[UnitWatch, UnitWatch] | None,
        on_batch: Callable[[], None] | None,
    ) -> _Encoded:
        model = self._model
        recon, codes, draws = [], [], []
        for start in range(0, len(pixels), BATCH):
            if on_batch is not None:
                on_batch()
            encode: Callable[[Tensor], Tensor] = model.encode
            decode: Callable[[Tensor], Tensor] = model.decode
            if watches is not None and start == 0:  # slopes cost as much as the rest
                encode, decode = watches[0].run, watches[1].run
            x = to_unit(pixels[start : start + BATCH])
            code = z = encode(x)
            if isinstance(model, VAE):
                mu, logvar = _posterior(code)
                z = mu + torch.exp(0.5 * logvar) * eps[start : start + BATCH]
            recon.append(bernoulli_nll(decode(z), x))
            codes.append(code)
            draws.append(z)
        scores, z = _doubles(torch.cat(recon)), torch.cat(draws)
        if not isinstance(model, VAE):
            return _Encoded(scores, None, torch.cat(codes), None, z)
        mu, logvar = _posterior(torch.cat(codes))
        return _Encoded(scores, _doubles(gaussian_kl_per_dim(mu, logvar).sum(dim=1)), mu, logvar, z)

    def _by_class(self, recon: Doubles) -> Doubles:
        labels = self._splits.validation.labels[self._chosen]
        counts = np.bincount(labels, minlength=CLASSES)
        with np.errstate(invalid="ignore"):
            means: Doubles = np.bincount(labels, weights=recon, minlength=CLASSES) / counts
        return means

    def _layers(
        self,
        evaluation: Evaluation,
        watches: tuple[UnitWatch, UnitWatch],
        on_batch: Callable[[], None] | None,
    ) -> tuple[LayerState, ...]:
        if on_batch is not None:
            on_batch()
        x = to_unit(self._training[:GRADIENT_BATCH])
        norms = gradient_norms(self._model, x, self._eps[1, :GRADIENT_BATCH], evaluation.beta)
        ratios = [math.nan] * len(norms)
        if self._optimizer is not None:
            ratios = update_ratios(self._model, self._optimizer, evaluation.lr)
        dead = [*watches[0].dead(), *watches[1].dead()]
        return tuple(LayerState(*each) for each in zip(norms, ratios, dead, strict=True))


def _chosen(
    config: RunConfig, part: int, images: LabelledImages, count: int
) -> npt.NDArray[np.int64]:
    """Positions of the images looked at, at random: where they are fewer, the first are, too."""
    rng = np.random.default_rng(stream_seed(config.split_seed, Stream.DIAGNOSIS, part))
    return rng.permutation(len(images))[:count].astype(np.int64)


def _posterior(encoded: Tensor) -> tuple[Tensor, Tensor]:
    """As `VAE.posterior` reads the encoder's numbers."""
    mu, logvar = encoded.chunk(2, dim=1)
    return mu, logvar.clamp(max=MAX_LOGVAR)


def _pixels(images: LabelledImages, chosen: npt.NDArray[np.int64]) -> Tensor:
    return images.pixels[torch.from_numpy(chosen).to(images.pixels.device)]


def _entropy(pixels: Tensor) -> float:
    return float(pixel_entropies(pixels.cpu().numpy()).mean())


def _doubles(values: Tensor) -> Doubles:
    doubles: Doubles = values.cpu().double().numpy()
    return doubles


def _subset_score(encoded: _Encoded, floor: float) -> SubsetScore:
    kl = math.nan if encoded.kl is None else float(encoded.kl.mean())
    return SubsetScore(float(encoded.recon.mean()), kl, floor)
