"""What a run reports to a person, in words, as it happens.

Doesn't import Textual, for `train` says the same.
"""

from collections import Counter
from time import monotonic
from typing import Literal

from engine.alerts import Alert
from engine.metrics import score_name
from engine.run import Access, Run
from engine.snapshot import Phase, Snapshot
from engine.text import epochs, nats

Level = Literal["info", "done", "warning", "error"]
"""How much a message matters."""


class RunMessages:
    """Compares each snapshot with the one before."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._phase: Phase | None = None
        self._alerts: Counter[Alert] = Counter()
        """Those that were told, or needn't be."""
        self._since = monotonic()

    def since_last(self, snapshot: Snapshot) -> list[tuple[str, Level]]:
        """Messages, oldest first."""
        messages: list[tuple[str, Level]] = []
        alerts = Counter(snapshot.alerts)
        if self._phase in (None, Phase.LOADING) and self._was_trained_before(snapshot):
            # What its rules raised then is in the header and the list of alerts, not news.
            self._alerts += Counter({a: n for a, n in alerts.items() if a.rule is not None})
        if snapshot.phase is not self._phase:
            messages += self._phase_message(snapshot)
            self._phase = snapshot.phase
        for alert in (alerts - self._alerts).elements():
            messages.append((f"step {alert.step:,}: {alert.text}", "warning"))
        self._alerts = alerts
        return messages

    def _was_trained_before(self, s: Snapshot) -> bool:
        """Whether there was more training than there was time for since this looks at it."""
        return s.elapsed > monotonic() - self._since

    def _phase_message(self, s: Snapshot) -> list[tuple[str, Level]]:
        match s.phase:
            case Phase.WAITING:
                return [(f"waiting {s.activity}", "info")]
            case Phase.LOADING:
                return [("loading torch and the images; ? for help", "info")]
            case Phase.TRAINING if self._run.access is not Access.OWNER:
                return [(f"watching {s.run}: {self._may()}; ? for help", "info")]
            case Phase.TRAINING:
                text = f"training {s.run} for {s.epochs} epochs"
                if self._phase is Phase.PAUSED or self._was_trained_before(s):
                    text = f"resumed {s.run}; training to epoch {s.epochs}"
                return [(f"{text}; ? for help", "info")]
            case Phase.PAUSED:
                return [("paused: space resumes; samples, pictures and exports work", "warning")]
            case Phase.DIED:
                text = f"its process was killed at epoch {epochs(s.epoch)}; to resume it:"
                return [(f"{text} fmnist-vae-tui resume {s.run}", "warning")]
            case Phase.FINISHED | Phase.STOPPED:
                return [(ending(self._run, s), "done")]
            case Phase.FAILED:
                on = " (t goes on from its best weights)" if s.last is not None else ""
                return [(f"the run failed{on}: {s.error}", "error")]

    def _may(self) -> str:
        if self._run.access is Access.CONTROL:
            return "training in another process; space and x work"
        return "training in another process, which can't be reached from here: read-only"


def is_saved(run: Run) -> bool:
    """Whether nothing that was learnt is lost: false if a run has ended without its last save."""
    s = run.snapshot
    if s.phase not in (Phase.FINISHED, Phase.STOPPED):
        return True  # it has a sentence of its own
    return run.directory is None or s.saved_step == s.step


def ending(run: Run, s: Snapshot) -> str:
    """How a run ended, its best score, and where it is saved."""
    best = ""
    if s.best is not None:
        name = score_name(run.config.model)
        if s.best.epoch == 0 and s.step > 0:
            began = f"({name} {nats(s.best.val.score)})"
            if run.parent is not None:
                best = f", never better than what it began with {began}"
            else:
                best = f", never better than the untrained model {began}: training diverged"
        else:
            best = f", best {name} {nats(s.best.val.score)} at epoch {epochs(s.best.epoch)}"
    if s.saved_step is None:
        where = f" in {run.directory}/" if run.directory is not None else ""
        saved = f"nothing is saved{where}: see the alerts" if where else "nothing was saved"
    elif s.saved_step == s.step:
        saved = f"saved in {run.directory}/"
    else:
        saved = f"saved as of step {s.saved_step:,} in {run.directory}/"
    return f"{s.phase} at epoch {epochs(s.epoch)} of {s.epochs}{best}; {saved}"
