"""`RunLog`: run.log, what was logged while a run was trained."""

import contextlib
import logging
import os
from pathlib import Path

from engine.storage.atomic_files import open_for_update

LOG_FILE = "run.log"
RUN_LOGGERS = ("engine", "tui", "py.warnings")
"""What is recorded: our own words, and Python's warnings (torch's among them)."""


class RunLog:
    """Appends to a run's log until `close`; training needs none, and goes on without.

    Args:
        path: the run's directory.
    """

    def __init__(self, path: Path) -> None:
        self.problem = ""
        """Why nothing is recorded; empty if it is."""
        self._handler: logging.Handler | None = None
        try:
            descriptor = open_for_update(path / LOG_FILE, append=True)
        except OSError as error:
            self.problem = f"can't write {LOG_FILE}: {error.strerror or error}; nothing is logged"
            return
        stream = os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")
        self._handler = _QuietHandler(stream)
        self._handler.setFormatter(
            logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
        )
        for name in RUN_LOGGERS:
            logging.getLogger(name).addHandler(self._handler)

    def close(self) -> None:
        """Record no more; called again, it does nothing."""
        handler, self._handler = self._handler, None
        if handler is None:
            return
        for name in RUN_LOGGERS:
            logging.getLogger(name).removeHandler(handler)
        handler.close()


class _QuietHandler(logging.StreamHandler):  # type: ignore[type-arg]  # not generic when it runs
    """Loses what can't be written (a full disk, say): standard error may be the dashboard's."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  logging's name
        return

    def close(self) -> None:
        """Close the file, too."""
        with self.lock or contextlib.nullcontext(), contextlib.suppress(OSError):
            self.stream.close()
        super().close()
