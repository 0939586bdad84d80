"""The installed program, mostly on the real data, driven by keys, as a person would."""

import csv
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.support.terminal_session import TerminalSession

LEAVE_ALTERNATE_SCREEN = b"\x1b[?1049l"
SHOW_CURSOR = b"\x1b[?25h"
FAST = ("--hidden", "32", "--latent-dim", "4")
"""An epoch of the real data in about a second."""

Start = Callable[..., TerminalSession]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    sessions: list[TerminalSession] = []

    def start_session(*arguments: str, **size: int) -> TerminalSession:
        session = TerminalSession(list(arguments), tmp_path, **size)
        sessions.append(session)
        return session

    yield start_session
    for session in sessions:
        session.close()


def picture(screen: str) -> str:
    """The part of the screen with half-blocks: changes when a picture does."""
    return "".join(re.findall(r"[▀▄█ ]{4,}", screen))


def only_run(tmp_path: Path) -> Path:
    [run] = (tmp_path / "checkpoints").iterdir()
    return run


def rows_of(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_person_watches_an_epoch_presses_keys_exports_and_quits(
    start: Start, tmp_path: Path
) -> None:
    session = start("--epochs", "60", "--hidden", "64")
    session.wait_for("space pause")
    session.wait_for(lambda screen: re.search(r"epoch 1\.\d\d/60", screen) is not None, 120)
    screen = session.wait_for("originals (top), reconstructions")
    assert "T-shirt/top" in screen
    assert "● training" in screen
    assert re.search(r"val −ELBO 2\d\d\.\d\d", screen)

    session.send("s")
    session.wait_for("samples from the prior · seed 1")
    session.send("r")
    session.wait_for("originals (top), reconstructions · page 2")
    session.send(" ")
    session.wait_for("● paused")
    session.wait_for("paused: space resumes")  # stands below the numbers: they are up to date
    step = re.search(r"step ([\d,]+)/", session.text)
    assert step

    session.send("e")  # the chart has the focus
    session.wait_for("vae_val_loss.png")
    session.send("E")
    run = only_run(tmp_path)
    figures = tmp_path / "exports" / run.name
    session.wait_for(lambda _: (figures / "vae_diagnosis.png").exists())
    names = ["latent_scatter", "recon_val", "samples", "train_loss", "val_loss"]
    files = {*(f"vae_{name}" for name in names), "interpolation", "traversal", "manifold"}
    files |= {"vae_kl_heatmap", "vae_rate_distortion", "vae_diagnosis"}
    assert {p.stem for p in figures.iterdir()} == files
    for name in files:
        with Image.open(figures / f"{name}.png") as image:
            assert image.width >= 2400
            assert np.asarray(image.convert("L")).std() > 10, f"{name} is flat"
            assert image.text["run"] == run.name  # type: ignore[attr-defined]
            assert json.loads(image.text["config"])["epochs"] == 60  # type: ignore[attr-defined]

    assert f"step {step[1]}/" in session.text, "nothing is trained while paused"
    session.send(" ")
    session.wait_for("● training")
    session.send("q")
    session.wait_for("Quit?")
    session.send("y")
    assert session.wait_for_exit() == 0
    assert LEAVE_ALTERNATE_SCREEN in session.raw
    assert SHOW_CURSOR in session.raw
    assert f"saved in checkpoints/{run.name}/" in session.text
    assert {p.name for p in run.iterdir()} >= {"last.pt", "best.pt", "config.json", "metrics.csv"}
    assert int(rows_of(run)[-1]["step"]) >= 422


def test_keys_are_answered_while_training_and_a_second_control_c_quits(
    start: Start, tmp_path: Path
) -> None:
    session = start("--epochs", "60")
    session.wait_for("samples from the prior")
    for _ in range(3):
        session.send("?")
        session.wait_for("What the numbers mean", 5)
        session.send("\x1b")
        session.wait_for(lambda screen: "What the numbers mean" not in screen, 5)
    session.send("\x03")
    session.wait_for("Quit?")
    session.send("\x03")
    assert session.wait_for_exit() == 0
    assert (only_run(tmp_path) / "last.pt").exists()


@pytest.mark.parametrize(
    ("size", "number"),
    [
        ({"columns": 80, "rows": 24}, signal.SIGTERM),
        ({"columns": 140, "rows": 45}, signal.SIGINT),
    ],
)
def test_nothing_but_panels_is_drawn_over_a_run_and_a_signal_restores_the_terminal(
    size: dict[str, int], number: signal.Signals, start: Start, tmp_path: Path
) -> None:
    session = start("--epochs", "60", **size)
    screen = session.wait_for("samples from the prior")
    lines = screen.splitlines()
    assert lines[-1].rstrip().endswith("q quit"), "the footer is whole and stands last"
    assert "training" in lines[0] or "evaluating" in lines[0]
    assert "Warning" not in screen
    assert "Traceback" not in screen

    os.kill(session.child.pid, number)
    assert session.wait_for_exit() == 0
    assert session.raw.rstrip().endswith(only_run(tmp_path).name.encode())
    assert LEAVE_ALTERNATE_SCREEN in session.raw
    rows = rows_of(only_run(tmp_path))
    assert rows[-1]["val_neg_elbo"]
    assert (only_run(tmp_path) / "last.pt").exists()


def test_training_ends_without_the_terminal_after_a_hang_up(start: Start, tmp_path: Path) -> None:
    session = start(*FAST, "--epochs", "6")
    session.wait_for("samples from the prior")
    process = psutil.Process(session.child.pid)
    session.hang_up()
    run = only_run(tmp_path)
    deadline = time.monotonic() + 120
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    rows = rows_of(run)
    assert float(rows[-1]["epoch"]) == 6.0
    assert (run / "last.pt").exists()
    assert "finished at step 2532" in (run / "run.log").read_text()


def test_a_terminal_that_stops_reading_does_not_hold_training_up(
    start: Start, tmp_path: Path
) -> None:
    session = start(*FAST, "--epochs", "8")
    session.wait_for("samples from the prior")  # and never read again
    metrics = only_run(tmp_path) / "metrics.csv"
    deadline = time.monotonic() + 120
    while not metrics.exists() or float(rows_of(metrics.parent)[-1]["epoch"]) < 8:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    session.wait_for("finished at epoch 8")
    session.send("q")
    assert session.wait_for_exit() == 0


CRASHING = """
import os, sys, time
os.environ["TEXTUAL_COLOR_SYSTEM"] = "truecolor"
from tui.cli.main import main
from tui.screens.dashboard.status import StatusPanel
render = StatusPanel.render
def crash(self):
    if self._snapshot is not None and self._snapshot.step > 50:
        raise RuntimeError("a widget fell over")
    return render(self)
StatusPanel.render = crash
sys.exit(main(["--epochs", "60"]))
"""


def test_a_widget_that_fails_says_so_and_the_run_trains_on(tmp_path: Path) -> None:
    script = tmp_path / "crashing.py"
    script.write_text(CRASHING)
    session = TerminalSession([str(script)], tmp_path, program=Path(sys.executable))
    session.wait_for("can't be drawn: RuntimeError: a widget fell over")
    session.send("q")
    session.wait_for("Quit?")
    session.send("y")
    assert session.wait_for_exit(60) == 0
    run = only_run(tmp_path)
    assert LEAVE_ALTERNATE_SCREEN in session.raw
    assert "Traceback" not in session.text
    log = (run / "run.log").read_text()
    assert log.count("RuntimeError: a widget fell over") == log.count("Traceback") == 1
    assert f"saved in checkpoints/{run.name}/" in session.text
    assert (run / "last.pt").exists()


def test_unusable_data_is_told_on_screen_and_on_the_way_out(start: Start, tmp_path: Path) -> None:
    session = start("--data", str(tmp_path / "nowhere"))
    session.wait_for("● failed")
    session.wait_for("nowhere")
    session.send("q")
    assert session.wait_for_exit() == 2
    assert "nowhere" in session.text
    assert "Traceback" not in session.raw.decode(errors="replace")


def test_a_tiny_window_still_shows_chart_and_numbers(start: Start) -> None:
    session = start("--epochs", "60", columns=50, rows=16)
    screen = session.wait_for(lambda screen: "● training" in screen and "⠑" in screen)
    assert re.search(r"−ELBO \d+\.\d\d", screen)
    assert screen.rstrip().endswith("q quit")
    session.child.setwinsize(24, 80)
    session.screen.resize(24, 80)
    session.wait_for("samples from the prior")


def test_a_person_explores_walks_and_winds_the_film_back_while_training(start: Start) -> None:
    session = start("--epochs", "60")
    session.wait_for("PC 1")
    session.send("l")
    session.wait_for("decoded mean at the cursor")
    session.wait_for("‖z‖")
    before = session.text
    session.send("LL")
    session.wait_for(lambda screen: picture(screen) != picture(before))
    session.send("d")
    session.wait_for("pair 1 of 10, by KL")
    session.send("q")
    session.wait_for("samples from the prior")
    session.send("w")
    session.wait_for("lerp between validation images")
    session.send("2")
    session.wait_for("prior quantiles")
    session.send("3")
    session.wait_for("Φ⁻¹")
    session.send("q")
    session.wait_for("samples from the prior")
    session.send("\x1b[H")
    session.wait_for("film 1 of")
    session.send("\x1b[F")
    session.wait_for(lambda screen: "film" not in screen.replace("← film", ""))
    assert "● training" in session.text


def test_a_vae_and_an_autoencoder_are_trained_and_compared(
    start: Start, small_data: Path, tmp_path: Path
) -> None:
    flags = ["--model", "both", "--epochs", "1", "--preset", "report", "--name", "pair"]
    session = start(*flags, "--data", str(small_data))
    session.wait_for("pair-ae", 120)
    session.wait_for("finished at epoch 1 of 1", 120)
    session.send("v")
    session.wait_for("validation reconstruction")
    accuracies = re.compile(r"k-NN accuracy.*\d %.*\d %")
    session.wait_for(lambda screen: accuracies.search(screen) is not None, 120)
    session.wait_for(lambda screen: screen.count(" GMM ") == 2)  # of the VAE and of the AE
    session.send("q")
    session.wait_for("decoded N(0, I)")
    session.send("q")
    assert session.wait_for_exit() == 0
    kept = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert kept == {"pair-vae", "pair-ae"}
