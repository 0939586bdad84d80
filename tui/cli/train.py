"""`train`: the same training without the dashboard. Progress on stderr, JSON on stdout."""

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from rich.progress import TextColumn

from engine.errors import INPUT_ERRORS
from engine.metrics import Evaluation, Metrics, json_number, score_name
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase, Snapshot
from engine.text import clock, epochs, nats, one_line
from tui.cli.arguments import TrainArgs, TrainResumeArgs
from tui.cli.planned_runs import runs_to_resume, runs_to_train
from tui.cli.program import INTERRUPTED, MISUSE, complain
from tui.cli.progress import new_bar
from tui.state.run_messages import ending, is_saved
from tui.terminal.signals import Signals

log = logging.getLogger(__name__)

TICK = 0.1
"""Seconds between two looks at the run."""


def train(args: TrainArgs | TrainResumeArgs) -> int:
    """Train new runs, or a stored one further; the exit code."""
    if isinstance(args, TrainResumeArgs):
        return run_training(runs_to_resume(args.resume, args), json_wanted=args.json)
    return run_training(runs_to_train(args), json_wanted=args.json)


def run_training(runs: list[TrainingRun], *, json_wanted: bool) -> int:
    """Train to the end, or until a signal; the exit code."""
    signals = Signals(lambda: runs)
    signals.listen(lambda: signals.detach_terminal() if signals.hung_up else None)
    for run in runs:
        run.start()
    try:
        codes = [_follow(run, json_wanted=json_wanted) for run in runs]
    finally:
        for run in runs:
            run.close()
        for run in runs:
            run.join()
    return max(codes) or (INTERRUPTED if signals.interrupted else 0)


def _follow(run: TrainingRun, *, json_wanted: bool) -> int:
    """Report on a run until it has ended; its exit code."""
    started = time.monotonic()
    try:
        _report_until_end(run)
    except Exception:  # training needs no reports
        log.exception("no more reports on %s", run.snapshot.run)
        while run.snapshot.phase.is_active:
            time.sleep(TICK)
    snapshot = run.snapshot
    if snapshot.phase is Phase.FAILED:
        complain(str(snapshot.error))
        return MISUSE if isinstance(run.failure, INPUT_ERRORS) else 1
    print(one_line(f"{snapshot.run}: {ending(run, snapshot)}"), file=sys.stderr)
    if json_wanted and run.directory is not None:
        print(json.dumps(summary(run, time.monotonic() - started)))
    return 0 if is_saved(run) else 1


def _report_until_end(run: TrainingRun) -> None:
    with _Reporter(run) as reporter:
        while run.snapshot.phase.is_active:
            reporter.report()
            time.sleep(TICK)
        reporter.report()


class _Reporter:
    """A progress bar on a terminal, else one plain line per evaluation."""

    def __init__(self, run: TrainingRun) -> None:
        self._run = run
        self._reported = 0
        self._unreported: Evaluation | None = None
        """The latest evaluation, if it is within an epoch: reported only if the run ends there."""
        self._alerts = 0
        self._progress = new_bar(TextColumn("{task.fields[numbers]}"), transient=False)
        self._task = self._progress.add_task("loading", total=None, numbers="")

    def __enter__(self) -> "_Reporter":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def report(self) -> None:
        """Print what is new."""
        s = self._run.snapshot
        if not self._progress.disable:
            self._update_bar(s)
        for evaluation in self._run.history.evaluations(self._reported):
            self._reported += 1
            self._unreported = None if evaluation.epoch.is_integer() else evaluation
            if self._progress.disable and self._unreported is None:
                self._line(evaluation)
        if self._unreported and not s.phase.is_active and self._unreported.step == s.step:
            if self._progress.disable:
                self._line(self._unreported)
            self._unreported = None
        for alert in s.alerts[self._alerts :]:
            text = one_line(f"step {alert.step:,}: {alert.text}")
            self._progress.console.print(text, markup=False, style="yellow", soft_wrap=True)
        self._alerts = len(s.alerts)

    def _update_bar(self, s: Snapshot) -> None:
        text = one_line(f"{s.run} {s.activity or s.phase}")
        name = score_name(self._run.config.model)
        numbers = (
            f"epoch {s.epoch:.2f}/{s.epochs} · {s.images_per_second:,.0f} img/s · "
            f"val {name} {nats(s.last.val.score if s.last else None)} · "
            f"best {nats(s.best.val.score if s.best else None)} · ETA {clock(s.eta)}"
        )
        self._progress.update(
            self._task,
            description=text,
            completed=s.step,
            total=s.total_steps or None,
            numbers=numbers if s.last else "",
        )

    def _line(self, e: Evaluation) -> None:
        name = score_name(self._run.config.model)
        train = f"train {nats(e.train.score)} " if e.train else ""
        kl = f" (recon {nats(e.val.recon)}, KL {nats(e.val.kl)})" if name == "−ELBO" else ""
        scores = f"{name} {train}val {nats(e.val.score)}{kl}"
        print(f"epoch {epochs(e.epoch)}: {scores} [{clock(e.seconds)}]", file=sys.stderr)


def summary(run: TrainingRun, wall_seconds: float) -> dict[str, Any]:
    """The outcome of a run as JSON can hold it. Nats per image; null where there is none."""
    s, config = run.snapshot, run.config
    last, best = s.last, s.best
    return {
        "run": s.run,
        "model": config.model,
        "phase": str(s.phase),
        "epochs": int(s.epoch) if s.epoch.is_integer() else s.epoch,
        "steps": s.step,
        "seed": config.seed,
        "device": s.device,
        "wall_seconds": round(wall_seconds, 3),
        "images_per_second": round(s.images_seen / last.seconds, 1)
        if last and last.seconds
        else None,
        "train": _metrics(last.train if last else None, loss=True),
        "val": _metrics(last.val if last else None, loss=False),
        "best": None
        if best is None
        else {
            "epoch": int(best.epoch) if best.epoch.is_integer() else best.epoch,
            "neg_elbo": json_number(best.val.neg_elbo),
            "recon": best.val.recon,
        },
        "checkpoint": None if s.saved_step is None else str(_checkpoint(run)),
    }


def _checkpoint(run: TrainingRun) -> Path:
    assert run.directory is not None
    return run.directory / "last.pt"


def _metrics(m: Metrics | None, *, loss: bool) -> dict[str, float | None] | None:
    if m is None:
        return None
    values = {"neg_elbo": m.neg_elbo, "recon": m.recon, "kl": m.kl}
    numbers = {name: json_number(value) for name, value in values.items()}
    return {"loss": json_number(m.loss), **numbers} if loss else numbers
