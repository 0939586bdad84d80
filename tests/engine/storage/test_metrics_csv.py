"""CSV files that grow while they are read, are cut when a run goes back, and keep every digit."""

import math
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import RunConfig
from engine.errors import RunError
from engine.history import History
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.storage.csv_log import CsvLog
from engine.storage.history_reader import HistoryReader
from engine.storage.metrics_csv import (
    KL_FILE,
    METRICS_COLUMNS,
    METRICS_FILE,
    STEPS_COLUMNS,
    STEPS_FILE,
    RowReader,
    Values,
    evaluation_row,
    kl_columns,
    kl_row,
    train_point_row,
)

CONFIG = RunConfig(latent_dim=2)
ANY_FLOAT = st.floats(allow_infinity=True, allow_nan=True)


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    """For properties: a folder for each example would cost more than what is tried."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


def evaluation(step: int, kl: Sequence[float] | np.ndarray = (6.0, 4.0)) -> Evaluation:
    return Evaluation(
        step=step,
        epoch=step / 7,
        beta=1 / 3,
        lr=2e-3,
        val=Metrics(loss=240.0 - step, recon=230.1, kl=10.123456789012345),
        train=None if step == 0 else Metrics(1e300, -1e-300, 5e-324),
        kl_per_dim=np.array(kl),
        active_units=2,
        seconds=step * 0.1,
    )


def point(step: int) -> TrainPoint:
    return TrainPoint(step, step / 7, Metrics(300.0 / (step + 1), 290.0, math.pi))


class Files:
    """A run's series, as its process writes them."""

    def __init__(self, path: Path, last_step: int = -1) -> None:
        self.metrics = CsvLog(path / METRICS_FILE, METRICS_COLUMNS, last_step)
        self.kl = CsvLog(path / KL_FILE, kl_columns(CONFIG), last_step)
        self.steps = CsvLog(path / STEPS_FILE, STEPS_COLUMNS, last_step)

    def add(self, *steps: int) -> None:
        for step in steps:
            self.kl.append(kl_row(evaluation(step, (step, step + 0.5))))
            self.metrics.append(evaluation_row(evaluation(step)))
            self.steps.append(train_point_row(point(step)))

    def flush(self) -> None:
        for log in (self.kl, self.metrics, self.steps):
            log.flush()


def steps_of(history: History) -> tuple[list[int], list[int]]:
    return [e.step for e in history.evaluations()], [p.step for p in history.train_points()]


def bits(value: float) -> bytes:
    return b"NaN" if math.isnan(value) else struct.pack(">d", value)


def row_of_two(values: Values) -> tuple[bytes, bytes]:
    return bits(values["a"]), bits(values["b"])


@pytest.mark.slow
@settings(max_examples=150)
@given(
    st.lists(st.tuples(ANY_FLOAT, ANY_FLOAT), max_size=8),
    st.lists(st.integers(0, 60), max_size=30),
)
def test_however_bytes_arrive_the_rows_are_those_of_one_read(
    shared_folder: Path, rows: list[tuple[float, float]], pieces: list[int]
) -> None:
    file = shared_folder / "pieces.csv"
    file.unlink(missing_ok=True)
    log = CsvLog(file, ("a", "b"))
    for row in rows:
        log.append(row)
    log.flush()
    content = file.read_bytes()
    at_once = RowReader(file, ("a", "b"), row_of_two).new_rows()
    assert at_once == [(bits(a), bits(b)) for a, b in rows], "digit for digit"

    file.write_bytes(b"")
    reader = RowReader(file, ("a", "b"), row_of_two)
    found, written = [], 0
    for size in [*pieces, len(content)]:
        with file.open("ab") as stream:
            stream.write(content[written : written + size])
        written = min(len(content), written + size)
        found += reader.new_rows()
        assert not reader.was_cut
        assert len(found) == max(0, content[:written].count(b"\n") - 1)
    assert found == at_once
    assert reader.new_rows() == []


def test_a_long_file_is_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not all of it is in memory at once, and none of it is left out."""
    monkeypatch.setattr("engine.storage.metrics_csv.BLOCK", 1000)
    config = RunConfig(latent_dim=40)  # the rows of kl.csv are longer than those of metrics.csv
    files = Files(tmp_path)
    files.kl = CsvLog(tmp_path / KL_FILE, kl_columns(config))
    for step in range(200):
        files.kl.append(kl_row(evaluation(step, np.arange(40) / (step + 1))))
        files.metrics.append(evaluation_row(evaluation(step)))
        files.steps.append(train_point_row(point(step)))
    files.flush()
    blocks: list[int] = []
    original = RowReader.new_rows

    def counting(self: RowReader[Any]) -> list[Any]:
        rows = original(self)
        blocks.append(len(rows))
        return rows

    monkeypatch.setattr(RowReader, "new_rows", counting)
    history = HistoryReader(tmp_path, config).update()
    assert steps_of(history) == (list(range(200)), list(range(200)))
    for e in history.evaluations():
        assert np.array_equal(e.kl_per_dim, np.arange(40) / (e.step + 1))
    assert max(blocks) < 100


def test_a_file_that_was_cut_and_has_grown_beyond_is_read_anew(tmp_path: Path) -> None:
    """Where nobody looked meanwhile, its size doesn't tell."""
    files, reader = Files(tmp_path), HistoryReader(tmp_path, CONFIG)
    files.add(0, 1, 2)
    files.flush()
    reader.update()
    resumed = Files(tmp_path, last_step=1)
    resumed.metrics.append(evaluation_row(replace(evaluation(2), seconds=123.456)))
    resumed.kl.append(kl_row(evaluation(2, (7.0, 8.0))))
    for step in (3, 4):
        resumed.kl.append(kl_row(evaluation(step)))
        resumed.metrics.append(evaluation_row(evaluation(step)))
    resumed.flush()
    found = reader.update().evaluations()
    assert [e.step for e in found] == [0, 1, 2, 3, 4]
    assert found[2].seconds == 123.456
    assert found[2].kl_per_dim.tolist() == [7.0, 8.0]


STEP = st.integers(1, 5)
ACTION = st.sampled_from(["add", "flush", "kl.flush", "read", "restart"])


@pytest.mark.slow
@settings(max_examples=150)
@given(st.lists(st.tuples(ACTION, STEP), max_size=25))
def test_a_reader_sees_what_the_writer_keeps_whatever_comes_between(
    shared_folder: Path, actions: list[tuple[str, int]]
) -> None:
    """Rows come, are flushed in parts, and the run goes back to a checkpoint."""
    for name in (METRICS_FILE, KL_FILE, STEPS_FILE):
        (shared_folder / name).unlink(missing_ok=True)
    files, reader = Files(shared_folder), HistoryReader(shared_folder, CONFIG)
    kept: list[int] = []
    on_disk: list[int] = []
    step = -1
    for action, number in actions:
        match action:
            case "add":
                step += number
                kept.append(step)
                files.add(step)
            case "flush":
                files.flush()
                on_disk = list(kept)
            case "kl.flush":  # killed or read between the two
                files.kl.flush()
            case "restart":
                # A checkpoint is written when its rows are.
                checkpoint = on_disk[-min(len(on_disk), number)] if on_disk else -1
                files = Files(shared_folder, checkpoint)
                kept = [s for s in on_disk if s <= checkpoint]
                on_disk = list(kept)
                step = checkpoint
                reader.update()  # a reader looks ten times a second
            case "read":
                reader.update()
        if action == "read":
            assert steps_of(reader.history) == (on_disk, on_disk)
    files.flush()
    history = reader.update()
    assert steps_of(history) == (kept, kept)
    again = HistoryReader(shared_folder, CONFIG).update()
    assert [repr(e) for e in history.evaluations()] == [repr(e) for e in again.evaluations()]
    for e in history.evaluations():
        assert e.kl_per_dim.tolist() == [e.step, e.step + 0.5]
        assert repr(e) == repr(evaluation(e.step, (e.step, e.step + 0.5)))
    assert history.train_points() == [point(s) for s in kept]


def test_a_cut_file_is_noticed_and_read_again_into_a_new_history(tmp_path: Path) -> None:
    files, reader = Files(tmp_path), HistoryReader(tmp_path, CONFIG)
    files.add(0, 1, 2, 4)
    files.flush()
    before = reader.update()
    assert steps_of(before)[0] == [0, 1, 2, 4]
    resumed = Files(tmp_path, last_step=1)
    after = reader.update()
    assert after is not before, "whoever has read it so far begins anew"
    assert after is reader.history
    assert steps_of(after) == ([0, 1], [0, 1])
    assert steps_of(before)[0] == [0, 1, 2, 4], "the old one isn't changed under its readers"
    resumed.add(2, 3)
    resumed.flush()
    assert steps_of(reader.update()) == ([0, 1, 2, 3], [0, 1, 2, 3])
    assert reader.history is after


def test_a_file_that_only_grows_was_not_cut(tmp_path: Path) -> None:
    reader = RowReader(tmp_path / "x.csv", ("a", "b"), row_of_two)
    assert not reader.was_cut, "it isn't there yet"
    log = CsvLog(tmp_path / "x.csv", ("a", "b"))
    for number in range(3):
        log.append((number, None))
        log.flush()
        assert not reader.was_cut
        assert len(reader.new_rows()) == 1
    (tmp_path / "x.csv").unlink()
    assert reader.was_cut
    assert reader.new_rows() == []


def test_only_the_kl_file_was_cut(tmp_path: Path) -> None:
    """Killed between the two files' writes: kl.csv is a row ahead, and is cut by that."""
    files, reader = Files(tmp_path), HistoryReader(tmp_path, CONFIG)
    files.add(0, 1)
    files.flush()
    files.kl.append(kl_row(evaluation(2, (1.0, 0.123456789))))
    files.kl.flush()
    reader.update()
    resumed = Files(tmp_path, last_step=1)
    reader.update()
    # On another device the numbers are others, and so is the length of their row.
    resumed.kl.append(kl_row(evaluation(2, (7.0, 8.0))))
    resumed.metrics.append(evaluation_row(evaluation(2)))
    resumed.kl.append(kl_row(evaluation(3, (9.0, 10.0))))
    resumed.metrics.append(evaluation_row(evaluation(3)))
    resumed.flush()
    found = reader.update().evaluations()
    assert [e.kl_per_dim.tolist() for e in found[2:]] == [[7.0, 8.0], [9.0, 10.0]]


def test_kl_that_is_ahead_is_kept_for_its_evaluation(tmp_path: Path) -> None:
    files, reader = Files(tmp_path), HistoryReader(tmp_path, CONFIG)
    files.add(0, 1)
    files.kl.flush()
    assert reader.update().evaluations() == []
    files.flush()
    found = reader.update().evaluations()
    assert [e.kl_per_dim.tolist() for e in found] == [[0.0, 0.5], [1.0, 1.5]]


def test_evaluations_without_kl_are_read_without_it(tmp_path: Path) -> None:
    files, reader = Files(tmp_path), HistoryReader(tmp_path, CONFIG)
    files.add(0, 1)
    files.metrics.flush()
    assert [e.kl_per_dim.tolist() for e in reader.update().evaluations()] == [[], []]
    files.kl.flush()  # and a row that comes too late disturbs none
    files.add(2)
    files.flush()
    assert [e.kl_per_dim.tolist() for e in reader.update().evaluations()] == [[], [], [2.0, 2.5]]


def test_an_autoencoder_has_no_kl_file(tmp_path: Path) -> None:
    config = RunConfig(model="ae", latent_dim=2)
    log = CsvLog(tmp_path / METRICS_FILE, METRICS_COLUMNS)
    metrics = Metrics(230.0, 230.0, math.nan)
    log.append(evaluation_row(Evaluation(3, 0.5, 0.0, 1e-3, metrics, None, np.empty(0), 0, 1.0)))
    log.flush()
    (tmp_path / KL_FILE).write_text("not looked at")
    [found] = HistoryReader(tmp_path, config).update().evaluations()
    assert math.isnan(found.val.kl)
    assert found.val.score == 230.0
    assert found.kl_per_dim.size == 0


@pytest.mark.slow
@given(
    st.lists(ANY_FLOAT, min_size=8, max_size=8),
    st.tuples(*(st.floats(0, most) for most in (1e6, 1e308, 1.0, 1e12))),
    st.integers(0, 10**12),
    st.none() | st.integers(0, 20),
)
def test_every_number_of_an_evaluation_comes_back_digit_for_digit(
    shared_folder: Path,
    values: list[float],
    bounded: tuple[float, ...],
    step: int,
    active: int | None,
) -> None:
    for name in (METRICS_FILE, KL_FILE, STEPS_FILE):
        (shared_folder / name).unlink(missing_ok=True)
    epoch, beta, lr, seconds = bounded
    *m, kl_1, kl_2 = values
    # An empty train loss means no training yet.
    train = None if math.isnan(m[3]) else Metrics(m[3], m[4], m[5])
    written = Evaluation(
        step, epoch, beta, lr, Metrics(*m[:3]), train, np.array([kl_1, kl_2]), active, seconds
    )
    files = Files(shared_folder)
    files.kl.append(kl_row(written))
    files.metrics.append(evaluation_row(written))
    files.steps.append(train_point_row(TrainPoint(step, epoch, Metrics(*m[:3]))))
    files.flush()
    history = HistoryReader(shared_folder, CONFIG).update()
    [found], [train_point] = history.evaluations(), history.train_points()

    def all_bits(e: Evaluation) -> list[bytes]:
        metrics = [e.val, e.train] if e.train else [e.val]
        numbers = [e.epoch, e.beta, e.lr, e.seconds, *e.kl_per_dim.tolist()]
        numbers += [x for metric in metrics for x in (metric.loss, metric.recon, metric.kl)]
        return [bits(x) for x in numbers]

    assert (found.step, found.active_units) == (step, active)
    assert (found.train is None) == (train is None)
    assert all_bits(found) == all_bits(written)
    assert train_point.step == step
    assert bits(train_point.metrics.kl) == bits(m[2])


@pytest.mark.parametrize("last_step", [-1, 0, 1, 3, 4, 100])
def test_a_log_taken_up_again_cuts_later_rows_and_a_half_one(
    last_step: int, tmp_path: Path
) -> None:
    file = tmp_path / "x.csv"
    log = CsvLog(file, ("step", "b"))
    for step in (0, 1, 2, 4):
        log.append((step, step / 3))
    log.flush()
    whole = file.read_text().splitlines()
    with file.open("a") as stream:
        stream.write("5,1.6")  # killed in the middle of a line
    again = CsvLog(file, ("step", "b"), last_step)
    kept = [f"{step},{step / 3}" for step in (0, 1, 2, 4) if step <= last_step]
    expected = [*whole[:1], *kept] if last_step >= 0 else []
    assert file.read_text().splitlines() == expected, "cut at once, before anything is added"
    again.append((7, None))
    again.flush()
    assert file.read_text() == "\n".join([*whole[:1], *kept, "7,"]) + "\n"


@pytest.mark.parametrize("content", ["", "step,", "step,b"])
def test_a_log_without_a_whole_header_begins_anew(content: str, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text(content)
    log = CsvLog(file, ("step", "b"), last_step=9)
    log.append((10, 1))
    log.flush()
    assert file.read_text() == "step,b\n10,1\n"


def test_a_log_of_a_run_that_never_wrote_one_begins_with_its_header(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "x.csv", ("step", "b"), last_step=9)
    assert not (tmp_path / "x.csv").exists()
    log.flush()
    assert (tmp_path / "x.csv").read_text() == "step,b\n"


@pytest.mark.parametrize(
    ("line", "number"),
    [("1,2,3", 3), ("1", 3), (",\udcff", 3), ("1,x", 3), ("1,2\n3,4\n5,six", 5)],
)
def test_a_line_that_is_no_row_costs_itself_alone_and_is_told_with_file_and_number(
    line: str, number: int, tmp_path: Path
) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a,b\n1,2\n")
    reader = RowReader(file, ("a", "b"), row_of_two)
    assert len(reader.new_rows()) == 1
    assert reader.problem == ""
    with file.open("ab") as stream:
        stream.write(line.encode(errors="surrogateescape") + b"\n")
    assert len(reader.new_rows()) == number - 3
    told = f"{file} line {number} is not a row of 2 numbers that a run can have"
    assert reader.problem == told
    with file.open("a") as stream:
        stream.write("7,8\nbad\n9,10\n")
    assert reader.new_rows() == [(bits(7), bits(8)), (bits(9), bits(10))]
    assert reader.problem == f"{told}, nor is 1 other line"


def test_what_spreadsheets_and_editors_make_of_a_file_is_read(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.add(0, 27)
    files.flush()
    expected = HistoryReader(tmp_path, CONFIG).update()
    for name in (METRICS_FILE, KL_FILE, STEPS_FILE):
        text = (tmp_path / name).read_text().replace("\n27,", "\n\n27.0,")
        header, rest = text.split("\n", 1)
        quoted = ",".join(f'"{column}"' for column in header.split(","))
        changed = f"\ufeff{quoted}\n{rest}\n \n".replace("\n", "\r\n")
        (tmp_path / name).write_bytes(changed.encode())
    reader = HistoryReader(tmp_path, CONFIG)
    found = reader.update()
    assert list(map(repr, found.evaluations())) == list(map(repr, expected.evaluations()))
    assert found.train_points() == expected.train_points()
    assert reader.problem == ""
    # Whoever resumes the run cuts it where it ought to.
    CsvLog(tmp_path / METRICS_FILE, METRICS_COLUMNS, 26)
    assert steps_of(HistoryReader(tmp_path, CONFIG).update())[0] == [0]


def test_of_a_damaged_file_the_others_are_read(tmp_path: Path) -> None:
    for damaged, lost in ((METRICS_FILE, 0), (KL_FILE, None), (STEPS_FILE, 1)):
        files = Files(tmp_path)
        files.add(0, 1)
        files.flush()
        (tmp_path / damaged).write_text("nothing of ours\n")
        reader = HistoryReader(tmp_path, CONFIG)
        with pytest.raises(RunError, match=damaged):
            reader.update()
        expected: list[list[int]] = [[0, 1], [0, 1]]
        if lost is not None:
            expected[lost] = []
        assert list(steps_of(reader.history)) == expected


def test_a_pipe_or_a_directory_in_a_files_place_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / METRICS_FILE)
    with pytest.raises(RunError, match=r"metrics\.csv can't be read: It is no regular file"):
        HistoryReader(tmp_path, CONFIG).update()


def test_of_a_file_from_before_a_column_was_added_the_rest_is_read_and_continued(
    tmp_path: Path,
) -> None:
    file = tmp_path / "x.csv"
    old = CsvLog(file, ("a", "b"))
    old.append((1, 2.5))
    old.flush()
    resumed = CsvLog(file, ("a", "b", "c"), last_step=1)
    resumed.append((2, 3.5, 7.0))
    resumed.flush()
    assert file.read_text() == "a,b\n1,2.5\n2,3.5\n"
    reader = RowReader(file, ("a", "b", "c"), lambda row: tuple(row.items()), oldest=2)
    assert [dict(row) for row in reader.new_rows()] == [
        {"a": 1.0, "b": 2.5, "c": pytest.approx(math.nan, nan_ok=True)},
        {"a": 2.0, "b": 3.5, "c": pytest.approx(math.nan, nan_ok=True)},
    ]
    assert not reader.problem


def test_another_header_is_told(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("b,a\n1,2\n")
    with pytest.raises(RunError, match=r"x\.csv line 1 is not the header a,b"):
        RowReader(file, ("a", "b"), row_of_two).new_rows()
    file.write_bytes(b"\xff\xfe\n")
    with pytest.raises(RunError, match=r"x\.csv line 1 is not the header"):
        RowReader(file, ("a", "b"), row_of_two).new_rows()


@pytest.mark.parametrize("name", [METRICS_FILE, STEPS_FILE])
@pytest.mark.parametrize("step", ["nan", "inf", "", "-1", "1.5", "1e300"])
def test_a_step_that_is_none_is_told(name: str, step: str, tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.add(0)
    files.flush()
    header, row = (tmp_path / name).read_text().splitlines()
    (tmp_path / name).write_text(f"{header}\n{step}{row[1:]}\n")
    reader = HistoryReader(tmp_path, CONFIG)
    reader.update()
    assert f"{name} line 2 is not a row" in reader.problem


@pytest.mark.parametrize("column", ["epoch", "seconds", "beta", "lr"])
@pytest.mark.parametrize("odd", ["nan", "inf", "-1", "1e309"])
def test_an_evaluation_of_numbers_that_cannot_be_is_none(
    column: str, odd: str, tmp_path: Path
) -> None:
    files = Files(tmp_path)
    files.add(0, 1)
    files.flush()
    file = tmp_path / METRICS_FILE
    header, first, second = file.read_text().splitlines()
    cells = second.split(",")
    cells[METRICS_COLUMNS.index(column)] = odd
    file.write_text("\n".join([header, first, ",".join(cells), ""]))
    reader = HistoryReader(tmp_path, CONFIG)
    assert steps_of(reader.update()) == ([0], [0, 1])
    assert "line 3 is not a row" in reader.problem
