"""A run seen from its directory alone; the owner is an engine in this process."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.alerts import Alert, Rule
from engine.analysis.alert_rules.watch import raised_alerts
from engine.config import RunConfig
from engine.errors import RunError, ViewError
from engine.run import Access
from engine.runs.attached_run import AttachedRun
from engine.runs.control_socket import SOCKET_FILE
from engine.runs.start_points import NewRun, ResumeRun
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase, Snapshot
from engine.storage import checkpoint
from engine.storage.provenance import Provenance
from engine.storage.run_directory import RunDirectory
from engine.storage.run_lock import LOCK_FILE
from engine.storage.status_json import write_status
from engine.views import Decode, LatentMap, PriorSamples, Reconstructions
from tests.support.made_histories import evaluation
from tests.support.slow_training import slow_training
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

Attach = Callable[[Path], AttachedRun]


@pytest.fixture
def attach() -> Iterator[Attach]:
    runs: list[AttachedRun] = []

    def attach(path: Path) -> AttachedRun:
        run = AttachedRun(path)
        runs.append(run)
        run.start()
        run.start()
        return run

    yield attach
    for run in runs:
        run.close()
        assert run.join(30)


@pytest.fixture(scope="module")
def finished(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = RunConfig(
        data=str(small_data), hidden=(16,), latent_dim=3, batch_size=32, epochs=3, device="cpu"
    )
    run = TrainingRun(config, NewRun(tmp_path_factory.mktemp("runs"), "done"))
    run.start()
    run.close(stop_training=False)
    assert run.join(60)
    assert run.directory is not None
    return run.directory


@pytest.fixture
def training(
    small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TrainingRun]:
    slow_training(monkeypatch)
    monkeypatch.setattr("engine.runs.training_session.SAVE_INTERVAL", 0.2)
    run = TrainingRun(replace(small_config, epochs=100_000), NewRun(tmp_path, "live"))
    run.start()
    wait_for(lambda: run.directory and (run.directory / "last.pt").exists())
    yield run
    run.close()
    assert run.join(30)


def directory(run: TrainingRun) -> Path:
    assert run.directory is not None
    return run.directory


def test_a_finished_run_is_shown_whole(finished: Path, attach: Attach) -> None:
    run = attach(finished)
    wait_for(lambda: run.snapshot.phase is Phase.FINISHED)
    s = run.snapshot
    assert (s.run, s.step, s.epoch, s.saved_step) == ("done", 36, 3.0, 36)
    assert run.access is Access.READ
    assert s.last is not None
    assert s.last is run.history.evaluations()[-1]
    assert s.best is run.history.best
    assert len(s.last.kl_per_dim) == run.config.latent_dim
    assert s.last.val.kl == pytest.approx(s.last.kl_per_dim.sum())
    assert [f.step for f in run.frames] == [e.step for e in run.history.evaluations()]


def test_pictures_are_of_the_last_weights(finished: Path, attach: Attach) -> None:
    run = attach(finished)
    state = checkpoint.read(finished / "last.pt")
    view = run.request(Decode(np.zeros((1, run.config.latent_dim), np.float32))).result(30)
    weights = {k: v for k, v in state["model"].items() if k.startswith("decoder")}
    from engine.model.networks import build_model

    model = build_model(run.config, init_seed=9)
    model.load_state_dict(state["model"])
    expected = torch.sigmoid(model.decode(torch.zeros(1, run.config.latent_dim)))
    assert weights
    assert np.allclose(view.images.reshape(1, -1), expected.detach().numpy(), atol=1e-6)
    assert view.step == 36


def test_looking_changes_no_file(finished: Path, attach: Attach) -> None:
    def content() -> dict[Path, tuple[int, bytes]]:
        files = [p for p in finished.rglob("*") if p.is_file()]
        return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in files}

    before = content()
    run = attach(finished)
    run.request(LatentMap()).result(30)
    wait_for(lambda: run.snapshot.phase is Phase.FINISHED)
    run.stop()
    run.pause()
    run.request(PriorSamples()).result(30)
    assert content() == before


def test_a_training_run_is_followed_live(
    training: TrainingRun, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.runs.attached_run.WEIGHTS_INTERVAL", 0.0)
    run = attach(directory(training))
    assert run.snapshot.phase is Phase.TRAINING, "at once, from its files"
    wait_for(lambda: run.access is Access.CONTROL)
    evaluations = len(run.history.evaluations())
    wait_for(lambda: len(run.history.evaluations()) > evaluations + 2)
    assert run.snapshot.step <= training.snapshot.step
    first = run.request(PriorSamples()).result(30)
    wait_for(lambda: training.snapshot.step > first.step + 50)
    second = run.request(PriorSamples()).result(30)
    assert second.step > first.step
    assert not np.array_equal(first.images, second.images)


def test_its_pictures_are_those_of_the_owner(training: TrainingRun, attach: Attach) -> None:
    run = attach(directory(training))
    training.pause()
    wait_for(lambda: run.snapshot.phase is Phase.PAUSED)
    for view in (PriorSamples(seed=3), Reconstructions(page=2)):
        mine: Any = run.request(view).result(30)  # type: ignore[arg-type]
        theirs: Any = training.request(view).result(30)  # type: ignore[arg-type]
        assert mine.step == theirs.step
        images = "images" if isinstance(view, PriorSamples) else "reconstructions"
        assert np.allclose(getattr(mine, images), getattr(theirs, images), atol=1e-6)


def test_it_is_steered(training: TrainingRun, attach: Attach) -> None:
    run = attach(directory(training))
    wait_for(lambda: run.access is Access.CONTROL)
    run.pause()
    wait_for(lambda: training.snapshot.phase is Phase.PAUSED)
    wait_for(lambda: run.snapshot.phase is Phase.PAUSED)
    run.resume()
    wait_for(lambda: training.snapshot.phase is Phase.TRAINING)
    run.stop()
    wait_for(lambda: training.snapshot.phase is Phase.STOPPED)
    wait_for(lambda: run.snapshot.phase is Phase.STOPPED)
    assert run.snapshot.step == training.snapshot.step
    assert run.snapshot.last is not None
    assert run.snapshot.last.step == training.snapshot.step, "the last row was read with it"
    assert not (directory(training) / SOCKET_FILE).exists()


def test_without_a_socket_the_files_are_followed(training: TrainingRun, attach: Attach) -> None:
    (directory(training) / SOCKET_FILE).unlink()
    run = attach(directory(training))
    wait_for(lambda: run.snapshot.phase is Phase.TRAINING)
    assert run.access is Access.READ
    step = run.snapshot.step
    wait_for(lambda: run.snapshot.step > step)
    first = run.request(PriorSamples()).result(30)
    wait_for(lambda: run.request(PriorSamples()).result(30).step > first.step)
    run.pause()
    run.request(PriorSamples()).result(30)
    assert training.snapshot.phase is Phase.TRAINING


def test_a_run_whose_process_was_killed_has_died(finished: Path, attach: Attach) -> None:
    status = finished / "status.json"
    text = status.read_text()
    assert '"phase": "finished"' in text
    try:
        status.write_text(text.replace('"phase": "finished"', '"phase": "training"'))
        run = attach(finished)
        wait_for(lambda: run.snapshot.phase is Phase.DIED)
        assert run.request(PriorSamples()).result(30).step == 36
    finally:
        status.write_text(text)


def test_several_look_at_the_same_run(training: TrainingRun, attach: Attach) -> None:
    runs = [attach(directory(training)) for _ in range(3)]
    for run in runs:
        wait_for(lambda run=run: run.snapshot.phase is Phase.TRAINING)
        assert run.request(PriorSamples()).result(30).images.shape == (64, 28, 28)


def copy_of(finished: Path, tmp_path: Path) -> Path:
    import shutil

    return shutil.copytree(finished, tmp_path / "copy")


@pytest.mark.parametrize("has_status", [True, False])
def test_a_damaged_file_is_an_alert_once(
    has_status: bool, finished: Path, attach: Attach, tmp_path: Path
) -> None:
    path = copy_of(finished, tmp_path)
    if not has_status:
        (path / "status.json").unlink()
    (path / "metrics.csv").write_text("foreign\n")
    run = attach(path)
    wait_for(lambda: run.snapshot.alerts)
    for _ in range(3):
        before = run.snapshot
        wait_for(lambda before=before: run.snapshot is not before)
    (alert,) = run.snapshot.alerts
    assert "metrics.csv line 1 is not the header" in alert.text
    assert run.request(PriorSamples()).result(30).step == 36


def test_a_run_that_has_saved_nothing_has_no_pictures(
    finished: Path, attach: Attach, tmp_path: Path
) -> None:
    path = copy_of(finished, tmp_path)
    for name in ("last.pt", "best.pt", "status.json"):
        (path / name).unlink()
    run = attach(path)
    with pytest.raises(ViewError, match=r"last\.pt is missing: nothing was saved yet"):
        run.request(PriorSamples()).result(30)
    wait_for(lambda: run.snapshot.phase is Phase.DIED)
    assert run.snapshot.step == 36, "the curves are there"
    assert run.snapshot.alerts == ()


def test_a_damaged_last_checkpoint_is_not_the_end_of_pictures(
    finished: Path, attach: Attach, tmp_path: Path
) -> None:
    path = copy_of(finished, tmp_path)
    (path / "last.pt").write_bytes(b"no")
    best = checkpoint.read(path / "best.pt")["step"]
    assert attach(path).request(PriorSamples()).result(30).step == best


def test_a_run_that_goes_back_is_read_anew(finished: Path, attach: Attach, tmp_path: Path) -> None:
    path = copy_of(finished, tmp_path)
    run = attach(path)
    wait_for(lambda: len(run.history.evaluations()) == 8)
    lines = (path / "metrics.csv").read_text().splitlines(keepends=True)
    (path / "metrics.csv").write_text("".join(lines[:4]))
    wait_for(lambda: len(run.history.evaluations()) == 3)
    (path / "metrics.csv").write_text("".join(lines[:6]))
    wait_for(lambda: len(run.history.evaluations()) == 5)


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"config\.json can't be read"):
        AttachedRun(tmp_path)


def test_when_it_is_closed_nobody_waits(finished: Path) -> None:
    never = AttachedRun(finished)
    never.close()
    assert never.join(1)
    run = AttachedRun(finished)
    run.start()
    futures: list[Future[object]] = [run.request(PriorSamples(seed=n)) for n in range(20)]
    run.close(stop_training=True)
    assert run.join(30)
    futures.append(run.request(PriorSamples()))
    for future in futures:
        assert future.done()
        assert isinstance(future.exception(), ViewError | None)
    assert isinstance(futures[-1].exception(), ViewError)


def test_a_lock_that_another_machine_holds_is_read_only(
    finished: Path, attach: Attach, tmp_path: Path
) -> None:
    path = copy_of(finished, tmp_path)
    text = (path / "status.json").read_text()
    (path / "status.json").write_text(text.replace('"finished"', '"training"'))
    (path / LOCK_FILE).write_text('{"pid": 1, "host": "elsewhere"}')
    run = attach(path)
    wait_for(lambda: run.snapshot.phase is Phase.TRAINING)
    assert run.access is Access.READ


def test_alerts_of_rules_are_made_from_the_files_and_notes_kept(
    attach: Attach, tmp_path: Path
) -> None:
    config = RunConfig(hidden=(8,), latent_dim=2, beta=20.0, kl_warmup=0.0, epochs=4)
    directory = RunDirectory.create(tmp_path, "pressed", config, Provenance())
    evaluations = [evaluation(n, 300.0, 0.01, beta=20.0, units=0, dims=2) for n in (1, 2, 3)]
    for e in evaluations:
        directory.add_evaluation(e)
    directory.flush()
    directory.close()
    status = Snapshot(
        "pressed",
        Phase.STOPPED,
        alerts=(
            Alert(150, "disk full"),
            Alert(200, "as it was told", Rule.COLLAPSE),
        ),
    )
    write_status(directory.path, status)
    note, *raised = attach(directory.path).snapshot.alerts
    assert note == Alert(150, "disk full")
    assert raised == raised_alerts(config, evaluations, [])
    assert [alert.rule for alert in raised] == [Rule.COLLAPSE]


def test_the_owner_an_attached_run_and_a_resumed_one_have_the_same_alerts(
    small_config: RunConfig, attach: Attach, tmp_path: Path
) -> None:
    config = replace(small_config, beta=200.0, kl_warmup=0.0, lr=1e-2, epochs=8)
    run = TrainingRun(config, NewRun(tmp_path, "pressed"))
    run.start()
    run.close(stop_training=False)
    assert run.join(60)
    raised = [alert for alert in run.snapshot.alerts if alert.rule is not None]
    assert Rule.COLLAPSE in [alert.rule for alert in raised]
    log = (directory(run) / "run.log").read_text()
    assert all(alert.text in log for alert in raised)
    seen = attach(directory(run)).snapshot.alerts
    assert [alert for alert in seen if alert.rule is not None] == raised
    resumed = TrainingRun(replace(config, epochs=9), ResumeRun(directory(run)))
    resumed.start()
    resumed.close(stop_training=False)
    assert resumed.join(60)
    assert [a for a in resumed.snapshot.alerts if a.rule is not None][: len(raised)] == raised
