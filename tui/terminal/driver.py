"""Textual's driver, writing less, and outliving its terminal."""

import sys
from typing import Any

from textual.driver import Driver

from tui.terminal.cell_diff import CellDiff
from tui.terminal.characters import in_cells
from tui.terminal.lasting_stream import LastingStream


def diffing_driver(driver: type[Driver], sent: CellDiff, *, unicode: bool = True) -> type[Driver]:
    """A driver that writes only what has changed, and outlives its terminal.

    Args:
        unicode: whether the terminal has more than ASCII.
    """

    class DiffingDriver(driver):  # type: ignore[valid-type, misc]
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            stream = getattr(self, "_file", None)
            if stream is not None:
                if stream is sys.__stderr__ and sys.__stdout__ is not None:
                    # Textual's choice; but who redirects that wants our messages in a file, and
                    # the screen where it is (`capabilities` has seen that it is a terminal).
                    stream = sys.__stdout__
                # Textual's thread that writes would die of a terminal that is gone, and the app
                # wait for ever for room in its queue: the process would never end.
                self._file: object = LastingStream(stream)

        def write(self, data: str) -> None:
            changes = sent.changes(data)
            super().write(changes if unicode else in_cells(changes))

    return DiffingDriver
