"""On CIFS and WSL no directory is renamed while a file in it is open."""

import errno
import os
from pathlib import Path

import pytest

from engine.config import RunConfig
from engine.errors import RunError
from engine.storage.provenance import Provenance
from engine.storage.rename_delete import delete_run, rename_run
from engine.storage.run_directory import RunDirectory
from engine.storage.run_lock import owner_of
from tests.support.made_runs import make_run


@pytest.fixture(params=["EACCES", "EPERM", "EBUSY"])
def busy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that refuses it with this error."""
    code = getattr(errno, request.param)
    rename = Path.rename

    def picky(self: Path, target: Path) -> Path:
        if any(file.is_relative_to(self.resolve()) for file in open_files()):
            raise OSError(code, os.strerror(code), str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", picky)


def open_files() -> list[Path]:
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(link.readlink())
        except OSError:  # the descriptor of this very listing
            continue
    return found


pytestmark = [
    pytest.mark.usefixtures("busy"),
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to see open files"),
]


def test_a_run_is_made_and_locked(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, "r", RunConfig(), Provenance())
    assert run.path == tmp_path / "r"
    owner = owner_of(run.path)
    assert owner is not None
    assert owner.pid == os.getpid()
    run.close()
    assert owner_of(run.path) is None
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_name_that_is_taken_is_still_refused(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path, "r", RunConfig(), Provenance()).close()
    with pytest.raises(RunError, match="run 'r' exists already"):
        RunDirectory.create(tmp_path, "r", RunConfig(), Provenance())
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_runs_named_by_the_time_are_numbered(tmp_path: Path) -> None:
    runs = [RunDirectory.create(tmp_path, None, RunConfig(), Provenance()) for _ in range(3)]
    assert len({run.path for run in runs}) == 3
    for run in runs:
        assert owner_of(run.path) is not None
        run.close()


def test_a_run_is_renamed_and_deleted(tmp_path: Path) -> None:
    path = make_run(tmp_path, "r")
    renamed = rename_run(path, "s")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    delete_run(renamed)
    assert list(tmp_path.iterdir()) == []
