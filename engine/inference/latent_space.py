"""`LatentSpace`: where the images lie, as maps and as neighbours of a latent."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from engine.inference.codec import Codec
from engine.model.latent_geometry import Array, nearest_to_one, principal_axes
from engine.model.seeds import Stream, stream_seed
from engine.projection import Projection
from engine.text import dimension_name
from engine.views import (
    MAP_TRAINING_IMAGES,
    Embedding,
    LatentCloud,
    LatentMap,
    Latents,
    LatentView,
    Plane,
    Probe,
    ProbeView,
    Split,
)

OnBatch = Callable[[], None] | None

REFRESHED_AT_ONCE = 600
"""Training images embedded again for one probe: some 10 ms on one CPU core."""


class LatentSpace:
    """The latent space of one model as it learns."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._maps: dict[LatentMap, LatentView] = {}
        self._axes: dict[Split, Array] = {}
        self._pool: Latents | None = None
        self._pool_steps = np.empty(0, np.int64)
        self._filling_pool = False

    def map(self, request: LatentMap, on_batch: OnBatch = None) -> LatentView:
        """A split's images on a plane; the same step's answer is kept."""
        known = self._maps.get(request)
        if known is not None and known.step == self._codec.step:
            return known
        self._maps = {r: view for r, view in self._maps.items() if view.step == self._codec.step}
        view = self._project(request, on_batch)
        self._maps[request] = view
        return view

    def embedding(self, request: Embedding, on_batch: OnBatch = None) -> LatentCloud:
        """All images of a split."""
        codec = self._codec
        return LatentCloud(
            codec.step,
            codec.epoch,
            codec.embed(request.split, on_batch=on_batch),
            codec.images.of(request.split).labels,
        )

    def probe(self, request: Probe, on_batch: OnBatch = None) -> ProbeView:
        """A latent's image and its neighbours."""
        codec = self._codec
        pool = self._refreshed_pool(on_batch)
        nearest, distances = np.empty(0, np.int64), np.empty(0, np.float32)
        if pool is not None:
            nearest, distances = nearest_to_one(pool, request.latent, request.neighbours)
        original = None
        if request.original is not None:
            split, index = request.original
            original = codec.originals(split, np.array([index]))[0]
        return ProbeView(
            step=codec.step,
            epoch=codec.epoch,
            image=codec.decode(request.latent[None])[0],
            neighbours=codec.originals("train", nearest),
            neighbour_labels=codec.images.train.labels[nearest],
            distances=distances,
            original=original,
        )

    def _project(self, request: LatentMap, on_batch: OnBatch) -> LatentView:
        codec = self._codec
        images = codec.images.of(request.split)
        indices = self._shown(request.split)
        latents = self._known_latents(request.split)
        if latents is None:
            latents = codec.embed(request.split, indices, on_batch)
        points, plane, projection, names = self._plane(request, latents)
        return LatentView(
            step=codec.step,
            epoch=codec.epoch,
            points=points.astype(np.float32),
            labels=images.labels[indices],
            class_names=codec.images.class_names,
            projection=projection,
            axis_names=names,
            split=request.split,
            indices=indices,
            latents=latents,
            plane=plane,
        )

    def _known_latents(self, split: Split) -> Latents | None:
        for request, view in self._maps.items():
            if request.split == split and view.step == self._codec.step:
                return view.latents
        return None

    def _shown(self, split: Split) -> npt.NDArray[np.int64]:
        count = len(self._codec.images.of(split))
        if split != "train" or count <= MAP_TRAINING_IMAGES:
            return np.arange(count)
        seed = stream_seed(self._codec.config.split_seed, Stream.MAP)
        chosen = np.random.default_rng(seed).permutation(count)[:MAP_TRAINING_IMAGES]
        return np.sort(chosen)

    def _plane(
        self, request: LatentMap, latents: Latents
    ) -> tuple[npt.NDArray[np.floating], Plane, Projection | None, tuple[str, str]]:
        dims = latents.shape[1]
        if dims == 1:
            # One dimension fills a plane with nothing: the second axis stays at 0.
            plane = Plane(np.zeros(1), np.array([[1.0], [0.0]]))
            points = np.concatenate((latents, np.zeros_like(latents)), axis=1)
            return points, plane, None, (dimension_name(0), "0")
        if request.dims is not None or dims == 2:
            first, second = request.dims or (0, 1)
            axes = np.eye(dims)[[first, second]]
            # Through the middle of the cloud, where it is not one of the plane's own dimensions.
            origin = latents.astype(np.float64).mean(axis=0) * (1.0 - axes.sum(axis=0))
            names = (dimension_name(first), dimension_name(second))
            return latents[:, [first, second]], Plane(origin, axes), None, names
        # Turned to agree with the map before, so that a live map doesn't flip.
        pca = principal_axes(latents, count=2, like=self._axes.get(request.split))
        self._axes[request.split] = pca.axes
        shares = ("" if np.isnan(r) else f" ({100 * r:.1f} %)" for r in pca.explained)
        pc_1, pc_2 = (f"PC {number}{share}" for number, share in enumerate(shares, 1))
        return pca.project(latents), Plane(pca.mean, pca.axes), "pca", (pc_1, pc_2)

    def _refreshed_pool(self, on_batch: OnBatch) -> Latents | None:
        """The training images' points, the stalest of them recomputed; None while being filled."""
        if self._pool is None:
            if self._filling_pool:  # asked by `on_batch`, in the middle of it
                return None
            self._filling_pool = True
            try:
                step = self._codec.step
                pool = self._codec.embed("train", on_batch=on_batch)
            finally:
                self._filling_pool = False
            self._pool, self._pool_steps = pool, np.full(len(pool), step)
            return pool
        stale = np.flatnonzero(self._pool_steps != self._codec.step)
        if len(stale):
            oldest = stale[np.argsort(self._pool_steps[stale], kind="stable")][:REFRESHED_AT_ONCE]
            self._pool[oldest] = self._codec.embed("train", oldest)
            self._pool_steps[oldest] = self._codec.step
        return self._pool
