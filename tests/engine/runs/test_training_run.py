import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.config import RunConfig
from engine.errors import ViewError
from engine.history import History
from engine.metrics import Evaluation
from engine.runs.start_points import NewRun
from engine.runs.training_run import TrainingRun
from engine.runs.training_session import TrainingSession
from engine.snapshot import Phase
from engine.storage import checkpoint
from engine.storage.frames import read_frames
from engine.storage.run_lock import owner_of
from engine.training.trainer import Trainer
from engine.views import LatentMap, PriorSamples, Reconstructions
from tests.support.slow_training import slow_training
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

StartRun = Callable[[RunConfig], TrainingRun]


def wait_for_end(run: TrainingRun) -> None:
    wait_for(lambda: not run.snapshot.phase.is_active)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartRun]:
    runs: list[TrainingRun] = []

    def start_run(config: RunConfig) -> TrainingRun:
        run = TrainingRun(config, NewRun(tmp_path / "checkpoints"))
        runs.append(run)
        run.start()
        return run

    yield start_run
    for run in runs:
        run.close()
        assert run.join(30)


@pytest.fixture
def slow_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps slow enough for a test to act between two of them."""
    slow_training(monkeypatch)


def final_weights(run: TrainingRun) -> dict[str, torch.Tensor]:
    assert run.directory is not None
    model: dict[str, torch.Tensor] = checkpoint.read(run.directory / "last.pt")["model"]
    return model


def test_a_run_trains_to_its_end_and_keeps_its_files(
    start: StartRun, small_config: RunConfig
) -> None:
    run = start(small_config)
    wait_for_end(run)
    s = run.snapshot
    assert (s.phase, s.step, s.epoch, s.saved_step) == (Phase.FINISHED, 36, 3.0, 36)
    assert s.images_seen == 3 * 360
    assert [e.step for e in run.history.evaluations()] == [0, 1, 2, 4, 8, 12, 24, 36]
    assert [f.step for f in run.frames] == [0, 1, 2, 4, 8, 12, 24, 36]
    assert run.frames[0].reconstructions.shape == (20, 28, 28)
    assert s.best is not None
    assert s.best.val.score == min(e.val.score for e in run.history.evaluations()[1:])
    assert run.directory is not None
    run.close()
    assert run.join(30), "and with it the last write"
    files = sorted(path.name for path in run.directory.iterdir())
    assert files == [
        *("best.pt", "config.json", "diagnosis.csv", "frames", "kl.csv", "last.pt", "lock"),
        *("metrics.csv", "posterior.csv", "run.log", "status.json", "steps.csv"),
    ]
    kept = read_frames(run.directory)
    for frame, expected in zip(kept, run.frames, strict=True):
        assert (frame.step, frame.epoch) == (expected.step, expected.epoch)
        assert np.array_equal(frame.reconstructions, expected.reconstructions)
        assert np.array_equal(frame.samples, expected.samples)


def test_a_collection_of_garbage_leaves_out_the_libraries_and_a_second_run_changes_nothing(
    start: StartRun, small_config: RunConfig
) -> None:
    wait_for_end(start(small_config))
    kept = gc.get_freeze_count()
    assert kept > 50_000

    class Cycle:
        pass

    made_later = Cycle()
    made_later.__dict__["itself"] = made_later
    gone = weakref.ref(made_later)
    del made_later
    wait_for_end(start(replace(small_config, seed=1)))
    gc.collect()
    assert gone() is None
    assert gc.get_freeze_count() <= kept


def test_training_costs_no_more_the_longer_the_history_is(
    start: StartRun, small_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def read_all(self: History, since: int = 0) -> list[Evaluation]:
        read.append(since)
        return []

    monkeypatch.setattr(History, "evaluations", read_all)
    run = start(small_config)
    wait_for_end(run)
    assert run.snapshot.phase is Phase.FINISHED
    assert read == [], "every snapshot would go through all that was ever measured"


def test_denormal_numbers_are_zero_where_training_computes(
    start: StartRun, small_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adam's averages decay to them where units are dead; processors take them very slowly."""
    products: list[float] = []
    original = TrainingSession.train_slice

    def matmul_precision(self: TrainingSession) -> None:
        products.append(float(torch.tensor(1e-39) * 0.5))
        original(self)

    monkeypatch.setattr(TrainingSession, "train_slice", matmul_precision)
    wait_for_end(start(small_config))
    assert set(products) == {0.0}
    assert float(torch.tensor(1e-39) * 0.5) > 0, "and nowhere else"


@pytest.mark.usefixtures("slow_steps")
def test_pauses_and_previews_change_no_bit_of_the_weights(
    start: StartRun, small_config: RunConfig, small_dataset: object
) -> None:
    reference = Trainer(small_config, small_dataset, torch.device("cpu"))  # type: ignore[arg-type]
    while not reference.finished:
        reference.train(10**6)

    run = start(small_config)
    for n in range(8):
        run.request(PriorSamples(seed=n)).result(30)
        run.request(Reconstructions(page=n)).result(30)
        run.request(LatentMap()).result(30)
        run.pause()
        wait_for(lambda: run.snapshot.phase in (Phase.PAUSED, Phase.FINISHED))
        step = run.snapshot.step
        run.request(PriorSamples()).result(30)
        assert run.snapshot.step == step, "nothing is trained while paused"
        run.resume()
    wait_for_end(run)
    weights = final_weights(run)
    for name, expected in reference.model.state_dict().items():
        assert torch.equal(weights[name], expected), name


@pytest.mark.usefixtures("slow_steps")
def test_a_stopped_run_is_evaluated_and_kept_where_it_stopped(
    start: StartRun, small_config: RunConfig
) -> None:
    run = start(replace(small_config, epochs=100))
    wait_for(lambda: run.snapshot.step > 15)
    run.stop()
    wait_for_end(run)
    s = run.snapshot
    assert s.phase is Phase.STOPPED
    assert 15 < s.step < 1200
    assert s.last is not None
    assert s.last.step == s.saved_step == s.step
    assert checkpoint.read(run.directory / "last.pt")["step"] == s.step


@pytest.mark.usefixtures("slow_steps")
def test_a_paused_run_can_be_stopped(start: StartRun, small_config: RunConfig) -> None:
    run = start(replace(small_config, epochs=100))
    wait_for(lambda: run.snapshot.phase is Phase.TRAINING)
    run.pause()
    wait_for(lambda: run.snapshot.phase is Phase.PAUSED)
    run.stop()
    wait_for_end(run)
    assert run.snapshot.phase is Phase.STOPPED


def test_views_are_answered_after_the_end_and_refused_after_closing(
    start: StartRun, small_config: RunConfig
) -> None:
    run = start(small_config)
    wait_for_end(run)
    view = run.request(PriorSamples(seed=1, count=5)).result(10)
    assert view.images.shape == (5, 28, 28)
    assert view.step == 36
    again = run.request(PriorSamples(seed=1, count=5)).result(10)
    np.testing.assert_array_equal(view.images, again.images)
    run.close()
    assert run.join(10)
    with pytest.raises(ViewError, match="no model here"):
        run.request(PriorSamples()).result(10)


def test_a_view_asked_for_while_loading_comes_when_there_is_a_model(
    start: StartRun, small_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, asked = TrainingSession.__init__, threading.Event()

    def slow_to_load(self: TrainingSession, *arguments: object, **named: object) -> None:
        assert asked.wait(30)
        original(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(TrainingSession, "__init__", slow_to_load)
    run = start(small_config)
    view = run.request(PriorSamples(count=3))
    asked.set()
    assert view.result(30).images.shape == (3, 28, 28)


def test_unusable_input_fails_the_run_with_its_reason_and_leaves_no_directory(
    start: StartRun, small_config: RunConfig, tmp_path: Path
) -> None:
    run = start(replace(small_config, data=str(tmp_path / "nowhere")))
    wait_for_end(run)
    assert run.snapshot.phase is Phase.FAILED
    assert str(tmp_path / "nowhere") in (run.snapshot.error or "")
    assert not (tmp_path / "checkpoints").exists()
    with pytest.raises(ViewError, match="no model"):
        run.request(PriorSamples()).result(10)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA GPU here")
def test_a_gpu_that_is_not_there_is_told_in_a_sentence(
    start: StartRun, small_config: RunConfig
) -> None:
    run = start(replace(small_config, device="cuda"))
    wait_for_end(run)
    assert run.snapshot.error is not None
    assert run.snapshot.error.startswith(
        "device 'cuda' can't be used: torch finds no CUDA GPU here: "
    )


def test_an_error_in_training_fails_the_run_and_keeps_curves_and_best_weights(
    start: StartRun, small_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Trainer.train

    def break_later(self: Trainer, steps: int) -> object:
        if self.step >= 24:
            raise RuntimeError("a tensor fell over")
        return original(self, steps)

    monkeypatch.setattr(Trainer, "train", break_later)
    run = start(small_config)
    wait_for_end(run)
    s = run.snapshot
    assert s.phase is Phase.FAILED
    assert s.error == "RuntimeError: a tensor fell over"
    assert s.last is not None
    assert s.last.step == 24
    assert run.directory is not None
    assert checkpoint.read(run.directory / "best.pt")["step"] == 24
    assert "a tensor fell over" in (run.directory / "run.log").read_text()
    assert run.request(PriorSamples()).result(10).step == 24, "pictures still work"


@pytest.mark.usefixtures("slow_steps")
def test_a_full_disk_is_an_alert_and_training_goes_on_and_saves_later(
    start: StartRun, small_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.storage import run_directory

    full = True
    real_write = run_directory.atomic_write

    def write(path: Path, content: bytes) -> None:
        if full and path.suffix == ".pt":
            raise OSError(28, "No space left on device")
        real_write(path, content)

    monkeypatch.setattr("engine.storage.run_directory.atomic_write", write)
    monkeypatch.setattr("engine.runs.training_session.SAVE_INTERVAL", 0.0)
    monkeypatch.setattr("engine.runs.training_session.BEST_INTERVAL", 0.0)
    run = start(small_config)
    wait_for(lambda: bool(run.snapshot.alerts))
    full = False
    wait_for_end(run)
    s = run.snapshot
    assert s.phase is Phase.FINISHED
    texts = [alert.text for alert in s.alerts]
    assert len(texts) == len(set(texts)), "one alert per file, not one per try"
    assert texts[0].startswith("can't write")
    assert "No space left on device" in texts[0]
    assert "best.pt is written again" in texts, "last.pt waits for it, and never failed"
    assert s.saved_step == 36


def test_stopping_while_loading_writes_nothing(
    start: StartRun, small_config: RunConfig, tmp_path: Path
) -> None:
    run = TrainingRun(small_config, NewRun(tmp_path / "checkpoints"))
    run.stop()
    run.start()
    wait_for_end(run)
    assert run.snapshot.phase is Phase.STOPPED
    assert not (tmp_path / "checkpoints").exists()
    run.close()
    assert run.join(10)


def test_a_run_that_was_never_started_has_nothing_to_wait_for(
    small_config: RunConfig, tmp_path: Path
) -> None:
    run = TrainingRun(small_config, NewRun(tmp_path / "checkpoints"))
    run.close()
    assert run.join(0)


def test_closing_without_stopping_lets_training_end_first(
    start: StartRun, small_config: RunConfig
) -> None:
    run = start(small_config)
    run.close(stop_training=False)
    assert run.join(30)
    assert run.snapshot.phase is Phase.FINISHED


@pytest.mark.usefixtures("slow_steps")
def test_a_paused_run_left_to_itself_goes_on_to_its_end(
    start: StartRun, small_config: RunConfig
) -> None:
    run = start(small_config)
    wait_for(lambda: run.snapshot.phase is Phase.TRAINING)
    run.pause()
    wait_for(lambda: run.snapshot.phase is Phase.PAUSED)
    run.close(stop_training=False)
    assert run.join(30)
    assert run.snapshot.phase is Phase.FINISHED


def test_a_reader_that_never_looks_does_not_hold_training_up(
    start: StartRun, small_config: RunConfig
) -> None:
    run = start(small_config)
    unread = [run.request(LatentMap()) for _ in range(50)]
    wait_for_end(run)
    assert run.snapshot.phase is Phase.FINISHED
    assert all(future.done() for future in unread)


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


@pytest.mark.parametrize("also", [[], ["save_best"], ["save_best", "snapshot", "close"]])
def test_a_run_ends_though_its_end_fails_too_and_tells_the_first_error(
    also: list[str], start: StartRun, small_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As every call does after a sticky error of the device."""
    original = TrainingSession.train_slice

    def train_slice(self: TrainingSession) -> None:
        original(self)
        for name in also:
            monkeypatch.setattr(TrainingSession, name, broken)
        raise RuntimeError("the first error")

    monkeypatch.setattr(TrainingSession, "train_slice", train_slice)
    close = TrainingSession.close
    run = start(small_config)
    wait_for_end(run)
    assert run.snapshot.phase is Phase.FAILED
    assert run.snapshot.error == "RuntimeError: the first error"
    if "close" in also:
        assert run._session is not None
        close(run._session)  # for the test's end: its writer is a thread that stays
    run.close()
    assert run.join(10)
    assert run.directory is not None
    assert owner_of(run.directory) is None


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), ValueError("no")])
def test_whatever_a_library_raises_as_it_is_imported_the_run_trains_on(
    raised: BaseException,
    small_config: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def opened(*_: object) -> None:
        raise raised

    monkeypatch.setattr("engine.runs.tensorboard.EventLog", opened)
    run = TrainingRun(small_config, NewRun(tmp_path), tensorboard=True)
    run.start()
    wait_for_end(run)
    assert run.snapshot.phase is Phase.FINISHED
    assert "can't write TensorBoard's files" in run.snapshot.alerts[0].text
    run.close()
    assert run.join(10)


def test_a_run_ends_whatever_is_raised_in_its_thread(
    start: StartRun, small_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(_: TrainingSession) -> None:
        raise SystemExit(3)

    monkeypatch.setattr(TrainingSession, "train_slice", leave)
    run = start(small_config)
    wait_for_end(run)
    assert run.snapshot.phase is Phase.FAILED


@pytest.mark.usefixtures("slow_steps")
def test_a_run_that_another_process_takes_ends_saying_who(
    start: StartRun, small_config: RunConfig
) -> None:
    run = start(replace(small_config, epochs=10_000))
    wait_for(lambda: run.snapshot.saved_step is not None)
    assert run.directory is not None
    lock = run.directory / "lock"
    lock.unlink()
    lock.write_text('{"pid": 4242, "host": "another-machine"}')
    wait_for_end(run)
    status = (run.directory / "status.json").read_bytes()
    assert run.snapshot.phase is Phase.FAILED
    assert run.snapshot.error is not None
    assert "process 4242 on another-machine trains" in run.snapshot.error
    run.close()
    assert run.join(10)
    assert (run.directory / "status.json").read_bytes() == status
    assert "4242" in lock.read_text()


@pytest.mark.usefixtures("slow_steps")
def test_a_save_that_is_asked_for_comes_at_once_and_training_goes_on(
    start: StartRun, small_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrainingSession, "save_if_due", lambda _: None)
    run = start(replace(small_config, epochs=10_000))
    wait_for(lambda: run.snapshot.step > 5)
    assert run.snapshot.saved_step is None
    run.save()
    wait_for(lambda: run.snapshot.saved_step is not None)
    saved = run.snapshot.saved_step
    assert saved is not None
    wait_for(lambda: run.snapshot.step > saved)
    assert run.snapshot.phase is Phase.TRAINING
