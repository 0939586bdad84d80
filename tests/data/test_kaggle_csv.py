"""The CSV reader: read as Python's own csv module reads it, or refused by line and column."""

import gzip
import io
import os
import re
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import data.kaggle_csv
from data import DataError
from data.kaggle_csv import read_kaggle_csv
from tests.support.dataset_files import (
    HEADER,
    csv_text,
    damaged,
    naive_csv,
    random_dataset,
    read_or_refusal,
    write,
    zipped,
)

IMAGES, LABELS = random_dataset(4)
TEXT = csv_text(IMAGES, LABELS)
LINES = TEXT.decode().splitlines()


def refusal(path: Path) -> str:
    """Return the message, having checked what every message has: the file, and one sentence."""
    with pytest.raises(DataError) as caught:
        read_kaggle_csv(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.endswith(".")
    assert message.isprintable()
    return message.replace(str(path), "FILE")


def refusal_of(folder: Path, content: bytes) -> str:
    path = folder / "fashion-mnist_train.csv"
    path.write_bytes(content)
    return refusal(path)


def with_cell(line: int, column: int, cell: str) -> bytes:
    """Return the valid text with one cell replaced; line and column count from 1."""
    lines = list(LINES)
    cells = lines[line - 1].split(",")
    cells[column - 1] = cell
    lines[line - 1] = ",".join(cells)
    return ("\n".join(lines) + "\n").encode()


def spoilt(edit: Callable[[str], str], *, rows_only: bool = False) -> bytes:
    """Return the valid text with every line edited, or every line but the header."""
    head = LINES[:1] if rows_only else []
    return ("\n".join([*head, *map(edit, LINES[len(head) :])]) + "\n").encode()


def numbered(name: str) -> bytes:
    """Return the valid text with the number of each row before it, under this name."""
    rows = [f"{number},{row}" for number, row in enumerate(LINES[1:])]
    return "\n".join([f"{name},{LINES[0]}", *rows, ""]).encode()


def assert_reads_the_dataset(path: Path) -> None:
    images, labels = read_kaggle_csv(path)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    for array in (images, labels):
        assert array.dtype == np.uint8
        assert array.flags.c_contiguous
        assert not array.flags.writeable


class TestAccepted:
    @pytest.mark.parametrize(
        "content",
        [TEXT, gzip.compress(TEXT), zipped({"fashion-mnist_train.csv": TEXT})],
        ids=["plain", "gzip", "zip"],
    )
    @pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.zip", "a"])
    def test_plain_gzip_and_zip_whatever_the_name(
        self, tmp_path: Path, content: bytes, name: str
    ) -> None:
        (tmp_path / name).write_bytes(content)
        assert_reads_the_dataset(tmp_path / name)

    @pytest.mark.parametrize(
        "content",
        [
            TEXT.replace(b"\n", b"\r\n"),
            b"\xef\xbb\xbf" + TEXT,
            TEXT.removesuffix(b"\n"),
            TEXT + b"\n\n\n",
            TEXT.replace(b"\n", b"\n\n"),
            TEXT + b"," * 784 + b"\r\n" + b",,\n",
            spoilt(lambda row: re.sub(r"(\d)(?=,|$)", r"\1.0", row), rows_only=True),
            spoilt(lambda row: re.sub(r"(\d)(?=,|$)", r"\1.", row), rows_only=True),
            spoilt(lambda row: row.replace(",7,", ",7.000,"), rows_only=True),
            spoilt(lambda row: row + ","),
            spoilt(lambda row: row + ",,,"),
            numbered(""),
            numbered("Unnamed: 0"),
            re.sub(rb"(\d)(?=,)", rb"\1.0", numbered("index")).replace(b".0,pixel", b",pixel"),
            numbered("").replace(b"\n", b",,\r\n"),
        ],
        ids=[
            "CRLF",
            "byte order mark",
            "no last newline",
            "blank lines after",
            "between",
            "lines of commas",
            "with a point and zero",
            "with a point",
            "some with zeros",
            "comma at the end",
            "three",
            "row numbers",
            "with pandas' name",
            "with points",
            "with blank columns",
        ],
    )
    def test_harmless_differences_between_editors(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.csv").write_bytes(content)
        assert_reads_the_dataset(tmp_path / "a.csv")

    def test_zip_with_other_members_beside_the_csv(self, tmp_path: Path) -> None:
        members = {
            "folder/": b"",
            "folder/train.CSV": TEXT,
            "__MACOSX/folder/._train.csv": b"resource fork",
            "readme.txt": b"hello",
        }
        (tmp_path / "a.zip").write_bytes(zipped(members))
        assert_reads_the_dataset(tmp_path / "a.zip")

    @pytest.mark.parametrize("block_bytes", [8_000, 9_999, 30_000])
    def test_any_division_into_blocks(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
    ) -> None:
        images, labels = random_dataset(50, seed=1)
        path = write(tmp_path / "a.csv.gz", csv_text(images, labels) + b"\n" * 20_000)
        monkeypatch.setattr(data.kaggle_csv, "_BLOCK_BYTES", block_bytes)
        read_images, read_labels = read_kaggle_csv(path)
        np.testing.assert_array_equal(read_images, images)
        np.testing.assert_array_equal(read_labels, labels)


class TestRefusedAsAFile:
    def test_missing(self, tmp_path: Path) -> None:
        assert refusal(tmp_path / "absent.csv") == "FILE does not exist."

    def test_directory(self, tmp_path: Path) -> None:
        assert refusal(tmp_path) == "FILE is a directory, expected a file."

    def test_without_permission(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write(tmp_path / "a.csv", TEXT)

        def deny(*_: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        # Patched, because root, who runs CI in containers, is denied nothing.
        monkeypatch.setattr(os, "open", deny)
        assert refusal(path) == "FILE cannot be read: Permission denied."

    def test_gzip_that_is_cut_off(self, tmp_path: Path) -> None:
        packed = gzip.compress(TEXT)
        for size in (2, 10, len(packed) // 2, len(packed) - 1):
            assert f"at byte {size:,}" in refusal_of(tmp_path, packed[:size])

    def test_gzip_with_wrong_checksum_or_a_tail(self, tmp_path: Path) -> None:
        packed = gzip.compress(TEXT)
        wrong = packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
        assert "CRC check failed" in refusal_of(tmp_path, wrong)
        assert "belong to no gzip stream" in refusal_of(tmp_path, packed + b"tail")

    def test_zip_that_is_cut_off_or_damaged(self, tmp_path: Path) -> None:
        packed = zipped({"a.csv": TEXT})
        assert "not a zip file" in refusal_of(tmp_path, packed[: len(packed) // 2])
        middle = len(packed) // 2
        damaged_data = packed[:middle] + b"\0\0\0\0" + packed[middle + 4 :]
        assert "FILE is damaged" in refusal_of(tmp_path, damaged_data)

    def test_zip_without_a_csv(self, tmp_path: Path) -> None:
        for members in ({}, {"a.txt": TEXT}, {"__MACOSX/._a.csv": TEXT}, {"a.csv/": b""}):
            assert refusal_of(tmp_path, zipped(members)) == (
                "FILE is an archive that should hold exactly one .csv file, but holds none."
            )

    def test_zip_with_two_csv(self, tmp_path: Path) -> None:
        members = {"fashion-mnist_test.csv": TEXT, "fashion-mnist_train.csv": TEXT}
        assert "2 of them (fashion-mnist_test.csv, fashion-mnist_train.csv)" in (
            refusal_of(tmp_path, zipped(members))
        )

    def test_zip_that_is_encrypted(self, tmp_path: Path) -> None:
        packed = bytearray(zipped({"a.csv": TEXT}))
        # The flag in the local header, and in the central directory.
        packed[6] |= 1
        packed[packed.rindex(b"PK\x01\x02") + 8] |= 1
        message = refusal_of(tmp_path, bytes(packed))
        assert message.startswith("FILE is encrypted: its member a.csv needs a password")

    def test_zip_with_unknown_compression(self, tmp_path: Path) -> None:
        packed = bytearray(zipped({"a.csv": TEXT}))
        packed[8] = 99
        packed[packed.rindex(b"PK\x01\x02") + 10] = 99
        assert "not supported" in refusal_of(tmp_path, bytes(packed))

    def test_text_that_unpacks_without_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(data.kaggle_csv, "MAX_TEXT_BYTES", 10_000)
        message = refusal_of(tmp_path, gzip.compress(TEXT + b"\n" * 100_000))
        assert "more than 10,000 bytes of text" in message

    def test_line_without_end(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(data.kaggle_csv, "_BLOCK_BYTES", 10_000)
        message = refusal_of(tmp_path, TEXT + b"1" * 30_000)
        assert message == "FILE, line 6: more than 10,000 bytes, too long."

    def test_memory_that_runs_out(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def run_out(*_: object) -> None:
            raise MemoryError

        monkeypatch.setattr(data.kaggle_csv, "_parse", run_out)
        assert "does not fit into memory" in refusal_of(tmp_path, TEXT)


class TestRefusedHeader:
    @pytest.mark.parametrize(
        "content",
        [b"", gzip.compress(b""), zipped({"a.csv": b""})],
        ids=["plain", "gzip", "zip"],  # their bytes have the time in them
    )
    def test_empty_file(self, tmp_path: Path, content: bytes) -> None:
        assert refusal_of(tmp_path, content) == (
            "FILE is empty, expected the header line label,pixel1,…,pixel784."
        )

    @pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n\n"])
    def test_header_without_rows(self, tmp_path: Path, end: str) -> None:
        message = refusal_of(tmp_path, (HEADER + end).encode())
        assert "no rows: line 2 should be the first image" in message

    def test_numbers_without_a_header(self, tmp_path: Path) -> None:
        content = "\n".join(LINES[1:]).encode()
        assert refusal_of(tmp_path, content) == (
            "FILE, line 1: found numbers only, expected the header line label,pixel1,…,pixel784."
        )

    def test_another_table(self, tmp_path: Path) -> None:
        message = refusal_of(tmp_path, b"name,age\nAnna,7\n")
        assert "line 1: found 2 columns starting 'name,age'" in message
        assert "found 1 column starting '<!DOCTYPE html>'" in (
            refusal_of(tmp_path, b"<!DOCTYPE html>\n<p>Sign in to Kaggle\n")
        )

    def test_columns_in_another_order(self, tmp_path: Path) -> None:
        names = HEADER.split(",")
        names[3], names[4] = names[4], names[3]
        content = ",".join(names) + "\n" + "\n".join(LINES[1:])
        assert "line 1, column 4: found 'pixel4', expected 'pixel3'" in (
            refusal_of(tmp_path, content.encode())
        )

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
    def test_another_encoding(self, tmp_path: Path, encoding: str) -> None:
        assert "FILE, line 1, column 1: found '\\xff\\xfe" in refusal_of(
            tmp_path, TEXT.decode().encode(encoding)
        )


class TestRefusedRow:
    @pytest.mark.parametrize(
        ("edit", "count"),
        [
            (lambda row: row + ",0", 786),
            (lambda row: row + ",", 786),
            (lambda row: row.rpartition(",")[0], 784),
            (lambda row: row[0], 1),
            (lambda row: row + "," + row, 1570),
            (lambda row: row.replace(",", ";"), 1),
        ],
        ids=["one more", "comma at the end", "one fewer", "label only", "two in one", "semicolons"],
    )
    @pytest.mark.parametrize("line", [2, 3, 5])
    def test_wrong_number_of_columns(
        self, tmp_path: Path, edit: Callable[[str], str], count: int, line: int
    ) -> None:
        lines = list(LINES)
        lines[line - 1] = edit(lines[line - 1])
        message = refusal_of(tmp_path, ("\n".join(lines) + "\n").encode())
        assert f"FILE, line {line}: found {count:,} column" in message
        assert "expected 785 (one label, 784 pixels)" in message

    def test_wrong_number_of_columns_in_every_row(self, tmp_path: Path) -> None:
        for edit, count in (
            (lambda row: row + ",0", 786),
            (lambda row: row.rpartition(",")[0], 784),
        ):
            lines = [LINES[0], *map(edit, LINES[1:])]
            assert f"line 2: found {count} columns" in (
                refusal_of(tmp_path, "\n".join(lines).encode())
            )

    @pytest.mark.parametrize(
        ("start", "fault"),
        [
            ("", "the cell is blank"),
            ("x", "'x' is not a whole number in digits"),
            ("1.5", "'1.5' is not a whole number in digits"),
            ("9" * 5000, "'" + "9" * 24 + "'… is out of range"),
        ],
    )
    def test_a_row_number_that_is_none(self, tmp_path: Path, start: str, fault: str) -> None:
        starts = iter(["", "0", "1", start, "3"])
        content = spoilt(lambda row: f"{next(starts)},{row}")
        assert refusal_of(tmp_path, content) == (
            f"FILE, line 4, column 1: {fault}, expected the row's number."
        )

    def test_a_cell_in_a_column_that_should_be_blank(self, tmp_path: Path) -> None:
        ends = iter([",,", ",,", ",,3", ",,", ",,"])
        assert refusal_of(tmp_path, spoilt(lambda row: row + next(ends))) == (
            "FILE, line 3, column 787: found '3', expected a blank cell as in the header."
        )

    def test_columns_are_counted_as_in_the_file(self, tmp_path: Path) -> None:
        content = spoilt(lambda row: f"7,{row},").replace(b"7,label", b",label", 1)
        content = content.rstrip(b"\n,") + b"x,\n"
        assert "line 5, column 786 (pixel784): " in refusal_of(tmp_path, content)
        fewer = content.rpartition(b",")[0] + b"\n"
        assert "line 5: found 786 columns, expected 787" in refusal_of(tmp_path, fewer)

    @pytest.mark.parametrize("cells", [b",", b"0,"], ids=["blank", "zeros"])
    @pytest.mark.parametrize("where", ["header", "row"])
    def test_millions_of_columns_cost_neither_time_nor_memory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, cells: bytes
    ) -> None:
        # It takes minutes and gigabytes for them, which tracemalloc doesn't see.
        monkeypatch.setattr("pandas.read_csv", None)
        line = cells * (2 << 20) + (b"x" if where == "header" else b"1")
        content = line if where == "header" else HEADER.encode() + b"\n" + line
        path = write(tmp_path / "a.csv", content)
        tracemalloc.start()
        try:
            assert "found 2,097,153 columns" in refusal(path)
            assert tracemalloc.get_traced_memory()[1] < 64 << 20
        finally:
            tracemalloc.stop()

    def test_last_row_cut_off(self, tmp_path: Path) -> None:
        assert "FILE, line 5: found" in refusal_of(tmp_path, TEXT[:-100])

    @pytest.mark.parametrize(
        ("cell", "fault"),
        [
            ("", "the cell is blank"),
            (" ", "the cell is blank"),
            ("abc", "'abc' is not a whole number in digits"),
            ("nan", "'nan' is not a whole number in digits"),
            ("NA", "'NA' is not a whole number in digits"),
            ("inf", "'inf' is not a whole number in digits"),
            ("1.5", "'1.5' is not a whole number in digits"),
            ("1.01", "'1.01' is not a whole number in digits"),
            (".0", "'.0' is not a whole number in digits"),
            ("1..0", "'1..0' is not a whole number in digits"),
            ("-1.0", "'-1.0' is out of range"),
            ("256.0", "'256.0' is out of range"),
            ("1e2", "'1e2' is not a whole number in digits"),
            ("0x1", "'0x1' is not a whole number in digits"),
            ("+1", "'+1' is not a whole number in digits"),
            (" 1", "' 1' is not a whole number in digits"),
            ('"1"', "'\"1\"' is not a whole number in digits"),
            ("1_0", "'1_0' is not a whole number in digits"),
            ("٣", "'\\xd9\\xa3' is not a whole number in digits"),
            ("1\0", "'1\\x00' is not a whole number in digits"),
            ("1\r2", "'1\\r2' is not a whole number in digits"),
            ("\x1b[2J", "'\\x1b[2J' is not a whole number in digits"),
            ("-1", "'-1' is out of range"),
            ("256", "'256' is out of range"),
            ("65536", "'65536' is out of range"),
            ("4294967296", "'4294967296' is out of range"),
            ("9223372036854775808", "'9223372036854775808' is out of range"),
            ("18446744073709551616", "'18446744073709551616' is out of range"),
            ("9" * 5000, "'" + "9" * 24 + "'… is out of range"),
        ],
    )
    @pytest.mark.parametrize(
        ("line", "column", "name", "highest"), [(2, 1, "label", 9), (5, 785, "pixel784", 255)]
    )
    def test_cell_that_is_not_such_a_number(
        self, tmp_path: Path, cell: str, fault: str, line: int, column: int, name: str, highest: int
    ) -> None:
        assert refusal_of(tmp_path, with_cell(line, column, cell)) == (
            f"FILE, line {line}, column {column} ({name}): {fault}, "
            f"expected a whole number 0 to {highest}."
        )

    def test_label_above_nine(self, tmp_path: Path) -> None:
        assert "line 3, column 1 (label): '10' is out of range" in (
            refusal_of(tmp_path, with_cell(3, 1, "10"))
        )

    def test_bytes_that_are_not_text(self, tmp_path: Path) -> None:
        content = with_cell(4, 8, "7").replace(b",7,", b",\xff\xfe,")
        assert "column" in refusal_of(tmp_path, content)

    def test_the_line_is_counted_over_blocks_blank_lines_and_crlf(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(data.kaggle_csv, "_BLOCK_BYTES", 8_000)
        images, labels = random_dataset(40)
        lines = csv_text(images, labels).decode().splitlines()
        lines.insert(7, "")
        lines.insert(29, "")
        lines[30] = lines[30].replace(",", ",x", 1)
        content = "\r\n".join(lines).encode()
        assert "line 31, column 2 (pixel1): 'x" in refusal_of(tmp_path, content)


def test_importing_data_does_not_import_pandas() -> None:
    code = "import sys, data, data.kaggle_csv; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    images=hnp.arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(28), st.just(28))),
    label=st.integers(0, 9),
)
def test_any_arrays_round_trip(scratch: Path, images: npt.NDArray[np.uint8], label: int) -> None:
    labels = np.full(len(images), label, np.uint8)
    path = write(scratch / "any.csv", csv_text(images, labels))
    read_images, read_labels = read_kaggle_csv(path)
    np.testing.assert_array_equal(read_images, images)
    np.testing.assert_array_equal(read_labels, labels)


# Row numbers, points and a comma at the end.
SPREADSHEET = numbered("").replace(b",1,", b",1.0,").replace(b"\n", b",\n")


def assert_refused_or_read_as_python_reads_it(path: Path, text: bytes) -> None:
    arrays, message = read_or_refusal(read_kaggle_csv, path)
    # That would be a refusal without a reason found.
    assert "pandas cannot" not in message
    if arrays:
        images, labels = arrays
        naive_images, naive_labels = naive_csv(text)
        np.testing.assert_array_equal(images, naive_images)
        np.testing.assert_array_equal(labels, naive_labels)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    text=damaged(TEXT)
    | damaged(TEXT, len(HEADER), b'0123456789,\n\r" .-+\0\xffeN')
    | damaged(SPREADSHEET, len(HEADER) + 2, b"0123456789,.\n")
)
def test_damaged_text_is_refused_or_read_as_python_reads_it(scratch: Path, text: bytes) -> None:
    path = write(scratch / "damaged.csv", text)
    assert_refused_or_read_as_python_reads_it(path, text)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(text=damaged(TEXT, len(HEADER) + 1, b"0123456789,\n"))
def test_text_damaged_with_plausible_characters_is_refused_or_read_as_python_reads_it(
    scratch: Path, text: bytes
) -> None:
    path = write(scratch / "plausible.csv", text)
    assert_refused_or_read_as_python_reads_it(path, text)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    packed=damaged(gzip.compress(TEXT, mtime=0))
    | damaged(zipped({"a.csv": TEXT}))
    | damaged(zipped({"a.csv": TEXT}), len(zipped({"a.csv": TEXT})) - 90)
)
def test_a_damaged_archive_is_refused_or_has_the_same_content(scratch: Path, packed: bytes) -> None:
    path = write(scratch / "damaged-archive", packed)
    arrays, _ = read_or_refusal(read_kaggle_csv, path)
    if arrays:
        images, labels = arrays
        np.testing.assert_array_equal(images, IMAGES)
        np.testing.assert_array_equal(labels, LABELS)


def test_a_zip_bomb_is_not_unpacked_at_once(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", bytes(64 << 20))
    assert "line 1: more than 16,777,216 bytes, too long" in (
        refusal_of(tmp_path, buffer.getvalue())
    )
