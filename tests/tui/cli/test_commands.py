"""The table of commands: what it is made into, and how a command line is read by it."""

import re
from pathlib import Path
from typing import get_type_hints

import pytest

from engine.config import PRESETS
from tui.cli.arguments import ResumeArgs, TrainArgs, TrainResumeArgs
from tui.cli.commands import COMMANDS, DASHBOARD, Command, markdown_table, parse
from tui.cli.main import main
from tui.cli.program import MISUSE

README = Path(__file__).parents[3] / "README.md"
ALL = [DASHBOARD, *COMMANDS.values()]


@pytest.fixture(params=ALL, ids=[command.program for command in ALL])
def command(request: pytest.FixtureRequest) -> Command:
    found: Command = request.param
    return found


def help_of(command: Command, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*command.name.split(), "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "refused", "said"),
    [
        (["--detach"], "tui.cli.detach.tempfile.TemporaryFile", "No usable temporary directory"),
        (["--detach"], "tui.cli.detach.subprocess.Popen", "python: Resource temporarily unavail"),
        (["bench"], "tui.cli.bench._measure", "out of pty devices"),
    ],
)
def test_what_the_system_refuses_is_one_sentence(
    arguments: list[str],
    refused: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, _, cause = said.rpartition(": ")
    error = OSError(11, cause, file) if file else OSError(11, cause)

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(refused, refuse)
    assert main([*arguments, "--device", "cpu"]) == MISUSE
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"fmnist-vae-tui: {said}")
    assert complaint.count("\n") == 1


def test_every_command_is_done_by_a_function_that_takes_its_arguments(command: Command) -> None:
    hints = get_type_hints(command.load())
    taken = hints.pop("args")
    assert command.arguments in (taken, *getattr(taken, "__args__", ()))
    assert hints == {"return": int}


def test_the_help_of_the_dashboard_and_the_readme_name_every_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = help_of(DASHBOARD, capsys)
    for name in COMMANDS:
        assert re.search(rf"^ +{name} ", told, re.MULTILINE), name
    assert markdown_table() in README.read_text(encoding="utf-8")


def test_help_is_in_words_for_people(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    told = help_of(command, capsys)
    assert not re.findall(r"\b(STR|INT|FLOAT|PATH\|None|None|False|True)\b", told)
    assert "default: )" not in told
    assert "default: ''" not in told


def test_defaults_are_told_where_they_are_something(capsys: pytest.CaptureFixture[str]) -> None:
    told = " ".join(help_of(DASHBOARD, capsys).replace("│", " ").split())
    for expected in (
        "--hidden N [N …] Widths of the encoder's hidden layers; the decoder mirrors them. "
        "(default: 512 256)",
        "--name NAME Name of the run; by default made from the model and the time. --tensorboard",
        "--checkpoints DIR Directory of the runs. (default: checkpoints)",
        "--device DEVICE auto (CUDA, else Apple's MPS, else CPU), cpu, mps, cuda or cuda:N. "
        "(default: auto)",
    ):
        assert expected in told


@pytest.mark.parametrize(
    "arguments",
    ["--preset report --epochs 3", "--epochs 3 --preset report", "--epochs=3 --preset=report"],
)
@pytest.mark.parametrize("name", ["", "train"])
def test_flags_go_over_the_presets_settings_in_any_order(name: str, arguments: str) -> None:
    args = parse(COMMANDS.get(name, DASHBOARD), arguments.split())
    assert args.preset == "report"
    assert args.config.epochs == 3
    assert args.config.hidden == PRESETS["report"].hidden == (400,)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", TrainArgs()),
        ("--resume auto", TrainArgs(resume="auto")),
        ("--resume=auto --json", TrainArgs(resume="auto", json=True)),
        ("--resume mine --epochs 9", TrainResumeArgs(resume="mine", epochs=9)),
        ("--epochs 9 --resume=mine", TrainResumeArgs(resume="mine", epochs=9)),
        ("--resume mine --precision bf16", TrainResumeArgs(resume="mine", precision="bf16")),
    ],
)
def test_train_takes_other_flags_with_a_run_to_resume(arguments: str, expected: object) -> None:
    assert parse(COMMANDS["train"], arguments.split()) == expected


@pytest.mark.parametrize(
    "arguments",
    ["train --resume mine --beta 2", "train --epoch 3", "resume", "--preset best", "runs mine"],
)
def test_a_flag_that_a_command_does_not_take_ends_with_2(
    arguments: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""


def test_paths_of_data_outlive_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    for typed, expected in (("here", f"{tmp_path}/here"), ("~/mnist", "/home/someone/mnist")):
        assert parse(COMMANDS["train"], ["--data", typed]).config.data == expected
    assert parse(COMMANDS["train"], []).config.data == ""
    assert parse(COMMANDS["resume"], ["x", "--data", "here"]) == ResumeArgs(run="x", data="here")


def test_a_word_that_is_no_command_is_answered_with_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["tarin"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("fmnist-vae-tui: there is no command 'tarin'")
    assert all(name in told for name in COMMANDS)
