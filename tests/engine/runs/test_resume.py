"""Runs that go on: from any step, from damaged files, or not at all, with nothing touched then."""

import csv
import json
import os
import pickle
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.config import RunConfig, TrainingPlan
from engine.errors import ConfigError, RunError
from engine.runs.start_points import (
    NewRun,
    ResumeRun,
    StartPoint,
    automatic_starts,
    continued_config,
    planned_starts,
)
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase
from engine.storage import checkpoint
from engine.storage.config_json import read_config
from engine.storage.frames import read_frames
from engine.storage.history_reader import HistoryReader
from engine.storage.run_lock import RunLock
from engine.training.trainer import Trainer
from tests.support.dataset_files import random_dataset, write_idx_folder
from tests.support.trap import Trap

pytestmark = pytest.mark.slow

DUE = [0, 1, 2, 4, 8, 12, 24, 36]


def train(config: RunConfig, origin: StartPoint) -> TrainingRun:
    """Train to the end; the engine has let go of the run."""
    run = TrainingRun(config, origin)
    run.start()
    run.close(stop_training=False)
    assert run.join(60)
    return run


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a run be stopped after so many steps."""

    def train(self: TrainingRun, session: Any) -> None:
        original = session.train_slice

        def train_slice() -> None:
            session._throughput.slice_steps = min(
                session._throughput.slice_steps, max(1, step - session.trainer.step)
            )
            if session.trainer.step < step:
                original()
            if session.trainer.step >= step:
                self.stop()

        session.train_slice = train_slice
        if step == 0:
            self.stop()
        real_train(self, session)

    real_train = TrainingRun._train
    monkeypatch.setattr(TrainingRun, "_train", train)


def alerts(run: TrainingRun) -> list[str]:
    return [alert.text for alert in run.snapshot.alerts]


def state_of(path: Path, name: str = "last") -> dict[str, Any]:
    state = checkpoint.read(path / f"{name}.pt")
    del state["seconds"]
    return state


def assert_same(one: Any, two: Any, name: str = "") -> None:
    assert type(one) is type(two), name
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, two), name
    elif isinstance(one, dict):
        assert one.keys() == two.keys(), name
        for key in one:
            assert_same(one[key], two[key], f"{name}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(two), name
        for index, (a, b) in enumerate(zip(one, two, strict=True)):
            assert_same(a, b, f"{name}.{index}")
    else:
        assert one == two, name


def rows(file: Path) -> list[dict[str, str]]:
    with file.open() as stream:
        found = list(csv.DictReader(stream))
    for row in found:
        row.pop("seconds", None)
    return found


def assert_same_run(one: Path, two: Path) -> None:
    for name in ("last", "best"):
        mine, other = state_of(one, name), state_of(two, name)
        mine.pop("config"), other.pop("config")
        assert_same(mine, other, name)
    for name in ("metrics.csv", "kl.csv", "steps.csv", "diagnosis.csv", "posterior.csv"):
        assert rows(one / name) == rows(two / name)
    film, expected = read_frames(one), read_frames(two)
    assert [f.step for f in film] == [f.step for f in expected]
    for a, b in zip(film, expected, strict=True):
        assert np.array_equal(a.reconstructions, b.reconstructions)
        assert np.array_equal(a.samples, b.samples)


def contents(path: Path) -> dict[str, bytes]:
    """Every file of a directory, but for the lock and the log."""
    files = [file for file in path.rglob("*") if file.is_file()]
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in files
        if file.name not in ("lock", "run.log")
    }


@pytest.fixture(scope="module")
def module_config(small_data: Path) -> RunConfig:
    return RunConfig(
        hidden=(32,),
        latent_dim=4,
        kl_warmup=1.0,
        lr_schedule="constant",
        batch_size=32,
        epochs=3,
        seed=1,
        device="cpu",
        threads=1,
        data=str(small_data),
    )


@pytest.fixture(scope="module")
def whole(module_config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three epochs, never interrupted."""
    checkpoints = tmp_path_factory.mktemp("whole")
    assert train(module_config, NewRun(checkpoints, "whole")).snapshot.step == 36
    return checkpoints / "whole"


@pytest.fixture(scope="module")
def two_epochs(module_config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkpoints = tmp_path_factory.mktemp("two")
    train(replace(module_config, epochs=2), NewRun(checkpoints, "two"))
    return checkpoints / "two"


@pytest.fixture
def copied(two_epochs: Path, tmp_path: Path) -> Path:
    """A run of two epochs, to be damaged or gone on with."""
    return Path(shutil.copytree(two_epochs, tmp_path / "two"))


@pytest.fixture
def config(module_config: RunConfig) -> RunConfig:
    return module_config


@pytest.mark.parametrize("step", [0, 1, 5, 12, 17, 24, 35])
def test_a_run_stopped_at_any_step_goes_on_to_the_same_end(
    step: int, config: RunConfig, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        stop_at(step, patched)
        stopped = train(config, NewRun(tmp_path, "x"))
    assert (stopped.snapshot.phase, stopped.snapshot.step) == (Phase.STOPPED, step)
    path = tmp_path / "x"
    assert state_of(path)["step"] == step
    evaluations = stopped.history.evaluations()
    # A stop is an evaluation too, and its row stays, as the person has seen it.
    seen = sorted({*(s for s in DUE if s < step), step})
    assert [e.step for e in evaluations] == seen

    resumed = train(config, ResumeRun(path))
    assert resumed.snapshot.phase is Phase.FINISHED
    assert not alerts(resumed)
    assert [e.step for e in resumed.history.evaluations()] == sorted({*DUE, step})
    assert_same(state_of(path), state_of(whole))
    assert rows(path / "steps.csv") == rows(whole / "steps.csv")
    if step in DUE:
        assert_same_run(path, whole)


def test_two_epochs_continued_to_three_are_three_from_the_start(
    copied: Path, config: RunConfig, whole: Path
) -> None:
    before = (copied / "metrics.csv").read_bytes()
    run = train(continued_config(copied, epochs=3), ResumeRun(copied))
    assert run.snapshot.phase is Phase.FINISHED
    assert run.snapshot.total_steps == 36
    assert_same_run(copied, whole)
    after = (copied / "metrics.csv").read_bytes()
    earlier = before.splitlines()[:-1]  # the evaluation at the last step is made again
    assert after.splitlines()[: len(earlier)] == earlier
    found, provenance = read_config(copied)
    assert found == config
    [entry] = provenance.resumed
    assert entry.step == 24
    assert entry.device.name == "cpu"
    assert dict(entry.versions)["torch"] == torch.__version__
    assert provenance.created, "when it began is still known"
    assert checkpoint.read(copied / "last.pt")["config"]["epochs"] == 3


def test_a_run_may_go_on_in_another_precision(copied: Path, config: RunConfig) -> None:
    assert continued_config(copied).precision == config.precision == "float32"
    other = continued_config(copied, epochs=3, precision="bf16")
    assert other.precision == "bf16"
    other.check_same_settings(config)
    with pytest.raises(ValueError, match="lr was"):
        replace(other, lr=0.5).check_same_settings(config)


def test_history_best_film_and_time_go_on(copied: Path, two_epochs: Path) -> None:
    before = HistoryReader(two_epochs, read_config(two_epochs)[0]).update()
    seconds = checkpoint.read(copied / "last.pt")["seconds"]
    run = train(continued_config(copied, epochs=3), ResumeRun(copied))
    history = run.history
    assert [repr(e) for e in history.evaluations()[:6]] == [
        repr(e) for e in before.evaluations()[:6]
    ]
    assert [e.step for e in history.evaluations()] == DUE
    assert history.train_points()[:24] == before.train_points()
    assert [p.step for p in history.train_points()] == list(range(1, 37))
    assert [f.step for f in run.frames] == DUE
    assert run.snapshot.best == min(history.evaluations()[1:], key=lambda e: e.val.score)
    assert run.snapshot.elapsed > sum(seconds)
    times = [e.seconds for e in history.evaluations()]
    assert times == sorted(times)
    assert times[-1] > times[-2] >= seconds[0] > 0


def test_the_best_of_before_stays_if_what_follows_is_worse(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state_of(copied, "best")
    original = Trainer.evaluate

    def worse(self: Trainer, *arguments: Any) -> Any:
        found = original(self, *arguments)
        if self.step > 24:
            found = replace(found, val=replace(found.val, recon=found.val.recon + 1e3))
        return found

    monkeypatch.setattr(Trainer, "evaluate", worse)
    run = train(continued_config(copied, epochs=3), ResumeRun(copied))
    assert run.snapshot.best is not None
    assert run.snapshot.best.step == 24
    after = state_of(copied, "best")
    assert_same(after["model"], before["model"])
    assert_same(after["optimizer"], before["optimizer"])


def test_a_finished_run_without_more_epochs_is_as_it_was(copied: Path, two_epochs: Path) -> None:
    run = train(continued_config(copied), ResumeRun(copied))
    assert (run.snapshot.phase, run.snapshot.step) == (Phase.FINISHED, 24)
    assert_same_run(copied, two_epochs)


def test_a_run_killed_before_its_first_checkpoint_begins_anew(
    config: RunConfig, whole: Path, copied: Path
) -> None:
    for name in ("last.pt", "best.pt"):
        (copied / name).unlink()
    run = train(continued_config(copied, epochs=3), ResumeRun(copied))
    assert run.snapshot.phase is Phase.FINISHED
    assert not alerts(run)
    assert_same_run(copied, whole)


def test_an_evaluation_whose_frame_and_weights_were_not_saved_is_made_again(
    copied: Path, whole: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed just after the evaluation: its row is there, the checkpoint is from before it."""
    with monkeypatch.context() as patched:
        stop_at(12, patched)
        train(config, NewRun(copied.parent, "x"))
    path = copied.parent / "x"
    with monkeypatch.context() as patched:
        stop_at(8, patched)
        train(config, NewRun(copied.parent, "earlier"))
    shutil.copy(copied.parent / "earlier" / "best.pt", path / "best.pt")
    (path / "frames" / "000000012.npz").unlink()
    train(config, ResumeRun(path))
    assert_same_run(path, whole)


def test_a_run_killed_between_its_checkpoints_goes_on_from_the_newer_one(
    copied: Path, whole: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        stop_at(17, patched)
        train(config, NewRun(copied.parent, "x"))
    path = copied.parent / "x"
    shutil.copy(path / "last.pt", copied / "last.pt")
    assert state_of(copied, "best")["step"] == 24
    run = train(continued_config(copied, epochs=3), ResumeRun(copied))
    assert not alerts(run)
    assert read_config(copied)[1].resumed[0].step == 24
    assert_same_run(copied, whole)


def test_what_a_killed_process_was_writing_is_cleared_away(copied: Path) -> None:
    (copied / ".tmp-0123456789abcdef").write_bytes(b"half of a checkpoint")
    (copied / "frames" / ".tmp-0123456789abcdef").write_bytes(b"half of a frame")
    train(continued_config(copied), ResumeRun(copied))
    assert list(copied.rglob(".tmp-*")) == []


def broken(content: bytes) -> Iterator[bytes]:
    yield b""
    yield content[: len(content) // 2]
    yield b"not a checkpoint at all"
    yield content[:200] + bytes(400) + content[600:]


@pytest.mark.parametrize("kind", range(4))
def test_a_damaged_last_checkpoint_is_told_and_the_best_one_goes_on(
    kind: int, copied: Path, whole: Path
) -> None:
    last = copied / "last.pt"
    last.write_bytes(list(broken(last.read_bytes()))[kind])
    run = train(continued_config(copied, epochs=3), ResumeRun(copied))
    assert run.snapshot.phase is Phase.FINISHED
    [alert] = alerts(run)
    assert str(last) in alert
    assert "resuming from best.pt, at epoch 2" in alert
    assert_same_run(copied, whole)


def test_going_on_from_the_best_checkpoint_drops_what_came_after_it(
    copied: Path, config: RunConfig, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        stop_at(8, patched)
        train(config, NewRun(copied.parent, "x"))
    shutil.copy(copied.parent / "x" / "last.pt", copied / "best.pt")
    (copied / "last.pt").write_bytes(b"")
    run = train(continued_config(copied, epochs=3), ResumeRun(copied))
    assert "resuming from best.pt, at epoch 0.67" in alerts(run)[0]
    assert read_config(copied)[1].resumed[0].step == 8
    assert_same_run(copied, whole)


def refused(config: RunConfig, path: Path) -> str:
    """Why a run is not gone on with; nothing on disk has changed."""
    before = contents(path)
    run = train(config, ResumeRun(path))
    assert run.snapshot.phase is Phase.FAILED
    assert isinstance(run.failure, RunError)
    assert contents(path) == before
    RunLock(path).release()  # it was let go
    return str(run.snapshot.error)


def test_two_damaged_checkpoints_are_refused_by_name(copied: Path) -> None:
    for name in ("last.pt", "best.pt"):
        (copied / name).write_bytes(b"PK")
    message = refused(continued_config(copied, epochs=3), copied)
    assert str(copied / "last.pt") in message
    assert str(copied / "best.pt") in message


@pytest.mark.parametrize(
    "changed", [{"hidden": (16,)}, {"latent_dim": 5}, {"seed": 9}, {"lr": 0.5}, {"model": "ae"}]
)
def test_a_checkpoint_of_other_settings_is_refused(changed: dict[str, Any], copied: Path) -> None:
    content = json.loads((copied / "config.json").read_text())
    content["config"] |= json.loads(json.dumps(changed))
    (copied / "config.json").write_text(json.dumps(content))
    if "model" in changed:
        (copied / "kl.csv").unlink()
    message = refused(continued_config(copied, epochs=3), copied)
    assert str(copied / "last.pt") in message or "kl.csv" in message
    assert "doesn't fit" in message or "header" in message


def test_other_data_are_refused(copied: Path, tmp_path: Path) -> None:
    write_idx_folder(tmp_path / "other", random_dataset(400), random_dataset(100, 1))
    message = refused(continued_config(copied, epochs=3, data=str(tmp_path / "other")), copied)
    assert "is not the data that run two was trained on" in message
    assert str(tmp_path / "other") in message


def test_data_that_moved_are_found_by_their_content(
    copied: Path, small_data: Path, tmp_path: Path, whole: Path
) -> None:
    moved = Path(shutil.copytree(small_data, tmp_path / "moved"))
    config = continued_config(copied, epochs=3, data=str(moved))
    assert train(config, ResumeRun(copied)).snapshot.phase is Phase.FINISHED
    assert_same_run(copied, whole)
    assert read_config(copied)[0].data == str(moved)


@pytest.mark.parametrize("step", [0, 4, 24])
def test_a_damaged_frame_is_told_and_costs_itself_alone(
    step: int, copied: Path, whole: Path
) -> None:
    file = copied / "frames" / f"{step:09d}.npz"
    file.write_bytes(file.read_bytes()[:-100])
    before = [f.step for f in read_frames(whole)]
    run = train(continued_config(copied, epochs=3), ResumeRun(copied))
    [alert] = alerts(run)
    assert str(file) in alert
    assert "the film goes on without it" in alert
    # An evaluation is due at step 24, the last of before: it is made again.
    left = [n for n in before if n != step or step == 24]
    assert [f.step for f in run.frames] == left
    assert [f.step for f in read_frames(copied)] == left
    assert_same(state_of(copied), state_of(whole))


@pytest.mark.parametrize(
    "name", ["metrics.csv", "kl.csv", "steps.csv", "diagnosis.csv", "posterior.csv"]
)
def test_a_damaged_line_of_a_series_costs_itself_and_is_named(name: str, copied: Path) -> None:
    lines = (copied / name).read_text().splitlines(keepends=True)
    lines[3] = lines[3].replace(",", ";")
    (copied / name).write_text("".join(lines))
    run = train(continued_config(copied, epochs=3), ResumeRun(copied))
    assert run.snapshot.phase is Phase.FINISHED
    assert any(f"{copied / name}" in text and "line 4" in text for text in alerts(run))


def test_rows_that_were_being_written_are_cut_off(copied: Path, whole: Path) -> None:
    for name in ("metrics.csv", "kl.csv", "steps.csv", "diagnosis.csv", "posterior.csv"):
        with (copied / name).open("a") as stream:
            stream.write("25,2.08")
    train(continued_config(copied, epochs=3), ResumeRun(copied))
    assert_same_run(copied, whole)


@pytest.mark.parametrize("form", ["pickle", "torch"])
def test_a_checkpoint_that_would_execute_code_does_not(
    form: str, copied: Path, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    state = checkpoint.read(copied / "last.pt") | {"sums": Trap(touched)}
    for name in ("last.pt", "best.pt"):
        if form == "pickle":
            (copied / name).write_bytes(pickle.dumps(state, protocol=2))
        else:
            torch.save(state, copied / name)
    assert "damaged or no checkpoint" in refused(continued_config(copied, epochs=3), copied)
    assert not touched.exists()
    torch.load(copied / "last.pt", weights_only=False) if form == "torch" else pickle.loads(
        (copied / "last.pt").read_bytes()
    )
    assert touched.exists(), "the trap itself works"


@pytest.mark.parametrize("missing", ["generator", "optimizer", "permutation", "seconds"])
def test_a_checkpoint_without_a_part_is_refused(missing: str, copied: Path) -> None:
    state = checkpoint.read(copied / "last.pt")
    del state[missing]
    for name in ("last.pt", "best.pt"):
        torch.save(state, copied / name)
    message = refused(continued_config(copied, epochs=3), copied)
    assert "last.pt doesn't fit" in message
    assert missing in message


def test_another_kind_of_device_before_is_told(copied: Path) -> None:
    state = checkpoint.read(copied / "last.pt")
    torch.save(state | {"device": "cuda"}, copied / "last.pt")
    run = train(continued_config(copied, epochs=3), ResumeRun(copied))
    [alert] = alerts(run)
    assert "trained on cuda before, on cpu now" in alert
    assert run.snapshot.phase is Phase.FINISHED


def test_a_run_in_use_is_refused_and_left_alone(copied: Path) -> None:
    config = continued_config(copied, epochs=3)
    lock = RunLock(copied)
    before = contents(copied)
    run = train(config, ResumeRun(copied))
    lock.release()
    assert run.snapshot.error is not None
    assert f"run two is in use: process {os.getpid()} on " in run.snapshot.error
    assert contents(copied) == before


def test_the_threads_of_before_are_used_again(copied: Path) -> None:
    """`--threads 0` chooses by the machine, and another number gives other last bits."""
    content = json.loads((copied / "config.json").read_text())
    content["config"]["threads"] = 0
    (copied / "config.json").write_text(json.dumps(content))
    assert train(continued_config(copied, epochs=3), ResumeRun(copied)).snapshot.threads == 1


# Which run `--resume auto` goes on with.


def plan_of(config: RunConfig, **changes: Any) -> TrainingPlan:
    return TrainingPlan(**{**config.to_dict(), "hidden": config.hidden, **changes})


def test_without_a_run_automatic_is_a_beginning(config: RunConfig, tmp_path: Path) -> None:
    plan = plan_of(config)
    assert automatic_starts(plan, tmp_path, "x") == [(config, NewRun(tmp_path, "x"))]
    assert automatic_starts(plan, tmp_path, None) == [(config, NewRun(tmp_path, None))]
    (tmp_path / "x").mkdir()  # not yet a run: it had no time to write its settings
    assert automatic_starts(plan, tmp_path, "x") == [(config, NewRun(tmp_path, "x"))]


def test_a_named_run_that_is_there_goes_on_also_with_other_epochs(
    copied: Path, config: RunConfig
) -> None:
    for epochs in (2, 5):
        [(found, origin)] = automatic_starts(plan_of(config, epochs=epochs), copied.parent, "two")
        assert origin == ResumeRun(copied)
        assert found.epochs == epochs


def test_a_named_run_of_other_settings_is_refused_saying_which(
    copied: Path, config: RunConfig
) -> None:
    with pytest.raises(RunError, match=r"run two is another one: its lr was 0\.002"):
        automatic_starts(plan_of(config, lr=0.1), copied.parent, "two")


def test_without_a_name_it_is_the_newest_unfinished_run_of_these_settings(
    copied: Path, config: RunConfig
) -> None:
    folder = copied.parent
    plan = plan_of(config)

    def found() -> StartPoint:
        [(_, origin)] = automatic_starts(plan, folder, None)
        return origin

    def age(path: Path, seconds: float) -> None:
        then = time.time() - seconds
        os.utime(path / "config.json", (then, then))

    age(copied, 100)
    assert found() == ResumeRun(copied), "two epochs of three"
    newer = Path(shutil.copytree(copied, folder / "newer"))
    age(newer, 50)
    assert found() == ResumeRun(newer)

    other = json.loads((newer / "config.json").read_text())
    other["config"]["lr"] = 0.5
    broken = Path(shutil.copytree(copied, folder / "broken"))
    (broken / "config.json").write_text("{")
    different = Path(shutil.copytree(copied, folder / "different"))
    (different / "config.json").write_text(json.dumps(other))
    damaged = Path(shutil.copytree(copied, folder / "damaged"))
    (damaged / "metrics.csv").write_text("what is this\n1,2,3\n")
    hidden = Path(shutil.copytree(copied, folder / ".new-0123"))
    for path in (damaged, hidden):
        age(path, 0)
    assert found() == ResumeRun(newer), "others' and damaged ones are passed by"

    lock = RunLock(newer)
    assert found() == ResumeRun(copied), "one that is being trained too"
    lock.release()
    plan = plan_of(config, epochs=2)
    assert found() == NewRun(folder, None), "finished ones are not begun again"


def test_two_runs_need_a_name_and_are_found_one_by_one(copied: Path, config: RunConfig) -> None:
    plan = plan_of(config, model="both")
    with pytest.raises(ConfigError, match="name"):
        automatic_starts(plan, copied.parent, None)
    vae = copied.rename(copied.parent / "pair-vae")
    [(one, first), (two, second)] = automatic_starts(plan, copied.parent, "pair")
    assert (one.model, first) == ("vae", ResumeRun(vae))
    assert (two.model, second) == ("ae", NewRun(copied.parent, "pair-ae"))
    assert planned_starts(plan, copied.parent, "pair")[0][1] == NewRun(copied.parent, "pair-vae")


def test_an_automatic_run_is_trained_once_whatever_is_interrupted(
    config: RunConfig, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(config)
    for step in (5, 20, 36):
        with monkeypatch.context() as patched:
            stop_at(step, patched)
            [(found, origin)] = automatic_starts(plan, tmp_path, "job")
            train(found, origin)
    assert_same(state_of(tmp_path / "job"), state_of(whole))


def test_fewer_epochs_than_were_trained_are_refused_before_anything_is_loaded(
    copied: Path,
) -> None:
    with pytest.raises(ConfigError, match=r"epochs .* fewer than .* trained for, which is 2"):
        continued_config(copied, epochs=1)
    with pytest.raises(ConfigError, match=r"epochs must be 1 to"):
        continued_config(copied, epochs=0)


def test_fewer_epochs_than_the_checkpoint_has_are_refused_whatever_the_status_says(
    copied: Path,
) -> None:
    (copied / "status.json").unlink()
    run = train(continued_config(copied, epochs=1), ResumeRun(copied))
    assert isinstance(run.failure, ConfigError)
    assert "epochs 1 is fewer than run two has been trained for, which is 2" in str(run.failure)


def test_rows_keep_their_learning_rate_under_another_schedule(copied: Path) -> None:
    """Cosine: more epochs bend it, also for the step that is evaluated again on resuming."""
    before = (copied / "metrics.csv").read_text().splitlines()
    steps = (copied / "steps.csv").read_text().splitlines()
    train(continued_config(copied, epochs=5), ResumeRun(copied))
    assert (copied / "metrics.csv").read_text().splitlines()[: len(before)] == before
    assert (copied / "steps.csv").read_text().splitlines()[: len(steps)] == steps
