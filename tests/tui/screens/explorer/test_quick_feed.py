import asyncio
import threading
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any

import pytest

from tui.screens.explorer.quick_feed import QuickFeed


class Engine:
    """Answers when told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, Future[Any]]] = []

    def request(self, view: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self.asked.append((view, future))
        return future

    @property
    def questions(self) -> list[Any]:
        return [view for view, _ in self.asked]

    def answer(self, index: int, value: Any) -> None:
        """From another thread, as the real one does."""
        thread = threading.Thread(target=self.asked[index][1].set_result, args=(value,))
        thread.start()
        thread.join()

    def fail(self, index: int, error: Exception) -> None:
        self.asked[index][1].set_exception(error)


class Screen:
    def __init__(self) -> None:
        self.answers: list[tuple[Any, Any]] = []
        self.errors: list[tuple[Any, BaseException]] = []
        self.feed = QuickFeed[Any, Any](
            lambda about, answer: self.answers.append((about, answer)),
            lambda about, error: self.errors.append((about, error)),
        )


async def ask(screen: Screen, run: Engine, question: Any) -> None:
    screen.feed.ask(run, question, f"about {question}")  # type: ignore[arg-type]
    await asyncio.sleep(0)


async def test_a_question_is_asked_at_once_and_its_answer_shown_without_a_timer() -> None:
    screen, run = Screen(), Engine()
    await ask(screen, run, 1)
    assert run.questions == [1]
    assert screen.feed.busy
    run.answer(0, "one")
    await asyncio.sleep(0)
    assert screen.answers == [("about 1", "one")]
    assert not screen.feed.busy


async def test_one_question_is_outstanding_and_the_newest_is_asked_next() -> None:
    screen, run = Screen(), Engine()
    for question in (1, 2, 3):
        await ask(screen, run, question)
    assert run.questions == [1]
    run.answer(0, "one")
    await asyncio.sleep(0)
    assert run.questions == [1, 3]
    run.answer(1, "three")
    await asyncio.sleep(0)
    assert screen.answers == [("about 1", "one"), ("about 3", "three")]
    assert run.questions == [1, 3]


async def test_a_question_that_is_forgotten_is_not_asked_later() -> None:
    screen, run = Screen(), Engine()
    await ask(screen, run, 1)
    await ask(screen, run, 2)
    screen.feed.forget()
    run.answer(0, "one")
    await asyncio.sleep(0)
    assert run.questions == [1]
    await ask(screen, run, 4)
    assert run.questions == [1, 4]


async def test_an_error_is_told_and_the_next_question_asked() -> None:
    screen, run = Screen(), Engine()
    await ask(screen, run, 1)
    await ask(screen, run, 2)
    error = RuntimeError("no")
    run.fail(0, error)
    await asyncio.sleep(0)
    assert screen.errors == [("about 1", error)]
    assert run.questions == [1, 2]


async def test_after_it_is_closed_it_shows_and_asks_nothing() -> None:
    screen, run = Screen(), Engine()
    await ask(screen, run, 1)
    await ask(screen, run, 2)
    screen.feed.close()
    run.answer(0, "one")
    await asyncio.sleep(0)
    await ask(screen, run, 3)
    assert (screen.answers, run.questions) == ([], [1])


async def test_an_answer_that_was_cancelled_is_nothing(caplog: pytest.LogCaptureFixture) -> None:
    screen, run = Screen(), Engine()
    await ask(screen, run, 1)
    run.asked[0][1].cancel()
    await asyncio.sleep(0.01)
    assert caplog.text == "", "the loop logs what its callbacks raise"
    assert (screen.answers, screen.errors, screen.feed.busy) == ([], [], False)


async def test_the_answer_is_shown_in_the_context_of_the_question() -> None:
    variable: ContextVar[str] = ContextVar("variable")
    variable.set("of the app")
    seen: list[str] = []
    feed = QuickFeed[None, Any](lambda _, __: seen.append(variable.get("none")), lambda _, __: None)
    run = Engine()
    feed.ask(run, 1, None)  # type: ignore[arg-type]
    run.answer(0, "one")
    await asyncio.sleep(0)
    assert seen == ["of the app"]


def test_an_answer_after_the_app_has_ended_logs_no_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    screen, run = Screen(), Engine()
    asyncio.run(ask(screen, run, 1))
    run.answer(0, "one")  # a future logs what its callbacks raise
    assert caplog.text == ""
    assert screen.answers == []
