"""Fashion-MNIST and its relatives as arrays: find, read, check and split them.

Depends on numpy, and on pandas once a CSV file is read. It knows neither torch nor the terminal.
"""

from data.errors import DataError
from data.fashion_mnist import CLASS_NAMES, ImageDataset, load_dataset
from data.paths import absolute_path
from data.split import Split, split_indices

__all__ = [
    "CLASS_NAMES",
    "DataError",
    "ImageDataset",
    "Split",
    "absolute_path",
    "load_dataset",
    "split_indices",
]
