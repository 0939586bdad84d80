"""`ProbeFeed`: asks the run what lies at a place, and passes the answers on in time."""

from collections.abc import Callable

from engine.run import Run
from engine.views import Decode, DecodedView, Probe, ProbeView
from tui.screens.explorer.cursor import LatentPoint
from tui.screens.explorer.inspector import Inspector
from tui.screens.explorer.quick_feed import QuickFeed


class ProbeFeed:
    """The decoded image first, which takes the run 0.2 ms; the real images around it, some
    30 ms, where the cursor rests.

    Args:
        panel: shows the answers.
        failed: called with what the run raised.
    """

    def __init__(
        self,
        run: Run,
        panel: Inspector,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._engine = run
        self._panel = panel
        self._spot: LatentPoint | None = None
        self._images = QuickFeed[LatentPoint, DecodedView](
            self._image_arrived, lambda _, e: failed(e)
        )
        self._places = QuickFeed[LatentPoint, ProbeView](
            self._place_arrived, lambda _, e: failed(e)
        )
        self._warm_up = QuickFeed[None, ProbeView](self._warmed_up, lambda _, __: None)
        self._warm = False
        self.step = -1
        """Of the latest answer's model."""

    def ask(self, spot: LatentPoint) -> None:
        """The cursor has come to a spot."""
        self._spot = spot
        if not self._warm:
            # The first question about surroundings has all training images embedded: a second
            # or more, in which others are answered without neighbours.
            self._warm = True
            self._warm_up.ask(self._engine, Probe(spot.latent, neighbours=1), None)
        self._images.ask(self._engine, Decode(spot.latent[None]), spot)

    def ask_again(self, spot: LatentPoint) -> None:
        """The model has changed under a resting cursor."""
        self._spot = spot
        original = None if spot.index is None else (spot.split, spot.index)
        neighbours = max(1, self._panel.neighbours)
        self._places.ask(self._engine, Probe(spot.latent, neighbours, original), spot)

    def forget(self) -> None:
        """Ask nothing of one's own accord, and show nothing that is on its way."""
        self._spot = None
        self._images.forget()
        self._places.forget()

    def close(self) -> None:
        """The screen is gone."""
        for feed in (self._images, self._places, self._warm_up):
            feed.close()

    def _image_arrived(self, spot: LatentPoint, view: DecodedView) -> None:
        if self._spot is not None:
            self._panel.show_image(spot, view.images[0])
            if not self._images.busy:  # the cursor rests
                self.ask_again(self._spot)

    def _place_arrived(self, spot: LatentPoint, view: ProbeView) -> None:
        if self._spot is not None:
            self.step = view.step
            self._panel.show_surroundings(view)
            if spot is self._spot:  # else the cursor has moved on, to an image of its own
                self._panel.show_image(spot, view.image)

    def _warmed_up(self, _nothing: None, _view: ProbeView) -> None:
        if self._spot is not None:
            self.ask_again(self._spot)
