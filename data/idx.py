"""Read the IDX files of MNIST and its relatives into arrays.

IDX is the format of https://yann.lecun.com/exdb/mnist: a big-endian header (magic number, number
of items, size of each further dimension) and then one unsigned byte per pixel or label. Only the
two kinds that MNIST uses are read here, gzipped or not; which files to read is decided in
`data.sources`.
"""

import struct

import numpy as np
import numpy.typing as npt

from data.containers import MAX_IMAGES, DataFile, open_plain_or_gzip
from data.errors import DataError
from data.regular_file import read_at_most

IMAGE_MAGIC = 2051
LABEL_MAGIC = 2049
IMAGE_SIDE = 28
CLASS_COUNT = 10

_KINDS = {IMAGE_MAGIC: "images", LABEL_MAGIC: "labels"}


def read_idx_images(path: DataFile) -> npt.NDArray[np.uint8]:
    """Read an IDX image file: uint8 (N, 28, 28), 0 is black, C-contiguous and read-only.

    Raises `DataError` when the file is missing, unreadable or damaged, is not an IDX image file,
    holds no images or images of another size, or has fewer or more bytes than its header promises.
    """
    content = _read_items(path, IMAGE_MAGIC, (IMAGE_SIDE, IMAGE_SIDE))
    return np.frombuffer(content, np.uint8).reshape(-1, IMAGE_SIDE, IMAGE_SIDE)


def read_idx_labels(path: DataFile) -> npt.NDArray[np.uint8]:
    """Read an IDX label file: uint8 (N,), each 0 to 9, C-contiguous and read-only.

    Raises `DataError` when the file is missing, unreadable or damaged, is not an IDX label file,
    holds no labels or one above 9, or has fewer or more bytes than its header promises.
    """
    labels = np.frombuffer(_read_items(path, LABEL_MAGIC, ()), np.uint8)
    if labels.max() >= CLASS_COUNT:
        position = int(np.argmax(labels >= CLASS_COUNT))
        raise DataError(
            f"{path}: the label at byte {_header_bytes(()) + position:,} is {labels[position]}, "
            f"expected 0 to {CLASS_COUNT - 1}."
        )
    return labels


def _header_bytes(item_shape: tuple[int, ...]) -> int:
    return 4 * (2 + len(item_shape))


def _read_items(path: DataFile, magic: int, item_shape: tuple[int, ...]) -> bytes:
    header_bytes = _header_bytes(item_shape)
    item_bytes = int(np.prod(item_shape, dtype=np.int64))
    with open_plain_or_gzip(path) as stream:
        header = read_at_most(stream, header_bytes)
        count = _item_count(path, header, magic, item_shape)
        # One byte more than promised shows that there is more, without reading what a bomb
        # unpacks to; and reading to the end is what makes gzip compare its checksum.
        content = read_at_most(stream, count * item_bytes + 1)
    promised = f"its header promises {count:,} {_KINDS[magic]}, which makes"
    expected = header_bytes + count * item_bytes
    if len(content) > count * item_bytes:
        raise DataError(f"{path} goes on after byte {expected:,}: {promised} {expected:,} bytes.")
    if len(content) < count * item_bytes:
        raise DataError(
            f"{path} ends at byte {header_bytes + len(content):,}: {promised} {expected:,} bytes."
        )
    return content


def _item_count(path: DataFile, header: bytes, magic: int, item_shape: tuple[int, ...]) -> int:
    kind = _KINDS[magic]
    found = int.from_bytes(header[:4], "big")
    if len(header) >= 4 and found != magic:
        raise DataError(
            f"{path} is not an IDX file of {kind}: byte 0 starts the magic number {found}"
            f"{f' (that of {_KINDS[found]})' if found in _KINDS else ''}, expected {magic}."
        )
    if len(header) < _header_bytes(item_shape):
        raise DataError(
            f"{path} ends at byte {len(header)}: an IDX file of {kind} starts with a header of "
            f"{_header_bytes(item_shape)} bytes."
        )
    count, *shape = struct.unpack(f">{1 + len(item_shape)}I", header[4:])
    if tuple(shape) != item_shape:
        raise DataError(
            f"{path}: the header gives {'×'.join(map(str, shape))} pixels an image at byte 8, "
            f"expected {'×'.join(map(str, item_shape))}."
        )
    if not 0 < count <= MAX_IMAGES:
        raise DataError(
            f"{path}: the header promises {count:,} {kind} at byte 4, expected 1 to {MAX_IMAGES:,}."
        )
    return int(count)
