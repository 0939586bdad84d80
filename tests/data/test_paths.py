"""What a person types as a path is what was meant, wherever it is read again."""

import os
import pwd
from pathlib import Path

import pytest

from data import DataError, absolute_path, load_dataset
from tests.support.dataset_files import csv_text, random_dataset, write, write_idx_folder

TRAINING = random_dataset(25, seed=1)


def refusal(typed: str) -> str:
    with pytest.raises(DataError) as caught:
        absolute_path(typed)
    return str(caught.value)


def test_an_absolute_path_stays_as_it_is() -> None:
    for typed in ("/data/fm", "/data/../fm", "/data/link/../fm", "/"):
        assert absolute_path(typed) == Path(typed)


def test_a_relative_path_is_of_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_path("fm") == tmp_path / "fm"
    assert absolute_path("./fm/") == tmp_path / "fm"
    assert absolute_path(".") == tmp_path
    assert absolute_path("..").samefile(tmp_path.parent)
    # A file may be called so.
    assert absolute_path("./~") == tmp_path / "~"
    assert absolute_path("fm~") == tmp_path / "fm~"


def test_a_leading_tilde_is_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/homes/me")
    assert absolute_path("~") == Path("/homes/me")
    assert absolute_path("~/fm") == Path("/homes/me/fm")
    assert absolute_path("~root/fm") == Path(pwd.getpwnam("root").pw_dir) / "fm"
    # cron and containers: the system's own record of it is asked then.
    monkeypatch.delenv("HOME")
    assert absolute_path("~/fm") == Path(pwd.getpwuid(os.getuid()).pw_dir) / "fm"


@pytest.mark.parametrize("typed", ["~no-such-user", "~no-such-user/fm"])
def test_the_home_of_somebody_unknown_is_refused_in_a_sentence(typed: str) -> None:
    assert refusal(typed) == f"{typed} names a home directory that cannot be found."


def test_in_a_deleted_directory_only_absolute_paths_are_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "relative to the current directory, which cannot be found" in refusal("fm")
    assert absolute_path("/data/fm") == Path("/data/fm")


def test_links_keep_their_names(tmp_path: Path) -> None:
    # As in a cache of downloads: the file has a name without meaning, the link has the real one.
    for part, name in (("train", "4f1c"), ("test", "a907")):
        blob = write(tmp_path / "blobs" / name, csv_text(*TRAINING))
        (tmp_path / f"fashion-mnist_{part}.csv").symlink_to(blob)
    link = tmp_path / "fashion-mnist_train.csv"
    assert absolute_path(link) == link
    dataset = load_dataset(link)
    assert dataset.class_names[0] == "T-shirt/top"
    assert len(dataset.load_test()[0]) == 25


def test_a_link_in_a_circle_and_a_dangling_one_are_refused(tmp_path: Path) -> None:
    circle, dangling = tmp_path / "circle", tmp_path / "dangling"
    circle.symlink_to(circle)
    dangling.symlink_to(tmp_path / "nowhere")
    for path in (circle, dangling):
        with pytest.raises(DataError, match=f"{path} does not exist"):
            load_dataset(path)


@pytest.mark.parametrize("name", ["m\udcfcller", "Größe ☃", "two words", "-x", "a\nb"])
def test_a_name_of_any_bytes_can_be_read(tmp_path: Path, name: str) -> None:
    write_idx_folder(tmp_path / name, TRAINING)
    assert load_dataset(tmp_path / name).source == f"{tmp_path}/{name}"


def test_data_that_moved_are_told_with_the_place_and_the_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        load_dataset(Path("fm"))
    assert str(caught.value).startswith(f"{tmp_path}/fm does not exist")
    assert str(caught.value).endswith("give its place with --data.")
