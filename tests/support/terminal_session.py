"""The installed program in a real pseudo-terminal, and what its screen shows (pyte)."""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pexpect
import pyte

PROGRAM = Path(sys.executable).with_name("fmnist-vae-tui")


class TerminalSession:
    """Feeds what the program writes to a terminal emulator.

    Args:
        arguments: of the program.
        cwd: where it runs; its checkpoints and exports land there.
        program: another one to run.
        environ: what else its environment has; by default the locale is UTF-8.
    """

    def __init__(
        self,
        arguments: list[str],
        cwd: Path,
        columns: int = 140,
        rows: int = 45,
        program: Path = PROGRAM,
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._hung_up = False
        terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
        environment = {**os.environ, **terminal}
        # The size is the terminal's own; pytest-xdist sets the last two.
        for name in ("NO_COLOR", "TEXTUAL_COLOR_SYSTEM", "COLUMNS", "LINES"):
            environment.pop(name, None)
        environment |= environ
        self.child = pexpect.spawn(
            str(program), arguments, cwd=str(cwd), dimensions=(rows, columns), env=environment
        )

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def read(self, seconds: float = 0.05) -> None:
        """Take in what has been written."""
        try:
            data = self.child.read_nonblocking(1 << 16, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.raw += data
        # pyte 0.8.2 knows neither the kitty keyboard protocol nor XTVERSION's query.
        for unknown in (b"\x1b[>1u", b"\x1b[<u", b"\x1b[>0q"):
            data = data.replace(unknown, b"")
        self._stream.feed(data)

    def wait_for(self, condition: str | Callable[[str], bool], seconds: float = 60.0) -> str:
        """Until the screen shows a text, or fulfils a condition; the screen."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.read()
            if condition in self.text if isinstance(condition, str) else condition(self.text):
                return self.text
        raise AssertionError(f"the screen never showed {condition!r}:\n{self.text}")

    def feed(self, data: str) -> None:
        """Write to the terminal as another program would."""
        self._stream.feed(data.encode())

    def send(self, keys: str) -> None:
        self.child.send(keys)

    def hang_up(self) -> None:
        """Take the terminal away: the kernel sends SIGHUP, and every write fails from then on."""
        self._hung_up = True
        os.close(self.child.child_fd)

    def close(self) -> None:
        """End the program, whatever it is doing."""
        # Not pexpect's own close: that gives a killed process a tenth of a second to be gone.
        self.child.kill(signal.SIGKILL)
        self.child.wait()
        if not self._hung_up:
            self.child.close()

    def wait_for_exit(self, seconds: float = 30.0) -> int:
        """The exit code; what the program wrote last is read to the end."""
        deadline = time.monotonic() + seconds
        while self.child.isalive():
            assert time.monotonic() < deadline, f"still running:\n{self.text}"
            self.read()
        self.read()
        self.child.close()
        assert self.child.exitstatus is not None, f"died of signal {self.child.signalstatus}"
        return int(self.child.exitstatus)
