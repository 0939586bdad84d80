"""Screen, page and report show the same rows of the same numbers."""

from dataclasses import replace

import pytest

from engine.analysis.comparison import RunNumbers
from engine.analysis.comparison_rows import ROWS, RowName, setting_rows
from engine.config import RunConfig
from engine.figures.comparison_table import settings_lines, table_row
from engine.report import tables
from engine.steering import SteeringChange
from tests.support.compared_runs import ComparedRun, config, numbers_of
from tests.support.report_facts import ae, vae
from tui.screens.comparison.table import Column, table_rows


@pytest.fixture
def numbers() -> RunNumbers:
    return numbers_of(ComparedRun(config(), "v"))


def test_the_screen_and_the_page_say_the_same_of_a_run(numbers: RunNumbers) -> None:
    measured = replace(numbers, epoch=2.5, knn_accuracy=0.84, recon_bce=1234.5)
    run = ComparedRun(measured.config, "v")
    column = Column("v", 0, measured.config, run.snapshot, measured)
    on_screen = {row.label: row.cells[0] for row in table_rows([column])}
    on_page = table_row(measured)
    assert on_screen["measured at epoch"] == on_page[2] == "2.50"
    assert on_screen["BCE at z = μ, nats"] == on_page[4] == "1,234.50"
    assert on_screen["MSE at z = μ, per pixel"] == on_page[5]
    assert on_screen["reconstruction (sampled z), nats"] == on_page[6]
    assert on_screen["−ELBO, nats"] == on_page[7]
    assert on_screen["k-NN accuracy on μ"] == on_page[8] == "84.0 %"
    assert on_screen["active units"] == on_page[9]


def test_the_report_says_the_same_of_the_same_numbers(numbers: RunNumbers) -> None:
    first, second = vae(), ae()
    rows = {name: cells for name, *cells in tables.comparison([first, second])}
    same = replace(
        numbers,
        config=first.config,
        recon_bce=first.recon_bce,
        knn_accuracy=first.knn_accuracy,
        active_units=first.active_units,
    )
    names: dict[str, RowName] = {
        "BCE from μ or code": "bce",
        "Nearest-neighbour accuracy": "knn",
        "Active units": "active",
    }
    for in_report, name in names.items():
        assert rows[in_report][0] == ROWS[name].cell(same)
    assert rows["−ELBO, validation"] == ["242.00", "–"]
    assert "−ELBO, validation" not in [row[0] for row in tables.comparison([second, second])]


def test_what_a_run_does_not_have_is_a_dash(numbers: RunNumbers) -> None:
    code = replace(numbers, config=config("ae"), best=None, recon_bce=float("nan"))
    for name in ("best_epoch", "bce", "sampled_bce", "neg_elbo"):
        assert ROWS[name].cell(code) == "–", name
    nothing = replace(vae(), scores=())
    assert ROWS["active"].cell(nothing) == ROWS["neg_elbo"].cell(nothing) == "–"


def test_settings_of_a_vae_are_a_dash_for_an_autoencoder_everywhere() -> None:
    runs = [vae(), ae(), vae(name="third", config=replace(vae().config, beta=4.0, hidden=(16, 8)))]
    rows = {name: cells for name, *cells in tables.comparison(runs)}
    assert rows["β"] == ["1", "–", "4"]
    assert rows["hidden"] == ["8", "8", "16-8"]
    assert rows["model"] == ["vae", "ae", "vae"]
    assert list(rows).index("hidden") < list(rows).index("Parameters")
    on_screen = {row.label: row.cells for row in setting_rows([run.config for run in runs])}
    assert on_screen == {"hidden": ("8", "8", "16-8"), "β": ("1", "–", "4")}


def test_a_setting_that_was_steered_shows_what_it_was_even_if_all_end_alike() -> None:
    configs = [RunConfig(beta=1.0, lr=1e-3), RunConfig(beta=1.0, lr=1e-4)]
    changes = [
        SteeringChange(5, "beta", 20.0, 4.0),
        SteeringChange(7, "beta", 4.0, 1.0),
        SteeringChange(9, "epochs", 30, 40),
    ]
    rows = {row.label: row.cells for row in setting_rows(configs, steering=[(), changes])}
    assert rows == {"β": ("1", "20→1"), "lr": ("0.001", "0.0001")}
    assert settings_lines(configs, [(), changes]) == ("β 1 · lr 0.001", "β 20→1 · lr 0.0001")


def test_epochs_and_machines_are_no_settings_that_a_result_depends_on() -> None:
    configs = [RunConfig(), RunConfig(epochs=3, threads=2, device="cpu", precision="bf16")]
    assert setting_rows(configs) == []
