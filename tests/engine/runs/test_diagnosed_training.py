from pathlib import Path

import pytest
import torch

from engine.config import RunConfig
from engine.runs import training_session
from engine.storage import checkpoint
from engine.storage.history_reader import HistoryReader
from tests.support.stored_runs import train_run

pytestmark = pytest.mark.slow


def test_a_run_is_diagnosed_and_trained_as_one_that_is_not(
    small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diagnosed = train_run(small_config, tmp_path, "diagnosed")
    monkeypatch.setattr(training_session, "diagnosis_due", lambda *_: False)
    plain = train_run(small_config, tmp_path, "plain")

    history = HistoryReader(diagnosed, small_config).update()
    assert [d.step for d in history.diagnoses()] == [0, 1, 4, 12, 24, 36]
    assert [d.epoch for d in history.diagnoses()][-1] == 3.0
    assert HistoryReader(plain, small_config).update().diagnoses() == []
    for name in ("metrics.csv", "kl.csv", "steps.csv"):
        rows = [
            [line.split(",")[:2] + line.split(",")[3:] for line in file.read_text().splitlines()]
            for file in (diagnosed / name, plain / name)
        ]
        assert rows[0] == rows[1]  # but for the seconds
    one, other = (checkpoint.read(path / "last.pt") for path in (diagnosed, plain))
    assert torch.equal(one["generator"], other["generator"])
    for name, weights in one["model"].items():
        assert torch.equal(weights, other["model"][name]), name
