"""`LinearMap`: one run's linear map, asked for again at every evaluation."""

from collections.abc import Callable
from functools import partial

from textual.message_pump import MessagePump

from engine.run import Run
from engine.views import LatentMap, LatentView
from tui.state.view_feed import ViewFeed

INTERVAL = 1.0
"""Seconds between two of the same map: evaluations may follow one another faster."""


class LinearMap:
    """The map that was chosen last, as fresh as the last evaluation.

    Args:
        screen: delivers the answers; see `ViewFeed`.
        arrived: called with each new map, and whether it is the update that was asked for.
        failed: called with what the run raised instead of the map that is wanted.
    """

    def __init__(
        self,
        run: Run,
        screen: MessagePump,
        arrived: Callable[[LatentView, bool], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.request = LatentMap()
        """The map that is there or waited for."""
        self.view: LatentView | None = None
        """The latest answer to it."""
        self._run = run
        self._arrived, self._failed = arrived, failed
        self._feed = ViewFeed[LatentView](run, screen, self._refused)
        self._newest = 0
        """The step of the newest weights that were asked for, be it by an update."""
        self._update_from: int | None = None
        """The step that the map should at least be of: a person asked for an update."""

    def choose(self, request: LatentMap) -> None:
        """Ask for another map as soon as the run can be asked."""
        self.request, self.view, self._update_from = request, None, None
        self.ask_if_due()

    def update(self) -> None:
        """Have the next look ask for a map of the current weights, evaluated or not."""
        self._update_from = self._newest = self._run.snapshot.step
        self._feed.forget()

    def ask_if_due(self) -> None:
        """Ask if there has been an evaluation since the last question, or an update is wanted."""
        snapshot = self._run.snapshot
        if snapshot.last is None:
            return
        # All images of a split go through the encoder: only as often as it is evaluated.
        self._newest = max(self._newest, snapshot.last.step)
        self._feed.ask(
            self.request,
            partial(self._answered, self.request),
            version=self._newest,
            interval=INTERVAL,
        )

    def close(self) -> None:
        """Ask for nothing and report nothing from now on."""
        self._feed.close()

    def _answered(self, request: LatentMap, view: LatentView) -> None:
        if request != self.request:
            return  # another was chosen meanwhile
        self.view = view
        updated = self._update_from is not None and view.step >= self._update_from
        if updated:
            self._update_from = None
        self._arrived(view, updated)

    def _refused(self, request: object, error: BaseException) -> None:
        if request == self.request:
            self._update_from = None
            self._failed(error)
