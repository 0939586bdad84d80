"""A live run as a `RunSource`, with a worker that is never done unless it is told to."""

from concurrent.futures import Future
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from engine.analysis.helper_process import JobHandle
from engine.analysis.jobs import FitMixture
from engine.errors import ViewError
from engine.runs.live_source import Cancelled, LiveSource
from engine.snapshot import Snapshot
from engine.views import PriorSamples

JOB = FitMixture(np.zeros((4, 2), np.float32))


class FakeRun:
    snapshot = Snapshot(run="v")

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.answer: Future[Any] = Future()

    def request(self, view: object) -> "Future[Any]":
        self.asked.append(view)
        return self.answer


class FakeWorker:
    def __init__(self) -> None:
        self.handle: JobHandle[Any] = JobHandle()

    def submit(self, _job: object) -> JobHandle[Any]:
        return self.handle


def source(cancelled: Event | None = None) -> tuple[LiveSource, Any, Any]:
    run, worker = FakeRun(), FakeWorker()
    return LiveSource(run, worker, cancelled or Event()), run, worker  # type: ignore[arg-type]


def test_a_view_is_the_runs_answer_or_its_error() -> None:
    live, run, _ = source()
    assert live.name == "v"
    run.answer.set_result("picture")
    assert live.view(PriorSamples()) == "picture"
    assert run.asked == [PriorSamples()]
    run.answer = Future()
    run.answer.set_exception(ViewError("no model"))
    with pytest.raises(ViewError, match="no model"):
        live.view(PriorSamples())


def test_a_cancelled_source_asks_for_no_more_views() -> None:
    cancelled = Event()
    cancelled.set()
    live, run, _ = source(cancelled)
    with pytest.raises(Cancelled):
        live.view(PriorSamples())
    assert run.asked == []


def test_a_job_is_killed_when_nobody_waits_for_it_any_more() -> None:
    cancelled, waiting = Event(), Event()
    live, _, worker = source(cancelled)
    outcome: list[object] = []

    def work() -> None:
        try:
            outcome.append(live.work(JOB, lambda *_: waiting.set()))
        except Cancelled:
            outcome.append("cancelled")

    thread = Thread(target=work)
    thread.start()
    assert waiting.wait(20)
    cancelled.set()
    thread.join(20)
    assert outcome == ["cancelled"]
    assert worker.handle.future.cancelled()


def test_progress_is_the_jobs_and_the_result_its_own() -> None:
    live, _, worker = source()
    told: list[tuple[float, str]] = []

    def progress(share: float, activity: str) -> None:
        told.append((share, activity))
        if share == 0.25:
            worker.handle.future.set_result("mixture")

    worker.handle.progress = (0.25, "k-means")
    assert live.work(JOB, progress) == "mixture"
    assert told == [(0.25, "k-means")]
