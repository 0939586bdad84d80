"""The validation split: every image once, every class its share, the same for the same seed."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data import DataError, split_indices

any_labels = hnp.arrays(np.uint8, st.integers(20, 400), elements=st.integers(0, 9))
any_share = st.floats(0.05, 0.95)
any_seed = st.integers(0, 2**64)


@settings(max_examples=100, deadline=None)
@given(labels=any_labels, share=any_share, seed=any_seed)
def test_every_image_is_in_exactly_one_part(
    labels: npt.NDArray[np.uint8], share: float, seed: int
) -> None:
    split = split_indices(labels, share, seed)
    both = np.concatenate([split.train, split.validation])
    np.testing.assert_array_equal(np.sort(both), np.arange(len(labels)))
    for indices in (split.train, split.validation):
        assert indices.dtype == np.int64
        assert not indices.flags.writeable
        assert np.all(np.diff(indices) > 0)


@settings(max_examples=100, deadline=None)
@given(labels=any_labels, share=any_share, seed=any_seed)
def test_the_validation_part_has_exactly_its_share_of_the_images(
    labels: npt.NDArray[np.uint8], share: float, seed: int
) -> None:
    assert len(split_indices(labels, share, seed).validation) == round(len(labels) * share)


@settings(max_examples=100, deadline=None)
@given(labels=any_labels, share=any_share, seed=any_seed)
def test_every_class_has_its_share_to_within_one_image(
    labels: npt.NDArray[np.uint8], share: float, seed: int
) -> None:
    split = split_indices(labels, share, seed)
    for label in range(10):
        images_of_class = int(np.sum(labels == label))
        fair = images_of_class * len(split.validation) / len(labels)
        chosen = int(np.sum(labels[split.validation] == label))
        assert math.floor(fair) <= chosen <= math.ceil(fair)


@settings(max_examples=50, deadline=None)
@given(labels=any_labels, share=any_share, seed=any_seed)
def test_the_same_seed_gives_the_same_split(
    labels: npt.NDArray[np.uint8], share: float, seed: int
) -> None:
    one, other = (split_indices(labels, share, seed) for _ in range(2))
    np.testing.assert_array_equal(one.train, other.train)
    np.testing.assert_array_equal(one.validation, other.validation)


def test_another_seed_gives_another_split() -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), 100)
    splits = {split_indices(labels, 0.1, seed).validation.tobytes() for seed in range(20)}
    assert len(splits) == 20


def test_largest_remainders_decide_who_rounds_up() -> None:
    # Of 5 of 20: fair shares are 2.75, 1.75 and 0.5, so the first two classes round up.
    labels = np.repeat(np.array([0, 1, 2], np.uint8), [11, 7, 2])
    split = split_indices(labels, 0.25, seed=3)
    np.testing.assert_array_equal(np.bincount(labels[split.validation], minlength=3), [3, 2, 0])


def test_every_image_is_as_likely_to_be_chosen() -> None:
    labels = np.tile(np.arange(10, dtype=np.uint8), 10)
    chosen = np.zeros(100)
    for seed in range(1000):
        chosen[split_indices(labels, 0.2, seed).validation] += 1
    # Binomial(1000, 0.2): mean 200, standard deviation 12.6; five of them either side.
    assert chosen.min() > 137
    assert chosen.max() < 263


def test_a_split_stays_what_it_was_in_runs_of_earlier_versions() -> None:
    # Of this version's own making: resumed runs depend on it, so it may not change.
    labels = np.tile(np.arange(10, dtype=np.uint8), 10)
    assert split_indices(labels, 0.1, seed=42).validation.tolist() == [
        27,
        32,
        36,
        51,
        59,
        68,
        83,
        84,
        85,
        90,
    ]


@pytest.mark.parametrize(
    ("labels", "share", "validation"),
    [
        ([3] * 100, 0.1, [3] * 10),
        ([3] * 20, 0.05, [3]),
        ([9, *[0] * 49], 0.1, [0] * 5),
        ([9, 8, 7, *[0] * 17], 0.05, [0]),
        ([0, 1, 2, 3], 0.5, [0, 1]),
    ],
    ids=["one class", "one image", "a class of one image", "three of them", "all of them"],
)
def test_classes_too_small_to_share_are_no_fault(
    labels: list[int], share: float, validation: list[int]
) -> None:
    array = np.array(labels, np.uint8)
    split = split_indices(array, share, seed=1)
    assert sorted(array[split.validation].tolist()) == validation
    assert len(split.train) == len(labels) - len(validation)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, math.nan, math.inf])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(DataError, match=r"share is .*, expected between 0 and 1\.$"):
        split_indices(np.zeros(100, np.uint8), share, 0)


@pytest.mark.parametrize(
    ("count", "share", "training", "validation"),
    [(20, 0.01, 20, 0), (20, 0.99, 0, 20), (1, 0.6, 0, 1), (0, 0.5, 0, 0)],
)
def test_an_empty_part_is_refused(count: int, share: float, training: int, validation: int) -> None:
    message = f"of {count} images leaves {training} for training and {validation} for validation"
    with pytest.raises(DataError, match=message):
        split_indices(np.zeros(count, np.uint8), share, 0)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(DataError, match="seed of the split is -1, expected 0 or more"):
        split_indices(np.zeros(100, np.uint8), 0.1, -1)
