"""`train`, `export` and `evaluate` of the installed program, without a terminal."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

PROGRAM = Path(sys.executable).with_name("fmnist-vae-tui")
SMALL = ["--hidden", "32", "--latent-dim", "4", "--batch-size", "32", "--device", "cpu"]


def run(arguments: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with (path / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def train(small_data: Path) -> list[str]:
    return ["train", "--data", str(small_data), *SMALL]


Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where runs lie that are only read: each costs seconds."""
    return tmp_path_factory.mktemp("headless")


@pytest.fixture(scope="module")
def mine(train: list[str], place: Path) -> Done:
    """A run called so, with the fourth seed, that told of itself in JSON."""
    return run([*train, "--epochs", "3", "--seed", "4", "--name", "mine", "--json"], place)


@pytest.fixture(scope="module")
def kept(train: list[str], place: Path) -> Done:
    """A run called so, with the first seed, that told of itself in words."""
    return run([*train, "--epochs", "3", "--name", "kept"], place)


def test_the_json_line_is_alone_on_stdout_and_agrees_with_the_files(
    mine: Done, place: Path
) -> None:
    assert mine.returncode == 0, mine.stderr
    [line] = mine.stdout.splitlines()
    outcome = json.loads(line)
    last = rows_of(place / "checkpoints" / "mine")[-1]
    assert {k: outcome[k] for k in ("run", "model", "epochs", "steps", "seed", "device")} == {
        "run": "mine",
        "model": "vae",
        "epochs": 3,
        "steps": 36,
        "seed": 4,
        "device": "CPU",
    }
    assert outcome["train"] == {
        name: float(last[f"train_{name}"]) for name in ("loss", "neg_elbo", "recon", "kl")
    }
    assert outcome["val"] == {
        name: float(last[f"val_{name}"]) for name in ("neg_elbo", "recon", "kl")
    }
    trained = rows_of(place / "checkpoints" / "mine")[1:]
    best = min(trained, key=lambda row: float(row["val_neg_elbo"]))
    assert outcome["best"]["neg_elbo"] == float(best["val_neg_elbo"])
    assert outcome["best"]["epoch"] == float(best["epoch"])
    assert (place / outcome["checkpoint"]).is_file()
    assert 0 < 3 * 360 / outcome["images_per_second"] < outcome["wall_seconds"]


def test_progress_without_a_terminal_is_a_plain_line_per_epoch(kept: Done) -> None:
    assert kept.stdout == ""
    assert "\x1b" not in kept.stderr
    *lines, end = kept.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"epoch {n}" for n in range(4)]
    assert "finished at epoch 3 of 3, best −ELBO" in end
    assert "saved in checkpoints/" in end


@pytest.mark.usefixtures("kept")
def test_the_same_seed_gives_the_same_numbers_and_another_gives_others(
    mine: Done, train: list[str], place: Path
) -> None:
    again = run([*train, "--epochs", "3", "--seed", "4", "--name", "again", "--json"], place)
    assert json.loads(again.stdout)["val"] == json.loads(mine.stdout)["val"]
    numbers = {name: rows_of(place / "checkpoints" / name)[-1] for name in ("mine", "kept")}
    assert numbers["mine"]["epoch"] == numbers["kept"]["epoch"]
    assert numbers["mine"]["val_neg_elbo"] != numbers["kept"]["val_neg_elbo"]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"]
)
def test_a_signal_stops_and_keeps(
    number: signal.Signals, code: int, train: list[str], tmp_path: Path
) -> None:
    arguments = [str(PROGRAM), *train, "--epochs", "100000", "--name", "cut", "--json"]
    with subprocess.Popen(
        arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        metrics = tmp_path / "checkpoints" / "cut" / "metrics.csv"
        deadline = time.monotonic() + 60
        while not metrics.exists() or metrics.read_text().count("\n") < 15:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    outcome = json.loads(out)
    assert outcome["phase"] == "stopped"
    assert outcome["steps"] == int(rows_of(metrics.parent)[-1]["step"])
    # A line for every whole epoch, and one for where it stopped.
    told = [line.split(":")[0] for line in err.splitlines() if line.startswith("epoch ")]
    whole = [f"epoch {n}" for n in range(int(outcome["epochs"]) + 1)]
    assert told[: len(whole)] == whole
    assert len(told) == len(whole) + (outcome["epochs"] % 1 > 0)
    assert "Traceback" not in err


@pytest.mark.usefixtures("kept")
def test_a_stored_run_is_exported_and_scored_without_training(place: Path) -> None:
    exported = run(["export", "kept"], place)
    assert exported.returncode == 0, exported.stderr
    names = ["train_loss", "val_loss", "recon_val", "latent_scatter", "samples"]
    files = [*(f"vae_{name}" for name in names), "interpolation", "traversal", "manifold"]
    files += ["vae_kl_heatmap", "vae_rate_distortion", "vae_diagnosis"]
    assert exported.stdout.splitlines() == [f"exports/kept/{name}.png" for name in files]
    one = run(["export", "checkpoints/kept", "--figure", "samples", "--exports", "x"], place)
    assert one.stdout == "x/kept/vae_samples.png\n"
    with Image.open(place / "x/kept/vae_samples.png") as image:
        assert image.text["step"] == "36"  # type: ignore[attr-defined]
    scored = run(["evaluate", "kept", "--json"], place)
    last = rows_of(place / "checkpoints" / "kept")[-1]
    assert json.loads(scored.stdout)["neg_elbo"] == pytest.approx(float(last["val_neg_elbo"]))
    on_test = run(["evaluate", "kept", "--split", "test"], place)
    assert "test images" in on_test.stdout
    assert "nats per image" in on_test.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["tarin"], "there is no command 'tarin'"),
        (["train", "--lr", "0"], "lr must be above 0"),
        (["train", "--data", "/nowhere"], "/nowhere"),
        (["train", "--name", "../up"], "run name '../up' can't be used"),
        (["train", "--device", "cuda:99"], "'cuda:99' can't be used"),
        (["train", "--checkpoints", "/proc/nowhere"], "/proc/nowhere"),
        (["export", "gone"], "no run 'gone'"),
        (["evaluate", "gone"], "no run 'gone'"),
        ([], "needs a terminal"),
    ],
)
def test_unusable_input_is_one_sentence_on_stderr_and_exit_code_2(
    arguments: list[str], expected: str, tmp_path: Path
) -> None:
    done = run(arguments, tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith("fmnist-vae-tui: ")
    assert expected in sentence
    assert list(tmp_path.iterdir()) == []


def test_a_run_on_data_named_by_a_relative_path_is_exported_from_elsewhere(
    small_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "data").symlink_to(small_data)
    run(["train", "--data", "data", *SMALL, "--epochs", "1", "--name", "x"], tmp_path / "here")
    done = run(["export", "here/checkpoints/x", "--figure", "samples"], tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("kept")
def test_a_taken_name_is_refused_before_anything_is_trained(train: list[str], place: Path) -> None:
    before = sorted(p.stat().st_mtime_ns for p in (place / "checkpoints/kept").iterdir())
    again = run([*train, "--epochs", "1", "--name", "kept"], place)
    assert again.returncode == 2
    assert "run 'kept' exists already" in again.stderr
    after = sorted(p.stat().st_mtime_ns for p in (place / "checkpoints/kept").iterdir())
    assert after == before


def test_the_terminals_colours_are_decided_before_textual_is_imported() -> None:
    code = "import sys; import tui.cli.dashboard, tui.cli.train; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_help_and_version_are_answered_without_loading_torch_or_textual(tmp_path: Path) -> None:
    code = (
        "import sys; from tui.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(bool({'torch', 'textual', 'matplotlib', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "--kl-warmup" in done.stdout
    assert run(["--version"], tmp_path).stdout.startswith("fmnist-vae-tui 0.")


def test_both_models_are_trained_and_the_autoencoder_claims_no_elbo(
    train: list[str], tmp_path: Path
) -> None:
    arguments = ["--model", "both", "--epochs", "2", "--name", "pair", "--json"]
    done = run([*train, *arguments], tmp_path)
    assert done.returncode == 0, done.stderr
    vae, ae = map(json.loads, done.stdout.splitlines())
    assert (vae["run"], vae["model"], ae["run"], ae["model"]) == (
        "pair-vae",
        "vae",
        "pair-ae",
        "ae",
    )
    for outcome in (vae, ae):
        last = rows_of(tmp_path / "checkpoints" / outcome["run"])[-1]
        assert outcome["val"]["recon"] == float(last["val_recon"])
    assert (ae["val"]["neg_elbo"], ae["val"]["kl"], ae["best"]["neg_elbo"]) == (None,) * 3
    assert ae["train"]["loss"] == pytest.approx(ae["train"]["recon"])
    told = done.stderr.splitlines()
    ends = [line.split(":")[0] for line in told if "finished at epoch 2 of 2" in line]
    assert ends == ["pair-vae", "pair-ae"]


def test_a_signal_stops_both_also_the_one_that_waits(train: list[str], tmp_path: Path) -> None:
    arguments = [*train, "--model", "both", "--epochs", "9999", "--name", "pair", "--json"]
    process = subprocess.Popen(
        [str(PROGRAM), *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    steps = tmp_path / "checkpoints" / "pair-vae" / "metrics.csv"
    deadline = time.monotonic() + 60
    while not steps.exists():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    [line] = stdout.splitlines()
    assert (json.loads(line)["run"], json.loads(line)["phase"]) == ("pair-vae", "stopped")
    assert not (tmp_path / "checkpoints" / "pair-ae").exists()
    assert "Traceback" not in stderr
