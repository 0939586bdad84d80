from concurrent.futures import Future
from typing import Any

import pytest

from engine.errors import ViewError
from engine.views import PriorSamples, ViewRequest
from tui.state.view_feed import ViewFeed


class Clock:
    """The time, moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class AskedEngine:
    """Keeps the questions; a test answers them."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, Future[Any]]] = []

    def request(self, view: ViewRequest[Any]) -> Future[Any]:
        self.asked.append((view, Future()))
        return self.asked[-1][1]


class Polled:
    def __init__(self) -> None:
        self.run = AskedEngine()
        self.feed: ViewFeed[Any] = ViewFeed()

    def __call__(self, seed: int = 0, version: int = 1, interval: float = 2.0) -> Any:
        return self.feed.poll(self.run, PriorSamples(seed), version, interval)  # type: ignore[arg-type]

    @property
    def questions(self) -> list[object]:
        return [question for question, _ in self.run.asked]

    def answer(self, value: object) -> None:
        self.run.asked[-1][1].set_result(value)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("tui.state.view_feed.time.monotonic", clock)
    return clock


@pytest.fixture
def poll(clock: Clock) -> Polled:
    return Polled()


def test_it_asks_and_gives_the_answer_once_when_it_has_come(poll: Polled) -> None:
    assert poll() is None
    assert poll.questions == [PriorSamples(0)]
    poll.answer("picture")
    assert poll() == "picture"
    assert poll() is None


def test_there_is_never_more_than_one_question_open(poll: Polled, clock: Clock) -> None:
    for n in range(10):
        clock.now += 100
        assert poll(seed=n, version=n) is None
    assert poll.questions == [PriorSamples(0)]


def test_the_same_picture_of_the_same_model_is_not_asked_for_again(
    poll: Polled, clock: Clock
) -> None:
    poll()
    poll.answer("picture")
    poll()
    clock.now += 1e6
    poll()
    assert len(poll.questions) == 1


def test_a_changed_model_is_asked_again_after_the_interval(poll: Polled, clock: Clock) -> None:
    poll(version=1)
    poll.answer("picture")
    poll(version=2)
    clock.now += 1.9
    poll(version=2)
    assert len(poll.questions) == 1
    clock.now += 0.2
    poll(version=2)
    assert len(poll.questions) == 2


def test_the_interval_counts_from_the_question_not_from_the_answer(
    poll: Polled, clock: Clock
) -> None:
    poll(version=1)
    clock.now += 1.5
    poll.answer("picture")
    poll(version=2)
    clock.now += 0.6
    poll(version=2)
    assert len(poll.questions) == 2


def test_a_new_question_is_asked_at_once(poll: Polled) -> None:
    poll(seed=0)
    poll.answer("picture")
    assert poll(seed=1) == "picture"
    assert poll(seed=1) is None
    assert poll.questions == [PriorSamples(0), PriorSamples(1)]


def test_what_the_engine_raised_is_raised_once_and_another_question_goes_through(
    poll: Polled, clock: Clock
) -> None:
    poll()
    poll.run.asked[-1][1].set_exception(ViewError("there is no model here"))
    with pytest.raises(ViewError, match="there is no model here"):
        poll()
    clock.now += 1e6
    assert poll() is None, "the same question of the same model would fail again"
    assert len(poll.questions) == 1
    poll(version=2)
    poll.answer("picture")
    assert poll(version=2) == "picture"


def test_polling_never_waits(poll: Polled) -> None:
    poll()
    _, future = poll.run.asked[0]
    future.result = lambda *_: pytest.fail("waits")  # type: ignore[method-assign]
    assert poll() is None
