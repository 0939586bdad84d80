"""Nearest training images in latent space: whose class they are, and how far they lie."""

import numpy as np
import numpy.typing as npt

from engine.report.facts import REMOTE_SHARE, NeighbourFacts

NEIGHBOURS = 15
"""As `engine.analysis.jobs.NeighbourAccuracy`."""
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
    from sklearn.neighbors import KNeighborsClassifier

    neighbours = min(NEIGHBOURS, len(train))
    classifier = KNeighborsClassifier(n_neighbors=neighbours, algorithm="brute")
    predicted = classifier.fit(train, train_labels).predict(held_out)
    confusions = np.zeros((classes, classes), np.int64)
    np.add.at(confusions, (labels, predicted), 1)
    return NeighbourFacts(neighbours, tuple(map(tuple, confusions.tolist())))


def remote_share(train: Latents, held_out: Latents, draws: Latents) -> float:
    """Share of the draws that lie farther from all training images than held-out ones do.

    Farther than all but `REMOTE_SHARE` of the held-out latents, so that this is the share to
    expect of draws from their own distribution.

    Args:
        train: (N, D) the training images' μ.
        held_out: (M, D) latents drawn from q(z|x) of other images.
        draws: (M, D) latents drawn from the prior.
    """
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(train)

    def distances(latents: Latents) -> npt.NDArray[np.floating]:
        found: npt.NDArray[np.floating] = search.kneighbors(latents[:_DRAWS].astype(train.dtype))[0]
        return found[:, 0]

    limit = np.quantile(distances(held_out), 1.0 - REMOTE_SHARE)
    return float(np.mean(distances(draws) > limit))
