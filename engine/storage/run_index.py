"""`RunIndex`: the runs of a directory, looked at again and again."""

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import RunError
from engine.storage.config_json import CONFIG_FILE
from engine.storage.listing import RunSummary, summarize
from engine.storage.metrics_csv import METRICS_FILE
from engine.storage.run_lock import LOCK_FILE
from engine.storage.run_scores import RunScores
from engine.storage.status_json import STATUS_FILE

PIECE = 0.2
"""Seconds of reading after which what is known so far is shown, at the earliest."""
GROWTH = 1.25
"""Times as many runs as were shown before, at the least: so that showing thousands in pieces costs
a few times what showing them once does."""
_LOOKED_AT = ("", *(f"/{n}" for n in (CONFIG_FILE, STATUS_FILE, METRICS_FILE, LOCK_FILE, "frames")))

Signature = tuple[tuple[int, int, int] | None, ...]


@dataclass(slots=True)
class _Entry:
    signature: Signature
    scores: RunScores
    summary: RunSummary


class RunIndex:
    """What is known of each run; of a run whose files are as they were, none is opened.

    Args:
        checkpoints: the directory of the runs; names in it that begin with '.' are runs in the
            making, or on their way out.
    """

    def __init__(self, checkpoints: Path) -> None:
        self._checkpoints = checkpoints
        self._entries: dict[str, _Entry] = {}
        self._runs: list[RunSummary] = []

    def look(self) -> Iterator[list[RunSummary]]:
        """The runs, the newest first: while many are read, those so far; at last, all.

        If nothing has changed, it is the list of the look before, the same object.

        Raises:
            RunError: if there is such a directory, and it can't be read.
        """
        names = self._names()
        is_first = not self._entries
        for name in self._entries.keys() - set(names):
            del self._entries[name]
        shown_at, shown = time.monotonic(), 0
        for name in names:
            is_run = self._read(name)
            # Later looks are quick, and what was known is on show meanwhile.
            if (
                is_run
                and is_first
                and len(self._entries) > GROWTH * shown
                and time.monotonic() - shown_at > PIECE
            ):
                yield self._sorted()
                shown_at, shown = time.monotonic(), len(self._entries)
        runs = self._sorted()
        if len(runs) != len(self._runs) or any(
            new is not old for new, old in zip(runs, self._runs, strict=True)
        ):
            self._runs = runs
        yield self._runs

    def _names(self) -> list[str]:
        try:
            with os.scandir(self._checkpoints) as found:
                return [entry.name for entry in found if not entry.name.startswith(".")]
        except FileNotFoundError:
            return []
        except OSError as error:
            cause = error.strerror or error
            raise RunError(f"{self._checkpoints}/ can't be read: {cause}") from error

    def _read(self, name: str) -> bool:
        """Bring what is known of a name up to date; whether it is a run."""
        path = self._checkpoints / name
        signature = _signature(os.fspath(path))
        if signature[1] is None:  # no config.json
            self._entries.pop(name, None)
            return False
        entry = self._entries.get(name)
        # Of a run that is trained more may change than can be seen: its process may be killed.
        if entry and entry.signature == signature and entry.summary.owner is None:
            return True
        scores = entry.scores if entry else RunScores(path)
        summary = summarize(path, scores)
        if entry and entry.summary == summary:
            summary = entry.summary
        self._entries[name] = _Entry(signature, scores, summary)
        return True

    def _sorted(self) -> list[RunSummary]:
        runs = (entry.summary for entry in self._entries.values())
        return sorted(runs, key=lambda run: (run.created or run.modified, run.name), reverse=True)


def list_runs(checkpoints: Path) -> list[RunSummary]:
    """The runs in a directory, the newest first.

    Raises:
        RunError: if there is such a directory, and it can't be read.
    """
    [runs] = deque(RunIndex(checkpoints).look(), maxlen=1)
    return runs


def _signature(path: str) -> Signature:
    """What shows that a run's files have changed."""
    found: list[tuple[int, int, int] | None] = []
    for name in _LOOKED_AT:
        status = None
        with contextlib.suppress(OSError):
            status = os.stat(path + name)  # noqa: PTH116  # some 30,000 of them
        found.append(status and (status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)
