import io
import sys
from typing import TextIO

import pytest
from textual.driver import Driver
from textual.drivers._writer_thread import WriterThread

from tui.terminal.cell_diff import CellDiff
from tui.terminal.driver import diffing_driver

ENTER = "\x1b[?1049h"


class Recorder:
    """As much of Textual's driver as matters here."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.written: list[str] = []

    def write(self, data: str) -> None:
        self.written.append(data)
        self._file.write(data)


class Threaded(Recorder):
    """Writes from Textual's own thread, through its queue."""

    def write(self, data: str) -> None:
        if not hasattr(self, "_thread"):
            self._thread = WriterThread(self._file)
            self._thread.start()
        self._thread.write(data)

    def close(self) -> None:
        self._thread.stop()


class Gone(io.StringIO):
    """A terminal that has hung up."""

    def write(self, _: str) -> int:
        raise OSError(5, "Input/output error")

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


def test_a_driver_writes_the_changes() -> None:
    driver = diffing_driver(Recorder, CellDiff())(io.StringIO())  # type: ignore[arg-type]
    for data in (ENTER, "\x1b[1;1Habc\x1b[1;1H", "\x1b[1;1Habc\x1b[1;1H"):
        driver.write(data)
    written = driver.written  # type: ignore[attr-defined]
    assert ENTER in written[0]
    assert written[1:] == ["\x1b[1;1Habc\x1b[1G", ""]
    assert issubclass(diffing_driver(Driver, CellDiff()), Driver)


def test_a_terminal_that_is_gone_blocks_nobody_however_much_is_written_to_it() -> None:
    driver = diffing_driver(Threaded, CellDiff())(Gone())  # type: ignore[arg-type]
    for _ in range(100):  # Textual's queue has room for 30
        driver.write("x")
    driver.close()
    assert not driver._thread.is_alive()  # type: ignore[attr-defined]


def test_the_screen_is_drawn_on_standard_output_if_errors_go_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen, errors = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "__stdout__", screen)
    monkeypatch.setattr(sys, "__stderr__", errors)
    # As Textual's own driver chooses.
    driver = diffing_driver(Recorder, CellDiff())(errors)  # type: ignore[arg-type]
    driver.write(ENTER)
    assert ENTER in screen.getvalue()
    assert errors.getvalue() == ""


def test_a_terminal_without_unicode_gets_ascii() -> None:
    file = io.StringIO()
    driver = diffing_driver(Recorder, CellDiff(), unicode=False)(file)  # type: ignore[arg-type]
    driver.write(f"{ENTER}\x1b[1;1H▀─β−")
    assert file.getvalue().isascii()
    assert file.getvalue().endswith("#-b-")
