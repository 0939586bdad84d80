"""`--steering` and `--branch`: runs that begin where another one did, or ended."""

import csv
from pathlib import Path

import pytest

from engine.config import RunConfig
from engine.steering import SteeringChange
from engine.storage import checkpoint
from engine.storage.config_json import read_config, write_settings
from engine.storage.steering_csv import STEERING_FILE, read_steering, write_steering
from tests.support.made_runs import make_run
from tui.cli.commands import COMMANDS, parse
from tui.cli.main import main

CHANGES = (SteeringChange(5, "beta", 4.0, 0.5), SteeringChange(14, "epochs", 2, 3))
STEERED = RunConfig(hidden=(16,), latent_dim=3, beta=0.5, epochs=3)


@pytest.fixture
def steered(tmp_path: Path) -> Path:
    """A stored run that was steered; its directory."""
    path = make_run(tmp_path, "steered", config=STEERED)
    write_steering(path / STEERING_FILE, CHANGES)
    write_settings(path, STEERED, steered=2)
    return path


def parsed(*arguments: str, checkpoints: Path) -> RunConfig:
    args = parse(COMMANDS["train"], [*arguments, "--checkpoints", str(checkpoints)])
    [config] = args.config.runs()
    return config  # type: ignore[no-any-return]


def test_a_steered_run_gives_the_settings_that_it_began_with(steered: Path, tmp_path: Path) -> None:
    config = parsed("--steering", "steered", checkpoints=tmp_path)
    assert (config.beta, config.epochs, config.hidden) == (4.0, 2, (16,))
    other = parsed("--steering", str(steered), "--beta", "7", checkpoints=tmp_path)
    assert (other.beta, other.hidden) == (7.0, (16,))


def test_a_file_gives_only_its_changes(steered: Path, tmp_path: Path) -> None:
    config = parsed("--steering", str(steered / STEERING_FILE), checkpoints=tmp_path)
    assert config == RunConfig()


def test_a_branch_has_the_settings_that_its_parent_has_now(steered: Path, tmp_path: Path) -> None:
    assert parsed("--branch", "steered", checkpoints=tmp_path) == STEERED
    assert parsed("--branch", "steered", "--lr", "1e-4", checkpoints=tmp_path).lr == 1e-4


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--steering", "nobody"], "no run 'nobody' in"),
        (["--branch", "nobody"], "no run 'nobody' in"),
        (["--branch", "steered", "--latent-dim", "9"], "has its latent_dim, 3, not 9"),
        (["--branch", "steered", "--model", "both"], "must be that of the run whose weights"),
        (["--branch", "steered"], "last.pt is missing: nothing was saved yet"),
        (["--branch", "steered", "--branch-from", "x"], "run steered has no state 'x'"),
        (["--branch-from", "best"], "says which weights of --branch RUN"),
        (["--steering", "{refused}"], "beta must be 0 or more"),
        (["--branch", "steered", "--resume", "auto"], "--resume doesn't go with it"),
        (["--steering", "{foreign}"], "line 1 is not the header"),
        (["--steering", "{damaged}"], "line 2 is no change of a setting"),
    ],
)
@pytest.mark.usefixtures("steered")
def test_what_cannot_be_begun_is_one_sentence(
    arguments: list[str], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: tmp_path / f"{name}.csv" for name in ("foreign", "damaged", "refused")}
    files["foreign"].write_text("a,b\n1,2\n")
    files["refused"].write_text("step,setting,from,to\n3,beta,1,-2\n")
    files["damaged"].write_text("step,setting,from,to\n3,beta,1\n")
    words = [word.format(**files) for word in arguments]
    assert main(["train", *words, "--checkpoints", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert problem in err
    assert not [path for path in tmp_path.iterdir() if path.is_dir() and path.name != "steered"]


@pytest.mark.slow
def test_a_steered_run_is_repeated_bit_for_bit_and_branched_by_the_command_line(
    small_data: Path, tmp_path: Path
) -> None:
    def train(name: str, *flags: str) -> Path:
        where = ["--checkpoints", str(tmp_path), "--name", name]
        assert main(["train", *flags, *where]) == 0
        return tmp_path / name

    file = tmp_path / "changes.csv"
    write_steering(file, CHANGES)
    settings = ["--data", str(small_data), "--hidden", "16", "--latent-dim", "3", "--threads", "1"]
    begin = [*settings, "--batch-size", "30", "--beta", "4", "--epochs", "2"]
    first = train("first", *begin, "--steering", str(file))
    assert tuple(read_steering(first / STEERING_FILE).changes) == CHANGES
    assert read_config(first)[0].epochs == 3
    again = train("again", "--steering", "first")
    one, other = (checkpoint.read(path / "last.pt") for path in (first, again))
    assert all((tensor == other["model"][name]).all() for name, tensor in one["model"].items())
    branch = train("branch", "--branch", "first", "--epochs", "1", "--beta", "1")
    config, provenance = read_config(branch)
    assert (config.beta, config.epochs, config.hidden) == (1.0, 1, (16,))
    assert provenance.parent is not None
    assert (provenance.parent.run, provenance.parent.epoch) == ("first", 3.0)
    assert not (branch / STEERING_FILE).exists()
    repeated = train("branch-again", "--steering", "branch")
    one, other = (checkpoint.read(path / "last.pt") for path in (branch, repeated))
    assert all((tensor == other["model"][name]).all() for name, tensor in one["model"].items())
    assert read_config(repeated)[1].parent == provenance.parent
    with (branch / "metrics.csv").open() as stream:
        begun, *_ = csv.DictReader(stream)
    assert float(begun["val_recon"]) < 530.0, "it is not untrained"
