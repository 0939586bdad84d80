"""`FilmCursor`: a moment in the film of a run, or its live end."""

import bisect

from engine.run import Run
from engine.views import Frame


class FilmCursor:
    """Moves through the frames; kept by step, for frames are thinned while a run goes on."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._step: int | None = None

    @property
    def frame(self) -> Frame | None:
        """The frame to show; None for the live model."""
        frames = self._run.frames
        if self._step is None or not frames:
            return None
        return frames[self._index(frames)]

    def describe(self) -> str:
        """'12 of 39' for a person; empty at the live end."""
        frames = self._run.frames
        return "" if self._step is None else f"{self._index(frames) + 1} of {len(frames)}"

    def move(self, count: int) -> None:
        """So many frames forward; past the last one is live again."""
        frames = self._run.frames
        if not frames:
            return
        start = len(frames) if self._step is None else self._index(frames)
        target = max(0, start + count)
        self._step = frames[target].step if target < len(frames) else None

    def to_start(self) -> None:
        """The first frame."""
        self.move(-len(self._run.frames))

    def to_live(self) -> None:
        """Follow the model as it is."""
        self._step = None

    def _index(self, frames: list[Frame]) -> int:
        assert self._step is not None
        return min(bisect.bisect_left([f.step for f in frames], self._step), len(frames) - 1)
