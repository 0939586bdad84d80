"""`LatentMaps`: which map of the latent space is wanted, and how it comes to be and stays fresh.

Linear maps come from the run, at every evaluation; t-SNE and UMAP are made in the helper
process from the latents of the latest linear map, and stay as of their step.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, get_args

from engine.analysis.projected import PROJECTION_NAMES
from engine.errors import describe
from engine.figures.options import Projection
from engine.snapshot import Snapshot
from engine.views import LatentMap, LatentView, Split
from tui.screens.explorer.quick_feed import QuickFeed
from tui.state.context import RunContext
from tui.state.projections import Projecting, ProjectionKey
from tui.state.run_messages import Level

INTERVAL = 1.0
"""Seconds between two of the same map: evaluations may follow one another faster."""
SPLITS: Final[tuple[Split, ...]] = ("validation", "train", "test")
PLANES: Final[tuple[Projection, ...]] = get_args(Projection)

Say = Callable[[str, Level], None]


class LatentMaps:
    """The maps of the context's run.

    Args:
        show: called with each new map.
        say: called with messages for people.
    """

    def __init__(self, context: RunContext, show: Callable[[LatentView], None], say: Say) -> None:
        self.request = LatentMap()
        """The linear map that is shown or waited for."""
        self.linear: LatentView | None = None
        """The latest answer to it."""
        self.shown: LatentView | None = None
        self._context = context
        self._engine = context.run
        self._show_view = show
        self._say = say
        self._feed = QuickFeed[LatentMap, LatentView](self._arrived, self._failed)
        self._asked: tuple[LatentMap, int] | None = None
        self._asked_at = 0.0
        self._wanted: Projection = "linear"
        """The plane that `next_plane` goes on from: shown, or in the making."""
        self._projecting: Projecting | None = None
        self._update_from: int | None = None
        """The step that the map should at least be of: a person asked for an update."""
        self._was_active = False
        self._final_update_due = False
        self._dims_order: list[int] = []
        self._pair = 0

    @property
    def plane(self) -> Projection:
        """The kind of the map that is shown."""
        names: dict[str, Projection] = {name: method for method, name in PROJECTION_NAMES.items()}
        return "linear" if self.shown is None else names.get(self.shown.projection, "linear")

    @property
    def is_behind(self) -> bool:
        """Whether the map shown doesn't follow the model, and the model has moved on."""
        view = self.shown
        return view is not None and view.plane is None and view.step < self._engine.snapshot.step

    def tick(self, snapshot: Snapshot) -> None:
        """Ask for what is due, and show what is done."""
        if self._was_active and not snapshot.phase.is_active:
            self._final_update_due = True
        self._was_active = snapshot.phase.is_active
        if snapshot.last is None:
            return
        self._ask_if_due(snapshot, snapshot.last.step)
        self._follow_projecting()
        if self._final_update_due and self._projecting is None:
            self._final_update_due = False
            if self.is_behind:
                self.update()

    def forget(self) -> None:
        """Ask nothing that has not been asked yet; the next tick asks anew."""
        self._feed.forget()
        self._asked = None

    def close(self) -> None:
        """The screen is gone."""
        self._feed.close()
        if self._projecting is not None:
            self._projecting.cancel()

    # Linear maps.

    def next_split(self) -> None:
        """Validation, training, test images."""
        at = SPLITS.index(self.request.split)
        self._ask_for(replace(self.request, split=SPLITS[(at + 1) % len(SPLITS)]))

    def all_dims(self) -> None:
        """PCA, or the two dimensions there are."""
        self._ask_for(replace(self.request, dims=None))

    def next_dims(self, direction: int) -> None:
        """The next pair of dimensions by KL, or the one before."""
        dims = self._engine.config.latent_dim
        if dims <= 2:
            plural = "s"[: dims != 1]
            self._say(f"the latent space has {dims} dimension{plural}: all are shown", "info")
            return
        pairs = -(-dims // 2)
        if self.request.dims is None:
            # Kept while pairs are gone through: an order that changes would repeat some.
            self._dims_order = self._informative_dims()
            self._pair = 0 if direction > 0 else pairs - 1
        else:
            self._pair = (self._pair + direction) % pairs
        # Of an odd number, the last pair has one of the pair before.
        start = min(2 * self._pair, dims - 2)
        first, second = self._dims_order[start : start + 2]
        self._ask_for(replace(self.request, dims=(first, second)))
        kl = self._kl_per_dim()
        by = "by index" if kl is None else f"by KL: {kl[first]:.2f} and {kl[second]:.2f} nats"
        self._say(f"pair {self._pair + 1} of {pairs}, {by}", "info")

    def update(self) -> None:
        """A map of the model as it is now."""
        if self._engine.snapshot.last is None:
            self._say("there is no map yet", "warning")
        elif self._projecting is not None:
            self._say("a map is being made already; Esc cancels it", "warning")
        else:
            self._update_from = self._engine.snapshot.step
            self._asked = None

    def _kl_per_dim(self) -> list[float] | None:
        last = self._engine.history.last
        kl: list[float] = last.kl_per_dim.tolist() if last is not None else []
        return kl if len(kl) == self._engine.config.latent_dim else None

    def _informative_dims(self) -> list[int]:
        kl = self._kl_per_dim()
        if kl is None:
            return list(range(self._engine.config.latent_dim))
        return sorted(range(len(kl)), key=lambda dim: -kl[dim])

    def _ask_for(self, request: LatentMap) -> None:
        """Show another linear map as soon as it is there; the one before stays until then."""
        self.cancel()
        self._wanted = "linear"
        if request == self.request:
            self._show_linear()
            return
        self.request, self.linear, self._update_from = request, None, None
        snapshot = self._engine.snapshot
        if snapshot.last is not None:
            self._ask_if_due(snapshot, snapshot.last.step)

    def _ask_if_due(self, snapshot: Snapshot, evaluated: int) -> None:
        # All images of a split go through the encoder: only as often as it is evaluated.
        step = evaluated if self._update_from is None else snapshot.step
        now = time.monotonic()
        if self._asked is not None and self._asked[0] == self.request:
            waited = now - self._asked_at >= INTERVAL or self._update_from is not None
            if self._asked[1] == step or not waited:
                return
        self._asked, self._asked_at = (self.request, step), now
        self._feed.ask(self._engine, self.request, self.request)

    def _arrived(self, request: LatentMap, view: LatentView) -> None:
        if request != self.request:
            return  # another was chosen meanwhile
        self.linear = view
        updated = self._update_from is not None and view.step >= self._update_from
        if updated:
            self._update_from = None
        if self._wanted == "linear" or self.shown is None or self.shown.plane is not None:
            self._show(view)
        elif updated:
            self._project(self._wanted)

    def _failed(self, request: LatentMap, error: BaseException) -> None:
        if request != self.request:
            return
        self._update_from = None
        if request.split == "test":  # of which a data set need not have any
            self.next_split()
        self._say(describe(error), "error")

    def _show_linear(self) -> None:
        if self.linear is not None:
            self._show(self.linear)

    def _show(self, view: LatentView) -> None:
        self.shown = view
        self._show_view(view)

    # t-SNE and UMAP.

    def next_plane(self) -> None:
        """Linear, t-SNE, UMAP; or not the one in the making."""
        if self.cancel():
            return
        wanted = PLANES[(PLANES.index(self._wanted) + 1) % len(PLANES)]
        if self.linear is None:
            self._say("there is no map yet", "warning")
            return
        self._wanted = wanted
        if wanted == "linear":
            self._show_linear()
            return
        run = self._engine.snapshot.run
        known = self._context.projections.latest(run, self.request.split, wanted)
        if known is None:
            self._project(wanted)
        else:
            self._show(known)
            age = "; u makes it anew" if self.is_behind else ""
            self._say(f"{PROJECTION_NAMES[wanted]} of step {known.step:,}{age}", "info")

    def cancel(self) -> bool:
        """Don't make the map in the making, if there is one; whether there was.

        Its turn is over, so that `next_plane` goes on to the one after it.
        """
        if self._projecting is None:
            return False
        name = PROJECTION_NAMES[self._projecting.key.method]
        self._projecting.cancel()
        self._projecting = None
        if self.plane == "linear" and self._wanted == PLANES[-1]:
            self._wanted = "linear"  # which is shown already
        self._say(f"{name} cancelled", "info")
        return True

    def _project(self, method: Projection) -> None:
        """Show a projection of the linear map's latents, made now if need be."""
        assert self.linear is not None
        assert method != "linear"
        run, source, projections = self._engine.snapshot.run, self.linear, self._context.projections
        known = projections.get(ProjectionKey(run, source.step, source.split, method))
        if known is None:
            self._projecting = projections.start(self._context.worker, run, source, method)
            self._tell_progress()
        else:
            self._show(known)

    def _follow_projecting(self) -> None:
        made = self._projecting
        if made is None:
            return
        if not made.done:
            self._tell_progress()
            return
        self._projecting = None
        try:
            view = self._context.projections.finish(made)
        except Exception as error:  # whatever a library may raise, the map before stays
            self._wanted = self.plane
            self._say(describe(error), "error")
            return
        self._say(f"{view.projection} of {len(view.points):,} images, step {view.step:,}", "done")
        self._show(view)

    def _tell_progress(self) -> None:
        if self._projecting is not None:
            self._say(f"{self._projecting.progress} (Esc cancels)", "info")
