"""The numbers of runs that take seconds each, computed in a thread that can be cancelled."""

import logging
from collections.abc import Sequence
from threading import Event, Thread

from engine.analysis.comparison import RunNumbers, describe_run
from engine.analysis.helper_process import Worker
from engine.errors import describe
from engine.runs.live_source import LiveSource
from tui.screens.comparison.compared_run import ComparedRun

log = logging.getLogger(__name__)


class Measuring:
    """Describes runs, one after the other, and keeps what it finds.

    Args:
        numbers: by `ComparedRun.key`; where they are kept.
    """

    def __init__(self, worker: Worker, numbers: "dict[str, RunNumbers]") -> None:
        self._worker = worker
        self._numbers = numbers
        self._stopped = Event()
        self._thread: Thread | None = None
        self.note = ""
        """What is being done, or what went wrong, for a person; may be empty."""

    @property
    def is_busy(self) -> bool:
        """Whether numbers are being computed."""
        return self._thread is not None and self._thread.is_alive()

    def numbers_of(self, compared: ComparedRun) -> RunNumbers | None:
        """What is known of a run."""
        return self._numbers.get(compared.key)

    def is_done(self, compared: ComparedRun) -> bool:
        """Whether what is known of a run is of its current model."""
        known = self.numbers_of(compared)
        return known is not None and known.step == compared.run.snapshot.step

    def start(self, compared_runs: Sequence[ComparedRun]) -> None:
        """Describe these, in a thread; a run that fails keeps its previous numbers."""
        # A daemon: should a run never answer, that must not keep the program from ending.
        self._thread = Thread(
            target=self._main, args=(compared_runs,), name="comparison", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Nobody waits for the numbers any more."""
        self._stopped.set()

    def join(self, timeout: float) -> bool:
        """Wait for the thread after `close`; whether it has ended."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.is_busy

    def _main(self, compared_runs: Sequence[ComparedRun]) -> None:
        problems = []
        for compared in compared_runs:

            def progress(share: float, what: str, compared: ComparedRun = compared) -> None:
                # "vae-20260101-120000: Gaussian mixture": the label says which run.
                part = what.removeprefix(compared.run.snapshot.run).removeprefix(": ")
                self.note = f"{compared.label}: {part} {share:.0%}"

            try:
                source = LiveSource(compared.run, self._worker, self._stopped)
                self._numbers[compared.key] = describe_run(source, progress)
            except Exception as error:
                if self._stopped.is_set():  # whatever it is, it is of the closing
                    return
                log.exception("the comparison failed")
                problems.append(f"{compared.label} not computed: {describe(error)}")
        self.note = "; ".join(problems)
