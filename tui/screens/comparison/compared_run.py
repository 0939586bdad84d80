"""`ComparedRun`: one run of a comparison, its name and its pictures, as fresh as they are."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.message_pump import MessagePump

from engine.errors import describe
from engine.run import Run, run_key
from engine.run_labels import run_labels
from engine.validation_images import ValidationImages
from engine.views import (
    Decode,
    DecodedView,
    PriorSamples,
    Reconstructions,
    ReconstructionView,
    SampleView,
)
from tui.state.view_feed import ViewFeed

if TYPE_CHECKING:
    from engine.analysis.comparison import RunNumbers  # imports torch

INTERVAL = 2.0
"""Seconds between two pictures of a model that trains."""
SAMPLES = 16
LABEL_LETTERS = 14


class ComparedRun:
    """Asks a run for its pictures, and keeps the last of each.

    Args:
        label: what tells it from the other runs.
        index: its position among them, which decides its colour and mark.
        reconstructs: whether it was validated on the images that are on show.
        screen: delivers the answers; see `ViewFeed`.
        failed: called with this run when a picture could not be had for another reason than the
            last time; see `problem`.
    """

    def __init__(
        self,
        run: Run,
        label: str,
        index: int,
        *,
        reconstructs: bool,
        screen: MessagePump,
        failed: "Callable[[ComparedRun], None]",
    ) -> None:
        self.run = run
        self.label = label
        self.index = index
        self.reconstructs = reconstructs
        self.reconstructions: ReconstructionView | None = None
        self.samples: SampleView | None = None
        self.mixture_samples: DecodedView | None = None
        self.answers = 0
        """Pictures it has given so far."""
        self.problem = ""
        """Why the last picture could not be had, for a person; empty if it could."""
        self._failed = failed
        self._mixture: Decode | None = None
        self._mixture_of: tuple[object, int] | None = None
        self._image_feed = ViewFeed[ReconstructionView](run, screen, self._cannot_show)
        self._sample_feed = ViewFeed[SampleView](run, screen, self._cannot_show)
        self._mixture_feed = ViewFeed[DecodedView](run, screen, self._cannot_show)

    @property
    def key(self) -> str:
        """What its numbers are kept by: runs of two directories may have one name."""
        return run_key(self.run)

    @property
    def has_begun(self) -> bool:
        """Whether there is a model to look at."""
        return self.run.snapshot.last is not None

    def use_numbers(self, numbers: "RunNumbers | None", seed: int) -> None:
        """Show draws from the mixture in these, the same ones for the same seed."""
        if numbers is not None and self._mixture_of != (id(numbers), seed):
            self._mixture_of = (id(numbers), seed)
            self._mixture = Decode(numbers.mixture.sample(SAMPLES, seed))

    def update(self, images: Reconstructions, samples: PriorSamples) -> None:
        """Ask for what is due."""
        if not self.has_begun:
            return
        step = self.run.snapshot.step
        if self.reconstructs:
            self._image_feed.ask(images, self._keep_images, version=step, interval=INTERVAL)
        self._sample_feed.ask(samples, self._keep_samples, version=step, interval=INTERVAL)
        if self._mixture is not None:
            self._mixture_feed.ask(self._mixture, self._keep_mixture)

    def _keep_images(self, view: ReconstructionView) -> None:
        self.reconstructions = view
        self._answered()

    def _keep_samples(self, view: SampleView) -> None:
        self.samples = view
        self._answered()

    def _keep_mixture(self, view: DecodedView) -> None:
        self.mixture_samples = view
        self._answered()

    def _answered(self) -> None:
        self.problem = ""
        self.answers += 1

    def _cannot_show(self, _request: object, error: BaseException) -> None:
        before, self.problem = self.problem, describe(error)
        if self.problem != before:
            self._failed(self)


def differ(first: Run, other: Run) -> bool:
    """Whether two runs are known to be validated on different images."""
    images, others = (ValidationImages.of(r.config, r.data_fingerprint) for r in (first, other))
    return images.differ_from(others)


def compared_runs(
    runs: Sequence[Run], screen: MessagePump, failed: Callable[[ComparedRun], None]
) -> list[ComparedRun]:
    """Every run, by names that tell them apart."""
    return [
        ComparedRun(
            run,
            label,
            index,
            reconstructs=not differ(runs[0], run),
            screen=screen,
            failed=failed,
        )
        for index, (run, label) in enumerate(zip(runs, labels_of(runs), strict=True))
    ]


def labels_of(runs: Sequence[Run]) -> tuple[str, ...]:
    """Short names that tell runs apart."""
    names = [run.snapshot.run for run in runs]
    return run_labels(names, [run.config.model for run in runs], LABEL_LETTERS)
