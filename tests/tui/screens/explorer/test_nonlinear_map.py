import numpy as np
import pytest

from engine.errors import JobError
from engine.views import LatentView
from tests.support.fake_worker import FakeWorker
from tests.support.made_views import latent_view
from tui.screens.explorer.nonlinear_map import NonlinearMap
from tui.state.projections import Projections


def view(step: int = 300) -> LatentView:
    return latent_view(np.arange(12.0).reshape(6, 2), np.arange(6) % 2, ("a", "b"), step=step)


@pytest.fixture
def worker() -> FakeWorker:
    return FakeWorker()


@pytest.fixture
def projections() -> Projections:
    return Projections()


@pytest.fixture
def nonlinear(worker: FakeWorker, projections: Projections) -> NonlinearMap:
    return NonlinearMap("run", worker, projections)  # type: ignore[arg-type]


def test_a_map_is_computed_and_taken_once(nonlinear: NonlinearMap, worker: FakeWorker) -> None:
    assert (nonlinear.computing, nonlinear.progress, nonlinear.take()) == (None, "", None)
    assert nonlinear.project(view(), "tsne") is None
    assert nonlinear.computing == "tsne"
    assert nonlinear.progress == "t-SNE: 0 % … waiting (Esc cancels)"
    assert nonlinear.take() is None
    points = worker.finish()
    taken = nonlinear.take()
    assert taken is not None
    assert taken.points is points
    assert (nonlinear.computing, nonlinear.take()) == (None, None)


def test_a_known_map_is_not_computed_again(nonlinear: NonlinearMap, worker: FakeWorker) -> None:
    nonlinear.project(view(), "tsne")
    worker.finish()
    taken = nonlinear.take()
    assert nonlinear.project(view(), "tsne") is taken
    assert nonlinear.latest("validation", "tsne") is taken
    assert nonlinear.project(view(step=301), "tsne") is None
    assert nonlinear.project(view(), "umap") is None


def test_maps_of_another_run_are_never_shown(
    nonlinear: NonlinearMap, worker: FakeWorker, projections: Projections
) -> None:
    nonlinear.project(view(), "tsne")
    worker.finish()
    assert nonlinear.take() is not None
    other = NonlinearMap("other", worker, projections)  # type: ignore[arg-type]
    assert other.latest("validation", "tsne") is None
    assert other.project(view(), "tsne") is None


def test_what_is_cancelled_is_named_and_its_job_ended(
    nonlinear: NonlinearMap, worker: FakeWorker
) -> None:
    assert nonlinear.cancel() == ""
    nonlinear.project(view(), "umap")
    assert nonlinear.cancel() == "UMAP cancelled"
    assert worker.running == []
    assert (nonlinear.computing, nonlinear.cancel()) == (None, "")


def test_a_map_that_begins_again_says_so(nonlinear: NonlinearMap, worker: FakeWorker) -> None:
    nonlinear.project(view(1450), "umap", again=True)
    worker.jobs[0][1].progress = (0.4, "UMAP: 200 of 500 epochs")
    expected = "UMAP restarted for step 1,450: 40 % … 200 of 500 epochs (Esc cancels)"
    assert nonlinear.progress == expected
    nonlinear.cancel()
    nonlinear.project(view(1500), "umap")
    assert nonlinear.progress == "UMAP: 0 % … waiting (Esc cancels)"


def test_a_job_that_fails_raises_once(nonlinear: NonlinearMap, worker: FakeWorker) -> None:
    nonlinear.project(view(), "tsne")
    worker.jobs[0][1].future.set_exception(JobError("not finite"))
    with pytest.raises(JobError, match="not finite"):
        nonlinear.take()
    assert (nonlinear.computing, nonlinear.take()) == (None, None)
