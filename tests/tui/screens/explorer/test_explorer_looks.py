"""How the explorer looks, against stored pictures (`pytest --snapshot-update` renews them)."""

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from tests.support.explorer_fakes import ExplorerApp, FakeRun
from tests.support.looking import look

pytestmark = pytest.mark.slow

SnapCompare = Callable[..., bool]


def pressing(*keys: str) -> Callable[[Pilot[None]], object]:
    async def press(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, ExplorerApp)

        async def settle() -> None:
            await pilot.pause()
            await look(pilot, app.explorer)

        await settle()
        for key in keys:
            await pilot.press(key)
            if app.worker.jobs and not app.worker.jobs[-1][1].future.done():
                app.worker.finish()
                await settle()
        await settle()

    return press


@pytest.mark.parametrize("size", [(80, 24), (140, 45), (50, 16)])
def test_explorer(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    assert snap_compare(ExplorerApp(FakeRun()), terminal_size=size, run_before=pressing("L", "k"))


def test_t_sne_with_ends_and_a_hidden_class(snap_compare: SnapCompare) -> None:
    keys = ("t", "left_square_bracket", "L", "L", "right_square_bracket", "J", "0")
    assert snap_compare(ExplorerApp(FakeRun()), terminal_size=(100, 30), run_before=pressing(*keys))


def test_in_ascii(snap_compare: SnapCompare) -> None:
    assert snap_compare(ExplorerApp(FakeRun()), terminal_size=(80, 24), run_before=pressing("i"))
