"""`RunLog`: run.log, what was logged while a run was trained."""

import logging
from pathlib import Path

LOG_FILE = "run.log"
RUN_LOGGERS = ("engine", "tui", "py.warnings")
"""What is recorded: our own words, and Python's warnings (torch's among them)."""


class RunLog:
    """Appends to a run's log until `close`.

    Args:
        path: the run's directory.

    Raises:
        OSError: if the file can't be opened.
    """

    def __init__(self, path: Path) -> None:
        self._handler = logging.FileHandler(
            path / LOG_FILE, encoding="utf-8", errors="backslashreplace"
        )
        self._handler.setFormatter(
            logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
        )
        for name in RUN_LOGGERS:
            logging.getLogger(name).addHandler(self._handler)

    def close(self) -> None:
        """Record no more."""
        for name in RUN_LOGGERS:
            logging.getLogger(name).removeHandler(self._handler)
        self._handler.close()
