"""In place of the helper process: jobs that a test finishes."""

from typing import Any

import numpy as np

from engine.analysis.helper_process import JobHandle


class FakeWorker:
    """Keeps the jobs with their handles, in the order they came."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Any, JobHandle[Any]]] = []

    def submit(self, job: Any) -> JobHandle[Any]:
        handle: JobHandle[Any] = JobHandle()
        self.jobs.append((job, handle))
        return handle

    def finish(self, seed: int = 0) -> np.ndarray:
        """The last job's result: points anywhere."""
        job, handle = self.jobs[-1]
        points = np.random.default_rng(seed).normal(0, 30, (len(job.latents), 2))
        points = points.astype(np.float32)
        handle.future.set_result(points)
        return points

    @property
    def running(self) -> list[str]:
        """The projections of the jobs that are neither finished nor cancelled."""
        return [job.method for job, handle in self.jobs if not handle.future.done()]

    def close(self) -> None: ...
