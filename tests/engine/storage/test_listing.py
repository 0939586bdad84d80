"""The run index, on directories made by hand, and against processes that hold a run's lock."""

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.alerts import Alert, Rule
from engine.errors import RunError
from engine.snapshot import Phase
from engine.storage.listing import RunState, summarize
from engine.storage.run_index import RunIndex, list_runs
from engine.storage.run_lock import RunLock
from tests.support.made_runs import CONFIG, make_run, trained_by_another, write_phase

ACTIVE = [phase for phase in Phase if phase.is_active]


# How a run stands.


@pytest.mark.parametrize("phase", list(Phase))
def test_without_a_process_what_was_active_has_died_and_an_end_stays_one(
    tmp_path: Path, phase: Phase
) -> None:
    path = make_run(tmp_path)
    write_phase(path, phase)
    expected = {
        Phase.FINISHED: RunState.FINISHED,
        Phase.STOPPED: RunState.STOPPED,
        Phase.FAILED: RunState.FAILED,
    }
    assert summarize(path).state is expected.get(phase, RunState.DIED)


@pytest.mark.parametrize("phase", ACTIVE)
def test_with_a_process_it_runs_or_is_paused(tmp_path: Path, phase: Phase) -> None:
    path = make_run(tmp_path)
    write_phase(path, phase)
    lock = RunLock(path)
    expected = RunState.PAUSED if phase is Phase.PAUSED else RunState.RUNNING
    run = summarize(path)
    lock.release()
    assert (run.state, run.owner and run.owner.pid) == (expected, os.getpid())


def test_a_process_that_has_come_to_its_end_is_believed(tmp_path: Path) -> None:
    path = make_run(tmp_path)
    write_phase(path, Phase.STOPPED)
    lock = RunLock(path)
    assert summarize(path).state is RunState.STOPPED
    lock.release()


@pytest.mark.parametrize("status", [None, "", "[]", '{"phase": "training"}', '{"phase": "odd"}'])
def test_without_a_status_the_last_row_and_the_lock_tell(
    tmp_path: Path, status: str | None
) -> None:
    whole = make_run(tmp_path, "whole", {0: 540, 4: 240})
    cut_short = make_run(tmp_path, "short", {0: 540, 3: 245})
    empty = make_run(tmp_path, "empty")
    if status is not None:
        for path in (whole, cut_short, empty):
            (path / "status.json").write_text(status)
    assert summarize(whole).state is RunState.FINISHED
    assert summarize(cut_short).state is summarize(empty).state is RunState.DIED
    lock = RunLock(empty)
    assert summarize(empty).state is RunState.RUNNING
    lock.release()


def test_another_process_is_seen_and_its_death_too(tmp_path: Path) -> None:
    path = make_run(tmp_path)
    write_phase(path, Phase.TRAINING)
    with trained_by_another(path) as pid:
        run = summarize(path)
        assert (run.state, run.owner and run.owner.pid) == (RunState.RUNNING, pid)
    run = summarize(path)
    assert (run.state, run.owner) == (RunState.DIED, None)


# What is told of it.


def test_the_numbers_of_a_run(tmp_path: Path) -> None:
    path = make_run(tmp_path, scores={0: 540.0, 1: 250.5, 2: 240.25, 2.5: 241.0})
    write_phase(path, Phase.STOPPED, epoch=2.75, epochs=4, elapsed=33.5)
    run = summarize(path)
    assert (run.path, run.name, run.config) == (path, "mine", CONFIG)
    assert (run.epoch, run.epochs, run.seconds) == (2.75, 4, 33.5)
    assert (run.last, run.best, run.best_epoch) == (241.0, 240.25, 2.0)
    assert run.created == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert run.problem == ""


def test_an_older_run_has_what_its_rows_tell(tmp_path: Path) -> None:
    run = summarize(make_run(tmp_path, scores={0: 540.0, 3: 245.0}))
    assert (run.epoch, run.seconds) == (3.0, 21.0)


def test_the_untrained_model_is_the_best_if_training_only_made_it_worse(tmp_path: Path) -> None:
    run = summarize(make_run(tmp_path, scores={0: 540.0, 1: 240.0}))
    assert (run.last, run.best, run.best_epoch) == (240.0, 240.0, 1.0)
    run = summarize(make_run(tmp_path, "worse", scores={0: 540.0, 1: 600.0}))
    assert (run.last, run.best, run.best_epoch) == (600.0, 540.0, 0.0)


def test_numbers_that_are_none_are_not_the_best(tmp_path: Path) -> None:
    run = summarize(make_run(tmp_path, scores={1: math.nan, 2: 250.0, 3: math.nan}))
    assert run.best == 250.0
    assert run.last is not None
    assert math.isnan(run.last)


def test_an_autoencoders_score_is_its_reconstruction(tmp_path: Path) -> None:
    config = replace(CONFIG, model="ae")
    run = summarize(make_run(tmp_path, scores={1: 230.0, 2: 225.0}, config=config))
    assert (run.last, run.best) == (225.0, 225.0)


def test_why_a_run_failed_is_told(tmp_path: Path) -> None:
    path = make_run(tmp_path)
    write_phase(path, Phase.FAILED, error="the loss is not a number")
    assert summarize(path).problem == "the loss is not a number"


def test_size_is_of_all_files_and_modified_of_the_newest_but_the_lock(tmp_path: Path) -> None:
    path = make_run(tmp_path)
    before = summarize(path).size
    (path / "frames").mkdir()
    (path / "frames" / "0.npz").write_bytes(b"x" * 1000)
    (path / "last.pt").write_bytes(b"x" * 200)
    for file in path.rglob("*"):
        os.utime(file, (1_000, 1_000))
    os.utime(path / "frames" / "0.npz", (2_000, 2_000))
    os.utime(path / "lock", (3_000, 3_000))
    run = summarize(path)
    assert run.size - before == 1200
    assert run.modified == datetime.fromtimestamp(2_000, UTC)


@pytest.mark.parametrize("created", [None, 7, "yesterday", ["2026"]])
def test_a_time_that_cannot_be_read_is_none(tmp_path: Path, created: object) -> None:
    assert summarize(make_run(tmp_path, created=created)).created is None


def test_a_time_without_a_zone_is_this_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Etc/GMT-2")  # two hours east
    time.tzset()
    run = summarize(make_run(tmp_path, created="2026-11-22T10:00:00"))
    monkeypatch.undo()
    time.tzset()
    assert run.created == datetime(2026, 11, 22, 8, tzinfo=UTC)


# Damage.

DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"model_type": "bert"}',
        b'{"format": 2, "config": {}}',
        b'{"format": 1, "config": {"beta": "one"}}',
        b'{"format": 1, "config": {"beta": 1' + b"0" * 400 + b"}}",
        b'{"format": 1, "config": {"beta": 1' + b"0" * 5000 + b"}}",
        DEEP.encode(),
    ],
)
def test_a_directory_whose_settings_cannot_be_read_says_why(tmp_path: Path, content: bytes) -> None:
    path = make_run(tmp_path, scores={1: 250.0})
    (path / "config.json").write_bytes(content)
    (run,) = list_runs(tmp_path)
    assert (run.state, run.config, run.epochs) == (RunState.UNREADABLE, None, 0)
    assert "config.json" in run.problem
    assert run.best == 250.0, "what else there is is told all the same"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"not,the,header\n", "line 1"),
        (b"\xff\xfe\n", "line 1"),
        (b"x" * (1 << 20), "line 1 is longer"),
        (None, "line 3 is not a row"),
    ],
)
def test_damaged_metrics_are_a_problem_and_no_more(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    path = make_run(tmp_path, scores={1: 250.0})
    file = path / "metrics.csv"
    file.write_bytes(file.read_bytes() + b"one,row\n" if content is None else content)
    write_phase(path, Phase.STOPPED, epoch=1.5, elapsed=3.0)
    run = summarize(path)
    assert (run.state, run.config, run.epoch) == (RunState.STOPPED, CONFIG, 1.5)
    scores = (250.0, 250.0) if content is None else (None, None)
    assert (run.last, run.best) == scores, "a bad row costs itself alone"
    assert "metrics.csv" in run.problem
    assert expected in run.problem


def test_rows_without_an_epoch_are_damaged(tmp_path: Path) -> None:
    path = make_run(tmp_path, scores={1: 250.0})
    file = path / "metrics.csv"
    file.write_text(file.read_text().replace("100,1,", "100,,").replace("100,1.0,", "100,,"))
    assert "line 2 is not a row" in summarize(path).problem


@pytest.mark.parametrize(
    "odd",
    [
        {"epoch": "x"},
        {"epoch": 1e308},
        {"epoch": -1},
        {"epoch": True},
        {"elapsed": [1]},
        {"elapsed": math.nan},
        {"step": 10**400},
        {"error": 7},
        {"epoch": DEEP},
    ],
)
def test_a_status_of_odd_values_is_told_and_the_rows_tell_the_rest(
    tmp_path: Path, odd: dict[str, Any]
) -> None:
    path = make_run(tmp_path, scores={4: 240.0})
    write_phase(path, Phase.TRAINING)
    file = path / "status.json"
    text = json.dumps(json.loads(file.read_text()) | odd).replace(f'"{DEEP}"', DEEP)
    file.write_text(text)
    run = summarize(path)
    assert (run.state, run.epoch) == (RunState.FINISHED, 4.0)
    assert run.problem.startswith(f"{file} can't be used: ")
    assert len(run.problem) < 400


def test_an_odd_lock_is_nobodys(tmp_path: Path) -> None:
    path = make_run(tmp_path)
    (path / "lock").write_text('{"pid": Infinity, "host": "h"}')
    assert summarize(path).owner is None


def test_what_is_not_there_is_unreadable(tmp_path: Path) -> None:
    run = summarize(tmp_path / "gone")
    assert (run.state, run.name, run.size) == (RunState.UNREADABLE, "gone", 0)


# All of them.


def test_runs_are_listed_newest_first_and_nothing_else_is(tmp_path: Path) -> None:
    make_run(tmp_path, "old", created="2026-11-20T00:00:00+00:00")
    make_run(tmp_path, "new", created="2026-11-22T00:00:00+01:00")
    make_run(tmp_path, "between", created="2026-11-21T22:30:00+00:00")
    untimed = make_run(tmp_path, "untimed", created=None)
    for file in untimed.iterdir():
        os.utime(file, (0, 0))
    (tmp_path / "README.md").touch()
    (tmp_path / "notes").mkdir()
    (tmp_path / "[red]\nü").mkdir()
    (tmp_path / "[red]\nü" / "config.json").write_text("{}")
    hidden = make_run(tmp_path, "doomed")
    hidden.rename(tmp_path / ".deleted-x")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    names = [run.name for run in list_runs(tmp_path)]
    assert names == ["[red]\nü", "new", "between", "old", "untimed"]


def test_no_directory_has_no_runs_and_a_file_is_told(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "checkpoints") == []
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file/ can't be read: Not a directory"):
        list_runs(tmp_path / "file")


def test_a_list_is_quick(tmp_path: Path) -> None:
    for number in range(20):
        make_run(tmp_path, f"r{number}", dict.fromkeys(range(60), 250.0))
    list_runs(tmp_path)
    start = time.process_time()
    assert len(list_runs(tmp_path)) == 20
    assert (time.process_time() - start) / 20 < 0.01


def test_of_runs_at_rest_no_file_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        make_run(tmp_path, f"r{number}", {1: 250.0})
    index = RunIndex(tmp_path)
    *_, first = index.look()
    opened: list[str] = []
    folders: list[str] = []
    is_watched = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        # Hooks stay for the life of the process.
        if is_watched and str(tmp_path) in str(arguments[:1]):
            if event == "open":
                opened.append(str(arguments[0]))
            elif event == "os.scandir":
                folders.append(str(arguments[0]))

    sys.addaudithook(watch)
    *_, second = index.look()
    assert second is first
    assert (opened, folders) == ([], [str(tmp_path)])
    log = tmp_path / "r3" / "metrics.csv"
    log.write_bytes(log.read_bytes() + log.read_bytes().splitlines(keepends=True)[1])
    *_, third = index.look()
    is_watched = False
    assert {Path(file).parent.name for file in opened} == {"r3"}
    assert [a is b for a, b in zip(third, first, strict=True)].count(False) == 1


def test_a_run_that_is_trained_is_looked_at_again_for_its_process_may_die(tmp_path: Path) -> None:
    path = make_run(tmp_path)
    write_phase(path, Phase.TRAINING)
    index = RunIndex(tmp_path)
    with trained_by_another(path):
        *_, [run] = index.look()
        assert run.state is RunState.RUNNING
    *_, [run] = index.look()
    assert run.state is RunState.DIED


def test_many_runs_come_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        make_run(tmp_path, f"r{number}")
    monkeypatch.setattr("engine.storage.run_index.PIECE", 0.0)
    index = RunIndex(tmp_path)
    assert [len(runs) for runs in index.look()] == [1, 2, 3, 4, 4]
    assert [len(runs) for runs in index.look()] == [4], "what was known is on show meanwhile"


def test_the_pieces_of_a_long_list_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(120):
        (tmp_path / f"r{number}").mkdir()
        (tmp_path / f"r{number}" / "config.json").touch()
    monkeypatch.setattr("engine.storage.run_index.PIECE", 0.0)
    pieces = [len(runs) for runs in RunIndex(tmp_path).look()]
    assert pieces[-1] == 120
    assert sum(pieces) < 10 * 120, "to show them all costs a few times what they cost once"


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, engine.storage.listing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_rules_of_its_alerts_are_those_of_its_status(tmp_path: Path) -> None:
    path = make_run(tmp_path)
    assert summarize(path).alerts == ()
    alerts = (Alert(1, "disk full"), Alert(2, "", Rule.PLATEAU), Alert(9, "", Rule.PLATEAU))
    write_phase(path, Phase.STOPPED, alerts=alerts)
    assert summarize(path).alerts == (Rule.PLATEAU,)
