"""Starts the dashboard, and ends it: signals, the terminal, the runs' last writes."""

import os
from collections.abc import Sequence
from pathlib import Path

from engine.errors import INPUT_ERRORS, RunError
from engine.run import Access, Run
from engine.runs.attached_run import AttachedRun
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase
from engine.storage.run_names import find_run, latest_runs
from engine.text import one_line
from tui.cli.arguments import AttachArgs, DashboardArgs, ResumeArgs
from tui.cli.planned_runs import runs_to_begin, runs_to_resume
from tui.cli.program import MISUSE, complain, moved_data
from tui.state.run_messages import ending, is_saved
from tui.terminal.capabilities import set_colors, why_unsupported
from tui.terminal.signals import Signals


def run_dashboard(args: DashboardArgs) -> int:
    """Train in the dashboard; the exit code."""
    if args.detach:
        from tui.cli.detach import train_detached

        return train_detached(args)
    return _show(args, runs_to_begin(args), tensorboard=args.tensorboard)


def resume_in_dashboard(args: ResumeArgs) -> int:
    """Resume a stored run in the dashboard; the exit code."""
    if args.detach:
        from tui.cli.detach import resume_detached

        return resume_detached(args)
    return _show(args, runs_to_resume(args.run, args), tensorboard=args.tensorboard)


def attach(args: AttachArgs) -> int:
    """Watch runs in the dashboard; the exit code."""
    paths = [find_run(run, args.checkpoints) for run in args.runs]
    data = moved_data(args.data)
    runs = [AttachedRun(path, data) for path in paths] or [_latest(args.checkpoints, data)]
    return _show(args, runs, browse=not args.runs)


def _latest(checkpoints: Path, data: Path | None) -> AttachedRun:
    """What is behind the list of all runs: the newest one that can be read."""
    problem: RunError | None = None
    for path in latest_runs(checkpoints):
        try:
            return AttachedRun(path, data)
        except RunError as error:
            problem = problem or error
    raise problem or RunError(f"there are no runs in {checkpoints}/")


def _show(
    args: DashboardArgs | ResumeArgs | AttachArgs,
    runs: Sequence[Run],
    *,
    browse: bool = False,
    tensorboard: bool = False,
) -> int:
    problem = why_unsupported(os.environ)
    if problem is not None:
        return complain(problem)
    set_colors(args.colors)
    from tui.app import FmnistVaeTui  # imports Textual, which reads the environment

    app = FmnistVaeTui(
        runs,
        args.checkpoints,
        args.exports,
        images=args.images,
        colors=args.colors,
        browse=browse,
        tensorboard=tensorboard,
        bell=args.bell,
    )
    signals = Signals(lambda: [run for run in app.runs if isinstance(run, TrainingRun)])
    app.signals = signals
    try:
        app.run()
    finally:
        if signals.hung_up:
            signals.detach_terminal()  # it is gone, and writing to it would be an error
        # After a hang-up alone the end of training is waited for.
        keep_training = signals.hung_up and not signals.stopping
        for run in app.runs:
            run.close(stop_training=not keep_training)
        for run in app.runs:
            run.join()
    if signals.stopping:
        signals.give_up_terminal_later()
    own = [run for run in app.runs if run.access is Access.OWNER]
    for run in own:
        _say_what_was_saved(run)
    return app.return_code or _exit_code(app.shown_run, own)


def _say_what_was_saved(run: Run) -> None:
    snapshot = run.snapshot
    if run.directory is not None and snapshot.phase is not Phase.FAILED:
        print(one_line(f"{snapshot.run}: {ending(run, snapshot)}"))
    if snapshot.saved_step is not None:
        directory = one_line(str(run.directory))
        print(f"figures: fmnist-vae-tui export {directory}")
        if snapshot.phase is Phase.STOPPED:
            print(f"resume:  fmnist-vae-tui resume {directory}")


def _exit_code(run: Run, own: Sequence[Run]) -> int:
    if run.access is not Access.OWNER or run.snapshot.phase is not Phase.FAILED:
        return 0 if all(is_saved(run) for run in own) else 1
    complain(str(run.snapshot.error))
    return MISUSE if isinstance(run.failure, INPUT_ERRORS) else 1
