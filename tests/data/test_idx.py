"""The IDX reader: what it reads is what was written, and what is damaged is refused by name."""

import gzip
import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data import DataError
from data.idx import read_idx_images, read_idx_labels
from tests.support.dataset_files import (
    damaged,
    idx_images,
    idx_labels,
    random_dataset,
    read_or_refusal,
    write,
)

IMAGES, LABELS = random_dataset(3)
IMAGE_FILE = idx_images(IMAGES)
LABEL_FILE = idx_labels(LABELS)

Reader = Callable[[Path], npt.NDArray[np.uint8]]


def refusal(reader: Reader, path: Path) -> str:
    """Return the message, having checked what every message has: the file, and one sentence."""
    with pytest.raises(DataError) as caught:
        reader(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.endswith(".")
    assert "\n" not in message
    return message.replace(str(path), "FILE")


def assert_well_formed(array: npt.NDArray[np.uint8]) -> None:
    assert array.dtype == np.uint8
    assert array.flags.c_contiguous
    assert not array.flags.writeable


@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_images_come_back_as_written(tmp_path: Path, name: str) -> None:
    images = read_idx_images(write(tmp_path / name, IMAGE_FILE))
    assert_well_formed(images)
    np.testing.assert_array_equal(images, IMAGES)


@pytest.mark.parametrize("name", ["labels", "labels.gz"])
def test_labels_come_back_as_written(tmp_path: Path, name: str) -> None:
    labels = read_idx_labels(write(tmp_path / name, LABEL_FILE))
    assert_well_formed(labels)
    np.testing.assert_array_equal(labels, LABELS)


def test_the_content_decides_about_gzip_and_not_the_name(tmp_path: Path) -> None:
    plain = tmp_path / "images.gz"
    plain.write_bytes(IMAGE_FILE)
    packed = tmp_path / "images"
    packed.write_bytes(gzip.compress(IMAGE_FILE))
    np.testing.assert_array_equal(read_idx_images(plain), IMAGES)
    np.testing.assert_array_equal(read_idx_images(packed), IMAGES)


@pytest.mark.parametrize("reader", [read_idx_images, read_idx_labels])
class TestRefusedByBothReaders:
    def test_missing_file(self, tmp_path: Path, reader: Reader) -> None:
        assert refusal(reader, tmp_path / "absent") == "FILE does not exist."

    def test_directory(self, tmp_path: Path, reader: Reader) -> None:
        assert refusal(reader, tmp_path) == "FILE is a directory, expected a file."

    def test_pipe_without_waiting_for_a_writer(self, tmp_path: Path, reader: Reader) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert "expected a regular file" in refusal(reader, tmp_path / "pipe")

    def test_file_without_permission(
        self, tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write(tmp_path / "locked", IMAGE_FILE)

        def deny(*_: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        # Patched, because root, who runs CI in containers, is denied nothing.
        monkeypatch.setattr(os, "open", deny)
        assert refusal(reader, path) == "FILE cannot be read: Permission denied."

    def test_path_that_no_file_can_have(self, reader: Reader) -> None:
        refusal(reader, Path("a\0b"))
        refusal(reader, Path("a" * 5000))

    def test_empty_file(self, tmp_path: Path, reader: Reader) -> None:
        assert "FILE ends at byte 0" in refusal(reader, write(tmp_path / "empty", b""))

    def test_file_of_something_else(self, tmp_path: Path, reader: Reader) -> None:
        message = refusal(reader, write(tmp_path / "a.png", b"\x89PNG" + IMAGE_FILE))
        assert "byte 0 starts the magic number 2303741511" in message

    def test_gzip_that_is_cut_off(self, tmp_path: Path, reader: Reader) -> None:
        content = IMAGE_FILE if reader is read_idx_images else LABEL_FILE
        packed = gzip.compress(content)
        # In the header, the data, and the checksum at the end.
        for size in (2, 9, 14, len(packed) // 2, len(packed) - 8, len(packed) - 1):
            path = write(tmp_path / "cut", packed[:size])
            assert (
                f"cut off: the compressed data goes on past the end of the file at byte {size:,}"
                in (refusal(reader, path))
            )

    def test_gzip_with_wrong_checksum(self, tmp_path: Path, reader: Reader) -> None:
        packed = bytearray(gzip.compress(IMAGE_FILE if reader is read_idx_images else LABEL_FILE))
        packed[-8] ^= 1
        message = refusal(reader, write(tmp_path / "crc", bytes(packed)))
        assert message.startswith("FILE is a damaged gzip file: CRC check failed")

    def test_gzip_with_bytes_after_it(self, tmp_path: Path, reader: Reader) -> None:
        content = IMAGE_FILE if reader is read_idx_images else LABEL_FILE
        message = refusal(reader, write(tmp_path / "tail", gzip.compress(content) + b"tail"))
        assert "after the compressed data there are bytes that belong to no gzip" in message

    def test_gzip_whose_data_is_not_deflate(self, tmp_path: Path, reader: Reader) -> None:
        packed = gzip.compress(IMAGE_FILE)[:10] + b"\xff" * 50
        assert "FILE is damaged" in refusal(reader, write(tmp_path / "bad", packed))


def test_the_other_kind_of_file_is_refused_by_its_magic_number(tmp_path: Path) -> None:
    labels = write(tmp_path / "labels.gz", LABEL_FILE)
    images = write(tmp_path / "images", IMAGE_FILE)
    assert refusal(read_idx_images, labels) == (
        "FILE is not an IDX file of images: byte 0 starts the magic number 2049 "
        "(that of labels), expected 2051."
    )
    assert "2051 (that of images), expected 2049" in refusal(read_idx_labels, images)


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "images", idx_images(np.zeros((2, 32, 28), np.uint8)))
    assert refusal(read_idx_images, path) == (
        "FILE: the header gives 32×28 pixels an image at byte 8, expected 28×28."
    )
    # As many pixels, in another shape.
    path = write(tmp_path / "images", idx_images(np.zeros((2, 14, 56), np.uint8)))
    assert "14×56 pixels" in refusal(read_idx_images, path)


def test_files_without_items_are_refused(tmp_path: Path) -> None:
    images = write(tmp_path / "images", idx_images(np.zeros((0, 28, 28), np.uint8)))
    labels = write(tmp_path / "labels", idx_labels(np.zeros(0, np.uint8)))
    assert "promises 0 images at byte 4" in refusal(read_idx_images, images)
    assert "promises 0 labels at byte 4" in refusal(read_idx_labels, labels)


def test_a_header_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "images", IMAGE_FILE[:11])
    assert refusal(read_idx_images, path) == (
        "FILE ends at byte 11: an IDX file of images starts with a header of 16 bytes."
    )


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_fewer_bytes_than_promised_are_refused(tmp_path: Path, suffix: str) -> None:
    images = write(tmp_path / f"images{suffix}", IMAGE_FILE[:-1])
    labels = write(tmp_path / f"labels{suffix}", LABEL_FILE[:-1])
    assert refusal(read_idx_images, images) == (
        "FILE ends at byte 2,367: its header promises 3 images, which makes 2,368 bytes."
    )
    assert "ends at byte 10: its header promises 3 labels, which makes 11 bytes" in (
        refusal(read_idx_labels, labels)
    )


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_more_bytes_than_promised_are_refused(tmp_path: Path, suffix: str) -> None:
    images = write(tmp_path / f"images{suffix}", IMAGE_FILE + b"\0")
    labels = write(tmp_path / f"labels{suffix}", LABEL_FILE + b"\0")
    assert refusal(read_idx_images, images) == (
        "FILE goes on after byte 2,368: its header promises 3 images, which makes 2,368 bytes."
    )
    assert "goes on after byte 11" in refusal(read_idx_labels, labels)


def test_a_label_above_nine_is_refused_with_its_byte(tmp_path: Path) -> None:
    path = write(tmp_path / "labels", idx_labels(np.array([0, 9, 10, 9], np.uint8)))
    assert refusal(read_idx_labels, path) == "FILE: the label at byte 10 is 10, expected 0 to 9."


@pytest.mark.parametrize("count", [900_000, 2**31, 2**32 - 1])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_an_absurd_count_costs_no_memory(tmp_path: Path, count: int, suffix: str) -> None:
    path = write(tmp_path / f"images{suffix}", struct.pack(">4I", 2051, count, 28, 28) + b"\0" * 99)
    tracemalloc.start()
    try:
        message = refusal(read_idx_images, path)
        assert f"promises {count:,} images" in message
        if count > 1_000_000:
            assert message.endswith("at byte 4, expected 1 to 1,000,000.")
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_gzip_bomb_costs_no_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "images.gz", IMAGE_FILE + bytes(64 << 20))
    tracemalloc.start()
    try:
        assert "goes on after byte 2,368" in refusal(read_idx_images, path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@settings(max_examples=30, deadline=None)
@given(
    images=hnp.arrays(np.uint8, st.tuples(st.integers(1, 4), st.just(28), st.just(28))),
    labels=hnp.arrays(np.uint8, st.integers(1, 50), elements=st.integers(0, 9)),
    suffix=st.sampled_from(["", ".gz"]),
)
def test_any_arrays_round_trip(
    scratch: Path, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], suffix: str
) -> None:
    path = write(scratch / f"any-images{suffix}", idx_images(images))
    np.testing.assert_array_equal(read_idx_images(path), images)
    path = write(scratch / f"any-labels{suffix}", idx_labels(labels))
    np.testing.assert_array_equal(read_idx_labels(path), labels)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(content=damaged(IMAGE_FILE) | damaged(IMAGE_FILE[:40]) | damaged(LABEL_FILE))
def test_a_damaged_file_is_refused_or_read_as_what_it_says(scratch: Path, content: bytes) -> None:
    path = write(scratch / "damaged", content)
    images, _ = read_or_refusal(read_idx_images, path)
    if images is not None:
        assert_well_formed(images)
        assert idx_images(images) == content
    labels, _ = read_or_refusal(read_idx_labels, path)
    if labels is not None:
        assert_well_formed(labels)
        assert labels.max() <= 9
        assert idx_labels(labels) == content


@settings(max_examples=50, deadline=None)
@given(
    position=st.integers(16, len(IMAGE_FILE) - 1),
    value=st.integers(0, 255),
)
def test_a_changed_pixel_in_a_plain_file_is_read_as_changed(
    scratch: Path, position: int, value: int
) -> None:
    content = bytearray(IMAGE_FILE)
    content[position] = value
    images = read_idx_images(write(scratch / "changed", bytes(content)))
    assert images.tobytes() == content[16:]


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(packed=damaged(gzip.compress(IMAGE_FILE, mtime=0)))
def test_a_damaged_gzip_is_refused_or_has_the_same_content(scratch: Path, packed: bytes) -> None:
    path = write(scratch / "damaged-packed", packed)
    images, _ = read_or_refusal(read_idx_images, path)
    if images is not None:
        np.testing.assert_array_equal(images, IMAGES)
