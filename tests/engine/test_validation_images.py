"""Which runs hold out the same images, against the split itself."""

import itertools

import numpy as np

from data import split_indices
from engine.config import RunConfig
from engine.validation_images import ValidationImages


def test_they_differ_exactly_where_the_split_does() -> None:
    labels = np.arange(200, dtype=np.uint8) % 10
    configs = [
        RunConfig(validation_share=share, split_seed=seed, seed=number)
        for number, (share, seed) in enumerate(itertools.product((0.1, 0.2), (0, 1)))
    ]
    configs.append(RunConfig(model="ae", beta=4.0, data="/elsewhere"))
    for one, two in itertools.product(configs, repeat=2):
        mine, other = (
            split_indices(labels, c.validation_share, c.split_seed).validation for c in (one, two)
        )
        first, second = (ValidationImages.of(c, "f") for c in (one, two))
        assert first.differ_from(second) is not np.array_equal(mine, other)
        assert (first == second) is np.array_equal(mine, other)


def test_other_data_are_other_images_and_unknown_data_may_be_the_same() -> None:
    known, other, unknown = (ValidationImages.of(RunConfig(), f) for f in ("a", "b", ""))
    assert known.differ_from(other)
    assert other.differ_from(known)
    assert not known.differ_from(unknown)
    assert not unknown.differ_from(known)
    assert ValidationImages.of(RunConfig(split_seed=1), "").differ_from(unknown)
