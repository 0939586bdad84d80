"""What the app's screens share: the runs on show, where figures go, how pictures are drawn."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.alerts import Alert
from engine.analysis.helper_process import Worker
from engine.run import Access, Run, run_key
from engine.snapshot import Phase
from tui.drawing.pixels import ImageMode
from tui.state.projections import Projections

if TYPE_CHECKING:
    from engine.analysis.comparison import (
        RunNumbers,  # imports torch, which no start should wait for
    )


@dataclass(slots=True)
class RunContext:
    """One a program; the app changes `runs` and `shown` when a new run begins."""

    runs: list[Run]
    """The runs on show: started together, or attached to, or both."""
    exports: Path
    checkpoints: Path = Path("checkpoints")
    """Where runs are kept."""
    image_mode: ImageMode = "half"
    notes: tuple[str, ...] = ()
    """Lines for the help screen: colours, directories."""
    shown: int = 0
    """Which of them is on the screen."""
    follows_training: bool = True
    """Whether the next run comes on show when it begins to train; not once a person chose one."""
    ends: tuple[int | None, int | None] = (None, None)
    """Positions in the validation split that were marked as the ends of an interpolation."""
    numbers: "dict[str, RunNumbers]" = field(default_factory=dict)
    """What the comparison found out about runs, by their directories."""
    worker: Worker = field(default_factory=Worker)
    """For work that would stall training or the screen."""
    projections: Projections = field(default_factory=Projections)
    """The t-SNE and UMAP maps that were made, also of runs before."""
    bell: bool = False
    """Whether the terminal rings at a new alert."""
    acknowledged: dict[str, frozenset[Alert]] = field(default_factory=dict)
    """The alerts that a person has seen, by `run_key`."""
    _new_alerts: dict[str, int] = field(default_factory=dict)
    """How many nobody had acknowledged at the last look, likewise."""

    @property
    def run(self) -> Run:
        """The run on the screen."""
        return self.runs[self.shown]

    def new_alerts(self) -> list[Alert]:
        """What rules raised in the run on the screen, and nobody has acknowledged."""
        seen = self.acknowledged.get(run_key(self.run), frozenset())
        alerts = self.run.snapshot.alerts
        return [alert for alert in alerts if alert.rule is not None and alert not in seen]

    def alert_came(self) -> bool:
        """Whether there are more new ones than at the last look; not at the first of a run."""
        key, now = run_key(self.run), len(self.new_alerts())
        before, self._new_alerts[key] = self._new_alerts.get(key, now), now
        return now > before

    def acknowledge_alerts(self) -> None:
        """Those of the run on the screen are seen."""
        self.acknowledged[run_key(self.run)] = frozenset(self.run.snapshot.alerts)

    def begun_after_shown(self) -> int | None:
        """Where to look on: the run on show has ended, and a later one of ours has begun."""
        if not self.follows_training or self.run.snapshot.phase.is_active:
            return None
        for index in range(self.shown + 1, len(self.runs)):
            run = self.runs[index]
            # It may be short enough to have ended between two looks.
            if run.access is Access.OWNER and run.snapshot.phase is not Phase.WAITING:
                return index
        return None
