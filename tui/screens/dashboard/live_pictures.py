"""Keeps the picture panels fresh: which images and draws are shown, live or of the film."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np
from textual.message_pump import MessagePump

from engine.run import Access, Run
from engine.views import (
    HOTTEST,
    Frame,
    LatentMap,
    LatentView,
    PriorSamples,
    Reconstructions,
    ReconstructionView,
    SampleView,
)
from tui.screens.dashboard.film_cursor import FilmCursor
from tui.state.view_feed import ViewFeed, picture_interval

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
        """Show a new picture; `moment` says which, if it is not the current model."""
        ...


class LivePictures:
    """The pictures of one run.

    Args:
        screen: delivers the answers; see `ViewFeed`.
        failed: called with a request and what the run raised.
    """

    def __init__(
        self,
        run: Run,
        screen: MessagePump,
        failed: Callable[[object, BaseException], None],
        *,
        reconstructions: FilmPanel[ReconstructionView],
        samples: FilmPanel[SampleView],
        latent: ViewPanel[LatentView],
    ) -> None:
        self.reconstructions = Reconstructions(page=0)
        self.samples = PriorSamples(seed=0)
        self.film = FilmCursor(run)
        self._run = run
        self._reconstruction_panel, self._sample_panel = reconstructions, samples
        self._latent_panel = latent
        self._reconstruction_feed = ViewFeed[ReconstructionView](run, screen, failed)
        self._sample_feed = ViewFeed[SampleView](run, screen, failed)
        self._latent_feed = ViewFeed[LatentView](run, screen, failed)
        self._film_page: ReconstructionView | None = None
        """The images of the film, for its originals."""
        self._shown_frame: Frame | None = None
        self._has_samples = False

    def close(self) -> None:
        """Another run comes on show: ask this one nothing, and show nothing of it."""
        for feed in (self._reconstruction_feed, self._sample_feed, self._latent_feed):
            feed.close()

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

    def update(self) -> None:
        """Ask for what is due of what is on the screen, or show the moment of the film."""
        snapshot = self._run.snapshot
        if snapshot.last is None:
            return
        step, interval = snapshot.step, picture_interval(snapshot)
        if self._latent_panel.display:
            # All validation images go through the encoder: only as often as it is evaluated.
            version = snapshot.last.step
            self._latent_feed.ask(
                LatentMap(), self._latent_panel.show, version=version, interval=interval
            )
        frame = self.film.frame
        if frame is not None and self._film_page is not None:
            self._show_frame(frame, self._film_page)
            return
        self._shown_frame = None
        if self._reconstruction_panel.display:
            self._reconstruction_feed.ask(
                self.reconstructions, self._show_reconstructions, version=step, interval=interval
            )
        if self._sample_panel.display:
            self._sample_feed.ask(self.samples, self._show_samples, version=step, interval=interval)
        is_ours = self._run.access is Access.OWNER
        if not self._has_samples and not is_ours and (frames := self._run.frames):
            # While a model is loaded for a run that another process trains: its newest frame.
            self._has_samples = True
            self._sample_panel.show(_samples_of(frames[-1]), f"film, step {frames[-1].step:,}")

    def _show_reconstructions(self, view: ReconstructionView) -> None:
        if view.page == 0:
            self._film_page = view
        self._reconstruction_panel.show(view)

    def _show_samples(self, view: SampleView) -> None:
        self._has_samples = True
        self._sample_panel.show(view)

    def _show_frame(self, frame: Frame, page: ReconstructionView) -> None:
        if frame is self._shown_frame:
            return
        self._shown_frame = frame
        # What is on its way must not hide the frame; back at the live end, all is asked again.
        self._reconstruction_feed.forget()
        self._sample_feed.forget()
        moment = f"film {self.film.describe()}, step {frame.step:,}"
        reconstructions = (frame.reconstructions / 255.0).astype(np.float32)
        self._reconstruction_panel.show(replace(page, reconstructions=reconstructions), moment)
        self._sample_panel.show(_samples_of(frame), moment)


def _samples_of(frame: Frame) -> SampleView:
    """A frame's samples, as if they had just been drawn; their latents aren't kept."""
    drawn = (frame.samples / 255.0).astype(np.float32)
    return SampleView(frame.step, frame.epoch, drawn, np.empty((0, 0), np.float32), PriorSamples())
