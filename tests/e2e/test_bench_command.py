"""`bench`, with fewer and shorter rounds than a person would want."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.config import TrainingPlan
from tui.cli import bench, bench_process
from tui.cli.bench_process import BenchError, watch
from tui.cli.main import main

SMALL = TrainingPlan(hidden=(16,), latent_dim=2)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "PRESETS", {"report": SMALL})
    monkeypatch.setattr(bench, "RUN_SECONDS", 2.0)
    monkeypatch.setattr(bench_process, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr("engine.training.benchmark.TURN_SECONDS", 0.05)


@pytest.mark.usefixtures("short")
def test_it_measures_a_run_with_the_dashboard_and_without(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert main(["bench", "--json", "--rounds", "2", "--device", "cpu", "--threads", "1"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert (result["preset"], result["network"]) == ("report", "784-16-2")
    assert (result["device"], result["threads"], result["rounds"]) == ("CPU", 1, 2)
    rates: dict[str, Any] = result["images_per_second"]
    expected = {"reference", "ours", "products", "roofline", "headless", "dashboard"}
    assert set(rates) - {"ours_bf16"} == expected  # that one where the CPU can
    for rate in rates.values():
        assert 0 < rate["low"] <= rate["median"] <= rate["high"]
    # A turn is 50 ms here, in which another process may have the processor.
    assert rates["ours"]["high"] > rates["reference"]["low"], "of so small a network"
    assert result["ratios"]["ours/roofline"]["median"] < 1
    assert 0.05 < result["ratios"]["dashboard/headless"]["median"] < 20
    assert result["terminal_bytes_per_second"]["median"] > 100
    assert 100e6 < result["memory_bytes"]["median"] < 2e9
    assert not list(tmp_path.glob("fmnist-vae-bench-*")), "what the runs wrote is gone"


@pytest.mark.usefixtures("short")
def test_without_the_dashboard_it_prints_a_table_of_three(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["bench", "--no-dashboard", "--rounds", "1", "--device", "cpu"]) == 0
    text = capsys.readouterr().out
    assert "784-16-2, batch 128, CPU" in text
    for label in ("PyTorch's VAE example", "our training loop", "matrix products"):
        assert label in text
    assert "dashboard" not in text


def test_a_run_that_does_not_train_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="did not begin to train"):
        watch(["--data", str(tmp_path / "nowhere")], 1.0, dashboard=False)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--rounds", "0"], "--rounds must be 1 or more, not 0"),
        (["--device", "cuda:77"], "device 'cuda:77' can't be used"),
        (["--device", "tpu"], "device must be auto, cpu"),
    ],
)
def test_unusable_flags_are_told(
    flags: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *flags]) == 2
    assert expected in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_the_help_tells_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    assert "compare the ratios" in " ".join(capsys.readouterr().out.lower().split())
