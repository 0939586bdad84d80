"""`LatentMaps`: which map of the latent space is on show, and which one is wanted.

Linear maps come from the run, at every evaluation (`linear_map`); t-SNE and UMAP are computed in
the helper process from the latents of the latest linear map (`nonlinear_map`), and stay as of
their step.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from textual.message_pump import MessagePump

from engine.errors import describe
from engine.projection import PROJECTION_NAMES, PROJECTIONS, NonlinearProjection, Projection
from engine.run import run_key
from engine.text import nats
from engine.views import LatentMap, LatentView, Split
from tui.screens.explorer.dimension_pairs import DimensionPairs
from tui.screens.explorer.linear_map import LinearMap
from tui.screens.explorer.nonlinear_map import NonlinearMap
from tui.state.context import RunContext
from tui.state.run_messages import Level

SPLITS: Final[tuple[Split, ...]] = ("validation", "train", "test")

Say = Callable[[str, Level], None]


class LatentMaps:
    """The maps of one run, which is the context's when this is made.

    Args:
        screen: delivers the answers; see `ViewFeed`.
        show: called with each new map.
        say: called with messages for people.
    """

    def __init__(
        self,
        context: RunContext,
        screen: MessagePump,
        show: Callable[[LatentView], None],
        say: Say,
    ) -> None:
        self.run = context.run
        self.shown: LatentView | None = None
        self._show_view = show
        self._say = say
        self._linear = LinearMap(self.run, screen, self._linear_arrived, self._failed)
        self._nonlinear = NonlinearMap(run_key(self.run), context.worker, context.projections)
        self._pairs = DimensionPairs(self.run.config.latent_dim)
        self._wanted: Projection = "pca"
        """Where `next_projection` goes on from: shown, or being computed."""
        self._update_at_end = False

    @property
    def request(self) -> LatentMap:
        """The linear map that is shown, waited for, or projected."""
        return self._linear.request

    @property
    def linear(self) -> LatentView | None:
        """The latest linear map."""
        return self._linear.view

    @property
    def projection(self) -> Projection:
        """The kind of the map that is shown."""
        return (self.shown and self.shown.projection) or "pca"

    @property
    def is_behind(self) -> bool:
        """Whether the map shown doesn't follow the model, and the model has moved on."""
        view = self.shown
        return view is not None and view.plane is None and view.step < self.run.snapshot.step

    def tick(self) -> None:
        """Ask for what is due, and show what is done."""
        snapshot = self.run.snapshot
        self._update_at_end |= snapshot.phase.is_active
        if snapshot.last is None:
            return
        self._linear.ask_if_due()
        self._look_at_nonlinear()
        if self._update_at_end and not snapshot.phase.is_active and not self._nonlinear.computing:
            self._update_at_end = False
            if self.is_behind:
                self.update()

    def close(self) -> str:
        """The screen is gone, or shows another run: ask for nothing and show nothing any more.

        Returns:
            What a person should be told was cancelled by that; empty if nothing was.
        """
        self._linear.close()
        return self._nonlinear.cancel()

    def _show(self, view: LatentView) -> None:
        self.shown = view
        self._show_view(view)

    # Linear maps.

    def next_split(self) -> None:
        """Validation, training, test images."""
        self._say_all(self._choose(self._of_next_split()))

    def all_dims(self) -> None:
        """PCA, or the two dimensions there are."""
        self._say_all(self._choose(replace(self.request, dims=None)))

    def next_dims(self, direction: int) -> None:
        """The next pair of dimensions by KL, or the one before."""
        dims, kl = self.run.config.latent_dim, self._kl_per_dim()
        if dims <= 2:
            plural = "s"[: dims != 1]
            self._say(f"the latent space has {dims} dimension{plural}: all are shown", "info")
            return
        if self.request.dims is None:
            pair = self._pairs.begin(kl, direction)
        else:
            pair = self._pairs.go(direction)
        by = f"by KL: {nats(kl[pair[0]])} and {nats(kl[pair[1]])} nats" if kl else "by index"
        what = f"pair {self._pairs.number + 1} of {self._pairs.count}, {by}"
        self._say_all(self._choose(replace(self.request, dims=pair)), what)

    def update(self) -> None:
        """A map of the current weights."""
        if self.run.snapshot.last is None:
            self._say("there is no map yet", "warning")
        elif self._nonlinear.computing:
            self._say("a map is already being computed; Esc cancels it", "warning")
        else:
            self._linear.update()

    def _kl_per_dim(self) -> list[float] | None:
        last = self.run.history.last
        kl: list[float] = last.kl_per_dim.tolist() if last is not None else []
        return kl if len(kl) == self.run.config.latent_dim else None

    def _of_next_split(self) -> LatentMap:
        at = SPLITS.index(self.request.split)
        return replace(self.request, split=SPLITS[(at + 1) % len(SPLITS)])

    def _choose(self, request: LatentMap) -> str:
        """Show another linear map as soon as it is there; the one before stays until then.

        Returns:
            What was cancelled for it; empty if nothing was.
        """
        cancelled = self._nonlinear.cancel()
        self._wanted = "pca"
        if request != self.request:
            self._linear.choose(request)
        elif self.linear is not None:
            self._show(self.linear)
        return cancelled

    def _linear_arrived(self, view: LatentView, updated: bool) -> None:
        shown = None if self.shown is None else self.shown.projection
        if self._wanted == "pca" or shown is None or shown == "pca":
            self._show(view)
        elif updated:
            self._project(self._nonlinear.computing or shown)

    def _failed(self, error: BaseException) -> None:
        cancelled = ""
        if self.request.split == "test":  # of which a data set need not have any
            cancelled = self._choose(self._of_next_split())
        self._say_all(describe(error), cancelled, level="error")

    def _say_all(self, *texts: str, level: Level = "info") -> None:
        """One message of those that are not empty, or else none."""
        said = [text for text in texts if text]
        if said:
            self._say("; ".join(said), level)

    # t-SNE and UMAP.

    def next_projection(self) -> None:
        """PCA, t-SNE, UMAP; or no longer the one that is being computed."""
        if self.cancel():
            return
        if self.linear is None:
            self._say("there is no map yet", "warning")
            return
        self._wanted = _after(self._wanted)
        if self._wanted == "pca":
            self._show(self.linear)
            return
        known = self._nonlinear.latest(self.request.split, self._wanted)
        if known is None:
            self._project(self._wanted)
        else:
            self._show(known)
            age = "; u recomputes" if self.is_behind else ""
            self._say(f"{PROJECTION_NAMES[self._wanted]} of step {known.step:,}{age}", "info")

    def cancel(self) -> bool:
        """Compute no longer what is being computed; whether anything was.

        Its turn is over, so that `next_projection` goes on to the one after it.
        """
        cancelled = self._nonlinear.cancel()
        if not cancelled:
            return False
        if _after(self._wanted) == self.projection:
            self._wanted = self.projection  # else `next_projection` would change nothing
        self._say(cancelled, "info")
        return True

    def _project(self, projection: NonlinearProjection) -> None:
        """Show a projection of the linear map's latents, computed if need be."""
        assert self.linear is not None
        cancelled = self._nonlinear.cancel()
        known = self._nonlinear.project(self.linear, projection, again=bool(cancelled))
        if known is None:
            self._say(self._nonlinear.progress, "info")
        else:
            self._show(known)
            self._say_all(cancelled)

    def _look_at_nonlinear(self) -> None:
        try:
            view = self._nonlinear.take()
        except Exception as error:  # whatever a library may raise, the map before stays
            self._wanted = self.projection
            self._say(describe(error), "error")
            return
        if view is not None and view.projection is not None:
            name = PROJECTION_NAMES[view.projection]
            self._say(f"{name} of {len(view.points):,} images, step {view.step:,}", "done")
            self._show(view)
        elif self._nonlinear.computing:
            self._say(self._nonlinear.progress, "info")


def _after(projection: Projection) -> Projection:
    return PROJECTIONS[(PROJECTIONS.index(projection) + 1) % len(PROJECTIONS)]
