"""What a terminal that hangs up or freezes costs training: nothing that can be measured."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support.terminal_session import PROGRAM, TerminalSession
from tests.support.waiting import wait_for

SETTINGS = ["--epochs", "500", "--threads", "1", "--device", "cpu"]
WINDOW = 2.0
"""Seconds that a rate is measured over, at the least."""


@dataclass(frozen=True)
class Moment:
    """A state of a run, when it was written, and what its process has cost until now."""

    step: int
    at: float
    cpu_seconds: float


class Watched:
    """A run of another process, by its status file."""

    def __init__(self, run: Path, pid: int) -> None:
        self._file = run / "status.json"
        self.process = psutil.Process(pid)

    def moment(self) -> Moment:
        """The next time that the file is written, a second from now at the latest."""
        before = self._file.stat().st_mtime_ns if self._file.exists() else 0
        deadline = time.monotonic() + 60
        while not self._file.exists() or self._file.stat().st_mtime_ns == before:
            assert time.monotonic() < deadline, "the run's state is not written any more"
            assert self.process.is_running()
            time.sleep(0.005)
        at = self._file.stat().st_mtime
        cpu = self.process.cpu_times()
        step = int(json.loads(self._file.read_text())["step"])
        return Moment(step, at, cpu.user + cpu.system)

    def wait_until_it_trains(self) -> None:
        while self.moment().step < 50:
            pass


def steps_per_second(first: Moment, last: Moment) -> float:
    return (last.step - first.step) / (last.at - first.at)


def cores(first: Moment, last: Moment) -> float:
    return (last.cpu_seconds - first.cpu_seconds) / (last.at - first.at)


def run_of(cwd: Path) -> Path:
    [run] = (cwd / "checkpoints").glob("[!.]*")
    return run


@pytest.fixture
def session(tmp_path: Path) -> Iterator[TerminalSession]:
    found = TerminalSession(SETTINGS, tmp_path)
    yield found
    found.close()
    if psutil.pid_exists(found.child.pid):
        os.kill(found.child.pid, signal.SIGKILL)


def test_after_a_hang_up_a_process_trains_on_and_does_nothing_else(
    session: TerminalSession, tmp_path: Path
) -> None:
    session.wait_for("samples from the prior")
    run = Watched(run_of(tmp_path), session.child.pid)
    run.wait_until_it_trains()
    first = run.moment()
    deadline = time.monotonic() + WINDOW
    while time.monotonic() < deadline:
        session.read()  # as a terminal does
    before = steps_per_second(first, run.moment())

    session.hang_up()
    run.moment()
    # Another test may have the processor for a while: what lasts is what counts.
    deadline = time.monotonic() + 20
    while True:
        first = run.moment()
        time.sleep(WINDOW)
        last = run.moment()
        after, used = steps_per_second(first, last), cores(first, last)
        print(f"{before:.0f} steps/s before, {after:.0f} after, {used:.2f} cores")
        assert used <= 1.3, "a thread spins on the terminal that is gone"
        if after >= 0.5 * before:
            break
        assert time.monotonic() < deadline, f"{before:.0f} steps/s before, {after:.0f} after"

    run.process.terminate()
    assert session.child.wait() == 0
    status = json.loads((run_of(tmp_path) / "status.json").read_text())
    assert status["phase"] == "stopped"
    assert status["saved_step"] == status["step"] >= last.step


def test_a_frozen_terminal_slows_no_training_down(session: TerminalSession, tmp_path: Path) -> None:
    """The dashboard, on a terminal that nobody reads, beside a run that never had one."""
    (tmp_path / "headless").mkdir()
    headless = subprocess.Popen(
        [str(PROGRAM), "train", *SETTINGS],
        cwd=tmp_path / "headless",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        session.wait_for("samples from the prior")  # and never read from now on
        shown = Watched(run_of(tmp_path), session.child.pid)
        shown.wait_until_it_trains()
        wait_for(lambda: list((tmp_path / "headless").glob("checkpoints/[!.]*")), 30)
        alone = Watched(run_of(tmp_path / "headless"), headless.pid)
        alone.wait_until_it_trains()
        # Both at once: whatever else runs on this machine slows both down.
        deadline = time.monotonic() + 20
        while True:
            starts = shown.moment(), alone.moment()
            time.sleep(WINDOW)
            ends = shown.moment(), alone.moment()
            frozen, free = (steps_per_second(a, b) for a, b in zip(starts, ends, strict=True))
            print(f"frozen {frozen:.0f} steps/s, headless {free:.0f}: {frozen / free:.2f}")
            if frozen >= 0.6 * free:
                break
            assert time.monotonic() < deadline, f"{frozen:.0f} against {free:.0f} steps/s"
    finally:
        headless.kill()
        headless.wait()
