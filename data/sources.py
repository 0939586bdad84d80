"""Find the training and test files of a dataset in the places people keep them.

Only names are looked at here, in a folder or in an archive, and only those that its publishers
gave: copies, backups and what else a folder gathers is passed over. What the files hold is read by
`data.idx` and `data.kaggle_csv`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from data.archives import ArchivePath, list_archive, listed
from data.containers import DataFile
from data.errors import DataError
from data.paths import absolute_path

File = TypeVar("File", bound=DataFile)

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

    images: DataFile
    labels: DataFile


@dataclass(frozen=True)
class CsvFile:
    """Images and labels of one part, training or test, in one CSV file."""

    table: DataFile


@dataclass(frozen=True)
class Source:
    """Where a dataset lies. The training files exist; whether `test` does shows on reading it."""

    location: DataFile
    """The folder of the IDX files, or the CSV file of the training images."""
    training: IdxFiles | CsvFile
    test: IdxFiles | CsvFile | None
    """None where the training file's name does not tell what its test file is called."""


def find_source(path: Path) -> Source:
    """Find the dataset at `path`: a folder, an archive, or a CSV file of training images.

    In a folder or archive IDX files win over CSV files, and files in the folder itself over
    torchvision's layouts below it. A leading `~` is expanded. Raises `DataError` naming what was
    looked for.
    """
    path = absolute_path(path)
    try:
        if path.is_dir():
            return _source_in_folder(path)
        if path.exists():
            return _source_from_file(path)
    except OSError as error:
        raise DataError(f"{path} cannot be looked into: {error.strerror}.") from None
    raise DataError(
        f"{path} does not exist, expected a folder of IDX or CSV files, a CSV file or an archive "
        f"of them: give its place with --data."
    )


def _idx_source(folder: DataFile) -> Source:
    """Take `folder` as one that holds IDX files; raises `DataError` where a training file lacks."""
    training = _idx_files(folder, "train")
    if missing := missing_file(training):
        raise DataError(f"{folder} lacks a training file: looked for {missing.name}[.gz].")
    return Source(folder, training, _idx_files(folder, "t10k"))


def missing_file(files: IdxFiles | CsvFile) -> DataFile | None:
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
    root = list_archive(file)
    if root is not None:
        return _source_in_archive(root)
    if "-ubyte" in file.name:
        raise DataError(f"{file} is one IDX file of four: give its folder, {file.parent}.")
    return Source(file, CsvFile(file), _test_table(file))


def _source_in_archive(root: ArchivePath) -> Source:
    folders = [folder for folder in root.folders() if _holds_idx(folder)]
    if len(folders) > 1 and folders[0] != root:  # as in a folder, the top one wins
        names = " and ".join(map(str, folders))
        raise DataError(f"{root} holds {len(folders)} datasets: unpack it and choose of {names}.")
    if folders:
        return _idx_source(folders[0])
    tables = root.tables()
    if len(tables) == 1:
        # Kaggle packs a single file so; its test file is in the archive beside.
        return Source(root.archive, CsvFile(tables[0]), _test_table(root.archive))
    usual_names = [f"{_CSV_STEM.format(part='train')}.csv{suffix}" for suffix in _GZIP_OR_NOT]
    usual = [table for table in tables if table.name in usual_names]
    with_test = [table for table in tables if _test_in(table, tables)]
    table = next((some[0] for some in (usual, with_test) if len(some) == 1), None)
    if table is None:
        raise DataError(
            f"{root} holds no dataset: looked for train-images-idx3-ubyte[.gz] and "
            f"train-labels-idx1-ubyte[.gz], for {usual_names[0]}[.gz] and for a single "
            f".csv file, but there are {listed(tables)}."
        )
    return Source(table, CsvFile(table), _test_table(table))


def _test_in(table: ArchivePath, tables: list[ArchivePath]) -> bool:
    test = _test_table(table)
    return test is not None and test.table != table and test.table in tables


def _test_table(table: DataFile) -> CsvFile | None:
    """Name the test file beside a training file; None where its name doesn't tell."""
    before, found, after = table.name.rpartition("train")
    return CsvFile(table.with_name(f"{before}test{after}")) if found else None


def _holds_idx(folder: DataFile) -> bool:
    files = _idx_files(folder, "train")
    return files.images.is_file() or files.labels.is_file()


def _idx_files(folder: DataFile, part: str) -> IdxFiles:
    return IdxFiles(
        images=_first_file(_idx_spellings(folder, part, "images", 3)),
        labels=_first_file(_idx_spellings(folder, part, "labels", 1)),
    )


def _idx_spellings(folder: DataFile, part: str, kind: str, rank: int) -> list[DataFile]:
    stems = [stem.format(part=part, kind=kind, rank=rank) for stem in _IDX_STEMS]
    return [folder / (stem + suffix) for stem in stems for suffix in _GZIP_OR_NOT]


def _csv_spellings(folder: Path, part: str) -> list[Path]:
    return [folder / (_CSV_STEM.format(part=part) + suffix) for suffix in _CSV_SUFFIXES]


def _first_file(files: Sequence[File]) -> File:
    """Return the first that is a file, or the first of all for a message to name.

    A folder of that name is passed over: unpacked archives have them, around the file.
    """
    return next((file for file in files if file.is_file()), files[0])
