"""Read Kaggle's CSV edition of Fashion-MNIST: `fashion-mnist_train.csv`, plain, .gz or .zip.

A header line `label,pixel1,...,pixel784`, then one image a line: the label and 784 grey levels,
row by row, as whole numbers in digits. What spreadsheets, editors and pandas make of such a file is
read where it can mean nothing else: CRLF, a UTF-8 byte order mark, blank lines and lines of commas
alone, whole numbers with a point (`7.0`), a column of row numbers before the label, and blank
columns after the last pixel if the header has them too. Nothing else is taken: no quotes, signs,
spaces or fractions, and no file without the header, because nothing else says that its first column
is the label. A block of lines goes through pandas' C parser; only when that fails is the block read
again, slowly, to say which line and column was wrong.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data.containers import DataFile, open_table
from data.errors import DataError
from data.idx import CLASS_COUNT, IMAGE_SIDE
from data.regular_file import ByteStream, read_at_most

COLUMNS = ("label", *(f"pixel{n}" for n in range(1, IMAGE_SIDE * IMAGE_SIDE + 1)))
MAX_TEXT_BYTES = 1 << 30
"""Eight times Kaggle's training file; text beyond it is taken for a zip bomb and refused."""

_BLOCK_BYTES = 1 << 24
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK_LINE = re.compile(rb"^,+$", re.MULTILINE)
_POINT_AND_ZEROS = re.compile(rb"(?<=[0-9])\.0*(?=[,\n]|\Z)")
_HEADER_IN_WORDS = f"the header line {COLUMNS[0]},{COLUMNS[1]},…,{COLUMNS[-1]}"


def read_kaggle_csv(path: DataFile) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Read images uint8 (N, 28, 28) and labels uint8 (N,), C-contiguous and read-only.

    Raises `DataError`, naming line and column where there is one, when the file is missing,
    unreadable or damaged, is an archive with other than one CSV file, has no header or no rows, or
    has a row without exactly one label 0 to 9 and 784 whole numbers 0 to 255.
    """
    blocks: list[npt.NDArray[np.uint8]] = []
    layout = _Layout()
    with open_table(path) as stream:
        for first_line, text in _blocks_of_lines(path, stream):
            body, body_line = text, first_line
            if first_line == 1:
                header, _, body = text.removeprefix(_BYTE_ORDER_MARK).partition(b"\n")
                layout = _read_header(path, header)
                body_line = 2
            if body.startswith(b",") or b"\n," in body:  # as good as none has
                body = _BLANK_LINE.sub(b"", body)
            # Some blocks may be blank: the parser calls that an error.
            if body.strip(b"\n"):
                rows = _parse(body, layout)
                if rows is None:
                    raise _first_fault(path, body, body_line, layout)
                blocks.append(rows)
        if not blocks:
            raise DataError(f"{path} has a header and no rows: line 2 should be the first image.")
        table = np.concatenate(blocks)
    labels = table[:, 0].copy()
    images = table[:, 1:].copy().reshape(-1, IMAGE_SIDE, IMAGE_SIDE)
    for array in (images, labels):
        array.setflags(write=False)
    return images, labels


def _blocks_of_lines(path: DataFile, stream: ByteStream) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the first line, whole lines ending in LF), never an empty block."""
    line, total, rest = 1, 0, b""
    while piece := read_at_most(stream, _BLOCK_BYTES):
        total += len(piece)
        if total > MAX_TEXT_BYTES:
            raise DataError(f"{path} holds more than {MAX_TEXT_BYTES:,} bytes of text, too many.")
        text = rest + piece
        end = text.rfind(b"\n") + 1
        if end == 0 and len(text) >= _BLOCK_BYTES:
            raise DataError(f"{path}, line {line}: more than {_BLOCK_BYTES:,} bytes, too long.")
        if end:
            yield line, text[:end].replace(b"\r\n", b"\n")
            line += text.count(b"\n", 0, end)
        rest = text[end:]
    if rest:
        yield line, rest
    elif total == 0:
        raise DataError(f"{path} is empty, expected {_HEADER_IN_WORDS}.")


@dataclass(frozen=True)
class _Layout:
    """What a file's header says of its columns."""

    numbered: bool = False
    """Whether the rows' numbers come before the label."""
    blank: int = 0
    """Blank columns after the last pixel."""

    @property
    def first(self) -> int:
        """The label's column, from 0."""
        return int(self.numbered)

    @property
    def width(self) -> int:
        """Columns of a row."""
        return self.first + len(COLUMNS) + self.blank


def _read_header(path: DataFile, header: bytes) -> _Layout:
    if header.strip(b",.") and not header.translate(None, b"0123456789,."):
        raise DataError(f"{path}, line 1: found numbers only, expected {_HEADER_IN_WORDS}.")
    names = header.rstrip(b",")
    start = names.partition(b",")[0]
    # pandas' name for an index without one, or the field's, or none.
    numbered = start in (b"", b"index", b"Unnamed: 0") and names.startswith(start + b",label,")
    layout = _Layout(numbered, blank=len(header) - len(names))
    columns = header.count(b",") + 1
    if columns != layout.width:
        raise DataError(
            f"{path}, line 1: found {_columns(columns)} starting {_shown(header)}, "
            f"expected {_HEADER_IN_WORDS}."
        )
    cells = names.split(b",")[layout.first :]
    for column, (cell, name) in enumerate(zip(cells, COLUMNS, strict=True), layout.first + 1):
        if cell != name.encode():
            raise DataError(
                f"{path}, line 1, column {column}: found {_shown(cell)}, expected '{name}' "
                f"of {_HEADER_IN_WORDS}."
            )
    return layout


def _parse(text: bytes, layout: _Layout) -> npt.NDArray[np.uint8] | None:
    """Parse lines of numbers: uint8 (rows, 785); None when any of it is not in order."""
    import pandas as pd  # costs half a second, and only CSV needs it

    if b"." in text:
        text = _POINT_AND_ZEROS.sub(b"", text)
    # With these characters alone, pandas has no quotes, signs, floats or NaN to be lenient about.
    if text.translate(None, b"0123456789,\n"):
        return None
    if layout.blank:
        text = b"\n".join(row.removesuffix(b"," * layout.blank) for row in text.split(b"\n"))
    commas = layout.width - layout.blank - 1
    # pandas takes the first line's word for it, be that millions of columns.
    if text.lstrip(b"\n").partition(b"\n")[0].count(b",") != commas:
        return None
    try:
        # int64 and not uint8, so that the range is checked below and not left to how a version
        # of pandas casts.
        frame = pd.read_csv(
            io.BytesIO(text),
            header=None,
            dtype=np.int64,
            na_filter=False,
            quoting=csv.QUOTE_NONE,
            engine="c",
        )
    except (ValueError, OverflowError):  # ParserError is a ValueError
        return None
    # A second opinion on the width of the lines: pandas pads short ones.
    if frame.shape[1] != commas + 1 or text.count(b",") != len(frame) * commas:
        return None
    table = frame.to_numpy()[:, layout.first :]
    in_order = table.min() >= 0 and table.max() <= 255 and table[:, 0].max() < CLASS_COUNT
    return table.astype(np.uint8, order="C") if in_order else None


def _first_fault(path: DataFile, text: bytes, first_line: int, layout: _Layout) -> DataError:
    """Find what made `_parse` refuse `text`, which starts at line `first_line`."""
    for line, row in enumerate(text.split(b"\n"), start=first_line):
        if not row:
            continue
        columns = row.count(b",") + 1
        if columns != layout.width:
            return DataError(
                f"{path}, line {line}: found {_columns(columns)}, expected {layout.width} "
                "(one label, 784 pixels)."
            )
        cells = row.split(b",")
        end = layout.first + len(COLUMNS)
        # 18 digits: as many as always fit pandas' integers.
        if layout.numbered and not re.fullmatch(rb"[0-9]{1,18}(\.0*)?", cells[0]):
            return DataError(
                f"{path}, line {line}, column 1: {_fault(cells[0])}, expected the row's number."
            )
        for column, (cell, name) in enumerate(
            zip(cells[layout.first : end], COLUMNS, strict=True), layout.first + 1
        ):
            highest = CLASS_COUNT - 1 if name == COLUMNS[0] else 255
            # Compared without int() first: it refuses thousands of digits with an error.
            whole = _POINT_AND_ZEROS.sub(b"", cell)
            digits = whole.lstrip(b"0") or b"0"
            if not whole.isdigit() or len(digits) > 3 or int(digits) > highest:
                return DataError(
                    f"{path}, line {line}, column {column} ({name}): {_fault(cell)}, "
                    f"expected a whole number 0 to {highest}."
                )
        for column, cell in enumerate(cells[end:], end + 1):
            if cell:
                return DataError(
                    f"{path}, line {line}, column {column}: found {_shown(cell)}, expected a "
                    "blank cell as in the header."
                )
    last_line = first_line + text.rstrip(b"\n").count(b"\n")
    return DataError(
        f"{path}, lines {first_line} to {last_line}: pandas cannot read them, expected "
        f"{len(COLUMNS)} whole numbers a line."
    )


def _fault(cell: bytes) -> str:
    if not cell.strip():
        return "the cell is blank"
    if re.fullmatch(rb"-?[0-9]+(\.0*)?", cell):
        return f"{_shown(cell)} is out of range"
    return f"{_shown(cell)} is not a whole number in digits"


def _columns(count: int) -> str:
    return f"{count:,} column{'' if count == 1 else 's'}"


def _shown(cell: bytes) -> str:
    # repr, so that control characters in a damaged file never reach the terminal.
    return repr(cell[:24])[1:] + ("…" if len(cell) > 24 else "")
