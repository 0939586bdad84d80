"""`NonlinearMap`: the t-SNE or UMAP of one run that is being computed, if there is one."""

from engine.analysis.helper_process import Worker
from engine.projection import NonlinearProjection
from engine.views import LatentView, Split
from tui.state.projections import ProjectionJob, ProjectionKey, Projections


class NonlinearMap:
    """At most one map at a time is computed; those that were are kept in `projections`.

    Args:
        run: what its maps are kept by, as `engine.run.run_key` has it.
    """

    def __init__(self, run: str, worker: Worker, projections: Projections) -> None:
        self._run = run
        self._worker = worker
        self._projections = projections
        self._job: ProjectionJob | None = None
        self._restarted = False

    @property
    def computing(self) -> NonlinearProjection | None:
        """The projection that is being computed."""
        return None if self._job is None else self._job.key.projection

    @property
    def progress(self) -> str:
        """How far it is, for people; empty if there is none."""
        job = self._job
        if job is None:
            return ""
        # Else the work of a minute would go back to 0 % without a reason.
        restarted = f" restarted for step {job.key.step:,}" if self._restarted else ""
        return f"{job.name}{restarted}: {job.progress} (Esc cancels)"

    def latest(self, split: Split, projection: NonlinearProjection) -> LatentView | None:
        """The map of the latest step that there is one of."""
        return self._projections.latest(self._run, split, projection)

    def project(
        self, source: LatentView, projection: NonlinearProjection, *, again: bool = False
    ) -> LatentView | None:
        """The map of the source's latents if it is known; else it is computed from now on.

        Args:
            again: whether one of an earlier step was cancelled for it.
        """
        key = ProjectionKey(self._run, source.step, source.split, projection)
        known = self._projections.get(key)
        if known is None:
            self._job = self._projections.start(self._worker, key, source)
            self._restarted = again
        return known

    def take(self) -> LatentView | None:
        """The map, once, when it is finished.

        Raises:
            Exception: what the job raised instead.
        """
        if self._job is None or not self._job.done:
            return None
        job, self._job = self._job, None
        return self._projections.finish(job)

    def cancel(self) -> str:
        """Compute no longer; what a person should be told, empty if nothing was computed."""
        job, self._job = self._job, None
        if job is None:
            return ""
        job.cancel()
        return f"{job.name} cancelled"
