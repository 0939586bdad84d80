"""status.json: what one process writes of a run, another one reads."""

import json
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.alerts import Alert, Rule
from engine.errors import RunError
from engine.history import History
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.snapshot import Phase, Snapshot
from engine.steering import SteeringChange
from engine.storage.status_json import STATUS_FILE, read_status, write_status


def evaluation(step: int, score: float) -> Evaluation:
    metrics = Metrics(score, score - 10.0, 10.0)
    return Evaluation(
        step=step,
        epoch=step / 12,
        beta=1.0,
        lr=1e-3,
        val=metrics,
        train=None,
        kl_per_dim=np.array([6.0, 4.0]),
        active_units=2,
        seconds=1.5,
    )


def full_snapshot(path: Path) -> tuple[Snapshot, History]:
    """One whose every field is other than by default."""
    best, last = evaluation(12, 240.0), evaluation(24, 241.0)
    point = TrainPoint(23, 23 / 12, Metrics(245.0, 230.0, 15.0))
    snapshot = Snapshot(
        run=path.name,
        phase=Phase.PAUSED,
        activity="evaluating “this”",
        device="NVIDIA H200",
        threads=3,
        step=25,
        total_steps=360,
        epoch=25 / 12,
        epochs=30,
        images_seen=800,
        images_per_second=12_345.678901234567,
        elapsed=1 / 3,
        eta=1e-7,
        beta=0.1 + 0.2,
        lr=2e-3,
        train=point,
        last=last,
        best=best,
        memory_used=2**40,
        memory_total=2**41,
        alerts=(Alert(3, "can't write last.pt: No space left on device"), Alert(9, "−ELBO\n")),
        error="it broke",
        saved_step=24,
        patience_left=2.5,
        steering=(SteeringChange(5, "beta", 4.0, 0.1), SteeringChange(20, "epochs", 20, 30)),
    )
    return snapshot, History([evaluation(0, 500.0), best, last], [point])


def edit(path: Path, **changes: Any) -> None:
    """Other values in the file; `...` takes a key out."""
    file = path / STATUS_FILE
    values = json.loads(file.read_text())
    values |= changes
    file.write_text(json.dumps({key: value for key, value in values.items() if value is not ...}))


def test_every_field_is_read_back_digit_for_digit(tmp_path: Path) -> None:
    snapshot, history = full_snapshot(tmp_path)
    for field in fields(Snapshot):
        default = field.default
        assert getattr(snapshot, field.name) != default, f"{field.name} is not tried"
    write_status(tmp_path, snapshot)
    assert read_status(tmp_path, history) == snapshot
    assert [path.name for path in tmp_path.iterdir()] == [STATUS_FILE]


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_is_read_back(phase: Phase, tmp_path: Path) -> None:
    write_status(tmp_path, Snapshot(run=tmp_path.name, phase=phase))
    assert read_status(tmp_path, History()) == Snapshot(run=tmp_path.name, phase=phase)


def test_what_is_not_known_yet_stays_unknown(tmp_path: Path) -> None:
    snapshot = Snapshot(run=tmp_path.name)
    write_status(tmp_path, snapshot)
    assert read_status(tmp_path, History()) == snapshot
    write_status(tmp_path, replace(snapshot, eta=math.nan))
    found = read_status(tmp_path, History())
    assert found is not None
    assert found.eta is None
    assert "NaN" not in (tmp_path / STATUS_FILE).read_text(), "JSON has no NaN"


def test_metrics_are_those_of_the_csv_files(tmp_path: Path) -> None:
    snapshot, _ = full_snapshot(tmp_path)
    write_status(tmp_path, snapshot)
    values = json.loads((tmp_path / STATUS_FILE).read_text())
    assert not {"train", "last", "best"} & values.keys()
    found = read_status(tmp_path, History())
    assert found == replace(snapshot, train=None, last=None, best=None)


def test_a_renamed_run_has_its_new_name(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    write_status(tmp_path / "old", Snapshot(run="old"))
    (tmp_path / "old").rename(tmp_path / "new")
    found = read_status(tmp_path / "new", History())
    assert found is not None
    assert found.run == "new"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"3",
        b'"training"',
        b"{}",
        b"\xff\xfe\x00",
        b'{"phase": "training"}',
        b'{"phase": "dancing", "alerts": []}',
        b'{"phase": null, "alerts": []}',
        b'{"phase": ["training"], "alerts": []}',
        b'{"phase": "training", "alerts": null}',
        b'{"phase": "training", "alerts": 3}',
        b'{"phase": "training", "alerts": ["text"]}',
        b'{"phase": "training", "alerts": [], "step": "x"}',
        b'{"phase": "training", "alerts": [], "step": 1.5}',
        b'{"phase": "training", "alerts": [], "step": -1}',
        b'{"phase": "training", "alerts": [], "eta": "soon"}',
        b'{"phase": "training", "alerts": [], "eta": NaN}',
        b'{"phase": "training", "alerts": [], "epoch": 1e999}',
        b'{"phase": "training", "alerts": [], "epoch": true}',
        b'{"phase": "training", "alerts": [], "saved_step": "x"}',
        b'{"phase": "training", "alerts": [], "device": 7}',
        b'{"phase": "training", "alerts": [], "step": ' + b"9" * 5000 + b"}",
        b'{"phase": "training", "alerts": ' + b"[" * 500 + b"]" * 500 + b"}",
        b"[" * 100_000,
        b" " * (5 << 20),
    ],
)
def test_foreign_content_is_one_sentence_that_names_the_file(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / STATUS_FILE).write_bytes(content)
    with pytest.raises(RunError, match=r"status\.json can't be (used|read): ") as caught:
        read_status(tmp_path, History())
    assert len(str(caught.value)) < 400


def test_whole_numbers_with_a_point_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    """As editors and other programs write them."""
    content = b'\xef\xbb\xbf{"phase": "stopped",\r\n "alerts": [], "step": 27.0, "epoch": 3}'
    (tmp_path / STATUS_FILE).write_bytes(content)
    found = read_status(tmp_path, History())
    assert found is not None
    assert (found.phase, found.epoch) == (Phase.STOPPED, 3.0)
    assert repr(found.step) == "27"


def test_no_file_says_nothing_and_another_thing_is_no_file(tmp_path: Path) -> None:
    assert read_status(tmp_path, History()) is None
    assert read_status(tmp_path / "nowhere", History()) is None
    (tmp_path / STATUS_FILE).mkdir()
    with pytest.raises(RunError, match="no regular file"):
        read_status(tmp_path, History())


def test_what_a_newer_version_says_beside_is_passed_over(tmp_path: Path) -> None:
    snapshot, history = full_snapshot(tmp_path)
    write_status(tmp_path, snapshot)
    edit(tmp_path, mood="good", train={"step": 1}, best=7, last="x")
    assert read_status(tmp_path, history) == snapshot


def test_what_an_older_version_does_not_say_is_as_by_default(tmp_path: Path) -> None:
    snapshot, history = full_snapshot(tmp_path)
    for field in fields(Snapshot):
        if field.name in ("run", "phase", "alerts", "train", "last", "best"):
            continue
        write_status(tmp_path, snapshot)
        edit(tmp_path, **{field.name: ...})
        assert read_status(tmp_path, history) == replace(snapshot, **{field.name: field.default})
    for name in ("phase", "alerts"):  # always there
        write_status(tmp_path, snapshot)
        edit(tmp_path, **{name: ...})
        with pytest.raises(RunError, match=r"status\.json can't be used"):
            read_status(tmp_path, history)


def test_a_failed_write_leaves_the_file_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_status(tmp_path, Snapshot(run=tmp_path.name, step=1))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.storage.atomic_files.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_status(tmp_path, Snapshot(run=tmp_path.name, step=2))
    found = read_status(tmp_path, History())
    assert found is not None
    assert found.step == 1
    assert [path.name for path in tmp_path.iterdir()] == [STATUS_FILE]


def test_the_rule_of_an_alert_is_kept_and_one_of_another_version_is_a_note(tmp_path: Path) -> None:
    snapshot, history = full_snapshot(tmp_path)
    raised = Alert(7, "plateau: 0.1 nats", Rule.PLATEAU, 2.0, 5, 1.0, "0.1 nats", "stop")
    write_status(tmp_path, replace(snapshot, alerts=(raised,)))
    read = read_status(tmp_path, history)
    assert read is not None
    assert read.alerts == (Alert(7, "plateau: 0.1 nats", Rule.PLATEAU),)
    edit(tmp_path, alerts=[{"step": 7, "text": "bored", "rule": "boredom"}])
    read = read_status(tmp_path, history)
    assert read is not None
    assert read.alerts == (Alert(7, "bored"),)
