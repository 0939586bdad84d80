"""Keeps the picture panels fresh: which images and draws are shown, and how often anew."""

from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np

from engine.run import Access, Run
from engine.snapshot import Snapshot
from engine.views import (
    HOTTEST,
    Frame,
    LatentMap,
    LatentView,
    PriorSamples,
    Reconstructions,
    ReconstructionView,
    SampleView,
    ViewRequest,
)
from tui.screens.dashboard.film_cursor import FilmCursor
from tui.state.view_feed import FAST_INTERVAL, SLOW_INTERVAL, ViewFeed

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


class FilmPanel(ViewPanel[V], Protocol[V]):
    """A panel that can show a moment of the film as well."""

    def show(self, view: V, moment: str = "") -> None:
        """Show a new picture; `moment` says which, if it is not the model of now."""
        ...


class LivePictures:
    """The pictures of one run."""

    def __init__(self, run: Run) -> None:
        self.reconstructions = Reconstructions(page=0)
        self.samples = PriorSamples(seed=0)
        self.film = FilmCursor(run)
        self._engine = run
        self._reconstruction_feed = ViewFeed[ReconstructionView]()
        self._sample_feed = ViewFeed[SampleView]()
        self._latent_feed = ViewFeed[LatentView]()
        self._of_film: ReconstructionView | None = None
        self._shown_frame: Frame | None = None
        self._has_samples = False

    def choose_other_images(self) -> None:
        """Other validation images from now on."""
        self.reconstructions = Reconstructions(self.reconstructions.page + 1)

    def draw_other_samples(self) -> None:
        """Another draw from now on."""
        self.samples = replace(self.samples, seed=self.samples.seed + 1)

    def change_temperature(self, by: float) -> None:
        """Draws nearer to the prior's mean, or farther from it."""
        temperature = round(min(HOTTEST, max(0.0, self.samples.temperature + by)), 2)
        self.samples = replace(self.samples, temperature=temperature)

    def draw_like(self, latent: tuple[float, ...] | None) -> None:
        """More like this latent from now on; None for the prior again."""
        self.samples = replace(self.samples, around=latent)

    def update(
        self,
        snapshot: Snapshot,
        reconstructions: FilmPanel[ReconstructionView],
        samples: FilmPanel[SampleView],
        latent: ViewPanel[LatentView],
    ) -> None:
        """Show what has been answered, and ask for what has changed.

        Raises:
            Exception: what the run raised instead of an answer.
        """
        if snapshot.last is None:
            return
        # A second's training changes less and less of a picture, and each costs some 30 KiB.
        wait = min(SLOW_INTERVAL, max(FAST_INTERVAL, snapshot.elapsed / 10))
        step, evaluated = snapshot.step, snapshot.last.step
        # All validation images go through the encoder: only as often as it is evaluated.
        self._pass(self._latent_feed, LatentMap(), evaluated, wait, latent)
        frame = self.film.frame
        if frame is not None and self._of_film is not None:
            self._show_frame(frame, self._of_film, reconstructions, samples)
            return
        if self._shown_frame is not None:  # back from the film: ask anew, whatever the step
            self._shown_frame = None
            self._reconstruction_feed = ViewFeed()
            self._sample_feed = ViewFeed()
        view = self._pass(
            self._reconstruction_feed, self.reconstructions, step, wait, reconstructions
        )
        if view is not None and view.page == 0:
            self._of_film = view
        if self._pass(self._sample_feed, self.samples, step, wait, samples) is not None:
            self._has_samples = True
            return
        is_ours = self._engine.access is Access.OWNER
        if not self._has_samples and not is_ours and (frames := self._engine.frames):
            # While a model is loaded for a run that another process trains: its newest frame.
            self._has_samples = True
            samples.show(_samples_of(frames[-1]), f"film, step {frames[-1].step:,}")

    def _show_frame(
        self,
        frame: Frame,
        page: ReconstructionView,
        reconstructions: FilmPanel[ReconstructionView],
        samples: FilmPanel[SampleView],
    ) -> None:
        if frame is self._shown_frame:
            return
        self._shown_frame = frame
        moment = f"film {self.film.describe()}, step {frame.step:,}"
        made = (frame.reconstructions / 255.0).astype(np.float32)
        reconstructions.show(replace(page, reconstructions=made), moment)
        samples.show(_samples_of(frame), moment)

    def _pass(
        self,
        feed: ViewFeed[T],
        request: ViewRequest[T],
        version: int,
        wait: float,
        panel: ViewPanel[T],
    ) -> T | None:
        if not panel.display:
            return None
        view = feed.poll(self._engine, request, version, wait)
        if view is not None:
            panel.show(view)
        return view


def _samples_of(frame: Frame) -> SampleView:
    """A frame's samples, as if they had just been drawn; their latents aren't kept."""
    drawn = (frame.samples / 255.0).astype(np.float32)
    return SampleView(frame.step, frame.epoch, drawn, np.empty((0, 0), np.float32), PriorSamples())
