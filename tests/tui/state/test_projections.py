from typing import Any

import numpy as np
import pytest

from engine.analysis.helper_process import JobHandle
from engine.analysis.jobs import Project
from engine.errors import JobError
from engine.views import LatentView
from tests.support.made_views import latent_view
from tui.state.projections import ProjectionKey, Projections

NAMES = ("a", "b")


class Worker:
    def __init__(self) -> None:
        self.jobs: list[tuple[Any, JobHandle[Any]]] = []

    def submit(self, job: Any) -> JobHandle[Any]:
        handle: JobHandle[Any] = JobHandle()
        self.jobs.append((job, handle))
        return handle


def view(step: int = 300) -> LatentView:
    points = np.arange(12.0).reshape(6, 2)
    return latent_view(points, np.arange(6) % 2, NAMES, step=step)


def made(projections: Projections, step: int, run: str = "run") -> LatentView:
    worker = Worker()
    making = projections.start(worker, run, view(step), "tsne")  # type: ignore[arg-type]
    worker.jobs[0][1].future.set_result(np.full((6, 2), step, np.float32))
    return projections.finish(making)


def test_the_latents_are_projected_and_the_view_says_what_it_is() -> None:
    worker, source = Worker(), view()
    making = Projections().start(worker, "run", source, "umap")  # type: ignore[arg-type]
    job, handle = worker.jobs[0]
    assert isinstance(job, Project)
    assert (job.latents is source.latents, job.method) == (True, "umap")
    assert not making.done
    points = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    handle.future.set_result(points)
    assert making.done
    found = Projections().finish(making)
    assert found.points is points
    assert (found.projection, found.axis_names) == ("UMAP", ("UMAP 1", "UMAP 2"))
    assert found.plane is None
    assert (found.step, found.split, found.indices) == (300, "validation", source.indices)


def test_progress_is_told_in_words() -> None:
    worker = Worker()
    making = Projections().start(worker, "run", view(), "tsne")  # type: ignore[arg-type]
    assert making.progress == "t-SNE: 0 % … waiting"
    worker.jobs[0][1].progress = (0.4, "t-SNE: 300 of 750 iterations")
    assert making.progress == "t-SNE: 40 % … 300 of 750 iterations"


def test_a_map_is_kept_for_its_run_step_split_and_method() -> None:
    projections = Projections()
    found = made(projections, 300)
    key = ProjectionKey("run", 300, "validation", "tsne")
    assert projections.get(key) is found
    for other in (
        ProjectionKey("other", 300, "validation", "tsne"),
        ProjectionKey("run", 301, "validation", "tsne"),
        ProjectionKey("run", 300, "train", "tsne"),
        ProjectionKey("run", 300, "validation", "umap"),
    ):
        assert projections.get(other) is None


def test_the_latest_is_that_of_the_highest_step_of_this_run() -> None:
    projections = Projections()
    for step in (300, 900, 600):
        made(projections, step)
    made(projections, 2000, "other")
    latest = projections.latest("run", "validation", "tsne")
    assert latest is not None
    assert latest.step == 900
    assert projections.latest("run", "validation", "umap") is None


def test_the_least_recently_used_map_is_forgotten_first() -> None:
    projections = Projections(kept=2)
    made(projections, 1)
    made(projections, 2)
    projections.get(ProjectionKey("run", 1, "validation", "tsne"))
    made(projections, 3)
    kept = [s for s in (1, 2, 3) if projections.get(ProjectionKey("run", s, "validation", "tsne"))]
    assert kept == [1, 3]


def test_a_failed_job_raises_and_keeps_nothing() -> None:
    worker, projections = Worker(), Projections()
    making = projections.start(worker, "run", view(), "tsne")  # type: ignore[arg-type]
    worker.jobs[0][1].future.set_exception(JobError("not finite"))
    with pytest.raises(JobError, match="not finite"):
        projections.finish(making)
    assert projections.latest("run", "validation", "tsne") is None
