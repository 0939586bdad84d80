"""Renaming and deleting runs, on directories made by hand, and with a process that trains one."""

import shutil
import sys
from pathlib import Path

import pytest

from engine.errors import RunError
from engine.snapshot import Phase
from engine.storage.listing import RunState, summarize
from engine.storage.rename_delete import delete_run, rename_run
from engine.storage.run_index import list_runs
from engine.storage.run_lock import RunLock
from tests.support.made_runs import make_run, trained_by_another, write_phase


def test_a_renamed_run_is_whole_and_free(tmp_path: Path) -> None:
    path = make_run(tmp_path, scores={4: 240.0})
    renamed = rename_run(path, "yours")
    assert renamed == tmp_path / "yours"
    assert not path.exists()
    run = summarize(renamed)
    assert (run.name, run.best, run.owner) == ("yours", 240.0, None)
    RunLock(renamed).release()


@pytest.mark.parametrize("name", ["a/b", "..", "", "[red]x"])
def test_a_name_that_cannot_be_a_runs_is_refused(tmp_path: Path, name: str) -> None:
    path = make_run(tmp_path)
    with pytest.raises(RunError, match="can't be used"):
        rename_run(path, name)
    assert path.is_dir()


def test_a_taken_name_is_refused(tmp_path: Path) -> None:
    path = make_run(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("empty", "file", "link", "mine"):
        with pytest.raises(RunError, match=f"there is '{name}' already"):
            rename_run(path, name)
    assert path.is_dir()


def test_a_run_in_training_is_neither_renamed_nor_deleted(tmp_path: Path) -> None:
    path = make_run(tmp_path)
    with trained_by_another(path) as pid:
        for change in (lambda: rename_run(path, "yours"), lambda: delete_run(path)):
            with pytest.raises(RunError, match=f"run mine is in use: process {pid}"):
                change()
        assert [file.name for file in tmp_path.iterdir()] == ["mine"]
        assert (path / "config.json").is_file()
    delete_run(path)
    assert not path.exists()


def test_a_run_is_deleted_with_all_that_is_in_it(tmp_path: Path) -> None:
    path = make_run(tmp_path)
    (path / "frames").mkdir()
    (path / "frames" / "0.npz").touch()
    delete_run(path)
    assert list(tmp_path.iterdir()) == []


def test_a_deletion_that_ends_early_leaves_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_run(tmp_path)

    def fail(doomed: Path) -> None:
        assert not path.exists()
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("engine.storage.rename_delete.shutil.rmtree", fail)
    with pytest.raises(RunError, match=r"not all of mine is gone: Permission denied; see .*\.del"):
        delete_run(path)
    assert list_runs(tmp_path) == []


def test_the_lock_is_not_open_while_files_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_run(tmp_path)
    seen: list[bool] = []
    monkeypatch.setattr(
        "engine.storage.rename_delete.shutil.rmtree",
        lambda doomed: seen.append(summarize(doomed).owner is None),
    )
    delete_run(path)
    assert seen == [True]


def test_of_a_link_only_the_link_goes(tmp_path: Path) -> None:
    path = make_run(tmp_path / "elsewhere")
    link = tmp_path / "link"
    link.symlink_to(path)
    delete_run(link)
    assert not link.is_symlink()
    assert (path / "config.json").is_file()


def test_of_a_link_only_the_link_is_renamed(tmp_path: Path) -> None:
    path = make_run(tmp_path / "elsewhere", scores={4: 240.0})
    link = tmp_path / "link"
    link.symlink_to("elsewhere/mine")
    renamed = rename_run(link, "yours")
    assert (renamed.is_symlink(), link.is_symlink()) == (True, False)
    assert renamed.resolve() == path
    assert summarize(renamed).best == 240.0
    assert (path / "config.json").is_file()


def test_a_link_to_a_run_in_training_is_neither_renamed_nor_deleted(tmp_path: Path) -> None:
    path = make_run(tmp_path / "elsewhere")
    link = tmp_path / "link"
    link.symlink_to(path)
    with trained_by_another(path):
        assert summarize(link).owner is not None
        for change in (lambda: rename_run(link, "yours"), lambda: delete_run(link)):
            with pytest.raises(RunError, match="in use: process"):
                change()
    assert [file.name for file in tmp_path.iterdir() if file.is_symlink()] == ["link"]


@pytest.mark.skipif(sys.platform == "win32", reason="there the lock's owner alone tells")
def test_a_copy_of_a_run_in_training_is_nobodys(tmp_path: Path) -> None:
    path = make_run(tmp_path, scores={1: 250.0})
    write_phase(path, Phase.TRAINING)
    copy = tmp_path / "copy"
    with trained_by_another(path):
        shutil.copytree(path, copy)
        states = {run.name: run.state for run in list_runs(tmp_path)}
        assert states == {"mine": RunState.RUNNING, "copy": RunState.DIED}
        renamed = rename_run(copy, "yours")
        delete_run(renamed)
        assert summarize(path).owner is not None
    assert [run.name for run in list_runs(tmp_path)] == ["mine"]


def test_a_damaged_run_is_deleted_and_what_may_be_none_is_not(tmp_path: Path) -> None:
    damaged = make_run(tmp_path)
    (damaged / "config.json").write_text("")
    delete_run(damaged)
    assert not damaged.exists()
    foreign = tmp_path / "bert"
    foreign.mkdir()
    (foreign / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(RunError, match="nothing in it shows that it is a run"):
        delete_run(foreign)
    assert [file.name for file in foreign.iterdir()] == ["config.json"]


def test_a_run_that_has_gone_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"gone/ can't be renamed: No such file"):
        rename_run(tmp_path / "gone", "x")
    with pytest.raises(RunError, match="left alone"):
        delete_run(tmp_path / "gone")
