import csv
import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.config import RunConfig
from engine.errors import RunError
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.storage.csv_log import CsvLog
from engine.storage.provenance import Provenance
from engine.storage.run_directory import RunDirectory


def evaluation(step: int, train: Metrics | None = None) -> Evaluation:
    return Evaluation(
        step=step,
        epoch=step / 3,
        beta=1.0,
        lr=1e-3,
        val=Metrics(loss=250.5, recon=240.25, kl=10.125),
        train=train,
        kl_per_dim=np.array([10.0, 0.125]),
        active_units=1,
        seconds=0.5,
    )


def test_a_run_is_never_made_over_another(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path, "mine", RunConfig(), Provenance()).close()
    with pytest.raises(RunError, match="run 'mine' exists already"):
        RunDirectory.create(tmp_path, "mine", RunConfig(), Provenance())


def test_runs_named_by_time_in_the_same_second_get_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.storage.run_directory.default_name", lambda *_: "vae-now")
    made = [RunDirectory.create(tmp_path, None, RunConfig(), Provenance()) for _ in range(3)]
    assert [run.path.name for run in made] == ["vae-now", "vae-now-2", "vae-now-3"]
    for run in made:
        run.close()


def test_a_directory_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"can't make a run directory in .*file"):
        RunDirectory.create(tmp_path / "file", "x", RunConfig(), Provenance())


def test_metrics_open_in_pandas_and_a_missing_number_is_an_empty_cell(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, "x", RunConfig(), Provenance())
    run.add_evaluation(evaluation(0))
    run.add_evaluation(evaluation(3, train=Metrics(loss=1 / 3, recon=2.0, kl=math.nan)))
    run.add_train_point(TrainPoint(2, 2 / 3, Metrics(1.0, 2.0, 3.0)))
    run.flush()
    run.close()
    table = pd.read_csv(run.path / "metrics.csv")
    assert table["step"].tolist() == [0, 3]
    assert table["val_neg_elbo"].tolist() == [250.375, 250.375]
    assert table["train_loss"].isna().tolist() == [True, False]
    assert table["train_loss"][1] == 1 / 3, "every digit is kept"
    assert np.isnan(table["train_neg_elbo"][1])
    steps = pd.read_csv(run.path / "steps.csv")
    assert steps.loc[0].tolist() == [2.0, 2 / 3, 1.0, 5.0, 2.0, 3.0]


def test_rows_that_could_not_be_written_are_written_later_and_no_half_row_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CsvLog(tmp_path / "x.csv", ["a", "b"])
    log.append([1, 2.5])
    log.flush()
    log.append([3, None])
    real_fdopen = os.fdopen

    def full_disk(descriptor: int, mode: str) -> object:
        file = real_fdopen(descriptor, mode)
        file.seek(0, os.SEEK_END)
        file.write(b"3," * 50)  # a disk that fills up in the middle of a row
        file.close()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.storage.csv_log.os.fdopen", full_disk)
    with pytest.raises(OSError, match="No space left"):
        log.flush()
    monkeypatch.undo()
    log.append([4, 5])
    log.flush()
    rows = list(csv.reader((tmp_path / "x.csv").open()))
    assert rows == [["a", "b"], ["1", "2.5"], ["3", ""], ["4", "5"]]
