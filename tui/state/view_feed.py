"""`ViewFeed`: keeps one panel's picture fresh without ever waiting for the run."""

import time
from concurrent.futures import Future
from typing import Generic, TypeVar

from engine.run import Run
from engine.views import ViewRequest

FAST_INTERVAL, SLOW_INTERVAL = 1.0, 3.0
"""Seconds between two pictures of the same images: while much changes, and later in a run."""

T = TypeVar("T")


class ViewFeed(Generic[T]):
    """One outstanding question at most; asked again when the model or the question changed."""

    def __init__(self) -> None:
        self._pending: Future[T] | None = None
        self._asked: tuple[ViewRequest[T], int] | None = None
        self._asked_at = 0.0

    def poll(self, run: Run, request: ViewRequest[T], version: int, interval: float) -> T | None:
        """Ask if it is time to; the answer, if one has come since the last call.

        Args:
            version: of the model (its step): the same question is asked again when it changed.
            interval: seconds between two questions that differ only in the version. A new
                question (another seed, another page) is asked at once.

        Raises:
            Exception: what the run raised instead of an answer.
        """
        if self._pending is not None:
            if not self._pending.done():
                return None
            answer, self._pending = self._pending, None
            return answer.result()
        if self._is_due(request, version, interval):
            self._pending = run.request(request)
            self._asked = (request, version)
            self._asked_at = time.monotonic()
        return None

    def _is_due(self, request: ViewRequest[T], version: int, interval: float) -> bool:
        if self._asked is None or self._asked[0] != request:
            return True
        return self._asked[1] != version and time.monotonic() - self._asked_at >= interval
