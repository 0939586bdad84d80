"""Two runs of one plan: the second waits for the first."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.config import RunConfig, TrainingPlan
from engine.runs.training_run import TrainingRun, planned_runs
from engine.snapshot import Phase
from engine.storage import checkpoint
from tests.support.slow_training import slow_training
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

Start = Callable[..., list[TrainingRun]]


@pytest.fixture
def plan(small_config: RunConfig) -> TrainingPlan:
    return TrainingPlan(**small_config.to_dict() | {"model": "both", "hidden": (32,)})


@pytest.fixture
def start(tmp_path: Path, plan: TrainingPlan) -> Iterator[Start]:
    started: list[TrainingRun] = []

    def start_runs(name: str | None = "pair", **changes: object) -> list[TrainingRun]:
        runs = planned_runs(replace(plan, **changes), tmp_path / "checkpoints", name)
        for run in runs:
            run.start()
        started.extend(runs)
        return runs

    yield start_runs
    for run in started:
        run.close()
    for run in started:
        assert run.join(30)


@pytest.fixture
def slow_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_training(monkeypatch)


def test_a_plan_is_one_run_or_a_vae_and_an_autoencoder_alike_in_all_else(
    plan: TrainingPlan,
) -> None:
    vae, ae = plan.runs()
    assert (vae.model, ae.model) == ("vae", "ae")
    assert replace(vae, model="ae") == ae
    assert type(vae) is RunConfig
    [alone] = replace(plan, model="ae").runs()
    assert alone == ae


def test_the_second_begins_when_the_first_has_ended(start: Start, slow_steps: None) -> None:
    vae, ae = start()
    wait_for(lambda: ae.snapshot.phase is Phase.WAITING)
    assert "pair-vae" in ae.snapshot.activity
    while vae.snapshot.phase.is_active:
        # In this order: the first may end between the two looks.
        phase = ae.snapshot.phase
        assert phase is Phase.WAITING or not vae.snapshot.phase.is_active
    wait_for(lambda: not ae.snapshot.phase.is_active)
    assert (vae.snapshot.phase, ae.snapshot.phase) == (Phase.FINISHED, Phase.FINISHED)
    assert vae.directory is not None
    assert ae.directory is not None
    assert (vae.directory.name, ae.directory.name) == ("pair-vae", "pair-ae")


def test_each_has_the_weights_of_a_run_alone(start: Start) -> None:
    pair = start()
    alone = [start(f"alone-{model}", model=model)[0] for model in ("vae", "ae")]
    wait_for(lambda: not any(e.snapshot.phase.is_active for e in (*pair, *alone)))
    for together, apart in zip(pair, alone, strict=True):
        assert together.directory is not None
        assert apart.directory is not None
        expected = checkpoint.read(apart.directory / "last.pt")["model"]
        for name, weights in checkpoint.read(together.directory / "last.pt")["model"].items():
            assert torch.equal(weights, expected[name]), name


def test_the_second_goes_on_when_the_first_is_stopped_or_fails(
    start: Start, slow_steps: None
) -> None:
    vae, ae = start(epochs=1000)
    wait_for(lambda: vae.snapshot.step > 3)
    vae.stop()
    wait_for(lambda: ae.snapshot.step > 0)
    assert vae.snapshot.phase is Phase.STOPPED
    vae, ae = start("pair", epochs=2)  # a name that is taken
    wait_for(lambda: not ae.snapshot.phase.is_active)
    assert vae.snapshot.phase is Phase.FAILED
    assert ae.snapshot.phase is Phase.FAILED, "tried, though its name is taken too"


def test_a_waiting_run_can_be_stopped_and_leaves_nothing(start: Start, slow_steps: None) -> None:
    vae, ae = start(epochs=1000)
    wait_for(lambda: ae.snapshot.phase is Phase.WAITING)
    ae.stop()
    wait_for(lambda: not ae.snapshot.phase.is_active)
    assert (ae.snapshot.phase, ae.directory) == (Phase.STOPPED, None)
    assert vae.snapshot.phase.is_active


def test_closing_without_stopping_trains_both_to_their_ends(start: Start) -> None:
    runs = start()
    for run in runs:
        run.close(stop_training=False)
    for run in runs:
        assert run.join(30)
    assert [run.snapshot.phase for run in runs] == [Phase.FINISHED, Phase.FINISHED]
