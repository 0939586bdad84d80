"""`RunLock` between threads and processes, and what readers see of it."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from engine.errors import RunError
from engine.storage import run_lock as lock_module
from engine.storage.run_lock import (
    LOCK_FILE,
    STALE_AFTER,
    LostRunError,
    Owner,
    RunLock,
    owner_of,
    wait_for_owner,
)

HOLDER = """
import sys
from pathlib import Path
from engine.storage.run_lock import RunLock
lock = RunLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.readline()
lock.release()
print("released", flush=True)
sys.stdin.readline()
"""

READER = """
import sys
from pathlib import Path
from threading import Thread
from engine.storage.run_lock import owner_of
done = Thread(target=sys.stdin.read)
done.start()
print("looking", flush=True)
looks, seen = 0, set()
while done.is_alive():
    seen.add(owner_of(Path(sys.argv[1])))
    looks += 1
print(looks, *seen, sep="\\n")
"""


class Holder:
    """Another process that has a run's lock."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.expect("held")

    @property
    def owner(self) -> Owner:
        return Owner(self.process.pid, socket.gethostname())

    def expect(self, word: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == word

    def release(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.expect("released")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Holder]:
    found = Holder(tmp_path)
    yield found
    found.kill()
    assert found.process.stdin is not None
    assert found.process.stdout is not None
    found.process.stdin.close()
    found.process.stdout.close()


@pytest.fixture
def no_system_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without `flock`, as some network ones are."""
    monkeypatch.setattr(lock_module, "_flock", lambda *_, **__: None)


@pytest.fixture
def quick_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "ATTEMPT_DELAY", 0.001)


def name_owner(path: Path, owner: Owner, age: float = 0.0) -> Path:
    """A lock's file as a process left it."""
    file = path / LOCK_FILE
    file.write_text(json.dumps({"pid": owner.pid, "host": owner.host}))
    beat = time.time() - age
    os.utime(file, (beat, beat))
    return file


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def why_unsupported(path: Path) -> str:
    with pytest.raises(RunError) as caught:
        RunLock(path)
    return str(caught.value)


@pytest.mark.usefixtures("quick_attempts")
def test_a_second_process_is_refused_with_who_has_it_and_gets_it_after_the_first(
    holder: Holder, tmp_path: Path
) -> None:
    message = why_unsupported(tmp_path)
    assert message == f"run {tmp_path.name} is in use: {holder.owner} trains it; attach shows it"
    assert str(holder.owner) == f"process {holder.process.pid} on {socket.gethostname()}"
    assert owner_of(tmp_path) == holder.owner
    holder.release()
    assert owner_of(tmp_path) is None
    lock = RunLock(tmp_path)
    assert owner_of(tmp_path) == Owner(os.getpid(), socket.gethostname())
    lock.release()
    assert owner_of(tmp_path) is None


def test_the_lock_of_a_killed_process_is_free_at_once(holder: Holder, tmp_path: Path) -> None:
    holder.kill()
    assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == holder.process.pid
    assert owner_of(tmp_path) is None
    RunLock(tmp_path).release()


def test_a_number_that_another_process_has_now_holds_nothing(tmp_path: Path) -> None:
    """The holder was killed, and its process id was given away again."""
    name_owner(tmp_path, Owner(os.getppid(), socket.gethostname()))
    assert owner_of(tmp_path) is None
    RunLock(tmp_path).release()


def test_a_lock_whose_file_names_nobody_yet_is_held_all_the_same(
    holder: Holder, tmp_path: Path, quick_attempts: None
) -> None:
    os.truncate(tmp_path / LOCK_FILE, 0)  # between taking it and writing who
    assert why_unsupported(tmp_path) == f"run {tmp_path.name} is in use; attach shows it"


@pytest.mark.usefixtures("quick_attempts")
def test_the_same_process_has_it_once(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    assert f"process {os.getpid()}" in why_unsupported(tmp_path)
    lock.release()
    lock.release()  # twice is once
    lock.beat()
    RunLock(tmp_path).release()


def test_nobody_owns_a_run_without_a_lock_or_with_a_foreign_one(tmp_path: Path) -> None:
    assert owner_of(tmp_path) is None
    assert owner_of(tmp_path / "nowhere") is None
    assert list(tmp_path.iterdir()) == [], "looking makes no file"
    for content in (b"", b"{}", b"[]", b"\xff\xfe", b"1234", b'{"pid": "x", "host": "y"}', b"{"):
        (tmp_path / LOCK_FILE).write_bytes(content)
        assert owner_of(tmp_path) is None
        RunLock(tmp_path).release()


def test_the_file_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).mkdir()
    assert owner_of(tmp_path) is None
    with pytest.raises(OSError, match=LOCK_FILE):
        RunLock(tmp_path)


ELSEWHERE = Owner(4242, "another-machine")


@pytest.mark.parametrize("age", [0.0, STALE_AFTER - 10, -3600.0], ids=["now", "late", "future"])
def test_another_machine_that_beat_lately_has_it(age: float, tmp_path: Path) -> None:
    name_owner(tmp_path, ELSEWHERE, age)
    assert owner_of(tmp_path) == ELSEWHERE
    assert "process 4242 on another-machine trains it" in why_unsupported(tmp_path)
    assert owner_of(tmp_path) == ELSEWHERE, "an attempt takes nothing from it"


def test_another_machine_that_beats_no_more_is_gone(tmp_path: Path) -> None:
    name_owner(tmp_path, ELSEWHERE, STALE_AFTER + 10)
    assert owner_of(tmp_path) is None
    lock = RunLock(tmp_path)
    assert owner_of(tmp_path) == Owner(os.getpid(), socket.gethostname())
    lock.release()


def test_a_beat_keeps_it_fresh(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    file = tmp_path / LOCK_FILE
    os.utime(file, (0, 0))
    lock.beat()
    assert time.time() - file.stat().st_mtime < 60
    lock.release()


@pytest.mark.usefixtures("no_system_locks")
def test_without_system_locks_a_living_process_of_this_machine_has_it(tmp_path: Path) -> None:
    host = socket.gethostname()
    living = Owner(os.getppid(), host)
    name_owner(tmp_path, living, age=10 * STALE_AFTER)  # a machine that slept has not beaten
    assert owner_of(tmp_path) == living
    assert f"process {living.pid}" in why_unsupported(tmp_path)
    name_owner(tmp_path, Owner(dead_process(), host))
    assert owner_of(tmp_path) is None
    lock = RunLock(tmp_path)
    assert owner_of(tmp_path) == Owner(os.getpid(), host)
    lock.release()
    assert owner_of(tmp_path) is None
    RunLock(tmp_path).release()


@pytest.mark.usefixtures("no_system_locks")
def test_without_system_locks_another_machine_is_known_by_its_beat(tmp_path: Path) -> None:
    name_owner(tmp_path, ELSEWHERE, 1)
    assert owner_of(tmp_path) == ELSEWHERE
    assert "another-machine" in why_unsupported(tmp_path)
    name_owner(tmp_path, ELSEWHERE, STALE_AFTER + 10)
    assert owner_of(tmp_path) is None
    RunLock(tmp_path).release()


@pytest.mark.slow
def test_readers_in_other_processes_never_make_an_acquirer_fail(
    tmp_path: Path, quick_attempts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look takes the lock for an instant, shared."""
    in_the_way = 0
    original = lock_module._flock

    def counting(descriptor: int, *, shared: bool) -> bool | None:
        nonlocal in_the_way
        taken = original(descriptor, shared=shared)
        in_the_way += not shared and taken is False
        return taken

    monkeypatch.setattr(lock_module, "_flock", counting)
    RunLock(tmp_path).release()
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdin is not None
        assert reader.stdout.readline() == "looking\n"
        until, times = time.monotonic() + 0.3, 0
        while times < 200 or time.monotonic() < until:
            RunLock(tmp_path).release()
            times += 1
        reader.stdin.close()
        looks, *seen = reader.stdout.read().splitlines()
    assert int(looks) > 20
    assert set(seen) <= {"None", str(Owner(os.getpid(), socket.gethostname()))}
    print(f"{looks} looks, {in_the_way} times in the way of {times}")


def test_a_reader_that_is_in_the_way_for_an_instant_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / LOCK_FILE).touch()
    descriptor = os.open(tmp_path / LOCK_FILE, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            os.close(descriptor)

    monkeypatch.setattr(lock_module.time, "sleep", wait)
    RunLock(tmp_path).release()
    assert 0 < sum(waits) < 1


@pytest.mark.parametrize("held", [True, False])
def test_looking_writes_nothing(held: bool, tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    if not held:
        lock.release()
    file = tmp_path / LOCK_FILE
    os.utime(file, (1e9, 1e9))
    os.utime(tmp_path, (1e9, 1e9))
    before = (file.read_bytes(), file.stat().st_mtime_ns, tmp_path.stat().st_mtime_ns)
    for _ in range(3):
        owner_of(tmp_path)
    assert (file.read_bytes(), file.stat().st_mtime_ns, tmp_path.stat().st_mtime_ns) == before
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]
    lock.release()


def test_a_lock_that_is_removed_is_made_again(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    (tmp_path / LOCK_FILE).unlink()
    lock.check()
    assert owner_of(tmp_path) == Owner(os.getpid(), socket.gethostname())
    assert f"process {os.getpid()}" in why_unsupported(tmp_path), "it is locked, too"
    lock.check()
    lock.release()
    RunLock(tmp_path).release()


def test_a_lock_that_is_emptied_by_hand_names_its_owner_again(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    os.truncate(tmp_path / LOCK_FILE, 0)
    lock.check()
    assert owner_of(tmp_path) == Owner(os.getpid(), socket.gethostname())
    lock.release()


def test_who_finds_the_removed_lock_taken_has_lost_the_run(holder: Holder, tmp_path: Path) -> None:
    holder.release()
    mine = RunLock(tmp_path)
    (tmp_path / LOCK_FILE).unlink()
    other = Holder(tmp_path)
    with pytest.raises(LostRunError, match=f"process {other.process.pid}"):
        mine.check()
    mine.release()
    assert owner_of(tmp_path) == other.owner, "what it releases is no longer its own"
    other.kill()


@pytest.mark.usefixtures("no_system_locks")
@pytest.mark.parametrize("gone_again", [False, True])
def test_an_owner_that_was_taken_for_dead_has_lost_the_run(
    gone_again: bool, tmp_path: Path
) -> None:
    """Suspended, where the file system has no locks: another machine went on, and may be done."""
    mine = RunLock(tmp_path)
    mine.check()
    if gone_again:
        (tmp_path / LOCK_FILE).write_bytes(b"")
    else:
        name_owner(tmp_path, ELSEWHERE)
    with pytest.raises(LostRunError, match="train"):
        mine.check()
    before = (tmp_path / LOCK_FILE).read_bytes()
    mine.release()
    assert (tmp_path / LOCK_FILE).read_bytes() == before


def test_a_directory_that_goes_away_is_an_error_and_comes_back_as_ours(tmp_path: Path) -> None:
    run, away = tmp_path / "run", tmp_path / "away"
    run.mkdir()
    lock = RunLock(run)
    run.rename(away)
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="directory is gone"):
            lock.check()
    run.mkdir()  # of another's making
    with pytest.raises(FileNotFoundError, match="directory is gone"):
        lock.check()
    assert list(run.iterdir()) == []
    run.rmdir()
    away.rename(run)
    lock.check()
    lock.release()


def test_a_link_or_pipe_in_place_of_the_file_is_never_opened(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("my thesis")
    (tmp_path / LOCK_FILE).symlink_to(outside)
    with pytest.raises(OSError, match="symbolic link"):
        RunLock(tmp_path)
    assert outside.read_text() == "my thesis"
    (tmp_path / LOCK_FILE).unlink()
    os.mkfifo(tmp_path / LOCK_FILE)
    assert owner_of(tmp_path) is None, "it isn't waited for"
    with pytest.raises(OSError, match=LOCK_FILE):
        RunLock(tmp_path)


def describe_owner(path: Path, **changes: object) -> None:
    """A lock's file of another process, as this version writes it."""
    owner = replace(Owner.this_process(), **changes)  # type: ignore[arg-type]
    (path / LOCK_FILE).write_text(json.dumps(asdict(owner)))


def test_a_killed_process_of_this_machine_under_another_host_name_is_gone(tmp_path: Path) -> None:
    describe_owner(tmp_path, pid=dead_process(), host="before-it-was-renamed")
    assert owner_of(tmp_path) is None
    RunLock(tmp_path).release()


@pytest.mark.usefixtures("no_system_locks")
def test_a_process_id_that_was_given_away_again_holds_nothing(tmp_path: Path) -> None:
    living = psutil.Process(os.getppid())
    describe_owner(tmp_path, pid=living.pid, started=living.create_time())
    assert owner_of(tmp_path) is not None
    describe_owner(tmp_path, pid=living.pid, started=living.create_time() - 3600)
    assert owner_of(tmp_path) is None


@pytest.mark.usefixtures("no_system_locks")
def test_a_process_of_another_container_is_known_by_its_beat(tmp_path: Path) -> None:
    """With the same host name and a process id that means another one here."""
    describe_owner(tmp_path, pid=dead_process(), machine="boot pid:[1]")
    assert owner_of(tmp_path) is not None
    os.utime(tmp_path / LOCK_FILE, (0, 0))
    assert owner_of(tmp_path) is None


@pytest.mark.parametrize(("restart", "lives"), [("1", True), ("2", False), ("", True)])
def test_the_processes_of_a_job_that_was_requeued_are_gone(
    restart: str, lives: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "9")
    monkeypatch.setenv("SLURM_RESTART_COUNT", restart)
    describe_owner(tmp_path, host="n1", machine="another", job="9", restart=1)
    assert (owner_of(tmp_path) is not None) == lives
    describe_owner(tmp_path, host="n1", machine="another", job="8", restart=0)
    assert owner_of(tmp_path) is not None, "another job"


class Clock:
    """Time that passes only while somebody waits; then something happens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
        self.passed, self.happens = 0.0, happens
        monkeypatch.setattr(lock_module.time, "monotonic", lambda: self.passed)

    def wait(self, seconds: float) -> None:
        self.passed += seconds
        self.happens()


def test_a_remote_owner_is_waited_for_until_it_beats_or_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    file = name_owner(tmp_path, ELSEWHERE, 5)
    clock = Clock(monkeypatch, lambda: os.utime(file))
    assert wait_for_owner(tmp_path, said.append, clock.wait) == ELSEWHERE
    assert clock.passed < 5
    assert len(said) == 1
    assert str(ELSEWHERE) in said[0]

    clock = Clock(monkeypatch, lambda: None)
    name_owner(tmp_path, ELSEWHERE, -3600)  # its clock is ahead: nothing says how old the beat is
    assert wait_for_owner(tmp_path, said.append, clock.wait) is None
    assert STALE_AFTER < clock.passed < STALE_AFTER + 10
    RunLock(tmp_path).release()


def test_nobody_is_waited_for_where_it_can_be_told_at_once(holder: Holder, tmp_path: Path) -> None:
    def wait(_: float) -> None:
        raise AssertionError("it waited")

    assert wait_for_owner(tmp_path, wait, wait) == holder.owner  # type: ignore[arg-type]
    holder.kill()
    assert wait_for_owner(tmp_path, wait, wait) is None  # type: ignore[arg-type]
