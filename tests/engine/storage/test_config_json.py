"""config.json: settings and provenance, whole, partial and foreign."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.config import RunConfig
from engine.errors import RunError
from engine.storage.config_json import read_config, write_config, write_resumption
from engine.storage.provenance import (
    DataRecord,
    DeviceRecord,
    Provenance,
    Resumption,
)

WHOLE = Provenance(
    created="2026-11-22T10:00:00+00:00",
    device=DeviceRecord("cuda:0", "NVIDIA H200", 4),
    versions=(("fmnist-vae-tui", "0.1.0"), ("torch", "2.9.0")),
    data=DataRecord("Fashion-MNIST (bundled)", "16d8"),
)
CONFIG = RunConfig(hidden=(7,), seed=3)


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((path / "config.json").read_text())
    return content


def test_settings_and_provenance_are_read_back_as_written(tmp_path: Path) -> None:
    write_config(tmp_path, CONFIG, WHOLE)
    assert read_config(tmp_path) == (CONFIG, WHOLE)
    content = read(tmp_path)
    assert list(content) == ["created", "device", "versions", "data", "format", "config"]
    assert content["device"] == {"name": "cuda:0", "label": "NVIDIA H200", "threads": 4}
    assert content["data"] == {"source": "Fashion-MNIST (bundled)", "fingerprint": "16d8"}


def test_what_is_not_known_is_not_written(tmp_path: Path) -> None:
    write_config(tmp_path, CONFIG, Provenance(data=DataRecord(fingerprint="f")))
    assert list(read(tmp_path)) == ["data", "format", "config"]
    assert read(tmp_path)["data"] == {"fingerprint": "f"}


@pytest.mark.parametrize("missing", ["created", "device", "versions", "data"])
@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, {"threads": "many", "label": 3}])
def test_entries_that_are_missing_or_odd_are_empty_and_the_rest_is_read(
    missing: str, odd: object, tmp_path: Path
) -> None:
    write_config(tmp_path, CONFIG, WHOLE)
    content = read(tmp_path)
    for changed in ({**content, missing: odd}, {k: v for k, v in content.items() if k != missing}):
        (tmp_path / "config.json").write_text(json.dumps(changed))
        config, found = read_config(tmp_path)
        assert config == CONFIG
        for name in {"created", "device", "versions", "data"} - {missing}:
            assert getattr(found, name) == getattr(WHOLE, name)
        if missing == "created":
            assert found.created == ("x" if changed.get("created") == "x" else "")
        elif missing == "versions" and isinstance(changed.get("versions"), dict):
            assert all(isinstance(item, str) for pair in found.versions for item in pair)
        else:
            assert getattr(found, missing) == getattr(Provenance(), missing)


@pytest.mark.parametrize(
    ("threads", "expected"), [(1, 1), (64, 64), (0, None), (-2, None), (10**6, None), (2.0, None)]
)
def test_only_a_possible_number_of_threads_is_taken_over(
    threads: object, expected: int | None
) -> None:
    assert Provenance.from_json({"device": {"threads": threads}}).threads == expected


@pytest.mark.parametrize("before", [None, "odd", [], [{"step": 3, "gpu": "?"}, 5]])
def test_a_resumption_is_added_and_all_else_stays_as_it_is(before: object, tmp_path: Path) -> None:
    foreign = {"note": "mine", "device": {"name": "cpu", "rack": 7}, "versions": 3}
    content = {**foreign, "format": 1, "config": CONFIG.to_dict(), "resumed": before}
    if before is None:
        del content["resumed"]
    (tmp_path / "config.json").write_text(json.dumps(content))
    resumption = Resumption("2026-11-23T10:00:00+00:00", 24, WHOLE.device, WHOLE.versions)
    changed = RunConfig(hidden=(7,), seed=3, epochs=9)
    write_resumption(tmp_path, changed, resumption)
    found = read(tmp_path)
    resumed = found.pop("resumed")
    assert found == {**foreign, "format": 1, "config": changed.to_dict()}
    assert resumed[:-1] == (before if isinstance(before, list) else [])
    assert resumed[-1] == {
        "at": "2026-11-23T10:00:00+00:00",
        "step": 24,
        "device": {"name": "cuda:0", "label": "NVIDIA H200", "threads": 4},
        "versions": {"fmnist-vae-tui": "0.1.0", "torch": "2.9.0"},
    }
    config, provenance = read_config(tmp_path)
    assert (config, provenance.resumed[-1]) == (changed, resumption)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "can't be read"),
        (b"\xff\xfe", "can't be read"),
        (b"[]", "has no settings"),
        (b'{"format": 1}', "has no settings"),
        (
            b'{"format": 9, "config": {}}',
            "was made by a newer version of this program: it has format 9",
        ),
        (b'{"format": true, "config": {}}', "has format True, which no version"),
        (b'{"format": 1, "config": {"lr": -1}}', "setting that can't be used: lr must be"),
        (b'{"format": 1, "config": {"lr": "x"}}', "lr must be a number"),
    ],
)
def test_a_foreign_config_is_reported_by_file(
    content: bytes, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_config(tmp_path)
    assert str(tmp_path / "config.json") in str(caught.value)
    assert expected in str(caught.value)
