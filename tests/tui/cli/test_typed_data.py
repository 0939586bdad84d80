"""`--data` as it is typed, on its way to a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from engine.config import TrainingPlan
from engine.errors import ConfigError
from tests.support.made_runs import make_run
from tui.cli.main import main
from tui.screens.dialogs.new_run import parse_setting


class PlannedError(Exception):
    """Instead of training."""

    def __init__(self, data: str) -> None:
        self.data = data


def from_train(monkeypatch: pytest.MonkeyPatch, typed: str) -> str:
    def plan(config: TrainingPlan, *_: object) -> NoReturn:
        raise PlannedError(config.data)

    monkeypatch.setattr("engine.runs.training_run.planned_starts", plan)
    with pytest.raises(PlannedError) as caught:
        main(["train", "--data", typed])
    return caught.value.data


def from_resume(monkeypatch: pytest.MonkeyPatch, typed: str) -> str:
    def plan(*_: object, **settings: Any) -> NoReturn:
        raise PlannedError(settings["data"])

    make_run(Path("checkpoints"), "r")
    monkeypatch.setattr("tui.cli.planned_runs.continued_config", plan)
    with pytest.raises(PlannedError) as caught:
        main(["train", "--resume", "r", "--data", typed])
    return caught.value.data


def from_form(monkeypatch: pytest.MonkeyPatch, typed: str) -> str:
    return str(parse_setting("data", typed))


@pytest.mark.parametrize("way", [from_train, from_resume, from_form])
def test_it_is_made_absolute(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: Callable[[pytest.MonkeyPatch, str], str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/homes/me")
    typed = {"fm": f"{tmp_path}/fm", "~/fm": "/homes/me/fm", "/fm": "/fm"}
    for number, (text, expected) in enumerate(typed.items()):
        monkeypatch.chdir(tmp_path)
        if way is from_resume:  # a run of its own
            (tmp_path / str(number)).mkdir()
            monkeypatch.chdir(tmp_path / str(number))
            expected = expected.replace(f"{tmp_path}/", f"{tmp_path}/{number}/")
        assert way(monkeypatch, text) == expected


def test_the_home_of_nobody_is_a_sentence_on_the_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "--data", "~no-such-user/fm"]) == 2
    assert "names a home directory that cannot be found" in capsys.readouterr().err


def test_and_at_the_forms_field() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_setting("data", "~no-such-user/fm")
    assert caught.value.field == "data"


@pytest.mark.parametrize("arguments", [[], ["train"], ["resume", "r"], ["runs"], ["export", "r"]])
def test_a_deleted_current_directory_is_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(arguments) == 2
    assert "the current directory has been deleted" in capsys.readouterr().err
