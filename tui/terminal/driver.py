"""Textual's driver, writing less, and outliving its terminal."""

from typing import Any

from textual.driver import Driver

from tui.terminal.cell_diff import CellDiff
from tui.terminal.lasting_stream import LastingStream


def diffing_driver(driver: type[Driver], sent: CellDiff) -> type[Driver]:
    """A driver that writes only what has changed, and outlives its terminal."""

    class DiffingDriver(driver):  # type: ignore[valid-type, misc]
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            stream = getattr(self, "_file", None)
            if stream is not None:
                # Textual's thread that writes would die of a terminal that is gone, and the app
                # wait for ever for room in its queue: the process would never end.
                self._file: object = LastingStream(stream)

        def write(self, data: str) -> None:
            super().write(sent.changes(data))

    return DiffingDriver
