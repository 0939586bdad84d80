"""When the linear map is asked for, by questions to a made-up run and a clock of the test's."""

from dataclasses import replace

import pytest

from engine.views import LatentMap, LatentView
from tests.support.explorer_fakes import FakeRun
from tests.support.mailbox import Mailbox
from tui.screens.explorer.linear_map import INTERVAL, LinearMap


class Watched:
    """A linear map, and what came of it."""

    def __init__(self, run: FakeRun) -> None:
        self.run = run
        self.now = 100.0
        self.arrived: list[tuple[LatentView, bool]] = []
        self.errors: list[BaseException] = []
        self.mail = Mailbox()
        self.map = LinearMap(
            run,  # type: ignore[arg-type]
            self.mail,  # type: ignore[arg-type]
            lambda view, updated: self.arrived.append((view, updated)),
            self.errors.append,
        )

    def look(self, after: float = 0.0) -> None:
        """So many seconds later."""
        self.now += after
        self.map.ask_if_due()
        self.mail.deliver()

    @property
    def asked(self) -> list[LatentMap]:
        return self.run.questions(LatentMap)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    watched = Watched(FakeRun())
    monkeypatch.setattr("tui.state.view_feed.monotonic", lambda: watched.now)
    return watched


def test_a_map_is_asked_for_once_an_evaluation(watched: Watched) -> None:
    watched.look()
    watched.look(after=10 * INTERVAL)
    watched.run.train_to(350)
    watched.look(after=10 * INTERVAL)
    assert watched.asked == [LatentMap()], "it waits for the next evaluation"
    watched.run.train_to(400, evaluate=True)
    watched.look()
    assert [view.step for view, _ in watched.arrived] == [300, 400]
    assert watched.map.view is watched.arrived[-1][0]


def test_evaluations_that_follow_one_another_faster_are_left_out(watched: Watched) -> None:
    watched.look()
    watched.run.train_to(400, evaluate=True)
    watched.look(after=0.9 * INTERVAL)
    assert len(watched.asked) == 1
    watched.look(after=0.1 * INTERVAL)
    assert len(watched.asked) == 2


def test_nothing_is_asked_before_there_is_an_evaluation(watched: Watched) -> None:
    watched.run.snapshot = replace(watched.run.snapshot, last=None)
    watched.look()
    watched.map.choose(LatentMap("test"))
    watched.mail.deliver()
    assert watched.asked == []


def test_another_map_is_asked_for_at_once_and_an_answer_to_the_one_before_dropped(
    watched: Watched,
) -> None:
    watched.run.held = True
    watched.look()
    watched.map.choose(LatentMap("train"))
    watched.map.choose(LatentMap("test"))
    watched.run.answer()
    watched.mail.deliver()
    assert (watched.map.view, watched.arrived) == (None, [])
    watched.run.answer()
    watched.mail.deliver()
    assert watched.asked == [LatentMap(), LatentMap("test")]
    assert [view.split for view, _ in watched.arrived] == ["test"]


def test_an_update_is_of_the_step_at_which_it_was_asked_for(watched: Watched) -> None:
    watched.run.held = True
    watched.look()
    older = watched.run.map()
    watched.run.train_to(450)
    watched.map.update()
    watched.look()
    ((_, future),) = watched.run._waiting
    watched.run._waiting.clear()
    future.set_result(older)
    watched.mail.deliver()
    watched.run.answer()
    watched.mail.deliver()
    assert [(view.step, updated) for view, updated in watched.arrived] == [(450, True)]


def test_an_update_needs_no_evaluation_and_no_interval(watched: Watched) -> None:
    watched.look()
    watched.run.train_to(301)
    watched.map.update()
    watched.look()
    assert [(view.step, updated) for view, updated in watched.arrived] == [
        (300, False),
        (301, True),
    ]
    watched.look(after=10 * INTERVAL)
    assert len(watched.asked) == 2, "the evaluation is older than the update"


def test_an_update_is_asked_for_once_however_far_the_model_trains_meanwhile(
    watched: Watched,
) -> None:
    watched.look()
    watched.run.held = True
    watched.map.update()
    for step in (301, 302, 303):
        watched.run.train_to(step)
        watched.look(after=INTERVAL)
    watched.run.answer()
    watched.mail.deliver()
    assert [(view.step, updated) for view, updated in watched.arrived] == [
        (300, False),
        (303, True),
    ]
    assert watched.run.outstanding == []


def test_what_the_run_raises_is_reported_for_the_map_that_is_wanted_only(
    watched: Watched,
) -> None:
    watched.run.held = True
    watched.run.failing = "closed"
    watched.look()
    watched.map.choose(LatentMap("train"))
    watched.run.answer()
    watched.mail.deliver()
    assert watched.errors == []
    watched.run.answer()
    watched.mail.deliver()
    assert [str(error) for error in watched.errors] == ["closed"]


def test_a_closed_map_asks_and_reports_nothing(watched: Watched) -> None:
    watched.run.held = True
    watched.look()
    watched.map.close()
    watched.run.answer()
    watched.mail.deliver()
    watched.map.choose(LatentMap("test"))
    watched.mail.deliver()
    assert watched.asked == [LatentMap()]
    assert (watched.arrived, watched.map.view) == ([], None)
