"""Datasets in archives: found as in a folder, whatever else is there, within bounds."""

import gzip
import io
import os
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import data.archives
from data import CLASS_NAMES, DataError, ImageDataset, load_dataset
from data.fashion_mnist import content_fingerprint
from tests.support.dataset_files import (
    csv_text,
    damaged,
    idx_members,
    random_dataset,
    read_or_refusal,
    tarred,
    zipped,
)

TRAINING = random_dataset(25, seed=1)
TEST = random_dataset(7, seed=2)
TRAINING_TABLE, TEST_TABLE = csv_text(*TRAINING), csv_text(*TEST)
TABLES = {"fashion-mnist_train.csv": TRAINING_TABLE, "fashion-mnist_test.csv": TEST_TABLE}

Pack = Callable[[dict[str, bytes]], bytes]
PACKS: dict[str, Pack] = {
    "zip": zipped,
    "tar": tarred,
    "tgz": lambda members: gzip.compress(tarred(members), 1),
}
any_pack = pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)


@pytest.fixture
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path says nothing of MNIST, as tmp_path would: it has the test's name."""
    return tmp_path_factory.mktemp("root")


def refusal(path: Path) -> str:
    """Return the message, having checked what every message has: the file, and one sentence."""
    with pytest.raises(DataError) as caught:
        load_dataset(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.endswith(".")
    assert message.isprintable()
    return message.replace(str(path), "FILE")


def packed(folder: Path, content: bytes) -> Path:
    """A file whose name says nothing: the content decides."""
    path = folder / "download"
    path.write_bytes(content)
    return path


def assert_holds_the_dataset(dataset: ImageDataset, with_test: bool = True) -> None:
    np.testing.assert_array_equal(dataset.images, TRAINING[0])
    np.testing.assert_array_equal(dataset.labels, TRAINING[1])
    assert dataset.fingerprint == content_fingerprint(*TRAINING)
    if with_test:
        images, labels = dataset.load_test()
        np.testing.assert_array_equal(images, TEST[0])
        np.testing.assert_array_equal(labels, TEST[1])


@any_pack
class TestFound:
    @pytest.mark.parametrize("folder", ["", "archive/", "a/b/", "./"])
    def test_kaggles_two_tables(self, root: Path, pack: Pack, folder: str) -> None:
        members = {folder + name: content for name, content in TABLES.items()}
        dataset = load_dataset(packed(root, pack(members)))
        assert_holds_the_dataset(dataset)
        assert dataset.class_names == CLASS_NAMES
        clean = folder.removeprefix("./")
        assert dataset.source == f"{root}/download/{clean}fashion-mnist_train.csv"

    @pytest.mark.parametrize("suffix", ["", ".gz"])
    @pytest.mark.parametrize("folder", ["", "FashionMNIST/raw/", "downloads/FashionMNIST/raw/"])
    def test_the_idx_files(self, root: Path, pack: Pack, folder: str, suffix: str) -> None:
        dataset = load_dataset(packed(root, pack(idx_members(TRAINING, TEST, folder, suffix))))
        assert_holds_the_dataset(dataset)
        assert (dataset.class_names == CLASS_NAMES) is ("Fashion" in folder)

    def test_idx_files_win_over_tables(self, root: Path, pack: Pack) -> None:
        other = csv_text(*random_dataset(30))
        members = idx_members(TRAINING, TEST, "", "") | dict.fromkeys(TABLES, other)
        assert_holds_the_dataset(load_dataset(packed(root, pack(members))))

    def test_what_computers_add_is_passed_over(self, root: Path, pack: Pack) -> None:
        members = {
            "set/.DS_Store": b"\0\0\0\1Bud1",
            "set/Thumbs.db": b"\xd0\xcf\x11\xe0",
            "set/._fashion-mnist_train.csv": b"\0\5\x16\7",
            "__MACOSX/set/._fashion-mnist_train.csv": b"\0\5\x16\7",
            "__MACOSX/set/fashion-mnist_train.csv": b"\0\5\x16\7",
            "set/fashion-mnist_train.csv~": b"label",
            "set/.fashion-mnist_train.csv.swp": b"b0VIM",
            "set/fashion-mnist_train.csv.bak": b"label",
            "set/fashion-mnist_train (1).csv": b"label",
            "set/fashion-mnist_train.sync-conflict-20251128-101500-ABCDEFG.csv": b"label",
            "__MACOSX/set/._train-images-idx3-ubyte": b"\0\5\x16\7",
            "set/train-images-idx3-ubyte (1).gz": b"\0\5\x16\7",
        } | {f"set/{name}": content for name, content in TABLES.items()}
        assert_holds_the_dataset(load_dataset(packed(root, pack(members))))

    def test_tables_of_other_names_if_one_is_the_others_test(self, root: Path, pack: Pack) -> None:
        members = {"my_test.csv": TEST_TABLE, "my_train.csv": TRAINING_TABLE, "notes.csv": b"x"}
        assert_holds_the_dataset(load_dataset(packed(root, pack(members))))

    def test_a_single_table_of_any_name(self, root: Path, pack: Pack) -> None:
        path = packed(root, pack({"clothes.csv": TRAINING_TABLE, "readme.txt": b"hello"}))
        dataset = load_dataset(path)
        assert_holds_the_dataset(dataset, with_test=False)
        assert dataset.source == str(path)

    @pytest.mark.parametrize("other", ["._clothes.csv", "__MACOSX/clothes.csv", "a/._b.csv"])
    def test_a_single_table_beside_what_a_mac_adds(
        self, root: Path, pack: Pack, other: str
    ) -> None:
        path = packed(root, pack({other: b"\0\5\x16\7", "clothes.csv": TRAINING_TABLE}))
        assert_holds_the_dataset(load_dataset(path), with_test=False)

    def test_files_at_the_top_win_over_folders_below(self, root: Path, pack: Pack) -> None:
        members = idx_members(random_dataset(30), None, "MNIST/raw/", "")
        members |= idx_members(TRAINING, TEST, "", "")
        assert_holds_the_dataset(load_dataset(packed(root, pack(members))))

    def test_the_test_table_in_an_archive_beside(self, root: Path, pack: Pack) -> None:
        (root / "a_test.csv.zip").write_bytes(pack({"fashion-mnist_test.csv": TEST_TABLE}))
        path = root / "a_train.csv.zip"
        path.write_bytes(pack({"fashion-mnist_train.csv": TRAINING_TABLE}))
        assert_holds_the_dataset(load_dataset(path))

    def test_gzipped_tables(self, root: Path, pack: Pack) -> None:
        members = {f"{name}.gz": gzip.compress(content, 1) for name, content in TABLES.items()}
        assert_holds_the_dataset(load_dataset(packed(root, pack(members))))

    def test_the_test_files_are_not_read_until_asked_for(self, root: Path, pack: Pack) -> None:
        members = idx_members(TRAINING, TEST, "", "") | {"t10k-images-idx3-ubyte": b"damaged"}
        dataset = load_dataset(packed(root, pack(members)))
        with pytest.raises(DataError, match="t10k-images-idx3-ubyte is not an IDX file"):
            dataset.load_test()


@any_pack
class TestRefused:
    def test_nothing_of_ours(self, root: Path, pack: Pack) -> None:
        message = refusal(packed(root, pack({"a.txt": b"hello"})))
        assert message.startswith("FILE holds no dataset: looked for train-images-idx3-ubyte[.gz]")
        assert message.endswith("for a single .csv file, but there are none.")

    def test_tables_that_no_name_tells_apart(self, root: Path, pack: Pack) -> None:
        message = refusal(packed(root, pack(dict.fromkeys(["a.csv", "b/c.csv"], TRAINING_TABLE))))
        assert message.endswith("but there are 2 of them (a.csv, b/c.csv).")

    def test_two_datasets(self, root: Path, pack: Pack) -> None:
        members = idx_members(TRAINING, TEST, "MNIST/raw/", "")
        members |= idx_members(TRAINING, TEST, "FashionMNIST/raw/", "")
        assert refusal(packed(root, pack(members))) == (
            "FILE holds 2 datasets: unpack it and choose of FILE/FashionMNIST/raw and "
            "FILE/MNIST/raw."
        )

    def test_a_missing_training_file(self, root: Path, pack: Pack) -> None:
        members = idx_members(TRAINING, TEST, "raw/", ".gz")
        del members["raw/train-labels-idx1-ubyte.gz"]
        assert refusal(packed(root, pack(members))) == (
            "FILE/raw lacks a training file: looked for train-labels-idx1-ubyte[.gz]."
        )

    def test_a_missing_test_file(self, root: Path, pack: Pack) -> None:
        dataset = load_dataset(packed(root, pack(idx_members(TRAINING, None, "", ""))))
        with pytest.raises(DataError, match=r"looked for .*/download/t10k-images-idx3-ubyte\[\.gz"):
            dataset.load_test()

    def test_an_archive_that_changed_or_went_away(self, root: Path, pack: Pack) -> None:
        path = packed(root, pack(idx_members(TRAINING, TEST, "", "")))
        dataset = load_dataset(path)
        packed(root, pack({"a.txt": b""}))
        with pytest.raises(DataError, match="download no longer holds t10k-images-idx3-ubyte"):
            dataset.load_test()
        path.unlink()
        with pytest.raises(DataError, match="download does not exist"):
            dataset.load_test()

    def test_a_fault_in_a_member_is_told_with_both_names(self, root: Path, pack: Pack) -> None:
        broken = {"a/fashion-mnist_train.csv": TRAINING_TABLE.replace(b"\n", b"\n7,", 1)}
        broken["a/fashion-mnist_test.csv"] = TEST_TABLE
        message = refusal(packed(root, pack(broken)))
        assert message.startswith("FILE/a/fashion-mnist_train.csv, line 2: found 786 columns")

    def test_a_hostile_name_reaches_no_terminal(self, root: Path, pack: Pack) -> None:
        names = ["\x1b[2J\x07.csv", "\x9b2J\u202e.csv", "../../../etc/passwd.csv"]
        refusal(packed(root, pack(dict.fromkeys(names, b""))))

    def test_very_many_members(
        self, root: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(data.archives, "MAX_MEMBERS", 20)
        members = {f"{number}.png": b"" for number in range(21)}
        assert refusal(packed(root, pack(members))) == (
            "FILE holds more than 20 files, expected a dataset."
        )


@pytest.mark.parametrize(
    ("magic", "kind"),
    [(b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07\0", "RAR"), (b"\xfd7zXZ\0", "xz")],
)
def test_another_kind_of_archive_is_named(root: Path, magic: bytes, kind: str) -> None:
    assert refusal(packed(root, magic + bytes(600))) == (
        f"FILE is a {kind} archive, expected .zip, .tar or .tar.gz: unpack it."
    )


def test_folders_with_the_separators_of_windows(root: Path) -> None:
    members = idx_members(TRAINING, TEST, "raw\\", "")
    assert_holds_the_dataset(load_dataset(packed(root, zipped(members))))


def test_links_and_devices_in_a_tar_are_passed_over(root: Path) -> None:
    buffer = io.BytesIO(tarred(idx_members(TRAINING, TEST, "raw/", "")))
    with tarfile.open(fileobj=buffer, mode="a") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("x/train-images-idx3-ubyte")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert_holds_the_dataset(load_dataset(packed(root, buffer.getvalue())))


def cheap_refusal(path: Path) -> str:
    tracemalloc.start()
    try:
        message = refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
        return message
    finally:
        tracemalloc.stop()


class TestBounds:
    """What a hostile archive costs; none of these ends soon, or at all, if it is believed."""

    @any_pack
    def test_a_member_that_unpacks_without_end(self, root: Path, pack: Pack) -> None:
        members = idx_members(TRAINING, TEST, "", "")
        members["train-images-idx3-ubyte"] += bytes(8 << 20)
        assert "goes on after byte" in cheap_refusal(packed(root, pack(members)))

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_a_method_that_zipfile_unpacks_at_once(self, root: Path, method: int) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name, content in idx_members(TRAINING, TEST, "", "").items():
                archive.writestr(name, content)
        assert cheap_refusal(packed(root, buffer.getvalue())) == (
            "FILE: its member train-images-idx3-ubyte is packed in a way that is not supported, "
            "expected a zip archive of the usual kind (deflate)."
        )

    def test_a_tar_that_unpacks_to_gigabytes(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(data.archives, "MAX_TAR_BYTES", 4 << 20)
        members = {"a": bytes(5 << 20)} | idx_members(TRAINING, TEST, "", "")
        message = cheap_refusal(packed(root, gzip.compress(tarred(members), 1)))
        assert message == "FILE unpacks to more than 4,194,304 bytes, expected a dataset."

    def test_a_tar_with_an_endless_tail(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(data.archives, "MAX_TAR_BYTES", 4 << 20)
        content = tarred(idx_members(TRAINING, TEST, "", "")) + bytes(5 << 20)
        assert "unpacks to more than" in cheap_refusal(packed(root, gzip.compress(content, 1)))

    @pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
    def test_a_tar_header_of_gigabytes(self, root: Path, kind: bytes) -> None:
        info = tarfile.TarInfo("long")
        info.type, info.size = kind, 6 << 30
        content = info.tobuf(tarfile.GNU_FORMAT) + bytes(8 << 20)
        assert "headers are too long" in cheap_refusal(packed(root, gzip.compress(content, 1)))

    def test_tar_headers_in_headers(self, root: Path) -> None:
        info = tarfile.TarInfo("long")
        info.type = tarfile.GNUTYPE_LONGNAME
        cheap_refusal(packed(root, info.tobuf(tarfile.GNU_FORMAT) * 20_000))

    @pytest.mark.parametrize("size", [-512, -10_240, -(1 << 40)])
    def test_a_tar_header_that_leads_back(self, root: Path, size: int) -> None:
        # With a negative size the next header would be this one again, and again (CVE-2025-8194).
        content = tarred({"a.txt": b"x" * 20_000, "b.txt": b""})
        where = len(tarred({"a.txt": b"x" * 20_000}).rstrip(b"\0")) // 512 * 512 + 512
        info = tarfile.TarInfo("back")
        header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
        header[124:136] = b"\xff" + size.to_bytes(11, "big", signed=True)
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        hostile = content[:where] + bytes(header) + content[where:]
        assert "lead back" in cheap_refusal(packed(root, hostile))

    def test_a_zip_directory_of_gigabytes(self, root: Path) -> None:
        path = root / "sparse.zip"
        size = 3 << 30
        with path.open("wb") as file:
            file.write(b"PK\x03\x04")
            file.seek(size)
            file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, size - 4, 4, 0))
        assert "headers are too long" in cheap_refusal(path)

    def test_a_gzip_header_whose_name_has_no_end(self, root: Path) -> None:
        path = packed(root, b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * (1 << 20))
        assert "headers are too long" in cheap_refusal(path)

    def test_a_gzip_file_of_empty_parts(self, root: Path) -> None:
        assert "headers are too long" in cheap_refusal(packed(root, gzip.compress(b"") * 20_000))


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "device", "link to a device", "socket"])
def test_what_is_no_file_is_refused_without_waiting(root: Path, kind: str) -> None:
    path = root / "data.zip"
    if "pipe" in kind:
        os.mkfifo(root / "pipe")
    target = {"pipe": root / "pipe", "device": Path("/dev/zero")}.get(kind.split()[-1])
    if kind == "socket":
        import socket

        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif target is not None:
        path = target if kind in ("pipe", "device") else path
        if path != target:
            path.symlink_to(target)
    assert refusal(path) == "FILE is a device, pipe or socket, expected a regular file."


def test_a_pipe_put_in_a_files_place_in_the_same_moment(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "train.csv"
    path.write_bytes(TRAINING_TABLE)
    opened = os.open

    def swap(name: Path, flags: int) -> int:
        path.unlink()
        os.mkfifo(path)
        return opened(name, flags)

    monkeypatch.setattr(os, "open", swap)
    assert "expected a regular file" in refusal(path)


def small_archive(pack: Pack) -> bytes:
    return pack(idx_members((TRAINING[0][:20], TRAINING[1][:20]), None, "raw/", ""))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(content=st.one_of(*(damaged(small_archive(pack)) for pack in PACKS.values())))
def test_a_damaged_archive_is_refused_or_read(scratch: Path, content: bytes) -> None:
    path = packed(scratch, content)
    dataset, message = read_or_refusal(load_dataset, path)
    assert message.isprintable()
    # A plain tar has no checksum of its content.
    if dataset is not None and content[:2] in (b"PK", b"\x1f\x8b"):
        np.testing.assert_array_equal(dataset.images, TRAINING[0][:20])
        np.testing.assert_array_equal(dataset.labels, TRAINING[1][:20])


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(content=damaged(small_archive(tarred)[:512], alphabet=b"01234567\0 xgLKS\x80\xff"))
def test_a_damaged_tar_header_is_refused_or_read(scratch: Path, content: bytes) -> None:
    header = bytearray(content.ljust(512, b"\0"))
    # With the right checksum, so that the rest of it is believed.
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    path = packed(scratch, bytes(header) + small_archive(tarred)[512:])
    assert read_or_refusal(load_dataset, path)[1].isprintable()
