"""Nearest training images in latent space: whose class they are, and how far they lie."""

import math

import numpy as np
import numpy.typing as npt

from engine.model.latent_geometry import VOTING_NEIGHBOURS, classify, nearest
from engine.report.facts import FEWEST_IMAGES, REMOTE_SHARE, NeighbourFacts

_DRAWS = 2_000
"""Enough for a share of one in twenty to be right to half a per cent."""

Latents = npt.NDArray[np.floating]
Labels = npt.NDArray[np.uint8]


def neighbour_facts(
    train: Latents, train_labels: Labels, held_out: Latents, labels: Labels, classes: int
) -> NeighbourFacts:
    """Take each held-out image for what most of its nearest training images are.

    Args:
        train: (N, D) latents.
        train_labels: (N,)
        held_out: (M, D) latents.
        labels: (M,)
        classes: number of classes C.
    """
    predicted = classify(train, train_labels, held_out)
    confusions = np.zeros((classes, classes), np.int64)
    np.add.at(confusions, (labels, predicted), 1)
    voting = min(VOTING_NEIGHBOURS, len(train))
    return NeighbourFacts(voting, tuple(map(tuple, confusions.tolist())))


def remote_share(train: Latents, held_out: Latents, draws: Latents) -> float:
    """Share of the draws that lie farther from all training images than held-out ones do.

    NaN for fewer than `FEWEST_IMAGES` held-out ones.

    Farther than all but `REMOTE_SHARE` of the held-out latents, so that this is the share to
    expect of draws from their own distribution.

    Args:
        train: (N, D) the training images' μ.
        held_out: (M, D) latents drawn from q(z|x) of other images.
        draws: (M, D) latents drawn from the prior.
    """

    def distances(latents: Latents) -> npt.NDArray[np.floating]:
        _, found = nearest(train, latents[:_DRAWS].astype(train.dtype), 1)
        return found[:, 0]

    if len(held_out) < FEWEST_IMAGES:
        return math.nan
    limit = np.quantile(distances(held_out), 1.0 - REMOTE_SHARE)
    return float(np.mean(distances(draws) > limit))
