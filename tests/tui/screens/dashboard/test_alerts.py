"""Alerts on the dashboard: the message, the mark in the header, the list, the bell."""

from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.alerts import Alert, Rule
from engine.config import RunConfig
from tests.support.dashboard_app import dashboard, message, running
from tests.support.waiting import until
from tui.app import FmnistVaeTui
from tui.screens.dialogs.alerts import AlertsScreen
from tui.widgets.header import RunHeader

pytestmark = pytest.mark.slow

NOTE = Alert(3, "the disk is full")
FIRST = Alert(4, "plateau: 0.10 nats; stop", Rule.PLATEAU, 2.0, 2, 1.0, "0.10 nats", "stop")
SECOND = Alert(5, "unstable: 20 nats; wait", Rule.INSTABILITY, 3.0, 5, 3.0, "20 nats", "wait")


def header(pilot: Pilot[None]) -> str:
    return dashboard(pilot).query_one(RunHeader).render().plain


async def begun(app: FmnistVaeTui, pilot: Pilot[None]) -> object:
    """The session of the run, whose alerts a test sets."""
    await until(pilot, lambda: app.shown_run.snapshot.step > 3)
    session = app.shown_run._session  # type: ignore[attr-defined]
    assert session is not None
    return session


async def test_the_header_counts_what_nobody_has_acknowledged(
    endless: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        session = await begun(app, pilot)
        monkeypatch.setattr(session, "alerts", (NOTE,))
        await until(pilot, lambda: message(pilot) == "step 3: the disk is full")
        assert "▲" not in header(pilot), "a note has been told, and asks for nothing"
        monkeypatch.setattr(session, "alerts", (NOTE, FIRST, SECOND))
        await until(pilot, lambda: "▲ 2 alerts (!)" in header(pilot))
        assert message(pilot) == "step 5: unstable: 20 nats; wait"
        await pilot.press("exclamation_mark")
        assert isinstance(app.screen, AlertsScreen)
        await pilot.press("escape")
        assert "▲" not in header(pilot)
        again = Alert(9, "plateau: again", Rule.PLATEAU, 4.0, 8, 3.0, "again", "stop")
        monkeypatch.setattr(session, "alerts", (NOTE, FIRST, SECOND, again))
        await until(pilot, lambda: "▲ 1 alert (!)" in header(pilot))


async def test_without_an_alert_there_is_no_list(endless: RunConfig, tmp_path: Path) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        session = await begun(app, pilot)
        session.alerts = ()  # type: ignore[attr-defined]
        await until(pilot, lambda: app.shown_run.snapshot.alerts == ())
        await pilot.press("exclamation_mark")
        assert message(pilot) == "no alerts"


@pytest.mark.parametrize("wanted", [True, False])
async def test_the_bell_rings_once_for_what_is_new_where_it_is_wanted(
    wanted: bool, endless: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        app.context.bell = wanted
        rung: list[int] = []
        monkeypatch.setattr(app, "bell", lambda: rung.append(1))
        session = await begun(app, pilot)
        monkeypatch.setattr(session, "alerts", (NOTE,))
        await until(pilot, lambda: message(pilot) == "step 3: the disk is full")
        assert rung == []
        monkeypatch.setattr(session, "alerts", (NOTE, FIRST))
        await until(pilot, lambda: "▲ 1 alert" in header(pilot))
        dashboard(pilot).look_now()
        assert rung == [1] * wanted
