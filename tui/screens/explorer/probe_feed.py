"""`ProbeFeed`: asks the run what lies at the cursor, and shows the answers in the inspector."""

from collections.abc import Callable
from functools import partial

from textual.message_pump import MessagePump

from engine.run import Run
from engine.views import Decode, DecodedView, Probe, ProbeView
from tui.screens.explorer.cursor import LatentPoint
from tui.screens.explorer.inspector import Inspector
from tui.state.view_feed import ViewFeed


class ProbeFeed:
    """The decoded image first, which takes the run 0.2 ms; the probe with the real images around
    it, some 30 ms, where the cursor rests.

    Args:
        screen: delivers the answers; see `ViewFeed`.
        panel: shows the answers.
        failed: called with a request and what the run raised.
    """

    def __init__(
        self,
        run: Run,
        screen: MessagePump,
        panel: Inspector,
        failed: Callable[[object, BaseException], None],
    ) -> None:
        self._panel = panel
        self._point: LatentPoint | None = None
        self._images = ViewFeed[DecodedView](run, screen, failed)
        self._probes = ViewFeed[ProbeView](run, screen, failed)
        self._warm_up = ViewFeed[ProbeView](run, screen, lambda *_: None)
        self._warm = False
        self.step = -1
        """Of the latest probe's model."""

    @property
    def busy(self) -> bool:
        """Whether an answer about a point is awaited."""
        return self._images.busy or self._probes.busy

    def ask(self, point: LatentPoint) -> None:
        """The cursor has come to a point."""
        self._point = point
        if not self._warm:
            # The first probe has all training images embedded: a second or more, in which others
            # are answered without neighbours.
            self._warm = True
            self._warm_up.ask(Probe(point.latent, neighbours=1), self._warmed_up)
        self._images.ask(Decode(point.latent[None]), partial(self._show_image, point))

    def probe(self, point: LatentPoint) -> None:
        """The cursor rests, or the model has changed under it."""
        self._point = point
        original = None if point.index is None else (point.split, point.index)
        neighbours = max(1, self._panel.neighbours)
        self._probes.ask(
            Probe(point.latent, neighbours, original), partial(self._show_probe, point)
        )

    def forget(self) -> None:
        """There is no point to look at: show nothing that is on its way."""
        self._point = None
        self._images.forget()
        self._probes.forget()

    def close(self) -> None:
        """Ask and show nothing from now on."""
        for feed in (self._images, self._probes, self._warm_up):
            feed.close()

    def _show_image(self, point: LatentPoint, view: DecodedView) -> None:
        self._panel.show_image(point, view.images[0])
        if self._point is not None and not self._images.busy:  # the cursor rests
            self.probe(self._point)

    def _show_probe(self, point: LatentPoint, view: ProbeView) -> None:
        self.step = view.step
        self._panel.show_probe(view)
        if point is self._point:  # else the cursor has moved on, to an image of its own
            self._panel.show_image(point, view.image)

    def _warmed_up(self, _: ProbeView) -> None:
        if self._point is not None:
            self.probe(self._point)
