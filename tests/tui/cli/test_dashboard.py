"""What the flags of the commands become in the app."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import tui.app
from engine.run import Run
from engine.runs.attached_run import AttachedRun
from engine.runs.training_run import TrainingRun
from tests.support.made_runs import make_run
from tui.cli import dashboard
from tui.cli.commands import COMMANDS, DASHBOARD, parse


class App:
    """In place of the real one: keeps what it is given, and has nothing to show."""

    given: dict[str, Any]
    hung_up = False
    return_code = 0

    def __init__(self, runs: Sequence[Run], checkpoints: Path, exports: Path, **flags: Any) -> None:
        App.given = {"checkpoints": checkpoints, "exports": exports, **flags}
        self.runs, self.shown_run = list(runs), runs[0]

    def run(self) -> None:
        """Nobody is there."""


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command line without a terminal; what the app was given, and the runs."""
    monkeypatch.setattr(tui.app, "FmnistVaeTui", App)
    monkeypatch.setattr(dashboard, "why_unsupported", lambda _: None)
    monkeypatch.setattr(dashboard, "set_colors", lambda _: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for kind in (TrainingRun, AttachedRun):
        monkeypatch.setattr(kind, "close", lambda *_, **__: None)
        monkeypatch.setattr(kind, "join", lambda *_: True)

    def run(line: str) -> dict[str, Any]:
        name, *rest = line.split()
        command = COMMANDS.get(name, DASHBOARD)
        assert command.load()(parse(command, rest if name in COMMANDS else line.split())) == 0
        return App.given

    return run


def test_the_app_gets_every_flag_that_runs_begun_later_inherit(given: Any, tmp_path: Path) -> None:
    make_run(tmp_path, "stored")
    where = f"--checkpoints {tmp_path} --exports {tmp_path}/x --images ascii --colors 256"
    expected = {
        "checkpoints": tmp_path,
        "exports": tmp_path / "x",
        "images": "ascii",
        "colors": "256",
        "browse": False,
        "bell": False,
    }
    assert given(f"--bell {where}") == expected | {"tensorboard": False, "bell": True}
    assert given(f"--tensorboard {where}") == expected | {"tensorboard": True}
    assert given(where) == expected | {"tensorboard": False}
    assert given(f"resume stored --tensorboard {where}") == expected | {"tensorboard": True}
    assert given(f"attach stored {where}") == expected | {"tensorboard": False}
    assert given(f"attach {where}") == expected | {"tensorboard": False, "browse": True}
