"""Runs in processes of their own, with the dashboard in a pseudo-terminal and without, measured."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from engine.errors import ControlError
from engine.runs.control_socket import ask
from tui.cli.janitor import cleaned_up_after_us
from tui.cli.program import THIS_PROGRAM

COLUMNS, LINES = 120, 40
SETTLE_SECONDS = 3.0
"""Of training before it is measured: the first pictures, and the first epoch's many evaluations."""
START_SECONDS = 120.0
END_SECONDS = 30.0
LOOK = 0.05
RUN = "bench"


class BenchError(Exception):
    """A run that can't be measured."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A run, over some seconds of training."""

    images_per_second: float
    """Evaluations and all else counted in."""
    bytes_per_second: float
    """To the terminal; 0 without one."""
    start_seconds: float
    """From the command to the first step of training."""
    memory: int
    """Bytes of the process's resident set at the end."""


def watch(settings: Sequence[str], seconds: float, *, dashboard: bool) -> Watched:
    """Begin a run, measure it, and end it; its files are deleted.

    Args:
        settings: flags of `train`.
        dashboard: in a pseudo-terminal of 120×40, at the default refresh.

    Raises:
        BenchError: if it doesn't train.
    """
    directory = Path(tempfile.mkdtemp(prefix="fmnist-vae-bench-"))
    with cleaned_up_after_us(directory) as janitor:
        command = [*THIS_PROGRAM, *([] if dashboard else ["train"])]
        command += ["--name", RUN, "--checkpoints", str(directory), *settings]
        started = time.monotonic()
        with _Terminal() as terminal:
            process = terminal.spawn(command, dashboard=dashboard)
            janitor.watch(process.pid)
            try:
                return _measure(process, terminal, directory / RUN, started, seconds)
            finally:
                _end(process)


def _measure(
    process: "subprocess.Popen[bytes]",
    terminal: "_Terminal",
    run: Path,
    started: float,
    seconds: float,
) -> Watched:
    deadline = started + START_SECONDS
    while _images_seen(run) == 0:
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchError("a run that was to be measured did not begin to train")
        time.sleep(LOOK)
    under_way = time.monotonic() - started
    time.sleep(SETTLE_SECONDS)
    images, written, before = _images_seen(run), terminal.bytes_read, time.monotonic()
    time.sleep(seconds)
    after, end = _images_seen(run), time.monotonic()
    if after <= images:
        raise BenchError("a run that was to be measured did not train on")
    return Watched(
        images_per_second=(after - images) / (end - before),
        bytes_per_second=(terminal.bytes_read - written) / (end - before),
        start_seconds=under_way,
        memory=psutil.Process(process.pid).memory_info().rss,
    )


def _images_seen(run: Path) -> int:
    """So far, by the run's own account; 0 before it trains."""
    try:
        return int(json.loads(ask(run, "status"))["images_seen"])
    except (ControlError, ValueError, KeyError):
        return 0


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class _Terminal:
    """A pseudo-terminal whose other end reads what comes, and counts it."""

    def __init__(self) -> None:
        self.bytes_read = 0
        self._ours, self._theirs = pty.openpty()
        size = struct.pack("HHHH", LINES, COLUMNS, 0, 0)
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, size)
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "_Terminal":
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._theirs)
        self._reader.join()
        os.close(self._ours)

    def spawn(self, command: Sequence[str], *, dashboard: bool) -> "subprocess.Popen[bytes]":
        """A process in this terminal, or in none."""
        stream = self._theirs if dashboard else subprocess.DEVNULL
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        for name in ("COLUMNS", "LINES", "NO_COLOR", "TEXTUAL_COLOR_SYSTEM"):
            environment.pop(name, None)
        return subprocess.Popen(
            command,
            stdin=stream,
            stdout=stream,
            stderr=stream,
            env=environment,
            start_new_session=True,
        )

    def _read(self) -> None:
        while True:
            try:
                content = os.read(self._ours, 1 << 16)
            except OSError:  # the other end is closed
                return
            if not content:
                return
            self.bytes_read += len(content)


def watch_in_turn(
    settings: Sequence[str], rounds: int, seconds: float, report: Callable[[str], None]
) -> tuple[list[Watched], list[Watched]]:
    """Headless and with the dashboard, in turn.

    Raises:
        BenchError: if a run doesn't train.
    """
    headless: list[Watched] = []
    watched: list[Watched] = []
    for number in range(rounds):
        # Whoever comes first has the cooler processor: they take turns in that, too.
        order = ((headless, False), (watched, True))
        for results, dashboard in order if number % 2 == 0 else reversed(order):
            name = "with the dashboard" if dashboard else "without it"
            report(f"a run {name}: round {number + 1} of {rounds}")
            results.append(watch(settings, seconds, dashboard=dashboard))
    return headless, watched
