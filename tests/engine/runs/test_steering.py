"""Settings changed while a run trains: at once, on disk, repeated, and nothing else by them."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.config import RunConfig
from engine.errors import ConfigError, ControlError, RunError
from engine.runs.attached_run import AttachedRun
from engine.runs.start_points import (
    NewRun,
    ResumeRun,
    StartPoint,
    automatic_starts,
    continued_config,
)
from engine.runs.stored_steering import read_initial_config, steering_of
from engine.runs.training_run import TrainingRun
from engine.runs.training_session import TrainingSession
from engine.snapshot import Phase
from engine.steering import SteeringChange
from engine.storage import checkpoint
from engine.storage.config_json import read_config
from engine.storage.history_reader import HistoryReader
from engine.storage.steering_csv import STEERING_FILE, read_steering, write_steering
from tests.support.slow_training import slow_training
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

Steer = Callable[[TrainingRun], object]


@pytest.fixture
def config(small_config: RunConfig) -> RunConfig:
    """36 steps, 12 an epoch."""
    return replace(small_config, kl_warmup=2.0, lr_schedule="cosine")


def train(
    monkeypatch: pytest.MonkeyPatch,
    config: RunConfig,
    start: StartPoint,
    steered: dict[int, Steer] | None = None,
) -> TrainingRun:
    """Train to the end; at some steps, do something first."""
    waiting = dict(steered or {})
    run = TrainingRun(config, start)
    train_slice = TrainingSession.train_slice

    def in_steps(session: TrainingSession) -> None:
        step = session.trainer.step
        if step in waiting:
            waiting.pop(step)(run)  # puts a command, which is done before this slice
            run._commands.do_waiting()
        later = [s for s in waiting if s > session.trainer.step]
        if later:
            session._throughput.slice_steps = min(later) - session.trainer.step
        if not run._must_end(session):
            train_slice(session)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingSession, "train_slice", in_steps)
        run.start()
        run.close(stop_training=False)
        assert run.join(60)
    return run


def steer(setting: str, value: float) -> Steer:
    return lambda run: run.steer(setting, value)


def weights(path: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = checkpoint.read(path / "last.pt")["model"]
    return found


def assert_same(one: Path, other: Path) -> None:
    """The same weights and the same numbers."""
    a, b = weights(one), weights(other)
    assert all(torch.equal(a[name], b[name]) for name in a)
    for file in ("metrics.csv", "kl.csv", "steps.csv"):
        expected, found = rows(one / file), rows(other / file)
        steps = {row["step"] for row in expected}
        # A run that was stopped was also evaluated there.
        assert [row for row in found if row["step"] in steps] == expected


def rows(file: Path) -> list[dict[str, str]]:
    with file.open() as stream:
        return [{**row, "seconds": ""} for row in csv.DictReader(stream)]


CHANGES = {5: steer("beta", 3.0), 17: steer("lr", 0.02), 25: steer("epochs", 5)}


@pytest.fixture
def steered(monkeypatch: pytest.MonkeyPatch, config: RunConfig, tmp_path: Path) -> TrainingRun:
    """The run 'first', under `CHANGES`."""
    return train(monkeypatch, config, NewRun(tmp_path, "first"), CHANGES)


def test_changes_are_kept_with_their_step_and_the_settings_before(
    steered: TrainingRun, config: RunConfig, tmp_path: Path
) -> None:
    assert steered.snapshot.phase is Phase.FINISHED
    assert steered.snapshot.steering == (
        SteeringChange(5, "beta", config.beta, 3.0),
        SteeringChange(17, "lr", config.lr, 0.02),
        SteeringChange(25, "epochs", 3, 5),
    )
    path = tmp_path / "first"
    assert read_steering(path / STEERING_FILE).changes == list(steered.snapshot.steering)
    now = replace(config, beta=3.0, lr=0.02, epochs=5)
    assert read_config(path)[0] == now == steered.config
    assert json.loads((path / "config.json").read_text())["steered"] == 3
    assert read_initial_config(path) == config


def test_a_change_holds_from_the_next_step_on_and_not_before(
    steered: TrainingRun, config: RunConfig, tmp_path: Path
) -> None:
    plain = TrainingRun(config, NewRun(tmp_path, "plain"))
    plain.start()
    plain.close(stop_training=False)
    assert plain.join(60)
    before = {e.step: e for e in plain.history.evaluations()}
    after = {e.step: e for e in steered.history.evaluations()}
    assert [after[step].val for step in (0, 1, 2, 4)] == [before[step].val for step in (0, 1, 2, 4)]
    assert after[8].val != before[8].val
    # β_t of the last step taken: 3 · min(1, t / T); the learning rate by the schedule of then.
    assert after[8].beta == pytest.approx(3.0 * (7 / 12) / 2.0)
    assert after[4].beta == pytest.approx(1.0 * config.beta * (3 / 12) / 2.0)
    assert steered.history.last is not None
    assert (steered.history.last.step, steered.history.last.epoch) == (60, 5.0)


def test_the_same_changes_at_the_same_steps_give_the_same_weights(
    steered: TrainingRun, config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changes = tuple(read_steering(tmp_path / "first" / STEERING_FILE).changes)
    again = train(monkeypatch, config, NewRun(tmp_path, "again", changes))
    assert again.snapshot.steering == steered.snapshot.steering
    assert_same(tmp_path / "first", tmp_path / "again")


def test_one_change_left_out_gives_other_weights(
    steered: TrainingRun, config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changes = steered.snapshot.steering[1:]
    train(monkeypatch, config, NewRun(tmp_path, "other", changes))
    one, other = weights(tmp_path / "first"), weights(tmp_path / "other")
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("step", [0, 3, 5, 12, 17, 20, 25, 40])
def test_a_steered_run_that_is_killed_anywhere_ends_with_the_same_weights(
    steered: TrainingRun,
    config: RunConfig,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    step: int,
) -> None:
    # All changes are on disk already, as if it had been killed after them, and before a checkpoint.
    stop = {s: do for s, do in CHANGES.items() if s < step} | {step: TrainingRun.stop}
    train(monkeypatch, config, NewRun(tmp_path, "cut"), stop)
    write_steering(tmp_path / "cut" / STEERING_FILE, steered.snapshot.steering)
    assert checkpoint.read(tmp_path / "cut" / "last.pt")["step"] == step
    path = tmp_path / "cut"
    resumed = train(monkeypatch, continued_config(path), ResumeRun(path))
    assert resumed.snapshot.phase is Phase.FINISHED
    assert resumed.snapshot.steering == steered.snapshot.steering
    assert_same(tmp_path / "first", path)


OBJECTIVE_CHANGES = {
    5: steer("free_bits", 0.5),
    12: steer("free_bits", 0.2),  # where the run is evaluated
    17: steer("grad_clip", 10.0),
    30: steer("grad_clip", 0.0),
}


def test_each_change_of_free_bits_and_clipping_makes_other_weights(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = train(monkeypatch, config, NewRun(tmp_path, "first"), OBJECTIVE_CHANGES)
    for number in range(4):
        left_out = tuple(c for n, c in enumerate(run.snapshot.steering) if n != number)
        train(monkeypatch, config, NewRun(tmp_path, f"without-{number}", left_out))
        one, other = weights(tmp_path / "first"), weights(tmp_path / f"without-{number}")
        assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("cut", [5, 12, 20])
def test_free_bits_and_clipping_are_steered_repeated_and_resumed_bit_for_bit(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cut: int
) -> None:
    first = train(monkeypatch, config, NewRun(tmp_path, "first"), OBJECTIVE_CHANGES)
    changes = first.snapshot.steering
    assert [change.text for change in changes][:3] == [
        "free bits 0 → 0.5",
        "free bits 0.5 → 0.2",
        "clip 0 → 10",
    ]
    train(monkeypatch, config, NewRun(tmp_path, "again", changes))
    assert_same(tmp_path / "first", tmp_path / "again")
    stop = {s: do for s, do in OBJECTIVE_CHANGES.items() if s < cut} | {cut: TrainingRun.stop}
    train(monkeypatch, config, NewRun(tmp_path, "cut"), stop)
    path = tmp_path / "cut"
    write_steering(path / STEERING_FILE, changes)
    train(monkeypatch, continued_config(path), ResumeRun(path))
    assert_same(tmp_path / "first", path)


def test_a_second_objective_is_not_steered_to(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answers: list[Any] = []
    run = train(
        monkeypatch,
        replace(config, capacity=5.0),
        NewRun(tmp_path, "x"),
        {3: lambda run: answers.append(run.steer("free_bits", 1.0))},
    )
    with pytest.raises(ConfigError, match="capacity can't be 5 while free_bits is 1"):
        answers[0].result(0)
    assert run.snapshot.phase is Phase.FINISHED


def test_a_person_who_steers_ends_what_was_to_be_repeated(
    steered: TrainingRun, config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start = NewRun(tmp_path, "again", steered.snapshot.steering)
    again = train(monkeypatch, config, start, {8: steer("beta", 0.5)})
    wanted = [steered.snapshot.steering[0], SteeringChange(8, "beta", 3.0, 0.5)]
    assert list(again.snapshot.steering) == wanted
    assert read_steering(tmp_path / "again" / STEERING_FILE).changes == wanted
    assert again.snapshot.step == 36


def test_more_epochs_at_a_resumption_are_a_change_like_any_other(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "first"
    train(monkeypatch, config, NewRun(tmp_path, "first"), {20: TrainingRun.stop})
    longer = continued_config(path, epochs=4)
    resumed = train(monkeypatch, longer, ResumeRun(path))
    assert resumed.snapshot.steering == (SteeringChange(20, "epochs", 3, 4),)
    train(monkeypatch, config, NewRun(tmp_path, "again", resumed.snapshot.steering))
    assert_same(tmp_path / "again", path)


def test_a_steered_run_is_the_one_that_a_job_of_its_first_settings_finds(
    steered: TrainingRun, config: RunConfig, tmp_path: Path
) -> None:
    assert automatic_starts(config, tmp_path, "first") == [
        (steered.config, ResumeRun(tmp_path / "first"))
    ]
    longer = replace(config, epochs=9)
    [(found, _)] = automatic_starts(longer, tmp_path, "first")
    assert found == replace(steered.config, epochs=9)
    with pytest.raises(RunError, match=r"its beta was 1\.0"):
        automatic_starts(replace(config, beta=3.0), tmp_path, "first")


def test_what_is_trained_ends_at_once_with_the_epochs_that_are_trained(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = train(monkeypatch, config, NewRun(tmp_path, "x"), {24: steer("epochs", 2)})
    assert (run.snapshot.phase, run.snapshot.step) == (Phase.FINISHED, 24)


@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [
        ("beta", -1.0, "beta must be 0 or more"),
        ("lr", 0.0, "lr must be above 0"),
        ("epochs", 1, "epochs 1 is fewer than are trained, which is 1.17"),
        ("epochs", 2.5, "epochs must be a whole number"),
        ("latent_dim", 3, "latent_dim can't be changed while training"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    config: RunConfig,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    setting: str,
    value: float,
    problem: str,
) -> None:
    answers: list[Any] = []
    run = train(
        monkeypatch,
        config,
        NewRun(tmp_path, "x"),
        {14: lambda run: answers.append(run.steer(setting, value))},
    )
    with pytest.raises(ConfigError, match=problem):
        answers[0].result(0)
    assert (run.config, run.snapshot.steering) == (config, ())
    assert not (tmp_path / "x" / STEERING_FILE).exists()


def test_an_autoencoder_has_no_beta_to_steer(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answers: list[Any] = []
    train(
        monkeypatch,
        replace(config, model="ae"),
        NewRun(tmp_path, "x"),
        {3: lambda run: answers.append(run.steer("beta", 1.0))},
    )
    with pytest.raises(ConfigError, match="does nothing in an autoencoder"):
        answers[0].result(0)


def test_a_run_that_is_over_is_not_steered(steered: TrainingRun) -> None:
    with pytest.raises(ControlError, match="training is over"):
        steered.steer("beta", 1.0).result(0)


def test_a_damaged_line_costs_itself_and_is_named(
    steered: TrainingRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "first"
    file = path / STEERING_FILE
    lines = file.read_text().splitlines()
    file.write_text("﻿" + "\r\n".join([*lines, "", "60,beta,x,2", "61,color,1,2"]) + "\r\n")
    found = read_steering(file)
    assert found.changes == list(steered.snapshot.steering)
    assert found.problem == f"{file} line 6 is no change of a setting"
    resumed = train(monkeypatch, continued_config(path, epochs=6), ResumeRun(path))
    assert resumed.snapshot.phase is Phase.FINISHED
    assert any(found.problem in alert.text for alert in resumed.snapshot.alerts)


def test_a_foreign_steering_file_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(RunError, match=r"other\.csv line 1 is not the header step,setting,from,to"):
        read_steering(file)


@pytest.fixture
def endless(
    monkeypatch: pytest.MonkeyPatch, config: RunConfig, tmp_path: Path
) -> Iterator[TrainingRun]:
    slow_training(monkeypatch)
    run = TrainingRun(replace(config, epochs=100_000), NewRun(tmp_path, "live"))
    run.start()
    wait_for(lambda: run.snapshot.step > 3)
    yield run
    run.close()
    assert run.join(60)


def test_another_process_steers_and_sees_what_changed(endless: TrainingRun, tmp_path: Path) -> None:
    attached = AttachedRun(tmp_path / "live")
    attached.start()
    try:
        attached.steer("beta", 7.0).result(20)
        assert (endless.config.beta, attached.config.beta) == (7.0, 7.0)
        assert [change.text for change in attached.snapshot.steering] == ["β 1 → 7"]
        with pytest.raises(ControlError, match="beta must be 0 or more"):
            attached.steer("beta", -1.0).result(20)
        with pytest.raises(ControlError, match="can't be changed while training"):
            attached.steer("seed", 1.0).result(20)
    finally:
        attached.close()
        assert attached.join(20)
    assert HistoryReader(tmp_path / "live", endless.config).update() is not None


def test_changes_at_the_last_step_of_a_run_are_repeated_before_it_ends(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "first"
    train(monkeypatch, config, NewRun(tmp_path, "first"))
    longer = train(monkeypatch, continued_config(path, epochs=5), ResumeRun(path))
    assert longer.snapshot.steering == (SteeringChange(36, "epochs", 3, 5),)
    train(monkeypatch, config, NewRun(tmp_path, "again", longer.snapshot.steering))
    assert_same(tmp_path / "again", path)


def test_changes_that_are_never_due_are_told(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    late = (SteeringChange(100, "beta", 1.0, 2.0), SteeringChange(101, "lr", 1e-3, 1e-4))
    run = train(monkeypatch, config, NewRun(tmp_path, "x", late))
    [alert] = [alert.text for alert in run.snapshot.alerts if alert.rule is None]
    assert alert.startswith("2 changes of settings not repeated, the first β 1 → 2 at step 100")


def test_a_run_whose_changes_are_lost_is_not_repeated(steered: TrainingRun, tmp_path: Path) -> None:
    file = tmp_path / "first" / STEERING_FILE
    file.unlink()
    with pytest.raises(RunError, match="has 0 of 3 changes"):
        steering_of("first", tmp_path)


def test_no_checkpoint_is_written_while_its_changes_are_not(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.storage.run_directory.write_steering", refuse)
    run = train(monkeypatch, config, NewRun(tmp_path, "x"), {14: steer("beta", 2.0)})
    assert any("can't write steering.csv" in alert.text for alert in run.snapshot.alerts)
    assert not [
        file for file in (tmp_path / "x").glob("*.pt") if checkpoint.read(file)["step"] > 14
    ]
    monkeypatch.undo()
    path = tmp_path / "x"
    assert train(monkeypatch, continued_config(path), ResumeRun(path)).snapshot.step == 36


@pytest.mark.parametrize("value", ["nan", "inf", "1" + "0" * 400, "1e999", ""])
def test_a_number_that_no_setting_has_is_no_change(value: str, tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text(f"step,setting,from,to\n2,beta,1,{value}\n")
    found = read_steering(file)
    assert (found.changes, found.problem) == ([], f"{file} line 2 is no change of a setting")


def test_a_config_that_cannot_be_rewritten_holds_no_checkpoint_back_and_is_mended_by_a_resumption(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("engine.storage.run_directory.write_settings", refuse)
        changes = {14: steer("epochs", 6), 48: TrainingRun.stop}
        run = train(patch, config, NewRun(tmp_path, "x"), changes)
    path = tmp_path / "x"
    assert checkpoint.read(path / "last.pt")["step"] == 48
    assert any("can't write config.json" in alert.text for alert in run.snapshot.alerts)
    assert read_config(path)[0].epochs == 3, "older than steering.csv"
    resumed = train(monkeypatch, continued_config(path), ResumeRun(path))
    assert (resumed.snapshot.phase, resumed.snapshot.epoch) == (Phase.FINISHED, 6.0)
    assert read_config(path)[0].epochs == 6
