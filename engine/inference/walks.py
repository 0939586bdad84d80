"""Walks through latent space, decoded: interpolation, traversal, the manifold's grid."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from engine.inference.codec import Codec
from engine.inference.sampling import draw
from engine.model.latent_geometry import even_quantiles, lerp, normal_quantiles, slerp
from engine.model.seeds import Stream, stream_seed
from engine.views import (
    Interpolation,
    InterpolationView,
    LatentView,
    Manifold,
    ManifoldView,
    PriorSamples,
    Traversal,
    TraversalView,
)

Array = npt.NDArray[np.float64]
Pairs = tuple[tuple[int, int], ...]

OUTERMOST = (0.05, 0.95)
"""Quantiles at the ends of a traversal (Higgins et al. 2017)."""


def interpolation(codec: Codec, request: Interpolation) -> InterpolationView:
    """Paths between two points each, as `Interpolation` says."""
    fractions = np.linspace(0.0, 1.0, request.steps)
    if request.between == "images":
        pairs = request.pairs or _pairs_of_classes(codec, request)
        count = len(codec.images.validation)
        pairs = tuple((a % count, b % count) for a, b in pairs)
        ends = np.array(pairs).reshape(-1)
        points = codec.embed("validation", ends)
        originals = codec.originals("validation", ends).reshape(-1, 2, 28, 28)
        labels = codec.images.validation.labels[ends].tolist()
        names = [codec.images.class_names[label] for label in labels]
        path = lerp
    else:
        pairs = request.pairs or tuple((2 * r, 2 * r + 1) for r in range(request.rows))
        ends = np.array(pairs).reshape(-1)
        draws = PriorSamples(seed=request.page, count=max(64, int(ends.max()) + 1))
        points = draw(codec.config, draws)[ends]
        originals = None
        names = [f"sample {end + 1}" for end in ends.tolist()]
        path = slerp
    rows = points.astype(np.float64).reshape(len(pairs), 2, -1)
    latents = np.concatenate([path(a, b, fractions) for a, b in rows])
    return InterpolationView(
        step=codec.step,
        epoch=codec.epoch,
        images=codec.decode(latents).reshape(len(pairs), request.steps, 28, 28),
        fractions=fractions,
        pairs=pairs,
        originals=originals,
        names=tuple(zip(names[::2], names[1::2], strict=True)),
        method="lerp" if path is lerp else "slerp",
    )


def traversal(
    codec: Codec,
    request: Traversal,
    kl_per_dim: Array,
    on_batch: Callable[[], None] | None = None,
) -> TraversalView:
    """Single dimensions moved, those that hold the most information first.

    Args:
        kl_per_dim: (D,) what to sort by; empty for an autoencoder.
        on_batch: called before each batch, where all validation images are needed.
    """
    index = request.image % len(codec.images.validation)
    start = codec.embed("validation", np.array([index]))[0].astype(np.float64)
    quantiles = np.linspace(*OUTERMOST, request.steps)
    if len(kl_per_dim):
        weights = kl_per_dim
        values = np.tile(normal_quantiles(quantiles), (len(weights), 1))
    else:
        codes = codec.embed("validation", on_batch=on_batch).astype(np.float64)
        weights = codes.var(axis=0)
        values = np.quantile(codes, quantiles, axis=0).T
    dims = np.argsort(-weights, kind="stable")[: request.rows]
    latents = np.tile(start, (len(dims), request.steps, 1))
    for row, dim in enumerate(dims):
        latents[row, :, dim] = values[dim]
    images = codec.decode(latents.reshape(-1, len(start)))
    return TraversalView(
        step=codec.step,
        epoch=codec.epoch,
        images=images.reshape(len(dims), request.steps, 28, 28),
        dims=dims,
        weights=weights[dims],
        quantiles=quantiles,
        values=values[dims],
        original=codec.originals("validation", np.array([index]))[0],
        index=index,
        class_name=codec.images.class_names[codec.images.validation.labels[index]],
    )


def manifold(codec: Codec, request: Manifold, latent_map: LatentView) -> ManifoldView:
    """A plane on an even grid of the standard normal's quantiles, as `Manifold` says.

    Args:
        latent_map: of the validation images; its plane is the one that is decoded.
    """
    assert latent_map.plane is not None
    quantiles = even_quantiles(request.size)
    x = y = normal_quantiles(quantiles)
    origin, axes = latent_map.plane.origin, latent_map.plane.axes
    if codec.config.model == "ae":
        (left, bottom), (wide, high) = latent_map.points.mean(axis=0), latent_map.points.std(axis=0)
        x, y = left + wide * x, bottom + high * y
    rows = y[::-1] if codec.config.latent_dim > 1 else np.zeros(1)
    latents = origin + x[None, :, None] * axes[0] + rows[:, None, None] * axes[1]
    images = codec.decode(latents.reshape(-1, codec.config.latent_dim))
    return ManifoldView(
        step=codec.step,
        epoch=codec.epoch,
        images=images.reshape(len(rows), len(x), 28, 28),
        quantiles=quantiles,
        axis_names=latent_map.axis_names,
    )


def _pairs_of_classes(codec: Codec, request: Interpolation) -> Pairs:
    """Images of two classes each, every class in one pair before any is in a second."""
    labels = codec.images.validation.labels
    seed = stream_seed(codec.config.split_seed, Stream.WALK, request.page)
    # Two streams, so that more rows are the same ones and some more.
    classes, choices = np.random.default_rng(seed).spawn(2)
    present = np.unique(labels)
    order: list[int] = []
    while len(order) < 2 * request.rows:
        again = classes.permutation(present)
        if len(order) % 2 and len(again) > 1 and again[0] == order[-1]:
            again = np.roll(again, 1)  # no way from a class to itself
        order += again.tolist()
    of_class = {label: np.flatnonzero(labels == label) for label in present.tolist()}
    chosen = [int(choices.choice(of_class[label])) for label in order[: 2 * request.rows]]
    return tuple(zip(chosen[::2], chosen[1::2], strict=True))
