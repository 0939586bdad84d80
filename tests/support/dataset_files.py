"""Write small datasets the way their publishers do, and damage them.

Written from the format descriptions, without the code under test.
"""

import csv
import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from data import DataError

Read = TypeVar("Read")
Array = npt.NDArray[np.uint8]

HEADER = "label," + ",".join(f"pixel{n}" for n in range(1, 785))


def random_dataset(count: int, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    return images, rng.integers(0, 10, count, dtype=np.uint8)


def idx_images(images: Array) -> bytes:
    return struct.pack(">4I", 2051, *images.shape) + images.tobytes()


def idx_labels(labels: Array) -> bytes:
    return struct.pack(">2I", 2049, len(labels)) + labels.tobytes()


def csv_text(images: Array, labels: Array) -> bytes:
    lines = [HEADER]
    for image, label in zip(images, labels, strict=True):
        lines.append(",".join(map(str, [label, *image.ravel()])))
    return ("\n".join(lines) + "\n").encode()


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def idx_members(
    training: tuple[Array, Array], test: tuple[Array, Array] | None, folder: str, suffix: str
) -> dict[str, bytes]:
    """The files of a dataset by their names in an archive."""
    members = {}
    for part, arrays in (("train", training), ("t10k", test)):
        if arrays is not None:
            for kind, content in (
                ("images-idx3", idx_images(arrays[0])),
                ("labels-idx1", idx_labels(arrays[1])),
            ):
                packed = gzip.compress(content, 1, mtime=0) if suffix else content
                members[f"{folder}{part}-{kind}-ubyte{suffix}"] = packed
    return members


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


def write_idx_folder(
    folder: Path,
    training: tuple[Array, Array],
    test: tuple[Array, Array] | None = None,
    spelling: str = "{part}-{kind}-idx{rank}-ubyte.gz",
) -> Path:
    parts = [("train", training)] + ([("t10k", test)] if test else [])
    for part, (images, labels) in parts:
        write(folder / spelling.format(part=part, kind="images", rank=3), idx_images(images))
        write(folder / spelling.format(part=part, kind="labels", rank=1), idx_labels(labels))
    return folder


def naive_csv(content: bytes) -> tuple[Array, Array]:
    """Read Kaggle's CSV with the standard library and Decimal: slow, and nothing in common."""
    header, *rows = [
        row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) if any(row)
    ]
    start = header.index("label")
    end = start + 785
    assert start == 0 or header[:start] in ([""], ["index"], ["Unnamed: 0"])
    assert header[start:end] == HEADER.split(",")
    assert all(len(row) == len(header) and not any(row[end:]) for row in rows)
    numbers = [[Decimal(cell) for cell in row[start:end]] for row in rows]
    assert all(number == int(number) for row in numbers for number in row)
    table = np.array(numbers).astype(np.int64)
    assert table.min() >= 0
    assert table.max() <= 255
    assert table[:, 0].max() <= 9
    return table[:, 1:].astype(np.uint8).reshape(-1, 28, 28), table[:, 0].astype(np.uint8)


def read_or_refusal(reader: Callable[[Path], Read], path: Path) -> tuple[Read | None, str]:
    """Return what was read and "", or None and the why_unsupported, which names the file."""
    try:
        return reader(path), ""
    except DataError as error:
        message = str(error)
    assert str(path) in message
    return None, message


@st.composite
def damaged(
    draw: st.DrawFn, content: bytes, start: int = 0, alphabet: bytes | None = None
) -> bytes:
    """One to three bytes flipped, inserted or deleted at or after `start`, or the end cut off."""
    result = bytearray(content)
    values = st.integers(0, 255) if alphabet is None else st.sampled_from(sorted(alphabet))
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["flip", "insert", "delete", "cut"]))
        where = draw(st.integers(start, max(start, len(result) - 1)))
        if kind == "flip" and where < len(result):
            result[where] = draw(values)
        elif kind == "insert":
            result[where:where] = bytes(draw(st.lists(values, min_size=1, max_size=4)))
        elif kind == "delete":
            del result[where : where + draw(st.integers(1, 3))]
        else:
            del result[where:]
    return bytes(result)
