"""The parts of a data set on the device."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from data import DataError, ImageDataset, load_dataset, split_indices
from engine.config import RunConfig
from engine.model.device_data import ImageSplits, LabelledImages

CONFIG = RunConfig(validation_share=0.25, split_seed=3)
CPU = torch.device("cpu")


def test_the_training_file_is_split_as_the_settings_say(small_dataset: ImageDataset) -> None:
    images = ImageSplits.of_dataset(small_dataset, CONFIG, CPU)
    split = split_indices(small_dataset.labels, 0.25, 3)
    for part, indices in ((images.train, split.train), (images.validation, split.validation)):
        assert len(part) == len(indices)
        assert part.pixels.dtype == torch.uint8
        expected = small_dataset.images[indices].reshape(-1, 784)
        assert np.array_equal(part.pixels.numpy(), expected)
        assert np.array_equal(part.labels, small_dataset.labels[indices])
    assert (len(images.train), len(images.validation)) == (300, 100)
    assert images.class_names == small_dataset.class_names
    assert images.of("train") is images.train
    assert images.of("validation") is images.validation


def test_the_test_images_are_loaded_once_and_only_if_looked_at(
    small_dataset: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[None] = []
    original = ImageDataset.load_test

    def load(self: ImageDataset) -> tuple[np.ndarray, np.ndarray]:
        calls.append(None)
        return original(self)

    monkeypatch.setattr(ImageDataset, "load_test", load)
    images = ImageSplits.of_dataset(small_dataset, CONFIG, CPU)
    images.of("train")
    images.of("validation")
    assert calls == []
    test = images.of("test")
    assert images.of("test") is test
    assert len(calls) == 1
    pixels, labels = small_dataset.load_test()
    assert np.array_equal(test.pixels.numpy(), pixels.reshape(-1, 784))
    assert np.array_equal(test.labels, labels)


def test_missing_test_images_are_an_error_only_when_they_are_looked_at(
    small_data: Path, tmp_path: Path
) -> None:
    for file in small_data.iterdir():
        if file.name.startswith("train"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    images = ImageSplits.of_dataset(load_dataset(tmp_path), CONFIG, CPU)
    assert len(images.of("train")) == 300
    for _ in range(2):
        with pytest.raises(DataError):
            images.of("test")


def test_another_seed_is_another_split_of_the_same_images(small_dataset: ImageDataset) -> None:
    one = ImageSplits.of_dataset(small_dataset, CONFIG, CPU)
    other = ImageSplits.of_dataset(small_dataset, replace(CONFIG, split_seed=4), CPU)
    assert not torch.equal(one.validation.pixels, other.validation.pixels)


def test_a_part_is_as_long_as_its_labels() -> None:
    assert len(LabelledImages(torch.zeros(3, 784, dtype=torch.uint8), np.zeros(3, np.uint8))) == 3
