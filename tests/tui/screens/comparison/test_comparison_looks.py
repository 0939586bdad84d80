"""How the comparison looks, against stored pictures (`pytest --snapshot-update` renews them)."""

from collections.abc import Callable, Sequence

import pytest
from textual.pilot import Pilot

from tests.support.compared_runs import (
    ComparedRun,
    ComparisonApp,
    settle,
    six,
    three,
    two_vaes,
    vae_and_autoencoder,
)

SnapCompare = Callable[..., bool]
Runs = Callable[[], Sequence[ComparedRun]]

LARGE, SMALL = (140, 45), (80, 24)


def pressing(*keys: str) -> Callable[[Pilot[None]], object]:
    async def press(pilot: Pilot[None]) -> None:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)

    return press


@pytest.mark.slow
@pytest.mark.parametrize("runs", [vae_and_autoencoder, two_vaes, three, six])
def test_large(snap_compare: SnapCompare, runs: Runs) -> None:
    app = ComparisonApp(runs())
    assert snap_compare(app, terminal_size=LARGE, run_before=pressing())


@pytest.mark.slow
@pytest.mark.parametrize("tabs", range(4), ids=["curves", "table", "images", "samples"])
@pytest.mark.parametrize("runs", [two_vaes, six])
def test_small(snap_compare: SnapCompare, runs: Runs, tabs: int) -> None:
    app = ComparisonApp(runs())
    assert snap_compare(app, terminal_size=SMALL, run_before=pressing(*["tab"] * tabs))


def test_before_the_slow_numbers_are_asked_for(snap_compare: SnapCompare) -> None:
    app = ComparisonApp(three(), measured=False)
    assert snap_compare(app, terminal_size=SMALL, run_before=pressing("tab"))


def test_the_last_rows_in_ascii(snap_compare: SnapCompare) -> None:
    keys = ("i", "tab", "tab", *["down"] * 9)
    assert snap_compare(ComparisonApp(six()), terminal_size=SMALL, run_before=pressing(*keys))


def test_kl_of_two_vaes(snap_compare: SnapCompare) -> None:
    app = ComparisonApp(two_vaes())
    assert snap_compare(app, terminal_size=LARGE, run_before=pressing("c", "c"))
