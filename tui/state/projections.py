"""t-SNE and UMAP maps: computed in the helper process, kept for as long as they are likely used."""

from collections import OrderedDict
from dataclasses import dataclass, field

from engine.analysis.helper_process import JobHandle, Worker
from engine.analysis.jobs import Floats, NonlinearProjection, Project
from engine.analysis.projected import PROJECTION_NAMES, projected
from engine.views import LatentView, Split

KEPT = 12
"""Maps: both methods of all three splits, twice."""


@dataclass(frozen=True, slots=True)
class ProjectionKey:
    """What makes a projection what it is."""

    run: str
    step: int
    split: Split
    method: NonlinearProjection


@dataclass(frozen=True, slots=True, eq=False)
class Projecting:
    """A map in the making."""

    key: ProjectionKey
    source: LatentView
    """Of which the latents are projected."""
    handle: JobHandle[Floats]

    @property
    def done(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return self.handle.future.done()

    @property
    def progress(self) -> str:
        """How far it is, for people: 't-SNE: 40 % … 300 of 750 iterations'."""
        share, activity = self.handle.progress
        name = PROJECTION_NAMES[self.key.method]
        return f"{name}: {100 * share:.0f} % … {activity.removeprefix(f'{name}: ')}"

    def cancel(self) -> None:
        """Stop it."""
        self.handle.cancel()


@dataclass(slots=True)
class Projections:
    """The maps that were made; the least recently used are forgotten first."""

    kept: int = KEPT
    _maps: OrderedDict[ProjectionKey, LatentView] = field(default_factory=OrderedDict)

    def get(self, key: ProjectionKey) -> LatentView | None:
        """The map of a step."""
        view = self._maps.get(key)
        if view is not None:
            self._maps.move_to_end(key)
        return view

    def latest(self, run: str, split: Split, method: NonlinearProjection) -> LatentView | None:
        """The map of the latest step that there is one of."""
        steps = [k.step for k in self._maps if (k.run, k.split, k.method) == (run, split, method)]
        return self.get(ProjectionKey(run, max(steps), split, method)) if steps else None

    def start(
        self, worker: Worker, run: str, source: LatentView, method: NonlinearProjection
    ) -> Projecting:
        """Have a map computed; `finish` it when it is done."""
        key = ProjectionKey(run, source.step, source.split, method)
        return Projecting(key, source, worker.submit(Project(source.latents, method)))

    def finish(self, projecting: Projecting) -> LatentView:
        """The finished map, which is kept from now on.

        Raises:
            Exception: what the job raised instead of a result.
        """
        points = projecting.handle.future.result(timeout=0)
        view = projected(projecting.source, projecting.key.method, points)
        self._maps[projecting.key] = view
        self._maps.move_to_end(projecting.key)
        while len(self._maps) > self.kept:
            self._maps.popitem(last=False)
        return view
