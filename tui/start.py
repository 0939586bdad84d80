"""Starts the dashboard, and ends it: signals, the terminal, the engines' last writes."""

import contextlib
import os
import signal
import sys
from types import FrameType

from engine.engine import INPUT_ERRORS, TrainingEngine
from engine.snapshot import Phase
from tui.arguments import DashboardArgs
from tui.cli import MISUSE, complain
from tui.news import ending
from tui.terminal import refusal, set_colors


def run_dashboard(args: DashboardArgs) -> int:
    """Run the dashboard; the exit code."""
    problem = refusal(os.environ)
    if problem is not None:
        return complain(problem)
    set_colors(args.colors)
    from tui.app import FmnistVaeTui  # imports Textual, which reads the environment

    app = FmnistVaeTui(
        args.config,
        args.checkpoints,
        args.exports,
        name=args.name,
        images=args.images,
        colors=args.colors,
    )
    try:
        app.run()
    finally:
        if app.hung_up:
            _let_go_of_terminal()
        _close_engines(app.engines, go_on=app.hung_up)
    for engine in app.engines:
        _say_what_was_kept(engine)
    return app.return_code or _exit_code(app.engine)


def _close_engines(engines: list[TrainingEngine], *, go_on: bool) -> None:
    """Wait for the last writes; after a hang-up, for the end of training."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for engine in engines:
            engine.stop()

    # The app's own handlers went with its event loop: Ctrl-C must not cut off a write now.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    for engine in engines:
        engine.close(stop_training=not go_on)
    for engine in engines:
        engine.join()


def _let_go_of_terminal() -> None:
    """Standard streams to nowhere: writing to a terminal that is gone is an error."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)


def _say_what_was_kept(engine: TrainingEngine) -> None:
    snapshot = engine.snapshot
    if snapshot.saved_step is not None:
        print(f"{snapshot.run}: {ending(engine, snapshot)}")
        print(f"figures: fmnist-vae-tui export {engine.directory}")


def _exit_code(engine: TrainingEngine) -> int:
    if engine.snapshot.phase is not Phase.FAILED:
        return 0
    print(f"fmnist-vae-tui: {engine.snapshot.error}", file=sys.stderr)
    return MISUSE if isinstance(engine.failure, INPUT_ERRORS) else 1
