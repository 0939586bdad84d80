"""What a list says of its runs' settings, of runs that never were."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.alerts import Rule
from engine.config import RunConfig
from engine.storage.listing import RunState, RunSummary
from engine.storage.run_lock import Owner
from tui.screens.runs.details import details
from tui.screens.runs.words import differences, settings, unusual_settings

VAE = RunConfig(hidden=(32,), lr=0.001)
WHEN = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def run(config: RunConfig | None, owner: Owner | None = None) -> RunSummary:
    return RunSummary(
        path=Path("x"),
        name="x",
        state=RunState.RUNNING if owner else RunState.FINISHED,
        problem="",
        config=config,
        epoch=1.0,
        epochs=1,
        last=None,
        best=None,
        best_epoch=None,
        seconds=1.0,
        created=WHEN,
        modified=WHEN,
        size=0,
        owner=owner,
    )


def shown(*configs: RunConfig | None) -> list[str]:
    runs = [run(config) for config in configs]
    return [unusual_settings(one, differences(runs)) for one in runs]


def test_a_run_that_differs_is_told_apart_and_the_others_rows_stay_empty() -> None:
    others = [VAE] * 4
    assert shown(*others) == [""] * 4
    assert shown(*others, replace(VAE, hidden=(400,), data="/d")) == [
        *[""] * 4,
        "hidden=400 data=/d",
    ]


def test_rows_do_not_begin_with_what_most_runs_share() -> None:
    seeds = [replace(VAE, seed=n) for n in range(4)]
    assert shown(*seeds, RunConfig(seed=9)) == [
        *("seed=0", "seed=1", "seed=2", "seed=3"),
        "hidden=512-256 lr=0.002 seed=9",
    ]


def test_what_is_rare_in_the_list_comes_before_what_every_run_has_its_own_of() -> None:
    sizes = [replace(VAE, latent_dim=n) for n in (2, 4, 8)]
    assert shown(*sizes, replace(VAE, latent_dim=16, lr=0.5))[-1] == "lr=0.5 latent_dim=16"


@pytest.mark.parametrize("betas", [(1.0, 4.0), (1.0, 1.0, 4.0, 4.0), (1.0, 2.0, 3.0)])
def test_where_no_value_is_that_of_most_runs_each_shows_its_own(betas: tuple[float, ...]) -> None:
    rows = shown(*(replace(VAE, beta=beta) for beta in betas))
    assert rows == [f"beta={beta:g}" for beta in betas]


def test_an_autoencoder_has_no_settings_of_a_vae() -> None:
    ae = replace(VAE, model="ae", beta=7.0)
    assert shown(VAE, VAE, VAE, ae, None) == [""] * 5
    assert shown(VAE, ae, replace(VAE, beta=2.0), replace(VAE, beta=3.0)) == [
        *("beta=1", "", "beta=2", "beta=3")
    ]
    assert "beta" not in details(run(ae)).plain


def test_of_all_settings_that_differ_every_row_has_its_value() -> None:
    runs = [run(VAE), run(VAE), run(replace(VAE, beta=4.0, epochs=99)), run(None)]
    names = differences(runs).names
    assert [settings(one, names) for one in runs] == ["beta=1", "beta=1", "beta=4", ""]


def test_model_and_epochs_have_columns_of_their_own() -> None:
    runs = [run(VAE), run(replace(VAE, model="ae", epochs=99))]
    assert differences(runs).names == ()
    assert differences([]).names == ()


def test_who_trains_a_run_is_told_and_a_host_of_any_name_breaks_nothing() -> None:
    text = details(run(VAE, Owner(4711, "vm\x1b[2J"))).plain
    assert text.splitlines()[0] == r"x  ● running: training in process 4711 on vm\x1b[2J"


def test_the_rules_that_raised_alerts_have_a_line_of_the_details() -> None:
    told = replace(run(VAE), alerts=(Rule.COLLAPSE, Rule.PLATEAU))
    assert "▲ posterior collapse, plateau" in details(told).plain.splitlines()
    assert "▲" not in details(run(VAE)).plain
