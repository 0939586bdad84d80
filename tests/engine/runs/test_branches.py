"""States that are kept, and runs that begin with another's weights."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.config import RunConfig
from engine.errors import ControlError, RunError
from engine.parent import Parent
from engine.runs.attached_run import AttachedRun
from engine.runs.start_points import BranchRun, NewRun, ResumeRun, StartPoint, continued_config
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase
from engine.storage import checkpoint
from engine.storage.config_json import read_config
from engine.storage.kept_states import MOST_KEPT, checkpoint_of, kept_states
from tests.support.slow_training import slow_training
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow


def train(config: RunConfig, start: StartPoint) -> TrainingRun:
    run = TrainingRun(config, start)
    run.start()
    run.close(stop_training=False)
    assert run.join(60)
    return run


@pytest.fixture(scope="module")
def module_config(small_data: Path) -> RunConfig:
    """36 steps, 12 an epoch."""
    return RunConfig(
        data=str(small_data), hidden=(16,), latent_dim=3, batch_size=30, epochs=3, threads=1
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, module_config: RunConfig) -> Path:
    """The directory of a finished run."""
    checkpoints = tmp_path_factory.mktemp("runs")
    train(module_config, NewRun(checkpoints, "parent"))
    return checkpoints / "parent"


@pytest.fixture
def parent(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "parent")
    return tmp_path / "parent"


def untrained_model(run: Path) -> dict[str, torch.Tensor]:
    """What it began with: best.pt of a run that could not learn, or of step 0."""
    found: dict[str, torch.Tensor] = checkpoint.read(run / "last.pt")["model"]
    return found


def test_a_branch_begins_with_the_weights_and_the_moments_of_its_parent(
    parent: Path, module_config: RunConfig, tmp_path: Path
) -> None:
    config = replace(module_config, beta=0.5, lr=1e-12, epochs=1)
    run = train(config, BranchRun(NewRun(tmp_path, "branch"), parent))
    assert (run.snapshot.phase, run.snapshot.step) == (Phase.FINISHED, 12)
    theirs, ours = (checkpoint.read(tmp_path / n / "last.pt") for n in ("parent", "branch"))
    for name, tensor in theirs["model"].items():
        torch.testing.assert_close(ours["model"][name], tensor, rtol=0, atol=1e-9)
    steps = [int(s["step"]) for s in ours["optimizer"]["state"].values()]
    assert steps == [48] * len(steps), "36 of its parent, 12 of its own"
    # The first evaluation is the parent's last, but for β.
    first, last = run.history.evaluations()[0], _last(parent)
    assert (first.step, first.val.recon) == (0, pytest.approx(float(last["val_recon"]), rel=1e-6))


def test_the_average_of_a_branchs_weights_begins_with_them(
    parent: Path, module_config: RunConfig, tmp_path: Path
) -> None:
    config = replace(module_config, epochs=1, ema=0.9)  # its parent has none
    run = train(config, BranchRun(NewRun(tmp_path, "branch"), parent))
    assert run.snapshot.phase is Phase.FINISHED
    rows = (tmp_path / "branch" / "ema.csv").read_text().splitlines()
    first = next(csv.DictReader((tmp_path / "branch" / "metrics.csv").read_text().splitlines()))
    assert next(csv.DictReader(rows))["val_neg_elbo"] == first["val_neg_elbo"]


def _last(path: Path) -> dict[str, str]:
    lines = (path / "metrics.csv").read_text().splitlines()
    return dict(zip(lines[0].split(","), lines[-1].split(","), strict=True))


def test_a_branch_says_what_it_comes_from_also_when_it_is_resumed(
    parent: Path, module_config: RunConfig, tmp_path: Path
) -> None:
    path = tmp_path / "branch"
    train(replace(module_config, epochs=1), BranchRun(NewRun(tmp_path, "branch"), parent, "best"))
    wanted = Parent("parent", "best", 36, 3.0)
    assert read_config(path)[1].parent == wanted
    train(continued_config(path, epochs=2), ResumeRun(path))
    assert read_config(path)[1].parent == wanted
    assert read_config(parent)[1].parent is None


def test_the_parent_is_left_as_it_was(
    parent: Path, module_config: RunConfig, tmp_path: Path
) -> None:
    before = {file: file.read_bytes() for file in parent.rglob("*") if file.is_file()}
    train(replace(module_config, epochs=1), BranchRun(NewRun(tmp_path, "branch"), parent))
    assert {file: file.read_bytes() for file in parent.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize(
    ("settings", "state", "problem"),
    [
        ({"latent_dim": 4}, "last", "a branch of run parent has its latent_dim, 3, not 4"),
        ({"hidden": (17,)}, "last", r"has its hidden, \[16\], not \[17\]"),
        ({"model": "ae"}, "best", "has its model, vae, not ae"),
        ({}, "early", "run parent has no state 'early'; it has last, best"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_made(
    parent: Path,
    module_config: RunConfig,
    tmp_path: Path,
    settings: dict[str, object],
    state: str,
    problem: str,
) -> None:
    config = replace(module_config, **settings)  # type: ignore[arg-type]
    run = train(config, BranchRun(NewRun(tmp_path, "branch"), parent, state))
    assert run.snapshot.phase is Phase.FAILED
    with pytest.raises(RunError, match=problem):
        raise run.failure or AssertionError
    assert not (tmp_path / "branch").exists()


def test_damaged_weights_begin_nothing(
    parent: Path, module_config: RunConfig, tmp_path: Path
) -> None:
    (parent / "last.pt").write_bytes(b"no checkpoint")
    run = train(module_config, BranchRun(NewRun(tmp_path, "branch"), parent))
    assert run.snapshot.error is not None
    assert "last.pt is damaged or no checkpoint" in run.snapshot.error
    assert not (tmp_path / "branch").exists()


def test_a_state_is_kept_by_its_process_or_another_one_and_branched(
    module_config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slow_training(monkeypatch)
    run = TrainingRun(replace(module_config, epochs=100_000), NewRun(tmp_path, "live"))
    run.start()
    path = tmp_path / "live"
    attached: AttachedRun | None = None
    try:
        wait_for(lambda: run.snapshot.step > 3)
        run.keep("early").result(20)
        wait_for(lambda: len(kept_states(path)) == 1)
        attached = AttachedRun(path)
        attached.start()
        wait_for(lambda: run.snapshot.step > kept_states(path)[0].step)
        attached.keep("later").result(20)
        wait_for(lambda: len(kept_states(path)) == 2)
        with pytest.raises(RunError, match="a state is kept as 'early' already"):
            run.keep("early").result(20)
        with pytest.raises(ControlError, match="can't be used: letters"):
            attached.keep("../x").result(20)
        with pytest.raises(RunError, match="'best' is what the run's own state is called"):
            run.keep("best").result(20)
    finally:
        run.close()
        assert run.join(60)
        if attached is not None:
            attached.close()
            assert attached.join(20)
    early, later = kept_states(path)
    assert (early.name, later.name) == ("early", "later")
    assert early.step < later.step
    state = checkpoint.read(early.file)
    assert (state["step"], early.size) == (early.step, early.file.stat().st_size)
    assert checkpoint_of(path, "later") == later.file
    branch = train(
        replace(module_config, epochs=1), BranchRun(NewRun(tmp_path, "branch"), path, "early")
    )
    assert branch.snapshot.phase is Phase.FINISHED
    parent = read_config(tmp_path / "branch")[1].parent
    assert parent == Parent("live", "early", early.step, early.step / 12)


def test_there_are_not_too_many_kept_states(parent: Path) -> None:
    from engine.storage.kept_states import file_to_keep

    folder = parent / "kept"
    folder.mkdir()
    for step in range(MOST_KEPT):
        file_to_keep(parent, f"s{step}", step).write_bytes(b"x")
    with pytest.raises(RunError, match="states are kept of this run"):
        file_to_keep(parent, "more", 99)


def test_what_else_lies_among_kept_states_is_passed_over(parent: Path, tmp_path: Path) -> None:
    folder = parent / "kept"
    folder.mkdir()
    (folder / "000000012-good.pt").write_bytes(b"x")
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "000000012-good (copy)").write_bytes(b"x")
    (folder / "000000013-folder.pt").mkdir()
    (folder / "000000014-link.pt").symlink_to(tmp_path / "elsewhere")
    assert [kept.name for kept in kept_states(parent)] == ["good"]


def test_a_parent_that_is_no_parent_is_none(parent: Path) -> None:
    file = parent / "config.json"
    for value in ({"run": ""}, {"run": "x", "epoch": "2"}, [1], "x", {"run": "x", "epoch": 1e300}):
        content = json.loads(file.read_text()) | {"parent": value}
        file.write_text(json.dumps(content))
        assert read_config(parent)[1].parent is None


def test_states_that_are_still_being_written_count(
    module_config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slow_training(monkeypatch)
    monkeypatch.setattr("engine.runs.writer_thread.RunWriter._keep", lambda *_: False)  # never done
    run = TrainingRun(replace(module_config, epochs=100_000), NewRun(tmp_path, "live"))
    run.start()
    try:
        wait_for(lambda: run.snapshot.step > 3)
        for number in range(MOST_KEPT):
            run.keep(f"n{number}").result(20)
        with pytest.raises(RunError, match="a state is kept as 'n3' already"):
            run.keep("n3").result(20)
        with pytest.raises(RunError, match="states are kept of this run"):
            run.keep("more").result(20)
    finally:
        run.close()
        assert run.join(60)


def test_a_branch_of_other_batches_knows_when_its_parent_was_and_of_another_split_is_told(
    parent: Path, module_config: RunConfig, tmp_path: Path
) -> None:
    config = replace(module_config, batch_size=10, validation_share=0.5, epochs=1)
    run = train(config, BranchRun(NewRun(tmp_path, "branch"), parent))
    assert run.parent == Parent("parent", "last", 36, 3.0)
    notes = [alert.text for alert in run.snapshot.alerts if alert.rule is None]
    assert any(
        note.startswith("validated on other images than its parent parent") for note in notes
    )


def test_a_state_that_has_moved_on_is_not_the_one_that_a_run_began_with(
    parent: Path, module_config: RunConfig, tmp_path: Path
) -> None:
    run = train(module_config, BranchRun(NewRun(tmp_path, "branch"), parent, "last", step=24))
    assert "last.pt is of step 36 now" in (run.snapshot.error or "")


def test_a_kept_state_that_was_deleted_gives_its_name_back(
    module_config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slow_training(monkeypatch)
    run = TrainingRun(replace(module_config, epochs=100_000), NewRun(tmp_path, "live"))
    run.start()
    try:
        wait_for(lambda: run.snapshot.step > 3)
        for _ in range(2):
            run.keep("again").result(20)
            wait_for(lambda: len(kept_states(tmp_path / "live")) == 1)
            [kept] = kept_states(tmp_path / "live")
            kept.file.unlink()
            wait_for(lambda: not run._session or not run._session._writer.keeping)
    finally:
        run.close()
        assert run.join(60)
