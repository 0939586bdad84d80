"""Computes views (`engine.views`) from a model, for a run's thread and for `export`.

Every random number comes from a stream of its own, so looking changes nothing.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch

from engine.config import RunConfig
from engine.inference import walks
from engine.inference.codec import Codec
from engine.inference.latent_space import LatentSpace
from engine.inference.sampling import draw
from engine.model.device_data import ImageSplits
from engine.model.networks import Model
from engine.model.seeds import Stream, stream_seed
from engine.storage import checkpoint
from engine.views import (
    RECONSTRUCTIONS_PER_CLASS,
    Decode,
    DecodedView,
    Embedding,
    Frame,
    Interpolation,
    LatentMap,
    Manifold,
    PriorSamples,
    Probe,
    Reconstructions,
    ReconstructionView,
    SampleView,
    Scores,
    ScoreView,
    Split,
    Traversal,
    ViewRequest,
    Weights,
    to_uint8,
)

T = TypeVar("T")
OnBatch = Callable[[], None] | None


class Viewer:
    """Pictures of one model on one data set.

    Args:
        average: of the model's weights, by which draws from the prior are decoded; None: by the
            model itself.
    """

    def __init__(
        self,
        config: RunConfig,
        model: Model,
        images: ImageSplits,
        average: Model | None = None,
    ) -> None:
        self._config = config
        self._model = model
        self._average = average
        self._codec = Codec(config, model, images)
        self._sampler = self._codec if average is None else Codec(config, average, images)
        self._space = LatentSpace(self._codec)
        self._kl_per_dim: npt.NDArray[np.float64] | None = None

    @property
    def step(self) -> int:
        """Where in training the model is."""
        return self._codec.step

    def at(
        self, step: int, epoch: float, kl_per_dim: npt.NDArray[np.float64] | None = None
    ) -> "Viewer":
        """Say where in training the model is now; returns itself.

        Args:
            kl_per_dim: (D,) of the latest evaluation; None to measure it when it is needed.
        """
        self._codec.step, self._codec.epoch = step, epoch
        self._kl_per_dim = kl_per_dim
        return self

    def compute(self, request: ViewRequest[T], on_batch: OnBatch = None) -> T:
        """The answer to a request, from the model as it is now.

        Args:
            on_batch: called before each batch of the long ones, so that a caller can answer others.
        """
        self._model.eval()
        # Each case knows its T, which the checker can't see through.
        question: object = request
        return cast("T", self._answer(question, on_batch))

    def frame(self) -> Frame:
        """The film's picture of this moment."""
        reconstructions = self.compute(Reconstructions()).reconstructions
        samples = self.compute(PriorSamples()).images
        return Frame(
            self._codec.step, self._codec.epoch, to_uint8(reconstructions), to_uint8(samples)
        )

    def _answer(self, question: object, on_batch: OnBatch) -> object:
        codec, space = self._codec, self._space
        match question:
            case Reconstructions():
                return self._reconstructions(question)
            case PriorSamples():
                latents = draw(self._config, question)
                # What is like an image begins at the model's own latent of it.
                decoder = self._sampler if question.around is None else codec
                images = decoder.decode(latents)
                return SampleView(codec.step, codec.epoch, images, latents, question)
            case Decode(latents):
                return DecodedView(codec.step, codec.epoch, codec.decode(latents))
            case LatentMap():
                return space.map(question, on_batch)
            case Embedding():
                return space.embedding(question, on_batch)
            case Probe():
                return space.probe(question, on_batch)
            case Interpolation():
                return walks.interpolation(codec, question)
            case Traversal():
                return walks.traversal(codec, question, self._known_kl(on_batch), on_batch)
            case Manifold():
                return walks.manifold(codec, question, space.map(LatentMap(), on_batch))
            case Scores(split):
                return self._scores(split, on_batch)
            case Weights():
                state = {"step": codec.step, "model": self._model.state_dict()}
                if self._average is not None:
                    state["average"] = self._average.state_dict()
                return checkpoint.to_bytes(
                    self._config, checkpoint.copied(state, torch.device("cpu"))
                )
        raise TypeError(f"unknown view {question!r}")

    def _reconstructions(self, request: Reconstructions) -> ReconstructionView:
        codec = self._codec
        if request.indices is None:
            indices = self._page_indices(request.page)
        else:
            indices = np.array(request.indices, np.int64)
            indices = indices[indices < len(codec.images.validation)]
        return ReconstructionView(
            step=codec.step,
            epoch=codec.epoch,
            page=request.page,
            originals=codec.originals("validation", indices),
            reconstructions=codec.reconstruct("validation", indices),
            labels=codec.images.validation.labels[indices],
            class_names=codec.images.class_names,
            indices=indices,
        )

    def _page_indices(self, page: int) -> npt.NDArray[np.int64]:
        """Two images of every class, side by side: the first ones on page 0, else at random."""
        seed = stream_seed(self._config.split_seed, Stream.PREVIEW, page)
        rng = np.random.default_rng(seed)
        labels = self._codec.images.validation.labels
        chosen: list[npt.NDArray[np.int64]] = []
        for label in range(len(self._codec.images.class_names)):
            of_class = np.flatnonzero(labels == label)
            if page > 0:
                of_class = rng.permutation(of_class)
            chosen.append(of_class[:RECONSTRUCTIONS_PER_CLASS])
        return np.concatenate(chosen).astype(np.int64)

    def _known_kl(self, on_batch: OnBatch) -> npt.NDArray[np.float64]:
        if self._kl_per_dim is None:
            self._kl_per_dim = self._codec.kl_per_dim(on_batch)
        return self._kl_per_dim

    def _scores(self, split: Split, on_batch: OnBatch) -> ScoreView:
        codec = self._codec
        errors = np.concatenate([np.stack(e, axis=1) for e in codec.errors(split, on_batch)])
        labels, names = codec.images.of(split).labels, codec.images.class_names
        counts = np.bincount(labels, minlength=len(names))
        sums = [np.bincount(labels, weights=e, minlength=len(names)) for e in errors.T]
        with np.errstate(invalid="ignore"):
            class_bce, class_mse = (s / counts for s in sums)
        bce, mse = errors.mean(axis=0).tolist()
        return ScoreView(codec.step, codec.epoch, bce, mse, class_bce, class_mse, counts, names)
