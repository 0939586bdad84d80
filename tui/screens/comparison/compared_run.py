"""`ComparedRun`: one run of a comparison, its name and its pictures, as fresh as they are."""

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, TypeVar

from engine.errors import describe
from engine.run import Run
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

T = TypeVar("T")

INTERVAL = 2.0
"""Seconds between two pictures of a model that trains."""
SAMPLES = 16
LABEL_LETTERS = 14


class ComparedRun:
    """Asks a run for its pictures, and keeps the last of each.

    Args:
        label: what tells it from the other runs.
        index: its place among them, which decides its colour and mark.
        reconstructs: whether it was validated on the images that are on show.
    """

    def __init__(self, run: Run, label: str, index: int, *, reconstructs: bool) -> None:
        self.run = run
        self.label = label
        self.index = index
        self.reconstructs = reconstructs
        self.reconstructions: ReconstructionView | None = None
        self.samples: SampleView | None = None
        self.mixture_samples: DecodedView | None = None
        self.problem = ""
        """Why the last picture could not be had, for a person; empty if it could."""
        self._ask_mixture: Decode | None = None
        self._mixture_of: tuple[object, int] | None = None
        self._image_feed = ViewFeed[ReconstructionView]()
        self._sample_feed = ViewFeed[SampleView]()
        self._mixture_feed = ViewFeed[DecodedView]()

    @property
    def key(self) -> str:
        """What its numbers are kept by: runs of two directories may have one name."""
        return str(self.run.directory or self.run.snapshot.run)

    @property
    def has_begun(self) -> bool:
        """Whether there is a model to look at."""
        return self.run.snapshot.last is not None

    def use_numbers(self, numbers: "RunNumbers | None", seed: int) -> None:
        """Show draws from the mixture in these, the same ones for the same seed."""
        if numbers is not None and self._mixture_of != (id(numbers), seed):
            self._mixture_of = (id(numbers), seed)
            self._ask_mixture = Decode(numbers.mixture.sample(SAMPLES, seed))

    def update(self, images: Reconstructions, samples: PriorSamples) -> bool:
        """Ask and take answers; whether there is something new, be it a problem."""
        if not self.has_begun:
            return False
        step = self.run.snapshot.step
        before = self.reconstructions, self.samples, self.mixture_samples, self.problem
        if self.reconstructs:
            view = self._take(lambda: self._image_feed.poll(self.run, images, step, INTERVAL))
            self.reconstructions = view or self.reconstructions
        drawn = self._take(lambda: self._sample_feed.poll(self.run, samples, step, INTERVAL))
        self.samples = drawn or self.samples
        if (question := self._ask_mixture) is not None:
            decoded = self._take(lambda: self._mixture_feed.poll(self.run, question, 0, INTERVAL))
            self.mixture_samples = decoded or self.mixture_samples
        now = self.reconstructions, self.samples, self.mixture_samples, self.problem
        return any(old is not new for old, new in zip(before, now, strict=True))

    def _take(self, poll: Callable[[], T | None]) -> T | None:
        """The answer, if there is one: no run's trouble may keep those of others away."""
        try:
            answer = poll()
        except CancelledError:
            self.problem = "the run was closed"
        except Exception as error:
            self.problem = describe(error)
        else:
            if answer is not None:
                self.problem = ""
            return answer
        return None


def differ(first: Run, other: Run) -> bool:
    """Whether two runs are known to be validated on different images."""
    images, others = (ValidationImages.of(r.config, r.data_fingerprint) for r in (first, other))
    return images.differ_from(others)


def sides_of(runs: Sequence[Run]) -> list[ComparedRun]:
    """A side for every run, by names that tell them apart."""
    names = [run.snapshot.run for run in runs]
    labels = run_labels(names, [run.config.model for run in runs], LABEL_LETTERS)
    return [
        ComparedRun(run, label, index, reconstructs=not differ(runs[0], run))
        for index, (run, label) in enumerate(zip(runs, labels, strict=True))
    ]
