from concurrent.futures import Future
from typing import Any

import pytest
from textual.app import App
from textual.screen import Screen

from engine.errors import ViewError
from engine.views import PriorSamples, ViewRequest
from tests.support.mailbox import AskedRun, Mailbox
from tui.state.view_feed import ViewFeed


class Clock:
    """The time, moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Asker:
    """A feed, and what it has shown and told."""

    def __init__(self) -> None:
        self.run, self.mail = AskedRun(), Mailbox()
        self.shown: list[Any] = []
        self.errors: list[BaseException] = []
        self.failed_seeds: list[int] = []
        self.feed: ViewFeed[Any] = ViewFeed(self.run, self.mail, self._failed)  # type: ignore[arg-type]

    def ask(self, seed: int = 0, version: int = 1, interval: float = 2.0) -> None:
        request: ViewRequest[Any] = PriorSamples(seed)
        self.feed.ask(request, self.shown.append, version=version, interval=interval)

    def _failed(self, request: Any, error: BaseException) -> None:
        self.errors.append(error)
        self.failed_seeds.append(request.seed)

    def answer(self, value: Any) -> None:
        self.run.answer(value)
        self.mail.deliver()

    def fail(self, error: Exception) -> None:
        self.run.fail(error)
        self.mail.deliver()

    @property
    def seeds(self) -> list[int]:
        return [question.seed for question in self.run.questions]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("tui.state.view_feed.monotonic", clock)
    return clock


@pytest.fixture
def asker(clock: Clock) -> Asker:
    return Asker()


def test_a_question_is_asked_at_once_and_its_answer_shown_once(asker: Asker) -> None:
    asker.ask()
    assert asker.seeds == [0]
    assert asker.feed.busy
    asker.answer("picture")
    asker.ask()
    assert asker.shown == ["picture"]
    assert not asker.feed.busy


def test_an_answer_is_shown_when_the_screen_delivers_it_not_in_the_runs_thread(
    asker: Asker,
) -> None:
    asker.ask()
    asker.run.answer("picture")
    assert asker.shown == []
    assert len(asker.mail.messages) == 1


def test_one_question_is_with_the_run_and_the_newest_goes_next(asker: Asker) -> None:
    for seed in (1, 2, 3):
        asker.ask(seed)
    assert asker.seeds == [1]
    asker.answer("one")
    assert asker.shown == ["one"], "what was on its way is shown: a held key shows motion"
    assert asker.seeds == [1, 3]
    asker.answer("three")
    assert asker.shown == ["one", "three"]
    assert asker.seeds == [1, 3]


def test_the_next_question_goes_before_the_answer_is_drawn(asker: Asker) -> None:
    asked_when_shown: list[list[int]] = []
    asker.feed.ask(PriorSamples(1), lambda _: asked_when_shown.append(asker.seeds))
    asker.ask(2)
    asker.answer("one")
    assert asked_when_shown == [[1, 2]]


def test_back_to_the_question_that_is_with_the_run_none_goes_next(asker: Asker) -> None:
    for seed in (1, 2, 1):
        asker.ask(seed)
    asker.answer("one")
    assert asker.seeds == [1]


def test_the_same_picture_of_the_same_model_is_not_asked_for_again(
    asker: Asker, clock: Clock
) -> None:
    asker.ask()
    asker.answer("picture")
    clock.now += 1e6
    asker.ask()
    assert asker.seeds == [0]


def test_a_changed_model_is_asked_again_after_the_interval_since_the_question(
    asker: Asker, clock: Clock
) -> None:
    asker.ask(version=1)
    clock.now += 1.9
    asker.answer("picture")
    asker.ask(version=2)
    assert len(asker.seeds) == 1
    clock.now += 0.2
    asker.ask(version=2)
    assert len(asker.seeds) == 2


def test_a_run_that_answers_late_is_asked_again_as_soon_as_it_has(
    asker: Asker, clock: Clock
) -> None:
    asker.ask(version=1)
    clock.now += 2.1
    asker.ask(version=2)
    asker.ask(version=3)
    assert len(asker.seeds) == 1
    asker.answer("picture")
    assert len(asker.seeds) == 2
    asker.ask(version=3)
    asker.answer("newer")
    assert len(asker.seeds) == 2, "that was of version 3 already"


def test_a_failure_is_told_once_and_the_next_question_asked(asker: Asker, clock: Clock) -> None:
    error = ViewError("there is no model here")
    asker.ask(1)
    asker.ask(2)
    asker.fail(error)
    assert (asker.errors, asker.failed_seeds) == ([error], [1])
    assert asker.seeds == [1, 2]
    asker.fail(error)
    clock.now += 1e6
    asker.ask(2)
    assert asker.seeds == [1, 2], "the same question of the same model would fail again"
    asker.ask(2, version=2)
    asker.answer("picture")
    assert asker.shown == ["picture"]


def test_a_run_that_cannot_even_be_asked_has_failed(asker: Asker) -> None:
    def request(_: object) -> Future[Any]:
        raise OSError("the directory is gone")

    asker.run.request = request  # type: ignore[method-assign]
    asker.ask()
    assert asker.errors == [], "told by a message, like every failure"
    asker.mail.deliver()
    assert [str(error) for error in asker.errors] == ["the directory is gone"]
    assert not asker.feed.busy


def test_a_run_that_was_closed_meanwhile_has_failed(asker: Asker) -> None:
    asker.ask()
    asker.run.asked[0][1].cancel()
    asker.mail.deliver()
    assert [str(error) for error in asker.errors] == ["the run was closed"]
    assert not asker.feed.busy


def test_what_is_forgotten_is_not_shown_and_is_asked_again_when_it_has_come(asker: Asker) -> None:
    asker.ask(1)
    asker.ask(2)
    asker.feed.forget()
    asker.answer("old")
    assert (asker.shown, asker.seeds) == ([], [1])
    asker.ask(1)
    asker.answer("new")
    asker.feed.forget()
    asker.ask(1)
    assert (asker.shown, asker.seeds) == (["new"], [1, 1, 1])


def test_while_a_forgotten_answer_is_awaited_no_second_question_goes_out(asker: Asker) -> None:
    asker.ask(1)
    asker.feed.forget()
    asker.ask(2)
    assert asker.seeds == [1]
    asker.answer("old")
    asker.answer("new")
    assert (asker.shown, asker.seeds) == (["new"], [1, 2])


@pytest.mark.parametrize("answered_before", [True, False])
def test_after_it_is_closed_it_asks_shows_and_tells_nothing(
    asker: Asker, answered_before: bool
) -> None:
    asker.ask(1)
    asker.ask(2)
    if answered_before:
        asker.run.answer("one")
    asker.feed.close()
    if not answered_before:
        asker.run.fail(ViewError("no"))
    asker.mail.deliver()
    asker.ask(3)
    assert (asker.shown, asker.errors, asker.seeds) == ([], [], [1])


def test_an_answer_after_the_app_has_ended_logs_no_traceback(
    asker: Asker, caplog: pytest.LogCaptureFixture
) -> None:
    def post_message(_: object) -> bool:
        raise RuntimeError("Event loop is closed")

    asker.mail.post_message = post_message  # type: ignore[method-assign]
    asker.ask()
    asker.run.answer("one")  # a future logs what its callbacks raise
    assert caplog.text == ""


async def test_a_screen_gets_the_answer_from_another_thread_in_its_own_loop_and_context() -> None:
    shown: list[tuple[Any, Any]] = []

    class Receiver(Screen[None]):
        def on_view_feed_answered(self, message: ViewFeed.Answered) -> None:
            message.deliver()

    app: App[None] = App()
    async with app.run_test() as pilot:
        screen, run = Receiver(), AskedRun()
        await app.push_screen(screen)
        feed = ViewFeed[Any](run, screen, lambda *_: None)  # type: ignore[arg-type]
        request: ViewRequest[Any] = PriorSamples()
        feed.ask(request, lambda view: shown.append((view, screen.app)))
        run.answer("picture")
        await pilot.pause()
        assert shown == [("picture", app)]
        feed.ask(PriorSamples(1), lambda view: shown.append((view, None)))
        app.pop_screen()
        await pilot.pause()
        run.answer("too late")
        await pilot.pause()
        assert len(shown) == 1
