"""The commands that a report gives are the ones that make the run again."""

import shlex
from pathlib import Path

import pytest

from engine.config import RunConfig
from engine.parent import Parent
from engine.report.commands import report_commands, train_command
from tests.support.made_runs import make_run
from tui.cli.commands import COMMANDS, parse
from tui.cli.program import PROGRAM

CONFIGS = [
    RunConfig(),
    RunConfig(model="ae", hidden=(400,), activation="relu", epochs=10),
    RunConfig(
        hidden=(64, 32, 16),
        latent_dim=2,
        activation="leaky_relu",
        beta=0.25,
        kl_warmup=0.0,
        lr=1e-05,
        lr_schedule="constant",
        batch_size=1000,
        seed=7,
        device="cpu",
        threads=3,
        validation_share=0.2,
        split_seed=5,
        data="/a folder/with 'quotes' and $dollars",
    ),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_the_command_line_gives_the_same_settings(config: RunConfig) -> None:
    program, command, *arguments = shlex.split(train_command(config, "again"))
    assert (program, command) == (PROGRAM, "train")
    args = parse(COMMANDS["train"], arguments)
    assert args.name == "again"
    assert args.config.runs() == (config,)


def test_only_what_differs_from_the_defaults_is_named() -> None:
    assert train_command(RunConfig(), "x") == "fmnist-vae-tui train --name x"
    command = train_command(RunConfig(latent_dim=2, hidden=(8, 4)), "x")
    assert command == "fmnist-vae-tui train --hidden 8 4 --latent-dim 2 --name x"


def test_a_name_that_train_would_refuse_is_left_out() -> None:
    assert train_command(RunConfig(), "my run; rm -rf ~") == "fmnist-vae-tui train"


def test_every_run_is_scored_exported_and_reported_by_name() -> None:
    assert report_commands(["a", "b c"], ["--projection", "umap"]) == [
        "fmnist-vae-tui evaluate a --split test",
        "fmnist-vae-tui export a",
        "fmnist-vae-tui evaluate 'b c' --split test",
        "fmnist-vae-tui export 'b c'",
        "fmnist-vae-tui report a 'b c' --projection umap",
    ]


def test_the_engine_knows_reports_without_loading_what_they_need() -> None:
    import subprocess
    import sys

    code = (
        "import sys, tui.cli.main, tui.cli.report, engine.report, engine.report.facts\n"
        "heavy = {'jinja2', 'markdown', 'matplotlib', 'sklearn', 'torch', 'textual'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=root, capture_output=True, text=True
    )
    assert done.stderr == ""


def test_a_branch_is_made_again_from_its_parent_with_all_its_settings(tmp_path: Path) -> None:
    parent = make_run(tmp_path, "p", config=RunConfig(beta=4.0, lr=1e-4, hidden=(8,)))
    config = RunConfig(hidden=(8,))  # β and lr are the defaults again
    command = train_command(config, "again", Parent("p", "best", 12, 1.0))
    _, name, *arguments = shlex.split(command)
    args = parse(COMMANDS[name], [*arguments, "--checkpoints", str(parent.parent)])
    assert (args.branch, args.branch_from, args.config.runs()) == ("p", "best", (config,))


def test_a_steered_run_is_made_again_by_its_changes() -> None:
    command = train_command(RunConfig(), "again", steering="checkpoints/a b/steering.csv")
    assert command == "fmnist-vae-tui train --steering 'checkpoints/a b/steering.csv' --name again"
