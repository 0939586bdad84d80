"""The last and the best of a metrics.csv, whenever one looks."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.storage.csv_log import CsvLog
from engine.storage.listing import summarize
from engine.storage.metrics_csv import METRICS_COLUMNS, METRICS_FILE, RowReader, evaluation_row
from engine.storage.run_scores import RunScores
from tests.support.made_runs import evaluation


def log_of(path: Path, last_step: int = -1) -> CsvLog:
    return CsvLog(path / METRICS_FILE, METRICS_COLUMNS, last_step)


def add(log: CsvLog, step: int, score: float) -> None:
    log.append(evaluation_row(replace(evaluation(step / 10, score), step=step)))
    log.flush()


def seen(scores: RunScores) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    last, best = scores.last, scores.best
    return last and (last.step, last.score), best and (best.step, best.score)


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(200, 220), st.booleans()), max_size=20))
def test_many_looks_see_what_one_sees(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, bool]]
) -> None:
    path = tmp_path_factory.mktemp("run")
    log, often = log_of(path), RunScores(path)
    for step, (score, look) in enumerate(rows):
        add(log, step, float(score))
        if look:
            often.update()
    once = RunScores(path)
    once.update()
    often.update()
    assert seen(often) == seen(once)
    if rows:
        best = min(score for score, _ in rows)
        assert once.best is not None
        assert once.best.score == pytest.approx(best)


def test_a_look_reads_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, scores = log_of(tmp_path), RunScores(tmp_path)
    for step in range(50):
        add(log, step, 300.0 - step)
    scores.update()
    read: list[int] = []
    original = RowReader.new_rows

    def counting(self: RowReader[object]) -> list[object]:
        rows = original(self)
        read.append(len(rows))
        return rows

    monkeypatch.setattr(RowReader, "new_rows", counting)
    add(log, 50, 260.0)
    assert summarize(tmp_path, scores).best == pytest.approx(251.0)
    assert sum(read) == 1


def test_a_best_that_a_run_went_back_behind_is_forgotten(tmp_path: Path) -> None:
    log, scores = log_of(tmp_path), RunScores(tmp_path)
    for step, score in enumerate((400.0, 300.0, 200.0)):
        add(log, step, score)
    scores.update()
    resumed = log_of(tmp_path, last_step=1)
    for step in (2, 3, 4):
        add(resumed, step, 280.0 + step)
    scores.update()
    assert seen(scores) == ((4, pytest.approx(284.0)), (2, pytest.approx(282.0)))


def test_what_was_read_before_a_damage_is_still_known(tmp_path: Path) -> None:
    log, scores = log_of(tmp_path), RunScores(tmp_path)
    for step in range(3):
        add(log, step, 300.0 - step)
    scores.update()
    content = log.path.read_bytes()
    log.path.write_bytes(content + b"no row\n")
    for _ in range(2):
        scores.update()
        assert "line 5 is not a row" in scores.problem
    log.path.write_bytes(content)
    add(log, 3, 310.0)
    scores.update()
    assert scores.problem == ""
    assert seen(scores) == ((3, pytest.approx(310.0)), (2, pytest.approx(298.0)))
