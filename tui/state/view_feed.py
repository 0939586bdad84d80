"""`ViewFeed`: the one way to ask a run for a view and to get it on the screen.

    feed = ViewFeed[SampleView](run, screen, failed=screen.view_failed)
    feed.ask(PriorSamples(seed=3), panel.show, version=snapshot.step, interval=1.0)

Nobody waits: the run's thread posts the answer to the screen as a message, and the screen
delivers it (`RunScreen.on_view_feed_answered`).
"""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, Generic, TypeVar

from textual.message import Message
from textual.message_pump import MessagePump

from engine.errors import ViewError
from engine.run import Run
from engine.snapshot import Snapshot
from engine.views import ViewRequest

FAST_INTERVAL, SLOW_INTERVAL = 1.0, 3.0
"""Seconds between two pictures of the same images: while much changes, and later in a run."""

T = TypeVar("T")


def picture_interval(snapshot: Snapshot) -> float:
    """Seconds between two pictures of a model that has trained so long.

    A second's training changes less and less of a picture, and each costs some 30 KiB.
    """
    return min(SLOW_INTERVAL, max(FAST_INTERVAL, snapshot.elapsed / 10))


@dataclass(frozen=True, slots=True, eq=False)
class _Question(Generic[T]):
    request: ViewRequest[T]
    version: int
    show: Callable[[T], None]


class ViewFeed(Generic[T]):
    """One kind of view of one run: one question is with the run at most, the newest goes next.

    Another run needs another feed; `close` this one, and what it still brings is not shown.

    Args:
        screen: the answers are posted to it, and it delivers them.
        failed: called in the event loop with a request and what the run raised on it.
    """

    class Answered(Message, bubble=False):
        """The run has answered, or failed to; whoever receives this delivers it."""

        def __init__(
            self, feed: "ViewFeed[Any]", question: _Question[Any], answer: "Future[Any]"
        ) -> None:
            super().__init__()
            self._feed, self._question, self._answer = feed, question, answer

        def deliver(self) -> None:
            """Ask the next question, if there is one, and show the answer if it is wanted."""
            self._feed._take(self._question, self._answer)

    def __init__(
        self,
        run: Run,
        screen: MessagePump,
        failed: Callable[[ViewRequest[T], BaseException], None],
    ) -> None:
        self._run = run
        self._screen = screen
        self._failed = failed
        self._pending: _Question[T] | None = None
        self._next: _Question[T] | None = None
        self._last: _Question[T] | None = None
        self._unwanted: _Question[T] | None = None
        self._asked_at = 0.0
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._pending is not None

    def ask(
        self,
        request: ViewRequest[T],
        show: Callable[[T], None],
        *,
        version: int = 0,
        interval: float = 0.0,
    ) -> None:
        """Have a view on the screen: call it again and again, for it asks only what is due.

        Args:
            request: another one than the last is asked at once.
            show: called in the event loop with the answer.
            version: of the model (its step): the same request is asked again when it changed.
            interval: seconds between two questions that differ only in the version.
        """
        question = _Question(request, version, show)
        if self._closed or not self._is_due(question, interval):
            self._next = None
        elif self._pending is None:
            self._send(question)
        else:
            self._next = question

    def forget(self) -> None:
        """Show nothing of what was asked; the next `ask` asks, even the same as the last."""
        self._next = self._last = None
        self._unwanted = self._pending

    def close(self) -> None:
        """Ask and show nothing from now on."""
        self._closed = True
        self._pending = self._next = None

    def _is_due(self, question: _Question[T], interval: float) -> bool:
        last = self._last
        if last is None or last.request != question.request:
            return True
        return last.version != question.version and monotonic() - self._asked_at >= interval

    def _send(self, question: _Question[T]) -> None:
        self._pending = self._last = question
        self._next = None
        self._asked_at = monotonic()
        try:
            answer = self._run.request(question.request)
        except Exception as error:  # whatever it is, the screen tells it
            answer = Future()
            answer.set_exception(error)
        answer.add_done_callback(partial(self._post, question))

    def _post(self, question: _Question[T], answer: "Future[T]") -> None:
        """In the run's thread: no waiting."""
        with suppress(RuntimeError):  # the app has ended: nobody is left to tell
            self._screen.post_message(self.Answered(self, question, answer))

    def _take(self, question: _Question[T], answer: "Future[T]") -> None:
        if question is not self._pending:
            return
        self._pending = None
        if self._next is not None:
            self._send(self._next)  # first: the run works while the screen draws
        if question is self._unwanted:
            return
        error = ViewError("the run was closed") if answer.cancelled() else answer.exception()
        if error is None:
            question.show(answer.result())
        else:
            self._failed(question.request, error)
