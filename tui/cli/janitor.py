"""Ends a process and removes its folder when whoever started it is gone, however that ended.

Nothing in a process can do that after SIGKILL. A second one can: it waits for the end of a pipe
that its parent alone holds open. Run as a program, without any package: `WATCH` is its code.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 10.0
"""Seconds between SIGTERM, after which a run is saved, and SIGKILL."""

# Its input is a line for each process group, with a minus for one that may live on, and ends with
# the parent, or with what that closes.
WATCH = f"""
import os, shutil, signal, sys, time
groups = set()
for line in sys.stdin:
    groups.add(int(line)) if int(line) > 0 else groups.discard(-int(line))
def send(number):
    for group in list(groups):
        try:
            os.killpg(group, number)
        except OSError:
            groups.discard(group)
send(signal.SIGTERM)
deadline = time.monotonic() + {PATIENCE}
while groups and time.monotonic() < deadline:
    time.sleep(0.1)
    send(0)
send(signal.SIGKILL)
for folder in sys.argv[1:]:
    shutil.rmtree(folder, ignore_errors=True)
"""


class Janitor:
    """Watches over process groups: each is the id of a process that began a session."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def watch(self, group: int) -> None:
        """End this one, too."""
        self._send(group)

    def release(self, group: int) -> None:
        """Let this one live on."""
        self._send(-group)

    def _send(self, group: int) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(f"{group}\n".encode())
            self._process.stdin.flush()


@contextmanager
def cleaned_up_after_us(*folders: Path) -> Iterator[Janitor]:
    """While in here: whatever ends this process, folders are removed, and what is watched ended.

    Leaving it does the same. SIGTERM leaves it by a SystemExit.
    """
    process = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", WATCH, *map(str, folders)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what ends our group leaves it
        cwd=os.sep,
    )
    assert process.stdin is not None
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield Janitor(process)
    finally:
        signal.signal(signal.SIGTERM, before)
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.wait()


def _leave(number: int, _frame: object) -> None:
    sys.exit(128 + number)
