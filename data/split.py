"""Set part of the training images aside for validation: stratified by class, decided by a seed."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data.errors import DataError


@dataclass(frozen=True, eq=False)
class Split:
    """Indices into the training images; every image is in exactly one of the two."""

    train: npt.NDArray[np.int64]
    """int64 (N - V,), ascending, read-only."""
    validation: npt.NDArray[np.int64]
    """int64 (V,), ascending, read-only."""


def split_indices(labels: npt.NDArray[np.uint8], validation_share: float, seed: int) -> Split:
    """Split the images that have these labels, (N,), into training and validation.

    The validation part has round(N · validation_share) images, each class its share of them to
    within one image (largest remainders). The same labels, share and seed give the same split.

    Raises `DataError` when the share is not between 0 and 1, a part would be empty, or the seed
    is negative.
    """
    count = len(labels)
    if not 0 < validation_share < 1:
        raise DataError(f"The validation share is {validation_share}, expected between 0 and 1.")
    if seed < 0:
        raise DataError(f"The seed of the split is {seed}, expected 0 or more.")
    validation_count = round(count * validation_share)
    if not 0 < validation_count < count:
        raise DataError(
            f"A validation share of {validation_share} of {count} images leaves "
            f"{count - validation_count} for training and {validation_count} for validation, "
            "expected at least one for each."
        )
    # Raw words rather than a permutation: NumPy promises the stream of a bit generator to stay
    # as it is, not that of Generator's methods (NEP 19), and a resumed run needs the same split.
    order = np.lexsort((np.random.PCG64(seed).random_raw(count), labels))
    _, class_starts, class_counts = np.unique(labels[order], return_index=True, return_counts=True)
    in_validation = np.zeros(count, dtype=bool)
    class_shares = _largest_remainders(class_counts, validation_count)
    for start, share in zip(class_starts, class_shares, strict=True):
        in_validation[order[start : start + share]] = True
    split = Split(np.flatnonzero(~in_validation), np.flatnonzero(in_validation))
    for indices in (split.train, split.validation):
        indices.setflags(write=False)
    return split


def _largest_remainders(counts: npt.NDArray[np.int64], total: int) -> npt.NDArray[np.int64]:
    """Share `total` out in proportion to `counts`; of equal remainders the first class wins."""
    shares, remainders = np.divmod(counts * total, counts.sum())
    winners = np.argsort(-remainders, kind="stable")[: total - shares.sum()]
    shares[winners] += 1
    return shares
