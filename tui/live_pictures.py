"""Keeps the picture panels fresh: which images and draws are shown, and how often anew."""

from typing import Protocol, TypeVar

from engine.engine import TrainingEngine
from engine.snapshot import Snapshot
from engine.views import (
    LatentMap,
    LatentView,
    PriorSamples,
    Reconstructions,
    ReconstructionView,
    SampleView,
    ViewRequest,
)
from tui.feed import ViewFeed

FAST_INTERVAL, SLOW_INTERVAL = 1.0, 3.0
"""Seconds between two pictures of the same images: while much changes, and later in a run."""

T = TypeVar("T")
V = TypeVar("V", contravariant=True)


class ViewPanel(Protocol[V]):
    """A widget that shows one kind of view."""

    @property
    def display(self) -> bool:
        """Whether it is on the screen; what is hidden is not asked for."""
        ...

    def show(self, view: V) -> None:
        """Show a new picture."""
        ...


class LivePictures:
    """The pictures of one run."""

    def __init__(self, engine: TrainingEngine) -> None:
        self.reconstructions = Reconstructions(page=0)
        self.samples = PriorSamples(seed=0)
        self._engine = engine
        self._reconstruction_feed = ViewFeed[ReconstructionView]()
        self._sample_feed = ViewFeed[SampleView]()
        self._latent_feed = ViewFeed[LatentView]()

    def choose_other_images(self) -> None:
        """Other validation images from now on."""
        self.reconstructions = Reconstructions(self.reconstructions.page + 1)

    def draw_other_samples(self) -> None:
        """Another draw from the prior from now on."""
        self.samples = PriorSamples(self.samples.seed + 1)

    def update(
        self,
        snapshot: Snapshot,
        reconstructions: ViewPanel[ReconstructionView],
        samples: ViewPanel[SampleView],
        latent: ViewPanel[LatentView],
    ) -> None:
        """Show what has been answered, and ask for what has changed.

        Raises:
            Exception: what the engine raised instead of an answer.
        """
        if snapshot.last is None:
            return
        # A second's training changes less and less of a picture, and each costs some 30 KiB.
        wait = min(SLOW_INTERVAL, max(FAST_INTERVAL, snapshot.elapsed / 10))
        step, evaluated = snapshot.step, snapshot.last.step
        self._pass(self._reconstruction_feed, self.reconstructions, step, wait, reconstructions)
        self._pass(self._sample_feed, self.samples, step, wait, samples)
        # All validation images go through the encoder: only as often as it is evaluated.
        self._pass(self._latent_feed, LatentMap(), evaluated, wait, latent)

    def _pass(
        self,
        feed: ViewFeed[T],
        request: ViewRequest[T],
        version: int,
        wait: float,
        panel: ViewPanel[T],
    ) -> None:
        if panel.display:
            view = feed.poll(self._engine, request, version, wait)
            if view is not None:
                panel.show(view)
