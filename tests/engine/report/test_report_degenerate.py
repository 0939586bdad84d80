"""Where a number is not defined a report has a dash and the reason, never a 0 or a traceback."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.config import ModelName, RunConfig
from engine.model.latent_geometry import principal_axes
from engine.report import tables
from engine.report.comparing import comparison_findings
from engine.report.facts import ClassFacts, NeighbourFacts, RunFacts
from engine.report.findings import classes, classes_in_latent_space, findings, latent_use
from engine.report.neighbours import remote_share
from engine.report.text import summary
from engine.report.write import write_report
from engine.runs.stored_run import StoredRun
from tests.support.dataset_files import write_idx_folder
from tests.support.report_facts import ae, latent, split_facts, vae
from tests.support.stored_runs import train_run

pytestmark = pytest.mark.slow

NAN = math.nan


def one_class(run: RunFacts) -> RunFacts:
    data = replace(run.data, train=replace(split_facts(0, 188.0), class_counts=(200, 0, 0)))
    return replace(run, data=data)


def one_image(run: RunFacts) -> RunFacts:
    """Of which there is no variance, and none to tell how far away draws are."""
    validation = replace(split_facts(0, 187.0), class_counts=(0, 1, 0))
    neighbours = NeighbourFacts(15, ((0, 0, 0), (0, 1, 0), (0, 0, 0)))
    facts = replace(
        run.latent,
        variance=(NAN,) * 4,
        prior_distance=NAN,
        remote_draws=NAN,
        neighbours=neighbours,
    )
    return replace(run, data=replace(run.data, validation=validation), latent=facts)


def all_words(run: RunFacts) -> str:
    return " ".join(finding.text for finding in findings(run))


def cells(runs: list[RunFacts], row: str) -> list[str]:
    return next(cells[1:] for cells in tables.comparison(runs) if cells[0] == row)


def test_one_class_has_no_accuracy() -> None:
    runs = [one_class(vae()), one_class(ae())]
    assert "are of one class" in classes_in_latent_space(runs[0])
    assert summary(runs[0]).endswith("15-NN accuracy on latent codes –.")
    assert cells(runs, "Nearest-neighbour accuracy") == ["–", "–"]
    text = " ".join(finding.text for finding in comparison_findings(runs))
    assert "The images are of one class" in text


def test_one_image_has_no_variance_and_no_active_units() -> None:
    runs = [one_image(vae()), one_image(ae())]
    for run in runs:
        text = all_words(run)
        assert "of 1 image no dimension has any variance" in latent_use(run)
        assert "One image has no variance" in text
        assert "1 validation image can't tell how far" in text
        assert not re.search(r"\bnan\b", text)
        by_split = {row[1]: row[-1] for row in tables.scores(vae(data=run.data))[1:]}
        assert by_split["validation"] == "–"
        assert by_split["training"] != "–"
    assert cells(runs, "Active units") == ["–", "–"]
    assert cells(runs, "Draws of N(0, I) outside the region") == ["–", "–"]
    text = " ".join(finding.text for finding in comparison_findings(runs))
    assert "That is of 1 image, too few to tell the runs apart." in text
    assert "ahead" not in text


def test_equal_images_of_all_classes_are_not_ranked() -> None:
    same = tuple(ClassFacts(name, 20, 0.0, 0.0, 0.0) for name in ("Shoe", "Hat"))
    assert classes(vae(classes=same)).startswith("All classes are reconstructed equally well")


def test_errors_of_nothing_are_not_divided() -> None:
    text = " ".join(
        finding.text for finding in comparison_findings([vae(recon_mse=0.0), ae(recon_mse=0.0)])
    )
    assert "Neither first (VAE) nor second (AE) makes any squared error." in text


def test_accuracy_of_no_image_and_distance_of_few_are_not_known() -> None:
    assert math.isnan(NeighbourFacts(15, ((0, 0), (0, 0))).accuracy)
    rng = np.random.default_rng(0)
    train, few, draws = (rng.normal(size=(n, 2)) for n in (50, 9, 9))
    assert math.isnan(remote_share(train, few, draws))
    assert not math.isnan(remote_share(train, draws.repeat(2, axis=0), draws))


def test_a_singular_latent_space_is_described_without_a_distance() -> None:
    text = all_words(vae(latent=latent(prior_distance=NAN)))
    assert "nan" not in text
    assert "nats (KL) from N(0, I)" not in text


@pytest.mark.parametrize("count", [1, 2])
def test_principal_axes_of_one_point_or_of_equal_ones_explain_nothing(count: int) -> None:
    axes = principal_axes(np.full((count, 3), 2.5, np.float32), 2)
    assert np.isnan(axes.explained).all(), "there is no variance to have a share of"
    assert np.isfinite(axes.axes).all()
    np.testing.assert_array_equal(axes.project(np.full((1, 3), 2.5)), [[0.0, 0.0]])


def _noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28)).astype(np.uint8)


DEGENERATE = {
    "one validation image, one class": (_noise(20), np.zeros(20), 0.05),
    "fewer images than neighbours": (_noise(20), np.arange(20) % 3, 0.5),
    "constant images": (np.zeros((40, 28, 28), np.uint8), np.arange(40) % 4, 0.25),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_data_are_reported_and_compared(name: str, tmp_path: Path) -> None:
    images, labels, share = DEGENERATE[name]
    folder = tmp_path / "data"
    folder.mkdir()
    write_idx_folder(folder, (images, labels.astype(np.uint8)))
    models: tuple[ModelName, ModelName] = ("vae", "ae")
    runs = [
        train_run(
            RunConfig(
                model=model,
                hidden=(8,),
                latent_dim=3,
                epochs=2,
                batch_size=8,
                seed=1,
                device="cpu",
                threads=1,
                data=str(folder),
                validation_share=share,
            ),
            tmp_path / "runs",
            model,
        )
        for model in models
    ]
    stored = [StoredRun(path) for path in runs]
    page, _ = write_report(stored, tmp_path / "report", "pca", [], lambda _: None)
    text = page.read_text()
    assert not re.search(r"\b(nan|inf)\b", text)
    assert (tmp_path / "report" / "comparison.png").exists()
