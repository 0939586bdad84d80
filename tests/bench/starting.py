"""How long `--help`, the first paint and the first step of training take; bytes and memory.

    python -m tests.bench.starting [--rounds 5] [--json]

The installed program in a pseudo-terminal of 120×40, the `report` preset on the CPU. The first
round warms the file cache and isn't counted.
"""

import subprocess
import tempfile
import time
from pathlib import Path

from tests.bench.figures import Figure, Tell, main
from tests.e2e.terminal_session import PROGRAM, TerminalSession
from tui.cli.bench_process import COLUMNS, LINES, watch

SECONDS = 8.0
"""Of training during which bytes are counted."""
SETTINGS = ("--preset", "report", "--device", "cpu", "--epochs", "10000")


def help_seconds() -> float:
    """From the command to its end."""
    started = time.perf_counter()
    subprocess.run([PROGRAM, "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def first_paint_seconds() -> float:
    """From the command to a screen with its last line, the keys."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        session = TerminalSession([*SETTINGS], Path(folder), COLUMNS, LINES)
        try:
            session.wait_for(lambda text: "pause" in text.splitlines()[-1])
            return time.perf_counter() - started
        finally:
            session.close()


def measure(rounds: int, tell: Tell, seconds: float = SECONDS) -> list[Figure]:
    """Everything, in turn."""
    helps, paints, starts, rates, memory = ([], [], [], [], [])  # type: ignore[var-annotated]
    for number in range(rounds + 1):
        tell(f"round {number} of {rounds}")
        values = (help_seconds(), first_paint_seconds())
        watched = watch(SETTINGS, seconds, dashboard=True)
        if number > 0:
            helps.append(values[0])
            paints.append(values[1])
            starts.append(watched.start_seconds)
            rates.append(watched.bytes_per_second / 1e3)
            memory.append(watched.memory / 1e6)
    return [
        Figure("--help", "s", 0.5, helps),
        Figure("first paint", "s", 1.0, paints),
        Figure("training under way", "s", 3.0, starts),
        Figure(f"to the terminal at {COLUMNS}×{LINES}", "KB/s", 30.0, rates),
        Figure("resident, everything on screen", "MB", 700.0, memory),
    ]


if __name__ == "__main__":
    main(f"start, bytes and memory at {COLUMNS}×{LINES}", 5, measure)
