"""`QuickFeed`: a person's question, answered on the screen as soon as the run has it.

`tui.state.view_feed.ViewFeed` is for pictures that may come with the next look at the run;
this is for a picture that follows a key.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from typing import Generic, TypeVar

from engine.run import Run
from engine.views import ViewRequest

T = TypeVar("T")
About = TypeVar("About")


class QuickFeed(Generic[About, T]):
    """At most one question is with the run; of those asked meanwhile the newest goes next.

    Never waits, nor lets the run's thread wait. Answers come in the order of the questions.

    Args:
        answered: called in the event loop with what the question was about, and its answer.
        failed: likewise, with what the run raised.
    """

    def __init__(
        self,
        answered: Callable[[About, T], None],
        failed: Callable[[About, BaseException], None],
    ) -> None:
        self._answered = answered
        self._failed = failed
        self._outstanding = False
        self._newest: tuple[Run, ViewRequest[T], About] | None = None
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._outstanding

    def ask(self, run: Run, request: ViewRequest[T], about: About) -> None:
        """Ask now, or when the answer that is awaited has come."""
        if self._closed:
            return
        self._newest = (run, request, about)
        if not self._outstanding:
            self._send()

    def forget(self) -> None:
        """Don't ask what has not been asked yet."""
        self._newest = None

    def close(self) -> None:
        """Ask nothing and show nothing from now on: the screen is gone."""
        self._closed = True
        self._newest = None

    def _send(self) -> None:
        assert self._newest is not None
        (run, request, about), self._newest = self._newest, None
        # Textual finds its app in a context variable, which the run's thread doesn't have.
        loop, context = asyncio.get_running_loop(), copy_context()

        def hand_over(future: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
                loop.call_soon_threadsafe(self._arrive, future, about, context=context)

        self._outstanding = True
        run.request(request).add_done_callback(hand_over)

    def _arrive(self, future: Future[T], about: About) -> None:
        self._outstanding = False
        if self._newest is not None:
            self._send()  # first: the run works while the screen draws
        if self._closed or future.cancelled():
            return
        error = future.exception()
        if error is None:
            self._answered(about, future.result())
        else:
            self._failed(about, error)
