"""Small jobs for the helper process, which can import this module too, and waits for them."""

# ruff: noqa: ARG002 - most of them have no progress to tell
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.analysis.helper_process import JobHandle
from engine.analysis.jobs import Job, Progress, no_progress
from tests.support.waiting import wait_for

SOON = 60.0
"""Seconds; only a broken worker takes so long, on however busy a machine."""


@dataclass(frozen=True, slots=True, eq=False)
class Sum(Job[float]):
    values: np.ndarray

    def run(self, progress: Progress = no_progress) -> float:
        return float(self.values.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Zeros(Job[np.ndarray]):
    count: int

    def run(self, progress: Progress = no_progress) -> np.ndarray:
        return np.zeros(self.count)


@dataclass(frozen=True, slots=True, eq=False)
class Append(Job[str]):
    """Writes a line to a file: which jobs were begun, and in which order."""

    path: Path
    line: str

    def run(self, progress: Progress = no_progress) -> str:
        with self.path.open("a") as file:
            file.write(self.line)
        return self.line


@dataclass(frozen=True, slots=True, eq=False)
class Wait(Job[str]):
    """Says that it runs, and waits until the file is there."""

    until: Path

    def run(self, progress: Progress = no_progress) -> str:
        progress(0.5, f"waiting in {os.getpid()}")
        while not self.until.exists():
            time.sleep(0.01)
        return "waited"


@dataclass(frozen=True, slots=True, eq=False)
class Busy(Job[None]):
    """Computes for ever."""

    def run(self, progress: Progress = no_progress) -> None:
        progress(0.5, f"busy in {os.getpid()}")
        while True:
            pass


@dataclass(frozen=True, slots=True, eq=False)
class Fail(Job[None]):
    error: Exception

    def run(self, progress: Progress = no_progress) -> None:
        raise self.error


@dataclass(frozen=True, slots=True, eq=False)
class Die(Job[None]):
    """Its process ends, of the signal or with exit code 3."""

    signal: int | None

    def run(self, progress: Progress = no_progress) -> None:
        if self.signal is None:
            os._exit(3)
        os.kill(os.getpid(), self.signal)
        time.sleep(600)


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings(Job[dict[str, object]]):
    """What a job finds around it; prints in every way there is, and takes Ctrl-C's signal."""

    def run(self, progress: Progress = no_progress) -> dict[str, object]:
        print("printed")
        sys.stdout.flush()
        print("printed", file=sys.stderr, flush=True)
        os.write(1, b"written")
        subprocess.run([sys.executable, "-c", "print('by a child')"], check=True)
        os.kill(os.getpid(), signal.SIGINT)
        return {
            "pid": os.getpid(),
            "group": os.getpgrp(),
            "niceness": os.nice(0),
            "threads": os.environ["OMP_NUM_THREADS"] + os.environ["NUMBA_NUM_THREADS"],
            "stdin": sys.stdin.read(),
            "cwd": str(Path.cwd()),
            "engine": sys.modules["engine"].__file__,
        }


@dataclass(frozen=True, slots=True, eq=False)
class ModulesAfter(Job[frozenset[str]]):
    """Which modules there are when another job is done."""

    job: Job[object]

    def run(self, progress: Progress = no_progress) -> frozenset[str]:
        self.job.run(progress)
        return frozenset(name for name, module in sys.modules.items() if module is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Make(Job[object]):
    """Gives what the function gives: a result that can't be sent back, for one."""

    function: Callable[[], object]

    def run(self, progress: Progress = no_progress) -> object:
        return self.function()


def a_lock() -> object:
    import threading

    return threading.Lock()


def pid_when_running(handle: JobHandle[object]) -> int:
    """The process in which a Wait or Busy runs, once it does."""
    wait_for(lambda: handle.progress[0] == 0.5)
    return int(handle.progress[1].split()[-1])
