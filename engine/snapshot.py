"""`Snapshot`: what a run is doing at one moment, for anyone to read."""

from dataclasses import dataclass
from enum import StrEnum

from engine.alerts import Alert
from engine.metrics import Evaluation, TrainPoint
from engine.steering import SteeringChange


class Phase(StrEnum):
    """Where a run is in its life."""

    WAITING = "waiting"
    """For another run to end."""
    LOADING = "loading"
    TRAINING = "training"
    PAUSED = "paused"
    FINISHED = "finished"
    """All epochs are trained."""
    STOPPED = "stopped"
    """Ended early, by a person; what was learnt is kept."""
    FAILED = "failed"
    """Ended by an error; see `Snapshot.error`."""
    DIED = "died"
    """Its process was killed, or its machine: it can be resumed from its last checkpoint."""

    @property
    def is_active(self) -> bool:
        """Whether training has not come to its end yet."""
        return self in (Phase.WAITING, Phase.LOADING, Phase.TRAINING, Phase.PAUSED)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of a run. Immutable: the run's thread swaps in a new one after every slice."""

    run: str
    """The run's name; final once the phase is past LOADING."""
    phase: Phase = Phase.LOADING
    activity: str = ""
    """What the run does now, in a few words: 'loading torch', 'evaluating'."""
    device: str = ""
    """The processor's name, empty until it is known."""
    threads: int = 0
    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    """Epochs trained, with fractions."""
    epochs: int = 0
    images_seen: int = 0
    """Images trained on so far, repeats counted."""
    images_per_second: float = 0.0
    """Training images, over the last seconds of training, evaluations left out."""
    elapsed: float = 0.0
    """Seconds of training and evaluation; pauses don't count."""
    eta: float | None = None
    """Seconds to go at this rate, evaluations counted in; None while it can't be estimated."""
    beta: float = 0.0
    lr: float = 0.0
    train: TrainPoint | None = None
    """The latest point of the training curve."""
    last: Evaluation | None = None
    best: Evaluation | None = None
    memory_used: int = 0
    """Bytes in use on the device; on a CPU, of this process."""
    memory_total: int = 0
    alerts: tuple[Alert, ...] = ()
    error: str | None = None
    """Why the run failed: one sentence for a person."""
    saved_step: int | None = None
    """The step whose weights are safe on disk; None before the first save."""
    patience_left: float | None = None
    """Epochs that may go by without a gain before training ends; None if there is no limit."""
    steering: tuple[SteeringChange, ...] = ()
    """The settings that were changed so far, oldest first."""
