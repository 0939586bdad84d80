"""Find the training and test files of a dataset in the places people keep them.

Only names are looked at here. What the files hold is read by `data.idx` and `data.kaggle_csv`.
"""

from dataclasses import dataclass
from pathlib import Path

from data.errors import DataError

_GZIP_OR_NOT = ("", ".gz")
# The second spelling is what archives of Yann LeCun's page unpack to with some tools.
_IDX_STEMS = ("{part}-{kind}-idx{rank}-ubyte", "{part}-{kind}.idx{rank}-ubyte")
# torchvision.datasets puts the files of root there.
_RAW_FOLDERS = ("raw", "FashionMNIST/raw", "MNIST/raw", "KMNIST/raw")
_CSV_STEM = "fashion-mnist_{part}"
_CSV_SUFFIXES = (".csv", ".csv.zip", ".csv.gz", ".zip")


@dataclass(frozen=True)
class IdxFiles:
    """The images and labels of one part, training or test, as two IDX files."""

    images: Path
    labels: Path


@dataclass(frozen=True)
class CsvFile:
    """Images and labels of one part, training or test, in one CSV file."""

    table: Path


@dataclass(frozen=True)
class Source:
    """Where a dataset lies. The training files exist; whether `test` does shows on reading it."""

    location: Path
    """The folder of the IDX files, or the CSV file of the training images."""
    training: IdxFiles | CsvFile
    test: IdxFiles | CsvFile | None
    """None where the training file's name does not tell what its test file is called."""


def find_source(path: Path) -> Source:
    """Find the dataset at `path`: a folder, or a CSV file (plain, .gz or .zip) of training images.

    In a folder IDX files win over CSV files, and files in the folder itself over torchvision's
    layouts below it. A leading `~` is expanded. Raises `DataError` naming what was looked for.
    """
    try:
        path = path.expanduser()
        if path.is_dir():
            return _source_in_folder(path)
        if path.exists():
            return _source_from_file(path)
    except RuntimeError:
        raise DataError(f"{path} names a home directory that cannot be found.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be looked into: {error.strerror}.") from None
    raise DataError(f"{path} does not exist, expected a folder of IDX or CSV files or a CSV file.")


def _idx_source(folder: Path) -> Source:
    """Take `folder` as one that holds IDX files; raises `DataError` where a training file lacks."""
    training = _idx_files(folder, "train")
    if missing := missing_file(training):
        raise DataError(f"{folder} lacks a training file: looked for {missing.name}[.gz].")
    return Source(folder, training, _idx_files(folder, "t10k"))


def missing_file(files: IdxFiles | CsvFile) -> Path | None:
    """Return the first of `files` that is not there, None when all are.

    Raises `DataError` when that cannot be seen, for want of permission.
    """
    paths = (files.table,) if isinstance(files, CsvFile) else (files.images, files.labels)
    try:
        return next((path for path in paths if not path.is_file()), None)
    except OSError as error:
        raise DataError(f"{paths[0]} cannot be looked for: {error.strerror}.") from None


def _source_in_folder(folder: Path) -> Source:
    if _holds_idx(folder):
        return _idx_source(folder)
    raw_folders = [folder / name for name in _RAW_FOLDERS if _holds_idx(folder / name)]
    if len(raw_folders) > 1:
        names = " and ".join(map(str, raw_folders))
        raise DataError(f"{folder} holds {len(raw_folders)} datasets: choose one of {names}.")
    if raw_folders:
        return _idx_source(raw_folders[0])
    table = _first_file(_csv_spellings(folder, "train"))
    if table.is_file():
        # The test file packed as the training file is, if there; otherwise in any packing.
        same = table.with_name(table.name.replace("train", "test"))
        test = _first_file([same, *_csv_spellings(folder, "test")])
        return Source(table, CsvFile(table), CsvFile(test))
    raise DataError(
        f"{folder} holds no dataset: looked for train-images-idx3-ubyte[.gz] and "
        "train-labels-idx1-ubyte[.gz], in it and in its folders "
        f"{', '.join(_RAW_FOLDERS)}, and for {table.name}[.zip|.gz]."
    )


def _source_from_file(file: Path) -> Source:
    if "-ubyte" in file.name:
        raise DataError(f"{file} is one IDX file of four: give its folder, {file.parent}.")
    before, found, after = file.name.rpartition("train")
    test = CsvFile(file.with_name(f"{before}test{after}")) if found else None
    return Source(file, CsvFile(file), test)


def _holds_idx(folder: Path) -> bool:
    files = _idx_files(folder, "train")
    return files.images.is_file() or files.labels.is_file()


def _idx_files(folder: Path, part: str) -> IdxFiles:
    return IdxFiles(
        images=_first_file(_idx_spellings(folder, part, "images", 3)),
        labels=_first_file(_idx_spellings(folder, part, "labels", 1)),
    )


def _idx_spellings(folder: Path, part: str, kind: str, rank: int) -> list[Path]:
    stems = [stem.format(part=part, kind=kind, rank=rank) for stem in _IDX_STEMS]
    return [folder / (stem + suffix) for stem in stems for suffix in _GZIP_OR_NOT]


def _csv_spellings(folder: Path, part: str) -> list[Path]:
    return [folder / (_CSV_STEM.format(part=part) + suffix) for suffix in _CSV_SUFFIXES]


def _first_file(paths: list[Path]) -> Path:
    """Return the first path that is a file, or the first of all for a message to name.

    A folder of that name is passed over: unpacked archives have them, around the file.
    """
    return next((path for path in paths if path.is_file()), paths[0])
