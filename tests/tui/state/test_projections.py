import numpy as np
import pytest

from engine.analysis.jobs import Project
from engine.errors import JobError
from engine.views import LatentView
from tests.support.fake_worker import FakeWorker
from tests.support.made_views import latent_view
from tui.state.projections import ProjectionJob, ProjectionKey, Projections

T_SNE = ProjectionKey("run", 300, "validation", "tsne")


def view(step: int = 300) -> LatentView:
    points = np.arange(12.0).reshape(6, 2)
    return latent_view(points, np.arange(6) % 2, ("a", "b"), step=step)


def started(
    projections: Projections, key: ProjectionKey = T_SNE
) -> tuple[ProjectionJob, FakeWorker]:
    worker = FakeWorker()
    return projections.start(worker, key, view(key.step)), worker  # type: ignore[arg-type]


def made(projections: Projections, step: int, run: str = "run") -> LatentView:
    job, worker = started(projections, ProjectionKey(run, step, "validation", "tsne"))
    worker.finish()
    return projections.finish(job)


def test_the_latents_are_projected_and_the_view_says_what_it_is() -> None:
    projections = Projections()
    running, worker = started(projections, ProjectionKey("run", 300, "validation", "umap"))
    job, _ = worker.jobs[0]
    assert isinstance(job, Project)
    assert (job.latents is running.source.latents, job.method) == (True, "umap")
    assert not running.done
    points = worker.finish()
    assert running.done
    found = projections.finish(running)
    assert found.points is points
    assert (found.projection, found.axis_names) == ("umap", ("UMAP 1", "UMAP 2"))
    assert found.plane is None
    source = running.source
    assert (found.step, found.split, found.indices) == (300, "validation", source.indices)


def test_progress_is_in_words_without_the_name_twice() -> None:
    job, worker = started(Projections())
    assert (job.name, job.progress) == ("t-SNE", "0 % … waiting")
    worker.jobs[0][1].progress = (0.4, "t-SNE: 300 of 750 iterations")
    assert job.progress == "40 % … 300 of 750 iterations"


def test_a_map_is_kept_for_its_run_step_split_and_projection() -> None:
    projections = Projections()
    found = made(projections, 300)
    assert projections.get(T_SNE) is found
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
    projections = Projections()
    job, worker = started(projections)
    worker.jobs[0][1].future.set_exception(JobError("not finite"))
    with pytest.raises(JobError, match="not finite"):
        projections.finish(job)
    assert projections.latest("run", "validation", "tsne") is None
