import io
from typing import TextIO

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
