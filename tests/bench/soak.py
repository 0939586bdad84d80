"""A run of very many small epochs: do memory, rate and files stay as they are?

python -m tests.bench.soak [--epochs 10000] [--only headless|dashboard] [--json]

Runs of a few hundred images, without the dashboard and with it, each a process of its own with all
its files: an epoch takes some 10 ms, so that hours of evaluations fit into minutes. A run's own
early part is compared with its late one.
"""

import argparse
import json
import os
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pexpect
import psutil
from rich.console import Console
from rich.table import Table

from data import load_dataset
from engine.errors import ControlError
from engine.runs.control_socket import ask
from tui.cli.program import THIS_PROGRAM

IMAGES = 400
SETTINGS = (
    *("--hidden", "16", "--latent-dim", "4", "--batch-size", "64", "--lr", "0.0001"),
    *("--device", "cpu", "--threads", "1"),
)
RUN = "soak"
COLUMNS, LINES = 120, 40
LOOK = 0.02
SAMPLES = 100
"""Of a run, evenly over its epochs."""
EARLY, LATE = (0.1, 0.4), (0.7, 1.0)
"""The two parts of a run, as shares of its epochs. By the first the film has its full length."""
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A run at one moment."""

    seconds: float
    epoch: float
    memory: int
    """Bytes resident."""
    main_cpu: float
    """Seconds of processor time of the main thread: the dashboard's, if there is one."""
    other_cpu: float
    """Of all other threads: training and files."""
    frames: int
    file_bytes: int
    """Of all files of the run."""


def soak(epochs: int, *, dashboard: bool) -> list[Sample]:
    """Train a small run to its end; what was seen of it, in order of time."""
    with tempfile.TemporaryDirectory(prefix="fmnist-vae-soak-") as name:
        folder = Path(name)
        dataset = load_dataset()
        _write_idx(folder / "train-images-idx3-ubyte", dataset.images[:IMAGES])
        _write_idx(folder / "train-labels-idx1-ubyte", dataset.labels[:IMAGES])
        command = [*THIS_PROGRAM, *([] if dashboard else ["train"]), "--name", RUN, *SETTINGS]
        command += ["--checkpoints", name, "--data", name, "--epochs", str(epochs)]
        with _Process(command, dashboard=dashboard) as process:
            return _watch(process, folder / RUN, epochs)


def _write_idx(file: Path, values: npt.NDArray[np.uint8]) -> None:
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    file.write_bytes(header + values.tobytes())


def _watch(process: "_Process", run: Path, epochs: int) -> list[Sample]:
    samples: list[Sample] = []
    started = time.monotonic()
    while process.is_alive():
        process.read(LOOK)
        status = _status(run)
        if status is None:
            if samples:  # it answers no more: training has ended
                break
            if time.monotonic() - started > START_SECONDS:
                raise SystemExit("the run did not begin to train")
        elif not samples or status["epoch"] >= samples[-1].epoch + epochs / SAMPLES:
            with suppress(psutil.NoSuchProcess, FileNotFoundError):
                elapsed = time.monotonic() - started
                samples.append(_sample(process.pid, run, elapsed, status["epoch"]))
    return samples


def _status(run: Path) -> dict[str, Any] | None:
    """What the run says of itself; None while nobody trains it."""
    try:
        content: dict[str, Any] = json.loads(ask(run, "status"))
    except (ControlError, ValueError):
        return None
    return content if content["phase"] == "training" and content["step"] else None


def _sample(pid: int, run: Path, seconds: float, epoch: float) -> Sample:
    process = psutil.Process(pid)
    cpu = {thread.id: thread.user_time + thread.system_time for thread in process.threads()}
    sizes: dict[Path, int] = {}
    for file in run.rglob("*"):
        with suppress(FileNotFoundError):  # one that was being written
            sizes[file] = file.stat().st_size
    return Sample(
        seconds=seconds,
        epoch=epoch,
        memory=process.memory_info().rss,
        main_cpu=cpu.get(pid, 0.0),
        other_cpu=sum(cpu.values()) - cpu.get(pid, 0.0),
        frames=sum(file.suffix == ".npz" for file in sizes),
        file_bytes=sum(sizes.values()),
    )


class _Process:
    """The program in a pseudo-terminal, or without one."""

    def __init__(self, command: Sequence[str], *, dashboard: bool) -> None:
        self._child: pexpect.spawn[bytes] | None = None
        self._popen: subprocess.Popen[bytes] | None = None
        if dashboard:
            environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
            for name in ("COLUMNS", "LINES", "NO_COLOR", "TEXTUAL_COLOR_SYSTEM"):
                environment.pop(name, None)
            self._child = pexpect.spawn(
                command[0], list(command[1:]), dimensions=(LINES, COLUMNS), env=environment
            )
            assert self._child.pid is not None
            self.pid = self._child.pid
        else:
            nowhere = subprocess.DEVNULL
            self._popen = subprocess.Popen(command, stdout=nowhere, stderr=nowhere)
            self.pid = self._popen.pid

    def __enter__(self) -> "_Process":
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.close(force=True)
        elif self._popen is not None:
            self._popen.terminate()
            self._popen.wait()

    def is_alive(self) -> bool:
        if self._child is not None:
            return bool(self._child.isalive())
        return self._popen is not None and self._popen.poll() is None

    def read(self, seconds: float) -> None:
        """Take in what was written to the terminal, for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._child is None:
                time.sleep(left)
                continue
            with suppress(pexpect.TIMEOUT, pexpect.EOF):
                self._child.read_nonblocking(1 << 16, timeout=left)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a run."""

    epochs_per_second: float
    other_cpu_ms: float
    """Of training and files, for an epoch."""
    main_cpu_share: float
    """Of the dashboard, of the time."""
    memory: float
    """Bytes resident, the mean."""
    frames: int
    """The most there were."""
    file_bytes: int
    """At its end."""

    @classmethod
    def of(cls, samples: Sequence[Sample], epochs: int, part: tuple[float, float]) -> "Part":
        """From the samples between two shares of all epochs."""
        inside = [s for s in samples if part[0] * epochs <= s.epoch <= part[1] * epochs]
        first, last = inside[0], inside[-1]
        seconds, count = last.seconds - first.seconds, last.epoch - first.epoch
        return cls(
            epochs_per_second=count / seconds,
            other_cpu_ms=1e3 * (last.other_cpu - first.other_cpu) / count,
            main_cpu_share=(last.main_cpu - first.main_cpu) / seconds,
            memory=sum(s.memory for s in inside) / len(inside),
            frames=max(s.frames for s in inside),
            file_bytes=last.file_bytes,
        )


ROWS: tuple[tuple[str, Callable[[Part], float], str], ...] = (
    ("epochs a second", lambda p: p.epochs_per_second, "{:,.1f}"),
    ("CPU of training and files, ms an epoch", lambda p: p.other_cpu_ms, "{:.2f}"),
    ("CPU of the main thread, % of the time", lambda p: 100 * p.main_cpu_share, "{:.1f}"),
    ("resident, MB", lambda p: p.memory / 1e6, "{:.1f}"),
    ("files of frames", lambda p: p.frames, "{:,}"),
    ("all files, MB", lambda p: p.file_bytes / 1e6, "{:.1f}"),
)


def _table(title: str, early: Part, late: Part) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for name in ("early", "late", "late / early"):
        table.add_column(name, justify="right")
    for label, value, form in ROWS:
        a, b = value(early), value(late)
        table.add_row(label, form.format(a), form.format(b), f"{b / a:.3f}" if a else "")
    return table


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Is a very long run as good late as it is early?")
    parser.add_argument("--epochs", type=int, default=10_000)
    parser.add_argument("--only", choices=("headless", "dashboard"))
    parser.add_argument("--json", action="store_true", help="all samples, too")
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    for kind in [arguments.only] if arguments.only else ["headless", "dashboard"]:
        samples = soak(arguments.epochs, dashboard=kind == "dashboard")
        early = Part.of(samples, arguments.epochs, EARLY)
        late = Part.of(samples, arguments.epochs, LATE)
        if arguments.json:
            parts = {"early": asdict(early), "late": asdict(late)}
            results[kind] = {**parts, "samples": [asdict(sample) for sample in samples]}
        else:
            title = f"{kind}: {arguments.epochs:,} epochs, {samples[-1].seconds:,.0f} s"
            Console().print(_table(title, early, late), "")
    if results:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
