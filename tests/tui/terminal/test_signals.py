"""What each signal means to what is trained; whole programs are sent them in tests/e2e."""

import signal
from collections.abc import Iterator

import pytest

from tui.terminal.signals import SAVING, STOPPING, WAKING, Signals


class Recorded:
    """A run that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def stop(self) -> None:
        self.told.append("stop")

    def save(self) -> None:
        self.told.append("save")


@pytest.fixture
def run() -> Iterator[Recorded]:
    """One that this process's signals reach, until the test is over."""
    numbers = [getattr(signal, name) for name in (*STOPPING, *SAVING, "SIGHUP", WAKING)]
    before = {number: signal.getsignal(number) for number in numbers}
    yield Recorded()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("SIGINT", ["stop"]),
        ("SIGTERM", ["stop"]),
        ("SIGQUIT", ["stop"]),
        ("SIGXCPU", ["stop"]),
        ("SIGUSR1", ["stop"]),
        ("SIGUSR2", ["save"]),
        ("SIGHUP", []),
        ("SIGURG", []),
    ],
)
def test_a_run_is_told_what_a_signal_means(name: str, told: list[str], run: Recorded) -> None:
    signals = Signals(lambda: [run])
    heard: list[str] = []
    signals.listen(lambda: heard.append(name))
    for _ in range(2):
        signal.raise_signal(getattr(signal, name))
    assert run.told == told * 2
    assert signals.stopping == (told == ["stop"])
    assert signals.interrupted == (name == "SIGINT")
    assert signals.hung_up == (name == "SIGHUP")
    assert len(heard) == (2 if signals.stopping or signals.hung_up else 0)


def test_who_listens_late_hears_of_what_was(run: Recorded) -> None:
    signals = Signals(lambda: [run])
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGHUP)
    heard: list[str] = []
    signals.listen(lambda: heard.append("told"))
    assert heard == ["told"]
    assert run.told == ["stop"]
