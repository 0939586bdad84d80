import math
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from engine.config import RunConfig
from engine.diagnosis import AggregatedPosterior, Diagnosis, SubsetScore
from engine.errors import RunError
from engine.history import History
from engine.storage.diagnosis_csv import (
    DIAGNOSIS_FILE,
    POSTERIOR_FILE,
    DiagnosisReader,
    diagnosis_columns,
    diagnosis_row,
)
from engine.storage.history_reader import HistoryReader
from engine.storage.provenance import Provenance
from engine.storage.run_directory import RunDirectory
from tests.support.made_diagnoses import made_diagnosis
from tests.support.made_runs import evaluation

CONFIG = RunConfig(hidden=(8,), latent_dim=3, epochs=4)
STEPS = (0, 100, 200)


def assert_equal(one: Diagnosis, two: Diagnosis) -> None:
    for field in fields(Diagnosis):
        mine, other = getattr(one, field.name), getattr(two, field.name)
        if isinstance(mine, AggregatedPosterior):
            for part in fields(AggregatedPosterior):
                np.testing.assert_array_equal(getattr(mine, part.name), getattr(other, part.name))
        else:
            np.testing.assert_equal(_plain(mine), _plain(other), err_msg=field.name)


def _plain(value: object) -> object:
    return repr(value) if isinstance(value, SubsetScore | tuple) else value


def write(path: Path, *steps: int, config: RunConfig = CONFIG) -> list[Diagnosis]:
    run = RunDirectory.create(path.parent, path.name, config, Provenance())
    made = [made_diagnosis(config, step) for step in steps]
    for diagnosis in made:
        run.add_evaluation(evaluation(diagnosis.step / 100, 250.0, config))
        run.add_diagnosis(diagnosis)
    run.flush()
    run.close()
    return made


def read(path: Path, config: RunConfig = CONFIG) -> list[Diagnosis]:
    return HistoryReader(path, config).update().diagnoses()


@pytest.mark.parametrize("model", ["vae", "ae"])
def test_what_is_written_is_read(tmp_path: Path, model: str) -> None:
    config = replace(CONFIG, model=model)
    made = write(tmp_path / "run", *STEPS, config=config)
    found = read(tmp_path / "run", config)
    assert len(found) == len(made)
    for one, two in zip(made, found, strict=True):
        assert_equal(one, two)
    assert len(diagnosis_row(made[0])) == len(diagnosis_columns(config))


def test_fewer_than_ten_worst_images_are_no_others(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, "run", CONFIG, Provenance())
    made = made_diagnosis(CONFIG, 0)
    run.add_diagnosis(replace(made, worst=made.worst[:3], worst_scores=made.worst_scores[:3]))
    run.flush()
    run.close()
    assert read(run.path)[0].worst.tolist() == made.worst[:3].tolist()


def test_a_run_without_the_files_has_no_diagnoses(tmp_path: Path) -> None:
    write(tmp_path / "run", *STEPS)
    for name in (DIAGNOSIS_FILE, POSTERIOR_FILE):
        (tmp_path / "run" / name).unlink()
    reader = HistoryReader(tmp_path / "run", CONFIG)
    assert reader.update().diagnoses() == []
    assert reader.history.evaluation_count == len(STEPS)
    assert reader.problem == ""


def test_it_is_read_on_as_it_grows_and_again_when_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "run"
    write(path, 0, 100)
    reader = HistoryReader(path, CONFIG)
    assert [d.step for d in reader.update().diagnoses()] == [0, 100]
    whole = {name: (path / name).read_bytes() for name in (DIAGNOSIS_FILE, POSTERIOR_FILE)}
    for name, content in whole.items():
        lines = content.splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(b"100,")]
        (path / name).write_bytes(b"".join(kept))
    assert [d.step for d in reader.update().diagnoses()] == [0]
    for name, content in whole.items():
        (path / name).write_bytes(content)
    found = reader.update().diagnoses()
    assert [d.step for d in found] == [0, 100]
    assert np.isfinite(found[1].posterior.mean).all()


def damaged_row(path: Path) -> None:
    lines = (path / DIAGNOSIS_FILE).read_text().splitlines(keepends=True)
    lines[2] = "100,what\n"
    (path / DIAGNOSIS_FILE).write_text("".join(lines))


def damaged_dimension(path: Path) -> None:
    lines = (path / POSTERIOR_FILE).read_text().splitlines(keepends=True)
    lines[1 + 3 + 1] = "100,2,\0\n"
    (path / POSTERIOR_FILE).write_text("".join(lines))


@pytest.mark.parametrize(
    ("damage", "steps", "missing"),
    [(damaged_row, [0, 200], 0), (damaged_dimension, [0, 100, 200], 1)],
)
def test_a_damaged_line_costs_itself_and_is_named(
    tmp_path: Path, damage: Callable[[Path], None], steps: list[int], missing: int
) -> None:
    path = tmp_path / "run"
    write(path, *STEPS)
    damage(path)
    reader = HistoryReader(path, CONFIG)
    found = reader.update().diagnoses()
    assert [d.step for d in found] == steps
    assert sum(int(np.isnan(d.posterior.mean).sum()) for d in found) == missing
    assert str(path) in reader.problem


@pytest.mark.parametrize("cell", ["-1", "1.5", "1e400", "nan"])
def test_numbers_that_no_run_can_have_are_no_row(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "run"
    write(path, 0)
    file = path / DIAGNOSIS_FILE
    header, row = file.read_text().splitlines()
    file.write_text(f"{header}\n{cell},{row.split(',', 1)[1]}\n")
    found: list[Diagnosis] = []
    reader = DiagnosisReader(path, CONFIG)
    reader.read(found.append)
    assert found == []
    assert "line 2" in reader.problem


def test_another_files_header_is_refused_by_name_and_the_curves_are_read(tmp_path: Path) -> None:
    path = tmp_path / "run"
    write(path, *STEPS)
    (path / DIAGNOSIS_FILE).write_text("step,other\n0,1\n")
    reader = HistoryReader(path, CONFIG)
    with pytest.raises(RunError, match=DIAGNOSIS_FILE):
        reader.update()
    assert reader.history.evaluation_count == len(STEPS)


def test_a_posterior_that_cant_be_read_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "run"
    write(path, *STEPS)
    (path / POSTERIOR_FILE).write_text("not,ours\n1,2\n")
    reader = HistoryReader(path, CONFIG)
    with pytest.raises(RunError, match=POSTERIOR_FILE):
        reader.update()
    found = reader.history.diagnoses()
    assert [d.step for d in found] == list(STEPS)
    assert all(math.isnan(value) for value in found[0].posterior.ks)


def test_a_history_gives_what_is_new() -> None:
    history = History()
    assert history.diagnosis is None
    for step in STEPS:
        history.add_diagnosis(made_diagnosis(CONFIG, step))
    assert [d.step for d in history.diagnoses(1)] == [100, 200]
    assert history.diagnosis is history.diagnoses()[-1]
