"""`LinearMap`: one run's linear map, asked for again at every evaluation."""

import time
from collections.abc import Callable

from engine.run import Run
from engine.views import LatentMap, LatentView
from tui.screens.explorer.quick_feed import QuickFeed

INTERVAL = 1.0
"""Seconds between two of the same map: evaluations may follow one another faster."""


class LinearMap:
    """The map that was chosen last, as fresh as the last evaluation.

    Args:
        arrived: called with each new map, and whether it is the update that was asked for.
        failed: called with what the run raised instead of the map that is wanted.
        clock: seconds.
    """

    def __init__(
        self,
        run: Run,
        arrived: Callable[[LatentView, bool], None],
        failed: Callable[[BaseException], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.request = LatentMap()
        """The map that is there or waited for."""
        self.view: LatentView | None = None
        """The latest answer to it."""
        self._run = run
        self._arrived, self._failed = arrived, failed
        self._clock = clock
        self._feed = QuickFeed[LatentMap, LatentView](self._answered, self._refused)
        self._asked: tuple[LatentMap, int] | None = None
        self._asked_at = 0.0
        self._update_from: int | None = None
        """The step that the map should at least be of: a person asked for an update."""

    def choose(self, request: LatentMap) -> None:
        """Ask for another map as soon as the run can be asked."""
        self.request, self.view, self._update_from = request, None, None
        self.ask_if_due()

    def update(self) -> None:
        """Have the next look ask for a map of the current weights, evaluated or not."""
        self._update_from = self._run.snapshot.step
        self._asked = None

    def ask_if_due(self) -> None:
        """Ask if there has been an evaluation since the last question, or an update is wanted."""
        snapshot = self._run.snapshot
        if snapshot.last is None:
            return
        # All images of a split go through the encoder: only as often as it is evaluated.
        step = snapshot.last.step if self._update_from is None else snapshot.step
        now = self._clock()
        if self._asked is not None and self._asked[0] == self.request:
            waited = now - self._asked_at >= INTERVAL or self._update_from is not None
            if self._asked[1] == step or not waited:
                return
        self._asked, self._asked_at = (self.request, step), now
        self._feed.ask(self._run, self.request, self.request)

    def forget(self) -> None:
        """Ask nothing that has not been asked yet; the next look asks again."""
        self._feed.forget()
        self._asked = None

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

    def _refused(self, request: LatentMap, error: BaseException) -> None:
        if request == self.request:
            self._update_from = None
            self._failed(error)
