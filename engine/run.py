"""`Run`: what the dashboard needs of a run, whether it is trained here or elsewhere."""

from concurrent.futures import Future
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeVar

from engine.config import RunConfig
from engine.history import History
from engine.parent import Parent
from engine.snapshot import Snapshot
from engine.views import Frame, ViewRequest

T = TypeVar("T")


class Access(Enum):
    """What can be done to a run from here."""

    OWNER = "trained here"
    """This process trains it: leaving ends it."""
    CONTROL = "attached"
    """Another process trains it, and does what it is asked."""
    READ = "attached, read-only"
    """It can be looked at."""


class Run(Protocol):
    """A run on show: trained here (`engine.runs.training_run`), or elsewhere (`attached_run`).

    Nothing here waits: what is asked for comes with a later `snapshot`, or a future.
    """

    config: RunConfig
    parent: Parent | None
    """The run that it began with the weights of; None before that is known, too."""

    @property
    def history(self) -> History:
        """The metric series so far."""

    @property
    def snapshot(self) -> Snapshot:
        """What the run does now."""

    @property
    def directory(self) -> Path | None:
        """The run's directory, once it exists."""

    @property
    def data_fingerprint(self) -> str:
        """`data.fashion_mnist.content_fingerprint` of its data; empty until it is known."""

    @property
    def frames(self) -> list[Frame]:
        """The film of the run so far, oldest first."""

    @property
    def access(self) -> Access:
        """What can be done to the run from here, now."""

    @property
    def failure(self) -> BaseException | None:
        """The exception behind a FAILED phase, if it was raised here."""

    def start(self) -> None:
        """Begin to train, or to follow."""

    def pause(self) -> None:
        """Halt training."""

    def resume(self) -> None:
        """Continue after a pause."""

    def stop(self) -> None:
        """End training and keep what was learnt."""

    def steer(self, setting: str, value: float) -> "Future[None]":
        """Change one of `engine.config.STEERABLE` from the next slice on.

        The future fails with a `ConfigError` or a `ControlError` that says why it can't be changed;
        if it could, a later `snapshot` and `config` have it.
        """

    def keep(self, name: str) -> "Future[None]":
        """Have the current state written under a name (`engine.storage.kept_states`).

        The future fails with a `RunError` or a `ControlError` that says why it can't be kept.
        """

    def request(self, view: ViewRequest[T]) -> "Future[T]":
        """Ask for a view of the model."""

    def close(self, *, stop_training: bool = True) -> None:
        """Let the thread end."""

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread's end after `close`; whether it has ended."""


def run_key(run: Run) -> str:
    """What results of a run are kept by: runs of two directories may have one name."""
    return str(run.directory or run.snapshot.run)
