"""TensorBoard's event files, read back with its own reader."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from engine.config import RunConfig
from engine.errors import RunError
from engine.runs.start_points import NewRun, ResumeRun, continued_config
from engine.runs.tensorboard import FOLDER
from engine.runs.training_run import TrainingRun, runs_in_turn

pytestmark = pytest.mark.slow


def trained(run: TrainingRun) -> TrainingRun:
    run.start()
    run.close(stop_training=False)
    assert run.join(60)
    return run


def events_of(run: TrainingRun) -> Any:
    assert run.directory is not None
    events = EventAccumulator(str(run.directory / FOLDER), {"images": 0, "scalars": 0})
    events.Reload()
    return events


@pytest.fixture(params=["vae", "ae"])
def run(request: pytest.FixtureRequest, small_config: RunConfig, tmp_path: Path) -> TrainingRun:
    config = replace(small_config, model=request.param)
    return trained(runs_in_turn([(config, NewRun(tmp_path, "x"))], tensorboard=True)[0])


def test_all_of_the_history_and_the_film_are_there(run: TrainingRun) -> None:
    events, history = events_of(run), run.history
    is_vae = run.config.model == "vae"
    for name in ("recon", "loss", *["neg_elbo", "kl"] * is_vae):
        logged = [(e.step, e.value) for e in events.Scalars(f"{name}/validation")]
        expected = [(e.step, getattr(e.val, name)) for e in history.evaluations()]
        assert logged == [(step, pytest.approx(value)) for step, value in expected]
        logged = [(e.step, e.value) for e in events.Scalars(f"{name}/train")]
        points = [(p.step, getattr(p.metrics, name)) for p in history.train_points()]
        assert logged == [(step, pytest.approx(value)) for step, value in points]
    steps = [e.step for e in history.evaluations()]
    assert [e.step for e in events.Images("samples")] == steps
    tags = events.Tags()
    assert ("kl/validation" in tags["scalars"]) is is_vae
    assert ("latent/kl_per_dim" in tags["histograms"]) is is_vae


def test_a_run_that_goes_on_is_logged_on(run: TrainingRun) -> None:
    path = run.directory
    assert path is not None
    origin = (continued_config(path, epochs=5), ResumeRun(path))
    again = trained(runs_in_turn([origin], tensorboard=True)[0])
    steps = [e.step for e in events_of(again).Scalars("recon/validation")]
    assert steps == [0, 1, 2, 4, 8, 12, 24, 36, 48, 60]


def test_without_the_package_nothing_is_trained(
    small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(RunError, match=r"--tensorboard needs the package .*pip install"):
        runs_in_turn([(small_config, NewRun(tmp_path, "x"))], tensorboard=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("method", "end"), [("add_evaluation", "no more are"), ("__init__", "none are")]
)
def test_a_disk_that_is_full_ends_the_logging_not_the_training(
    method: str, end: str, small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"engine.runs.tensorboard.EventLog.{method}", full)
    origin = (small_config, NewRun(tmp_path, "x"))
    run = trained(runs_in_turn([origin], tensorboard=True)[0])
    assert run.snapshot.epoch == 3.0
    (alert,) = run.snapshot.alerts
    assert alert.text == f"can't write TensorBoard's files: No space left on device; {end}"


def test_it_is_not_imported_unless_it_is_wanted() -> None:
    import subprocess

    script = "import engine.runs.training_session, sys; assert 'tensorboard' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
