"""t-SNE and UMAP maps: computed in the helper process, kept for as long as they are likely used."""

from collections import OrderedDict
from dataclasses import dataclass, field

from engine.analysis.helper_process import JobHandle, Worker
from engine.analysis.jobs import Floats, Project
from engine.analysis.projected import projected
from engine.projection import PROJECTION_NAMES, NonlinearProjection
from engine.views import LatentView, Split

KEPT = 12
"""Maps: both projections of all three splits, twice."""


@dataclass(frozen=True, slots=True)
class ProjectionKey:
    """What makes a map what it is."""

    run: str
    """As `engine.run.run_key` has it."""
    step: int
    split: Split
    projection: NonlinearProjection


@dataclass(frozen=True, slots=True, eq=False)
class ProjectionJob:
    """A map that is being computed."""

    key: ProjectionKey
    source: LatentView
    """Of which the latents are projected."""
    handle: JobHandle[Floats]

    @property
    def name(self) -> str:
        """The projection's, for people."""
        return PROJECTION_NAMES[self.key.projection]

    @property
    def done(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return self.handle.future.done()

    @property
    def progress(self) -> str:
        """How far it is, for people: '40 % … 300 of 750 iterations'."""
        share, activity = self.handle.progress
        return f"{100 * share:.0f} % … {activity.removeprefix(f'{self.name}: ')}"

    def cancel(self) -> None:
        """Stop it."""
        self.handle.cancel()


@dataclass(slots=True)
class Projections:
    """The maps that were computed; the least recently used are forgotten first."""

    kept: int = KEPT
    _maps: OrderedDict[ProjectionKey, LatentView] = field(default_factory=OrderedDict)

    def get(self, key: ProjectionKey) -> LatentView | None:
        """The map of a step."""
        view = self._maps.get(key)
        if view is not None:
            self._maps.move_to_end(key)
        return view

    def latest(self, run: str, split: Split, projection: NonlinearProjection) -> LatentView | None:
        """The map of the latest step that there is one of."""
        wanted = (run, split, projection)
        steps = [k.step for k in self._maps if (k.run, k.split, k.projection) == wanted]
        return self.get(ProjectionKey(run, max(steps), split, projection)) if steps else None

    def start(self, worker: Worker, key: ProjectionKey, source: LatentView) -> ProjectionJob:
        """Have a map of the source's latents computed; `finish` it when it is done."""
        return ProjectionJob(key, source, worker.submit(Project(source.latents, key.projection)))

    def finish(self, job: ProjectionJob) -> LatentView:
        """The finished map, which is kept from now on.

        Raises:
            Exception: what the job raised instead of a result.
        """
        points = job.handle.future.result(timeout=0)
        view = projected(job.source, job.key.projection, points)
        self._maps[job.key] = view
        self._maps.move_to_end(job.key)
        while len(self._maps) > self.kept:
            self._maps.popitem(last=False)
        return view
