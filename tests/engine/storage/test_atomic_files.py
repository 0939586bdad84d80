import errno
import io
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest

from engine.storage.atomic_files import (
    RENAME_ATTEMPTS,
    atomic_write,
    json_bytes,
    open_for_update,
    remove_unfinished,
)
from engine.storage.csv_log import CsvLog


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def fail(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_bytes_are_written_and_parents_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    atomic_write(path, b"\x00one\n")
    assert path.read_bytes() == b"\x00one\n"
    atomic_write(path, b"")
    assert path.read_bytes() == b""
    assert names_in(path.parent) == ["file"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "file"
    atomic_write(path, b"old")
    if call == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        atomic_write(path, b"new")
    monkeypatch.undo()
    assert names_in(tmp_path) == ["file"]
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_really_full_device_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def full(path: Path, flags: int, mode: int = 0o777) -> int:
        os.close(opened(path, flags, mode))
        return opened("/dev/full", os.O_WRONLY)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match=f"No space left.*{tmp_path}/file"):
        atomic_write(tmp_path / "file", b"x" * 100_000)
    monkeypatch.undo()
    assert names_in(tmp_path) == []


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "file", b"data")
    assert names_in(tmp_path) == []


def test_a_directory_in_the_way_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        atomic_write(tmp_path / "taken", b"data")
    assert names_in(tmp_path) == ["taken"]


def test_data_is_on_the_disk_before_the_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def log_fsync(descriptor: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        events.append("sync directory" if is_directory else "sync file")
        fsync(descriptor)

    def log_replace(self: Path, target: Path) -> Path:
        assert self.read_bytes() == b"data"
        assert self.parent == target.parent
        events.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", log_fsync)
    monkeypatch.setattr(Path, "replace", log_replace)
    atomic_write(tmp_path / "file", b"data")
    assert events == ["sync file", "rename", "sync directory"]


def test_a_directory_that_cannot_be_synchronised_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def picky(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", picky)
    atomic_write(tmp_path / "file", b"data")
    assert (tmp_path / "file").read_bytes() == b"data"


UNSUPPORTED = ["EINVAL", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EPERM", "EROFS"]
LOST = ["EIO", "ENOSPC", "EDQUOT", "ESTALE"]


def refuse(code: int) -> Callable[..., NoReturn]:
    def refused(*_: object, **__: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return refused


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_file_system_without_fsync_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(os, "fsync", refuse(getattr(errno, name)))
    atomic_write(tmp_path / "file", b"data")
    log = CsvLog(tmp_path / "rows.csv", ["step"])
    log.flush()
    assert (tmp_path / "file").read_bytes() == b"data"
    assert (tmp_path / "rows.csv").read_text() == "step\n"


@pytest.mark.parametrize("name", LOST)
def test_a_disk_that_lost_the_bytes_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    atomic_write(tmp_path / "file", b"old")
    log = CsvLog(tmp_path / "rows.csv", ["step"])
    monkeypatch.setattr(os, "fsync", refuse(getattr(errno, name)))
    with pytest.raises(OSError, match="file'"):
        atomic_write(tmp_path / "file", b"new")
    with pytest.raises(OSError, match=re.escape(os.strerror(getattr(errno, name)))):
        log.flush()
    monkeypatch.undo()
    assert (tmp_path / "file").read_bytes() == b"old"
    log.flush()
    assert (tmp_path / "rows.csv").read_text() == "step\n"
    assert names_in(tmp_path) == ["file", "rows.csv"]


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EIO"])
def test_an_error_that_comes_with_closing_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # As NFS and quotas tell it.
    class Closing(io.FileIO):
        def close(self) -> None:
            was_closed = self.closed
            super().close()
            if not was_closed:
                refuse(getattr(errno, name))()

    atomic_write(tmp_path / "file", b"old")
    monkeypatch.setattr(os, "fdopen", lambda descriptor, _: Closing(descriptor, "w"))
    with pytest.raises(OSError, match="file'"):
        atomic_write(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


class BusyRename:
    """Refuses a number of renames, as CIFS and WSL do while somebody has the file open."""

    def __init__(self, refusals: int, code: int) -> None:
        self.left = refusals
        self.code = code
        self.replace = Path.replace

    def __call__(self, source: Path, target: Path) -> Path:
        if self.left:
            self.left -= 1
            raise OSError(self.code, os.strerror(self.code), str(source), None, str(target))
        return self.replace(source, target)


@pytest.mark.parametrize("name", ["EACCES", "EPERM", "EBUSY"])
def test_a_rename_that_is_refused_for_a_moment_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    rename = BusyRename(RENAME_ATTEMPTS - 1, getattr(errno, name))
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(Path, "replace", lambda *paths: rename(*paths))
    atomic_write(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert names_in(tmp_path) == ["file"]
    assert sum(slept) < 1


def test_a_rename_that_stays_refused_keeps_the_old_file_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atomic_write(tmp_path / "file", b"old")
    rename = BusyRename(99, errno.EACCES)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(Path, "replace", lambda *paths: rename(*paths))
    with pytest.raises(PermissionError) as caught:
        atomic_write(tmp_path / "file", b"new")
    assert str(caught.value) == f"[Errno 13] Permission denied: '{tmp_path}/file'"
    assert rename.left == 99 - RENAME_ATTEMPTS
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


def test_a_temporary_name_that_is_taken_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a file system without case one that differs in case alone is taken, too.
    (tmp_path / ".tmp-0000").write_bytes(b"another's")
    tokens = iter(["0000", "0000", "1111"])
    monkeypatch.setattr(secrets, "token_hex", lambda _: next(tokens))
    atomic_write(tmp_path / "file", b"data")
    assert (tmp_path / ".tmp-0000").read_bytes() == b"another's"
    assert names_in(tmp_path) == [".tmp-0000", "file"]


def test_where_the_targets_name_just_fits_the_temporary_one_is_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def short_names(path: Path, flags: int, mode: int = 0o777) -> int:
        if path != tmp_path and len(Path(path).name) > len("last.pt"):
            refuse(errno.ENAMETOOLONG)()
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", short_names)
    atomic_write(tmp_path / "last.pt", b"data")
    assert names_in(tmp_path) == ["last.pt"]


def test_the_longest_path_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    limit = os.pathconf(tmp_path, "PC_PATH_MAX") - 1
    deep = Path()
    while len(str(deep)) < limit - 250:
        deep /= "d" * 200
    deep /= "e" * (limit - len(str(deep)) - len("/last.pt") - 1)
    for part in reversed([deep, *deep.parents]):
        part.mkdir(exist_ok=True)
    atomic_write(deep / "last.pt", b"old")
    atomic_write(deep / "last.pt", b"data")
    assert (deep / "last.pt").read_bytes() == b"data"
    assert names_in(deep) == ["last.pt"]


def test_a_name_that_is_too_long_is_refused_by_itself(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=f"too long: '{tmp_path}/nnn"):
        atomic_write(tmp_path / ("n" * 256), b"data")
    assert names_in(tmp_path) == []


def test_a_directory_that_may_not_be_written_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "open", refuse(errno.EROFS))  # root may write everywhere
    with pytest.raises(OSError, match=f"Read-only file system: '{tmp_path}/file'"):
        atomic_write(tmp_path / "file", b"data")


class TestLinks:
    @pytest.fixture
    def outside(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        file = tmp_path_factory.mktemp("outside") / "precious"
        file.write_bytes(b"precious")
        return file

    def test_a_link_is_replaced_and_what_it_points_to_stays(
        self, tmp_path: Path, outside: Path
    ) -> None:
        (tmp_path / "file").symlink_to(outside)
        atomic_write(tmp_path / "file", b"ours")
        assert not (tmp_path / "file").is_symlink()
        assert (tmp_path / "file").read_bytes() == b"ours"
        assert outside.read_bytes() == b"precious"

    @pytest.mark.parametrize("last_step", [-1, 0])
    def test_rows_are_not_written_through_a_link(
        self, tmp_path: Path, outside: Path, last_step: int
    ) -> None:
        (tmp_path / "rows.csv").symlink_to(outside)
        with pytest.raises(OSError, match=r"It is a symbolic link: '.*/rows.csv'"):
            CsvLog(tmp_path / "rows.csv", ["step"], last_step)
        assert outside.read_bytes() == b"precious"

    def test_nor_through_one_that_comes_later(self, tmp_path: Path, outside: Path) -> None:
        log = CsvLog(tmp_path / "rows.csv", ["step"])
        (tmp_path / "rows.csv").symlink_to(outside)
        with pytest.raises(OSError, match="It is a symbolic link"):
            log.flush()
        assert outside.read_bytes() == b"precious"

    def test_nor_to_a_new_file_through_one_that_leads_nowhere(self, tmp_path: Path) -> None:
        (tmp_path / "rows.csv").symlink_to(tmp_path / "new")
        with pytest.raises(OSError, match="It is a symbolic link"):
            open_for_update(tmp_path / "rows.csv")
        assert names_in(tmp_path) == ["rows.csv"]

    def test_nor_into_a_pipe_or_a_directory(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        try:
            with pytest.raises(OSError, match="It is no regular file"):
                open_for_update(tmp_path / "pipe")
        finally:
            os.close(reader)
        for name in ("pipe", "."):  # a pipe without a reader, too: no waiting for one
            with pytest.raises(OSError, match=str(tmp_path)):
                open_for_update(tmp_path / name)


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    (tmp_path / ".tmp-0123456789abcdef").write_bytes(b"half")
    (tmp_path / ".tmp-01").write_bytes(b"half")
    kept = [".tmp-notes", ".tmp-0123456789abcdef (1)", "x.tmp-01"]
    for name in kept:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / ".tmp-02").mkdir()
    (tmp_path / ".tmp-03").symlink_to(outside)
    remove_unfinished(tmp_path)
    assert names_in(tmp_path) == sorted([*kept, ".tmp-02", ".tmp-03", "outside"])


@pytest.mark.parametrize("text", ["m\udcfcller", "Grüße ☃ 🙂", '\x1b[2J\x00"\\', "\ud83d"])
def test_any_name_survives_our_json(text: str) -> None:
    content = json_bytes({"data": text})
    assert json.loads(content.decode("utf-8")) == {"data": text}
    assert content.endswith(b"}\n")


def test_json_is_as_readable_as_it_was() -> None:
    assert json_bytes({"name": "Grüße", "n": [1]}) == (
        '{\n  "name": "Grüße",\n  "n": [\n    1\n  ]\n}\n'.encode()
    )


def test_the_umask_decides_who_may_read(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        atomic_write(tmp_path / "file", b"data")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_the_longest_file_name_can_be_written(tmp_path: Path) -> None:
    atomic_write(tmp_path / ("n" * 255), b"data")
    assert names_in(tmp_path) == ["n" * 255]


def test_writers_of_one_file_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([i]) * 100_000 for i in range(4)]

    def write(content: bytes) -> None:
        for _ in range(10):
            atomic_write(path, content)

    with ThreadPoolExecutor() as pool:
        writers = [pool.submit(write, content) for content in contents]
        while not all(writer.done() for writer in writers):
            if path.exists():
                assert path.read_bytes() in contents
        for writer in writers:
            writer.result()
    assert names_in(tmp_path) == ["file"]
