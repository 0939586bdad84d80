from datetime import datetime
from pathlib import Path

import pytest

from engine.config import RunConfig
from engine.errors import RunError
from engine.storage.provenance import Provenance
from engine.storage.run_directory import RunDirectory
from engine.storage.run_names import check_name, default_name, find_run


def test_names_sort_by_time() -> None:
    name = default_name(RunConfig(model="ae"), datetime(2026, 1, 2, 3, 4, 5))
    assert name == "ae-20260102-030405"


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "-x", "a b", "ü", "x" * 101, "a\n"])
def test_names_that_a_path_or_shell_could_misread_are_refused(name: str) -> None:
    with pytest.raises(RunError, match="can't be used"):
        check_name(name)


def test_a_run_is_found_by_name_or_path_and_a_missing_one_told_with_what_is_there(
    tmp_path: Path,
) -> None:
    run = RunDirectory.create(tmp_path, "here", RunConfig(), Provenance())
    run.close()
    assert find_run("here", tmp_path) == run.path
    assert find_run(str(run.path), tmp_path / "elsewhere") == run.path
    with pytest.raises(RunError, match=r"no run 'gone' in .*: the latest are here"):
        find_run("gone", tmp_path)
    with pytest.raises(RunError, match="there are none yet"):
        find_run("gone", tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("~no-such-user/r", "~no-such-user/r names a home directory that cannot be found"),
        ("r" * 5000, "can't be looked for: File name too long"),
        ("a\0b", "no run 'a"),
        ("m\udcfcller", "no run 'm"),
    ],
)
def test_what_can_be_no_path_is_told_in_a_sentence(tmp_path: Path, run: str, said: str) -> None:
    with pytest.raises(RunError) as caught:
        find_run(run, tmp_path)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_run_in_a_home_directory_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    run = RunDirectory.create(tmp_path / "kept", "r", RunConfig(), Provenance())
    run.close()
    assert find_run("~/kept/r", tmp_path / "elsewhere") == run.path
