"""Load a dataset, the bundled Fashion-MNIST or a person's own copy, as arrays in memory.

The training file is read at once, the test file only when somebody asks for it: what is tuned on
the validation split must not see it. The split itself is made in `data.split`.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data.errors import DataError
from data.idx import CLASS_COUNT, read_idx_images, read_idx_labels
from data.kaggle_csv import read_kaggle_csv
from data.sources import CsvFile, IdxFiles, Source, find_source, missing_file

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""Fashion-MNIST's classes, label 0 to 9."""

FASHION_MNIST_FINGERPRINT = "16d82e2b505296aa2b78bd5ea0992634f30419a4c97def7c907d154a35ac6157"
"""`content_fingerprint` of Fashion-MNIST's 60,000 training images and labels."""

MIN_TRAINING_IMAGES = 20

_BUNDLED_FOLDER = Path(__file__).parent / "fashion-mnist"
_DIGIT_NAMES = tuple(str(label) for label in range(CLASS_COUNT))


@dataclass(frozen=True)
class ImageDataset:
    """A training set in memory, and the way to its test set. All arrays are read-only.

    Two are equal when they have the same source, class names and fingerprint.
    """

    images: npt.NDArray[np.uint8] = field(repr=False, compare=False)
    """Training images, uint8 (N, 28, 28), 0 is black, C-contiguous."""
    labels: npt.NDArray[np.uint8] = field(repr=False, compare=False)
    """Training labels, uint8 (N,), each an index into `class_names`."""
    class_names: tuple[str, ...]
    source: str
    """For a person: "Fashion-MNIST (bundled)", or the folder or CSV file it was read from."""
    fingerprint: str
    """`content_fingerprint` of the training images and labels."""
    test_files: IdxFiles | CsvFile | None = field(default=None, repr=False, compare=False)

    def load_test(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Read the test images, uint8 (N, 28, 28), and labels, uint8 (N,); again at each call.

        Raises `DataError`, naming the file that was looked for, when there is none or it cannot
        be used.
        """
        if self.test_files is None:
            raise DataError(
                f"{self.source} has no test file: it would have the name of the training file "
                "with test in the place of train."
            )
        if missing := missing_file(self.test_files):
            or_packed = "[.gz]" if isinstance(self.test_files, IdxFiles) else ""
            raise DataError(f"{self.source} has no test file: looked for {missing}{or_packed}.")
        return _read(self.test_files)


def load_dataset(path: Path | None = None) -> ImageDataset:
    """Load the training set at `path`, or the bundled Fashion-MNIST when it is None.

    `path` is a folder with the four IDX files, gzipped or not, a folder above them in torchvision's
    layout, a folder with Kaggle's CSV files, a .zip, .tar or .tar.gz of any of these, or such a CSV
    file (plain, .gz, .zip); a leading `~` is expanded. Raises `DataError` when nothing is found
    there, or what is found cannot be used: damaged, images and labels of different number, fewer
    than 20 images.
    """
    source = find_source(_BUNDLED_FOLDER if path is None else path)
    images, labels = _read(source.training)
    if len(images) < MIN_TRAINING_IMAGES:
        raise DataError(
            f"{source.location} has {len(images)} training images, "
            f"expected at least {MIN_TRAINING_IMAGES}."
        )
    fingerprint = content_fingerprint(images, labels)
    return ImageDataset(
        images=images,
        labels=labels,
        class_names=_class_names(source, fingerprint),
        source="Fashion-MNIST (bundled)" if path is None else str(source.location),
        fingerprint=fingerprint,
        test_files=source.test,
    )


def content_fingerprint(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> str:
    """Return the hex SHA-256 of the images' bytes followed by the labels' bytes.

    It is the same for the same content, whatever file format it was read from.
    """
    digest = hashlib.sha256(np.ascontiguousarray(images).data)
    digest.update(np.ascontiguousarray(labels).data)
    return digest.hexdigest()


def _read(files: IdxFiles | CsvFile) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    if isinstance(files, CsvFile):
        return read_kaggle_csv(files.table)
    images, labels = read_idx_images(files.images), read_idx_labels(files.labels)
    if len(images) != len(labels):
        raise DataError(
            f"{files.images} has {len(images):,} images but {files.labels} has {len(labels):,} "
            "labels, expected as many."
        )
    return images, labels


def _class_names(source: Source, fingerprint: str) -> tuple[str, ...]:
    if fingerprint == FASHION_MNIST_FINGERPRINT:
        return CLASS_NAMES
    # The nearest name decides: digits may lie in ~/fashion-vae/MNIST/raw.
    for part in reversed(source.location.parts):
        if "fashion" in part.lower():
            return CLASS_NAMES
        if "mnist" in part.lower():
            return _DIGIT_NAMES
    return _DIGIT_NAMES
