"""Run directories that the flat program of 2026 wrote: today's reads, scores and resumes them.

tests/support/old_runs/{vae,ae}: `fmnist-vae-tui train --hidden 8 --latent-dim 2 --epochs 2
--validation-share 0.99 --batch-size 300` at e5d18de, on the bundled data. The numbers below are
what that program's `runs`, `evaluate` and `train --resume` printed of them; another processor may
sum in another order, hence a tolerance of 1e-6.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.run import Access
from engine.runs.attached_run import AttachedRun
from engine.runs.stored_run import StoredRun
from engine.snapshot import Phase
from engine.storage.listing import RunState
from engine.storage.run_index import list_runs
from engine.views import Reconstructions
from tui.cli.main import main

STORED = Path(__file__).parents[1] / "support" / "old_runs"


@dataclass(frozen=True)
class Golden:
    """What the old program said of one run."""

    scores: tuple[float, ...]
    """−ELBO, or the reconstruction error, of every evaluation."""
    validation: dict[str, Any]
    test: dict[str, Any]
    after_another_epoch: dict[str, Any]
    """The `val` of `train --resume --epochs 3 --json`."""


GOLDEN = {
    "vae": Golden(
        scores=(554.6969219014219, 551.7280800858491, 549.9520981858876, 548.8925647004927),
        validation={
            "neg_elbo": 548.8925647004927,
            "recon": 548.7802385837542,
            "kl": 0.112326116738496,
            "active_units": 2,
        },
        test={
            "neg_elbo": 548.9235428542138,
            "recon": 548.811040625,
            "kl": 0.11250222921371461,
            "active_units": 2,
        },
        after_another_epoch={
            "neg_elbo": 548.4367084395284,
            "recon": 548.2923237584175,
            "kl": 0.14438468111083164,
        },
    ),
    "ae": Golden(
        scores=(550.1690945917509, 548.5254869002525, 547.5041779776936, 546.7842766203704),
        validation={"neg_elbo": None, "recon": 546.7842766203704, "kl": None, "active_units": 1},
        test={"neg_elbo": None, "recon": 546.783346875, "kl": None, "active_units": 1},
        after_another_epoch={"neg_elbo": None, "recon": 546.4321204229798, "kl": None},
    ),
}
FRAME_SUMS = {
    "vae": {"reconstructions": (1996523, 1986396), "samples": (6381005, 6356027)},
    "ae": {"reconstructions": (2001172, 1985088), "samples": (6390758, 6358871)},
}
"""Of the greys in the first and the last frame."""

models = pytest.mark.parametrize("model", ["vae", "ae"])


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the runs, in a directory of their own."""
    return Path(shutil.copytree(STORED, tmp_path / "checkpoints"))


@pytest.fixture
def call(old: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The command line on that directory; what it prints."""

    def run(*arguments: str) -> str:
        capfd.readouterr()
        assert main([*arguments, "--checkpoints", str(old)]) == 0, capfd.readouterr().err
        return capfd.readouterr().out

    return run


def about(expected: dict[str, Any]) -> dict[str, Any]:
    return {k: v if v is None else pytest.approx(v, rel=1e-6) for k, v in expected.items()}


def test_they_are_listed_with_their_scores(old: Path) -> None:
    runs = {run.name: run for run in list_runs(old)}
    assert set(runs) == {"vae", "ae"}
    for name, run in runs.items():
        assert (run.state, run.problem, run.owner) == (RunState.FINISHED, "", None)
        assert run.config is not None
        assert (run.config.model, run.config.hidden, run.config.latent_dim) == (name, (8,), 2)
        assert (run.epoch, run.epochs, run.best_epoch) == (2.0, 2, 2.0)
        assert run.last == run.best == GOLDEN[name].scores[-1]
        assert run.created is not None
        assert run.created.isoformat().startswith("2026-11-28T14:17:")


@models
def test_curves_and_film_are_read(model: str, old: Path) -> None:
    run = StoredRun(old / model)
    assert tuple(e.val.score for e in run.evaluations()) == GOLDEN[model].scores
    assert [e.step for e in run.evaluations()] == [0, 1, 2, 4]
    assert [len(e.kl_per_dim) for e in run.evaluations()] == [2 if model == "vae" else 0] * 4
    assert [point.step for point in run.train_points()] == [1, 2, 3, 4]
    film = run.frames()
    assert [frame.step for frame in film] == [0, 1, 2, 4]
    for name, (first, last) in FRAME_SUMS[model].items():
        images = [getattr(frame, name) for frame in film]
        assert all(i.shape == ((20 if name == "reconstructions" else 64), 28, 28) for i in images)
        assert (int(images[0].sum()), int(images[-1].sum())) == (first, last)


@models
def test_they_can_be_attached_to(model: str, old: Path) -> None:
    run = AttachedRun(old / model)
    assert (run.access, run.snapshot.phase) == (Access.READ, Phase.FINISHED)
    assert (run.snapshot.step, run.snapshot.total_steps, run.snapshot.epochs) == (4, 4, 2)
    assert run.snapshot.best is not None
    assert run.snapshot.best.val.score == GOLDEN[model].scores[-1]
    assert len(run.frames) == 4
    run.start()
    try:
        view = run.request(Reconstructions()).result(60)
    finally:
        run.close()
        assert run.join(30)
    # What the film shows of the last evaluation are the same images by the same weights.
    np.testing.assert_allclose(
        view.reconstructions * 255, run.frames[-1].reconstructions.astype(float), atol=0.51
    )


@models
def test_they_score_what_they_scored(model: str, call: Callable[..., str]) -> None:
    # Both files of weights are of the same evaluation, the last one being the best.
    for split, weights, expected in (
        ("validation", "last", GOLDEN[model].validation),
        ("test", "best", GOLDEN[model].test),
    ):
        flags = ["--split", split, "--weights", weights, "--json"]
        found = json.loads(call("evaluate", model, *flags))
        about_run = {"run": model, "split": split, "weights": weights, "step": 4}
        assert found == about_run | about(expected)


def test_their_figures_and_a_report_are_written(call: Callable[..., str], tmp_path: Path) -> None:
    exports = ("--exports", str(tmp_path / "x"))
    figures = call("export", "vae", *exports, "--figure", "val_loss", "--figure", "recon_val")
    assert [Path(line).name for line in figures.split()] == [
        "vae_val_loss.png",
        "vae_recon_val.png",
    ]
    report = call("report", "vae", "ae", *exports).split()
    assert [Path(line).name for line in report] == ["report.md", "report.html"]
    text = Path(report[0]).read_text()
    assert text.startswith("# Report on vae (VAE) and ae (AE)\n")
    assert "548.89" in text
    assert "546.78" in text
    assert "2.13.0+cpu" in text, "the version of torch that trained them"


@models
def test_they_are_resumed_as_the_old_program_would(
    model: str, old: Path, call: Callable[..., str]
) -> None:
    before = json.loads((old / model / "config.json").read_text())
    found = json.loads(call("train", "--resume", model, "--epochs", "3", "--json"))
    assert (found["phase"], found["epochs"], found["steps"]) == ("finished", 3, 6)
    assert found["val"] == about(GOLDEN[model].after_another_epoch)
    config = json.loads((old / model / "config.json").read_text())
    keys = ["created", "device", "versions", "data", "resumed", "format", "steered", "config"]
    assert sorted(config) == sorted(keys)
    [resumed] = config.pop("resumed")
    assert list(resumed) == ["at", "step", "device", "versions"]
    assert resumed["step"] == 4
    assert config.pop("steered") == 1, "more epochs are a change of a setting"
    before["config"]["epochs"] = 3
    settings = config.pop("config")  # also those that came later
    assert {name: settings[name] for name in before["config"]} == before.pop("config")
    assert config == before
    assert StoredRun(old / model).step == 6
    stored = (STORED / model / "metrics.csv").read_text()
    assert (old / model / "metrics.csv").read_text().startswith(stored[: stored.rindex("\n4,")])
