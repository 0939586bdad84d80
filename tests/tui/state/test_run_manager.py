"""Runs on show and their replacement, without an app and without threads."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.config import RunConfig, TrainingPlan
from engine.errors import ConfigError, RunError
from engine.run import Access
from engine.runs.attached_run import AttachedRun
from engine.runs.start_points import NewRun, ResumeRun
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase, Snapshot
from tests.support.made_runs import CONFIG, make_run
from tui.state.context import RunContext
from tui.state.run_manager import RunManager, training_here


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was started and closed, in order, by name: none of them has a thread."""
    found: list[tuple[str, str]] = []
    for kind in (TrainingRun, AttachedRun):
        for name in ("start", "close"):

            def note(run: TrainingRun | AttachedRun, _name: str = name, **_: object) -> None:
                found.append((_name, run.snapshot.run))

            monkeypatch.setattr(kind, name, note)
    return found


def manager_of(
    *runs: TrainingRun | AttachedRun, tensorboard: bool = False, **where: Path
) -> RunManager:
    return RunManager(RunContext(list(runs), Path("exports"), **where), tensorboard=tensorboard)


def training(directory: Path, name: str, phase: Phase = Phase.TRAINING) -> TrainingRun:
    run = TrainingRun(CONFIG, NewRun(directory, name))
    run._snapshot = Snapshot(name, phase)  # what its thread would publish
    run._directory = directory / name
    return run


def names(manager: RunManager) -> list[str]:
    return [run.snapshot.run for run in manager.context.runs]


def test_a_plan_takes_the_place_of_all_runs(tmp_path: Path, calls: list[tuple[str, str]]) -> None:
    first = training(tmp_path, "first")
    manager = manager_of(first, checkpoints=tmp_path)
    manager.context.ends = (1, 2)
    manager.begin(TrainingPlan(model="both"))
    vae, ae = manager.context.runs
    assert calls[0] == ("close", "first")
    assert [call for call, _ in calls[1:]] == ["start", "start"]
    assert (vae.config.model, ae.config.model) == ("vae", "ae")
    assert manager.context.run is vae
    assert manager.context.ends == (None, None)
    assert manager.all == [first, vae, ae]


@pytest.mark.parametrize("tensorboard", [False, True])
def test_runs_begun_and_resumed_later_inherit_tensorboard(
    tensorboard: bool, tmp_path: Path
) -> None:
    stored = make_run(tmp_path, "stored")
    manager = manager_of(training(tmp_path, "x"), tensorboard=tensorboard, checkpoints=tmp_path)
    manager.begin(TrainingPlan(model="both"))
    manager.resume(stored)
    runs = manager.all[1:]
    assert len(runs) == 3
    for run in runs:
        assert isinstance(run, TrainingRun)
        assert run._tensorboard is tensorboard  # what it hands to its session


def test_new_runs_are_kept_where_the_others_are(tmp_path: Path) -> None:
    manager = manager_of(training(tmp_path, "x"), checkpoints=tmp_path / "kept")
    manager.begin(TrainingPlan(seed=3))
    (run,) = manager.context.runs
    assert isinstance(run, TrainingRun)
    assert run._start_point == NewRun(tmp_path / "kept", None)
    assert run.config == RunConfig(seed=3)


def test_a_run_that_cannot_be_logged_as_wanted_changes_nothing(
    tmp_path: Path, calls: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise RunError("no package tensorboard")

    monkeypatch.setattr("engine.runs.training_run.check_tensorboard", refuse)
    manager = manager_of(training(tmp_path, "x"), tensorboard=True, checkpoints=tmp_path)
    with pytest.raises(RunError, match="no package"):
        manager.begin(TrainingPlan())
    assert (names(manager), calls) == (["x"], [])


def test_a_stored_run_is_resumed_with_its_settings_and_more_epochs(
    tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    stored = make_run(tmp_path, "stored", config=replace(CONFIG, seed=5))
    manager = manager_of(training(tmp_path, "x"))
    manager.resume(stored, 9)
    (run,) = manager.context.runs
    assert isinstance(run, TrainingRun)
    assert run.config == replace(CONFIG, seed=5, epochs=9)
    assert run._start_point == ResumeRun(stored)
    assert calls == [("close", "x"), ("start", "stored")]


@pytest.mark.parametrize(("path", "epochs"), [("gone", None), ("stored", 0)])
def test_what_cannot_be_resumed_changes_nothing(
    path: str, epochs: int | None, tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    make_run(tmp_path, "stored")
    manager = manager_of(training(tmp_path, "x"))
    with pytest.raises((RunError, ConfigError)):
        manager.resume(tmp_path / path, epochs)
    assert (names(manager), calls) == (["x"], [])


def test_opened_runs_stand_beside_what_is_trained_here_and_nothing_else(
    tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    stored = make_run(tmp_path, "stored")
    done = training(tmp_path, "done", Phase.FINISHED)
    manager = manager_of(done, training(tmp_path, "live"))
    assert manager.open([stored]) == []
    assert names(manager) == ["live", "stored"]
    assert manager.context.run.access is not Access.OWNER
    assert ("close", "done") in calls
    assert ("close", "live") not in calls


def test_a_run_that_is_trained_here_is_shown_and_not_attached_to(tmp_path: Path) -> None:
    stored, live = make_run(tmp_path, "stored"), training(tmp_path, "live")
    manager = manager_of(AttachedRun(stored), live)
    assert manager.open([tmp_path / "live"]) == []
    assert manager.context.run is live
    assert names(manager) == ["stored", "live"]
    assert len(manager.all) == 2


def test_of_several_runs_those_that_can_be_are_shown(
    tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    stored = make_run(tmp_path, "stored")
    manager = manager_of(training(tmp_path, "x", Phase.STOPPED))
    (problem,) = manager.open([tmp_path / "gone", stored])
    assert "gone" in problem
    assert names(manager) == ["stored"]
    before = list(calls)
    (problem,) = manager.open([tmp_path / "gone"])
    assert "gone" in problem
    assert (names(manager), calls) == (["stored"], before)


def test_borrowed_runs_are_closed_again_but_not_those_on_show(
    tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    a, b = make_run(tmp_path, "a"), make_run(tmp_path, "b")
    shown = AttachedRun(a)
    manager = manager_of(shown)
    borrowed, (problem,) = manager.borrow([b, tmp_path / "gone", a])
    assert [run.snapshot.run for run in borrowed] == ["b", "a"]
    assert borrowed[1] is shown
    assert "gone" in problem
    assert names(manager) == ["a"]
    assert manager.all == [shown, borrowed[0]], "whoever made the manager closes them at the end"
    manager.release(borrowed)
    assert calls == [("start", "b"), ("close", "b")]


def test_the_run_trained_here_is_the_one_that_is_under_way(tmp_path: Path) -> None:
    live = training(tmp_path, "live", Phase.PAUSED)
    stored = AttachedRun(make_run(tmp_path, "stored"))
    done = training(tmp_path, "done", Phase.FINISHED)
    assert training_here([stored, done, live]) is live
    assert training_here([stored, done]) is None
