"""The bundled files are Fashion-MNIST, as Debian and Zalando distribute it."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

import data
from data import CLASS_NAMES, ImageDataset, load_dataset, split_indices

FOLDER = Path(data.__file__).parent / "fashion-mnist"

# Name, SHA-256 of the .gz as in Debian's package, MD5 of the content as published by Zalando.
CHECKSUMS = [
    (
        "train-images-idx3-ubyte.gz",
        "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    ),
    (
        "train-labels-idx1-ubyte.gz",
        "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
        "9018921c3c673c538a1fc5bad174d6f9",
    ),
    (
        "t10k-images-idx3-ubyte.gz",
        "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
        "8181f5470baa50b63fa0f6fddb340f0a",
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ),
]


@pytest.fixture(scope="module")
def bundled() -> ImageDataset:
    return load_dataset()


@pytest.mark.parametrize(("name", "packed_sha256", "content_md5"), CHECKSUMS)
def test_each_file_has_its_published_checksums(
    name: str, packed_sha256: str, content_md5: str
) -> None:
    packed = (FOLDER / name).read_bytes()
    assert hashlib.sha256(packed).hexdigest() == packed_sha256
    content = gzip.decompress(packed)
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == content_md5


def test_the_readme_gives_the_same_checksums() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for row in CHECKSUMS:
        assert f"| {' | '.join(row)} |" in readme


def test_the_licence_travels_with_the_files() -> None:
    licence = (FOLDER / "LICENSE").read_text(encoding="utf-8")
    assert "The MIT License" in licence
    assert "Copyright © 2017 Zalando SE, https://tech.zalando.com" in licence
    assert "shall be included in all copies" in licence


@pytest.mark.slow
def test_the_training_set_is_that_of_the_paper(bundled: ImageDataset) -> None:
    assert bundled.images.shape == (60_000, 28, 28)
    assert bundled.labels.shape == (60_000,)
    assert bundled.images.dtype == bundled.labels.dtype == np.uint8
    assert bundled.images.flags.c_contiguous
    assert not bundled.images.flags.writeable
    np.testing.assert_array_equal(np.bincount(bundled.labels), np.full(10, 6_000))
    # The mean and standard deviation that everybody normalises with.
    assert round(float(bundled.images.mean() / 255), 4) == 0.2860
    assert round(float(bundled.images.std() / 255), 4) == 0.3530


def test_the_test_set_is_that_of_the_paper(bundled: ImageDataset) -> None:
    images, labels = bundled.load_test()
    assert images.shape == (10_000, 28, 28)
    np.testing.assert_array_equal(np.bincount(labels), np.full(10, 1_000))


def test_it_says_what_it_is(bundled: ImageDataset) -> None:
    assert bundled.source == "Fashion-MNIST (bundled)"
    assert bundled.class_names == CLASS_NAMES
    assert ", ".join(CLASS_NAMES) == (
        "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
    )


def test_its_fingerprint_is_the_hash_of_pixels_and_labels(bundled: ImageDataset) -> None:
    images, labels = (
        gzip.decompress((FOLDER / f"train-{name}-ubyte.gz").read_bytes())
        for name in ("images-idx3", "labels-idx1")
    )
    assert bundled.fingerprint == hashlib.sha256(images[16:] + labels[8:]).hexdigest()


def test_a_tenth_of_it_for_validation_is_600_of_each_class(bundled: ImageDataset) -> None:
    split = split_indices(bundled.labels, 0.1, seed=0)
    assert len(split.train) == 54_000
    np.testing.assert_array_equal(np.bincount(bundled.labels[split.validation]), np.full(10, 600))
