"""Loading a dataset from the places people keep one, and saying so when there is none."""

import gzip
import os
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

import data.fashion_mnist
from data import CLASS_NAMES, DataError, ImageDataset, load_dataset
from data.fashion_mnist import content_fingerprint
from tests.support.dataset_files import (
    csv_text,
    idx_images,
    idx_labels,
    random_dataset,
    write,
    write_idx_folder,
    zipped,
)

TRAINING = random_dataset(25, seed=1)
TEST = random_dataset(7, seed=2)
DIGITS = tuple("0123456789")


@pytest.fixture
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path says nothing of MNIST, as tmp_path would: it has the test's name."""
    return tmp_path_factory.mktemp("root")


def assert_holds_the_dataset(dataset: ImageDataset, with_test: bool = True) -> None:
    np.testing.assert_array_equal(dataset.images, TRAINING[0])
    np.testing.assert_array_equal(dataset.labels, TRAINING[1])
    assert dataset.fingerprint == content_fingerprint(*TRAINING)
    if with_test:
        images, labels = dataset.load_test()
        np.testing.assert_array_equal(images, TEST[0])
        np.testing.assert_array_equal(labels, TEST[1])


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.endswith(".")
    return message


class TestIdxFolders:
    @pytest.mark.parametrize(
        "spelling",
        [
            "{part}-{kind}-idx{rank}-ubyte",
            "{part}-{kind}-idx{rank}-ubyte.gz",
            "{part}-{kind}.idx{rank}-ubyte",
            "{part}-{kind}.idx{rank}-ubyte.gz",
        ],
    )
    def test_all_spellings_of_the_files(self, root: Path, spelling: str) -> None:
        dataset = load_dataset(write_idx_folder(root, TRAINING, TEST, spelling))
        assert_holds_the_dataset(dataset)
        assert dataset.source == str(root)

    @pytest.mark.parametrize("layout", ["raw", "FashionMNIST/raw", "MNIST/raw", "KMNIST/raw"])
    def test_layouts_of_torchvision(self, root: Path, layout: str) -> None:
        write_idx_folder(root / layout, TRAINING, TEST)
        dataset = load_dataset(root)
        assert_holds_the_dataset(dataset)
        assert dataset.source == str(root / layout)

    def test_two_layouts_are_refused_by_name(self, root: Path) -> None:
        write_idx_folder(root / "MNIST/raw", TRAINING, TEST)
        write_idx_folder(root / "FashionMNIST/raw", TRAINING, TEST)
        assert refusal(root) == (
            f"{root} holds 2 datasets: choose one of {root}/FashionMNIST/raw and {root}/MNIST/raw."
        )
        assert_holds_the_dataset(load_dataset(root / "MNIST"))

    def test_files_in_the_folder_win_over_layouts_below_it(self, root: Path) -> None:
        write_idx_folder(root, TRAINING, TEST)
        write_idx_folder(root / "MNIST/raw", random_dataset(30))
        assert_holds_the_dataset(load_dataset(root))

    def test_idx_wins_over_csv(self, root: Path) -> None:
        write_idx_folder(root, TRAINING, TEST)
        write(root / "fashion-mnist_train.csv", csv_text(*random_dataset(30)))
        assert_holds_the_dataset(load_dataset(root))

    def test_folders_that_are_named_like_files_are_passed_over(self, root: Path) -> None:
        write_idx_folder(root, TRAINING, TEST, "{part}-{kind}.idx{rank}-ubyte")
        (root / "train-images-idx3-ubyte").mkdir()
        assert_holds_the_dataset(load_dataset(root))

    def test_a_missing_training_file_is_named(self, root: Path) -> None:
        write_idx_folder(root, TRAINING, TEST)
        (root / "train-labels-idx1-ubyte.gz").unlink()
        assert refusal(root) == (
            f"{root} lacks a training file: looked for train-labels-idx1-ubyte[.gz]."
        )

    def test_images_and_labels_of_different_number_are_refused(self, root: Path) -> None:
        write_idx_folder(root, (TRAINING[0], TRAINING[1][:24]))
        assert refusal(root) == (
            f"{root}/train-images-idx3-ubyte.gz has 25 images but "
            f"{root}/train-labels-idx1-ubyte.gz has 24 labels, expected as many."
        )

    def test_an_idx_file_itself_points_to_its_folder(self, root: Path) -> None:
        write_idx_folder(root, TRAINING, TEST)
        file = root / "train-images-idx3-ubyte.gz"
        assert refusal(file) == f"{file} is one IDX file of four: give its folder, {root}."


FOREIGN = [
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    "._{name}",
    ".{name}.swp",
    "{name}~",
    "{name}.bak",
    "#{name}#",
    "{stem} (1){suffix}",
    "Copy of {name}",
    "{stem} - Copy{suffix}",
    "{stem}.sync-conflict-20251128-101500-ABCDEFG{suffix}",
    "{stem} (me's conflicted copy 2025-11-28){suffix}",
    "{name}.part",
    "{name}.crdownload",
]


class TestForeignFiles:
    """What a folder gathers beside ours: from Macs, Windows, editors, browsers, syncing."""

    @pytest.mark.parametrize("pattern", FOREIGN)
    @pytest.mark.parametrize(
        "name", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", "raw"]
    )
    def test_beside_idx_files_they_are_passed_over(
        self, root: Path, pattern: str, name: str
    ) -> None:
        write_idx_folder(root, TRAINING, TEST)
        stem, dot, suffix = name.partition(".")
        foreign = pattern.format(name=name, stem=stem, suffix=dot + suffix)
        (root / foreign).write_bytes(b"\0\5\x16\7 not ours")
        assert_holds_the_dataset(load_dataset(root))

    @pytest.mark.parametrize("pattern", FOREIGN)
    def test_beside_tables_they_are_passed_over(self, root: Path, pattern: str) -> None:
        for part, arrays in (("train", TRAINING), ("test", TEST)):
            write(root / f"fashion-mnist_{part}.csv", csv_text(*arrays))
            stem = f"fashion-mnist_{part}"
            foreign = pattern.format(name=f"{stem}.csv", stem=stem, suffix=".csv")
            (root / foreign).write_bytes(b"\0\5\x16\7 not ours")
        assert_holds_the_dataset(load_dataset(root))
        assert_holds_the_dataset(load_dataset(root / "fashion-mnist_train.csv"))

    @pytest.mark.parametrize("pattern", FOREIGN)
    def test_alone_they_are_no_dataset(self, root: Path, pattern: str) -> None:
        foreign = pattern.format(
            name="train-images-idx3-ubyte.gz", stem="train-images-idx3-ubyte", suffix=".gz"
        )
        (root / foreign).write_bytes(b"\0\5\x16\7 not ours")
        assert "holds no dataset" in refusal(root)


class TestCsv:
    @pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".csv.zip", ".zip"])
    @pytest.mark.parametrize("as_folder", [True, False])
    def test_a_csv_file_or_its_folder(self, root: Path, suffix: str, as_folder: bool) -> None:
        for part, arrays in (("train", TRAINING), ("test", TEST)):
            text = csv_text(*arrays)
            content = zipped({"any.csv": text}) if suffix.endswith("zip") else text
            write(root / f"fashion-mnist_{part}{suffix}", content)
        file = root / f"fashion-mnist_train{suffix}"
        dataset = load_dataset(root if as_folder else file)
        assert_holds_the_dataset(dataset)
        assert dataset.source == str(file)
        assert dataset.class_names == CLASS_NAMES

    def test_in_a_folder_the_test_file_may_be_packed_otherwise(self, root: Path) -> None:
        write(root / "fashion-mnist_train.csv.gz", csv_text(*TRAINING))
        write(root / "fashion-mnist_test.csv", csv_text(*TEST))
        assert_holds_the_dataset(load_dataset(root))

    def test_only_the_last_train_in_a_file_name_becomes_test(self, root: Path) -> None:
        write(root / "trains_train.csv", csv_text(*TRAINING))
        write(root / "trains_test.csv", csv_text(*TEST))
        assert_holds_the_dataset(load_dataset(root / "trains_train.csv"))

    def test_the_fingerprint_is_that_of_the_same_content_in_idx(self, root: Path) -> None:
        write_idx_folder(root / "idx", TRAINING)
        text = csv_text(*TRAINING)
        paths = [
            root / "idx",
            write(root / "a.csv", text),
            write(root / "a.csv.gz", text),
            write(root / "a.zip", zipped({"a.csv": text})),
        ]
        fingerprints = {load_dataset(path).fingerprint for path in paths}
        assert fingerprints == {content_fingerprint(*TRAINING)}

    def test_a_fault_in_the_file_is_told_as_the_reader_tells_it(self, root: Path) -> None:
        path = write(root / "a.csv", csv_text(*TRAINING).replace(b"\n", b"\n7,", 1))
        assert "line 2: found 786 columns" in refusal(path)


class TestTestSet:
    def test_it_is_not_read_until_asked_for(self, root: Path) -> None:
        write_idx_folder(root, TRAINING, TEST)
        (root / "t10k-images-idx3-ubyte.gz").write_bytes(b"damaged")
        dataset = load_dataset(root)
        with pytest.raises(DataError, match="t10k-images-idx3-ubyte"):
            dataset.load_test()

    @pytest.mark.parametrize("name", ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
    def test_a_missing_idx_file_is_named(self, root: Path, name: str) -> None:
        dataset = load_dataset(write_idx_folder(root, TRAINING, TEST))
        (root / f"{name}.gz").unlink()
        fresh = load_dataset(root)
        with pytest.raises(DataError) as caught:
            fresh.load_test()
        assert str(caught.value) == f"{root} has no test file: looked for {root}/{name}[.gz]."
        # One that vanished after loading is missed too.
        with pytest.raises(DataError, match=f"{name}.gz"):
            dataset.load_test()

    def test_a_missing_csv_file_is_named(self, root: Path) -> None:
        path = write(root / "fashion-mnist_train.csv", csv_text(*TRAINING))
        for given in (path, root):
            dataset = load_dataset(given)
            with pytest.raises(DataError, match=f"looked for {root}/fashion-mnist_test.csv"):
                dataset.load_test()

    def test_a_csv_file_without_train_in_its_name_has_none(self, root: Path) -> None:
        dataset = load_dataset(write(root / "clothes.csv", csv_text(*TRAINING)))
        assert_holds_the_dataset(dataset, with_test=False)
        with pytest.raises(DataError, match=r"clothes\.csv has no test file: it would have the"):
            dataset.load_test()

    def test_images_and_labels_of_different_number_are_refused(self, root: Path) -> None:
        dataset = load_dataset(write_idx_folder(root, TRAINING, (TEST[0], TEST[1][:3])))
        with pytest.raises(DataError, match=r"has 7 images but .* has 3 labels"):
            dataset.load_test()


class TestFilesOfOddKinds:
    @pytest.mark.parametrize("kind", ["pipe", "device", "link to a pipe", "folder"])
    @pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"])
    def test_in_a_files_place_they_are_as_good_as_none(
        self, root: Path, kind: str, name: str
    ) -> None:
        write_idx_folder(root, TRAINING, TEST)
        (root / name).unlink()
        if kind == "folder":
            (root / name).mkdir()
        elif kind == "device":
            (root / name).symlink_to("/dev/zero")
        else:
            pipe = root / (name if kind == "pipe" else "pipe")
            os.mkfifo(pipe)
            if pipe != root / name:
                (root / name).symlink_to(pipe)
        assert "lacks a training file: looked for train-" in refusal(root)

    def test_a_huge_file_of_nothing_costs_no_memory(self, root: Path) -> None:
        write_idx_folder(root, TRAINING, TEST, "{part}-{kind}-idx{rank}-ubyte")
        for path in (root / "train-images-idx3-ubyte", root / "a.csv"):
            with path.open("ab") as file:
                file.truncate(1 << 36)  # sparse: 64 GB
        assert "goes on after byte" in refusal(root)
        assert "line 1: more than 16,777,216 bytes, too long" in refusal(root / "a.csv")


class TestNothingToLoad:
    def test_a_path_that_is_not_there(self, root: Path) -> None:
        assert "does not exist, expected a folder" in refusal(root / "absent")
        assert "does not exist" in refusal(Path("a\0b"))
        refusal(Path("a" * 5000))

    def test_a_folder_without_a_dataset_names_what_was_looked_for(self, root: Path) -> None:
        message = refusal(root)
        for name in (
            "train-images-idx3-ubyte[.gz]",
            "train-labels-idx1-ubyte[.gz]",
            "FashionMNIST/raw",
            "KMNIST/raw",
            "fashion-mnist_train.csv",
        ):
            assert name in message

    def test_a_folder_that_may_not_be_entered(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def deny(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "is_file", deny)
        assert refusal(root) == f"{root} cannot be looked into: Permission denied."

    def test_fewer_than_twenty_training_images(self, root: Path) -> None:
        write_idx_folder(root, random_dataset(19))
        assert refusal(root) == f"{root} has 19 training images, expected at least 20."
        write_idx_folder(root, random_dataset(20))
        assert len(load_dataset(root).images) == 20


class TestPaths:
    def test_a_leading_tilde_is_the_home_directory(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_idx_folder(root / "copy", TRAINING, TEST)
        monkeypatch.setenv("HOME", str(root))
        dataset = load_dataset(Path("~/copy"))
        assert_holds_the_dataset(dataset)
        assert dataset.source == str(root / "copy")

    def test_the_home_of_nobody_is_refused(self) -> None:
        assert "home directory that cannot be found" in refusal(Path("~no-such-user/copy"))


class TestClassNames:
    @pytest.mark.parametrize(
        ("folder", "names"),
        [
            ("anything", DIGITS),
            ("mnist", DIGITS),
            ("KMNIST/raw", DIGITS),
            ("fashion", CLASS_NAMES),
            ("FashionMNIST/raw", CLASS_NAMES),
            ("my-Fashion-copy/part", CLASS_NAMES),
            ("fashion-vae/MNIST/raw", DIGITS),
            ("mnist/fashion/raw", CLASS_NAMES),
        ],
    )
    def test_the_nearest_name_on_the_path_tells(
        self, root: Path, folder: str, names: tuple[str, ...]
    ) -> None:
        write_idx_folder(root / folder, TRAINING)
        assert load_dataset(root / folder).class_names == names

    def test_a_relative_path_tells_as_much(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_idx_folder(root / "fashion", TRAINING)
        monkeypatch.chdir(root / "fashion")
        assert load_dataset(Path()).class_names == CLASS_NAMES

    def test_fashion_mnist_is_known_by_its_content(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_idx_folder(root / "mnist", TRAINING)
        fingerprint = content_fingerprint(*TRAINING)
        monkeypatch.setattr(data.fashion_mnist, "FASHION_MNIST_FINGERPRINT", fingerprint)
        assert load_dataset(root / "mnist").class_names == CLASS_NAMES

    def test_the_real_content_has_the_known_fingerprint(self) -> None:
        assert load_dataset().fingerprint == data.fashion_mnist.FASHION_MNIST_FINGERPRINT


class TestImageDataset:
    def test_is_frozen_in_its_fields_and_its_arrays(self, root: Path) -> None:
        dataset = load_dataset(write_idx_folder(root, TRAINING))
        with pytest.raises(FrozenInstanceError):
            dataset.source = "elsewhere"  # type: ignore[misc]
        with pytest.raises(ValueError, match="read-only"):
            dataset.images[0, 0, 0] = 1

    def test_equality_hash_and_repr_leave_the_arrays_out(self, root: Path) -> None:
        write_idx_folder(root, TRAINING)
        one, other = load_dataset(root), load_dataset(root)
        assert one == other
        assert hash(one) == hash(other)
        assert "array" not in repr(one)
        write(root / "train-labels-idx1-ubyte.gz", idx_labels(TRAINING[1][::-1].copy()))
        assert load_dataset(root) != one

    def test_the_fingerprint_sees_every_byte(self) -> None:
        images, labels = (array.copy() for array in TRAINING)
        images[24, 27, 27] ^= 1
        labels[24] ^= 1
        prints = {
            content_fingerprint(a, b) for a in (images, TRAINING[0]) for b in (labels, TRAINING[1])
        }
        assert len(prints) == 4


def test_a_packed_file_beside_its_unpacked_copy_is_no_second_dataset(root: Path) -> None:
    write_idx_folder(root, TRAINING, TEST)
    (root / "train-images-idx3-ubyte").write_bytes(idx_images(TRAINING[0]))
    packed = (root / "train-images-idx3-ubyte.gz").read_bytes()
    assert gzip.decompress(packed) == idx_images(TRAINING[0])
    assert_holds_the_dataset(load_dataset(root))
