"""How the diagnosis looks, against stored pictures (`pytest --snapshot-update` renews them)."""

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from engine.config import RunConfig
from tests.support.diagnosed_run import DiagnosedRun, DiagnosisApp
from tests.support.looking import look

pytestmark = pytest.mark.slow

SnapCompare = Callable[..., bool]
LARGE, SMALL = (140, 45), (80, 24)


def pressing(*keys: str) -> Callable[[Pilot[None]], object]:
    async def settle(pilot: Pilot[None]) -> None:
        assert isinstance(pilot.app, DiagnosisApp)
        await pilot.pause()
        await look(pilot, pilot.app.screen_shown)

    async def press(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press(*keys)
        await settle(pilot)

    return press


def healthy() -> DiagnosedRun:
    return DiagnosedRun()


def collapsed() -> DiagnosedRun:
    return DiagnosedRun(RunConfig(beta=20.0), "vae-collapsed", collapsed=True)


def autoencoder() -> DiagnosedRun:
    return DiagnosedRun(RunConfig(model="ae"), "ae-diagnosed")


@pytest.mark.parametrize("run", [healthy, collapsed, autoencoder])
def test_large(snap_compare: SnapCompare, run: Callable[[], DiagnosedRun]) -> None:
    app = DiagnosisApp(run(), DiagnosedRun(RunConfig(seed=2), "vae-other", epochs=(0.0, 1.0)))
    assert snap_compare(app, terminal_size=LARGE, run_before=pressing())


@pytest.mark.parametrize("panel", ["1", "2", "3", "4", "5", "6", "7", "8"])
def test_small(snap_compare: SnapCompare, panel: str) -> None:
    app = DiagnosisApp(healthy(), film_step=64)
    assert snap_compare(app, terminal_size=SMALL, run_before=pressing(panel))


@pytest.mark.parametrize("panel", ["1", "2", "5"])
def test_ascii_and_by_number(snap_compare: SnapCompare, panel: str) -> None:
    assert snap_compare(
        DiagnosisApp(healthy()), terminal_size=SMALL, run_before=pressing("i", "s", panel)
    )


def test_many_dimensions(snap_compare: SnapCompare) -> None:
    app = DiagnosisApp(DiagnosedRun(RunConfig(latent_dim=200)))
    assert snap_compare(app, terminal_size=LARGE, run_before=pressing())


def test_a_run_without_diagnoses(snap_compare: SnapCompare) -> None:
    app = DiagnosisApp(DiagnosedRun(diagnosed=False))
    assert snap_compare(app, terminal_size=LARGE, run_before=pressing())
