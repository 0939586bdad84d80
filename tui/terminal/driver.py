"""Textual's driver, writing less, and outliving its terminal."""

import contextlib
from typing import Any, TextIO

from textual.driver import Driver

from tui.terminal.cell_diff import CellDiff


class _LastingStream:
    """A terminal's stream that swallows what can't be written once the terminal is gone.

    Textual's thread that writes would die of it, and then the app wait for ever for room in its
    queue: training would go on, but the process never end.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()


def diffing_driver(driver: type[Driver], sent: CellDiff) -> type[Driver]:
    """A driver that writes only what has changed, and outlives its terminal."""

    class SparingDriver(driver):  # type: ignore[valid-type, misc]
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            stream = getattr(self, "_file", None)
            if stream is not None:
                self._file: object = _LastingStream(stream)

        def write(self, data: str) -> None:
            super().write(sent.changes(data))

    return SparingDriver
