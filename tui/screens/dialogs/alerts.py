"""The alerts of a run: what was found, since when, and what to do."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.alerts import Alert
from engine.text import epoch_label, one_line
from tui.theme import ACCENT, QUIET, WARNING


class AlertsScreen(ModalScreen[None]):
    """Scrolls; any of !, q, Esc closes it.

    Args:
        run: its name.
        alerts: oldest first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,exclamation_mark,enter", "dismiss", "close"),
    ]

    def __init__(self, run: str, alerts: Sequence[Alert]) -> None:
        super().__init__()
        self._run, self._alerts = run, alerts

    def compose(self) -> ComposeResult:
        """The newest first, for it matters most."""
        with VerticalScroll(classes="dialog wide"):
            yield Static(Text(f"Alerts of {one_line(self._run)}"), classes="dialog-title")
            for alert in reversed(self._alerts):
                yield Static(Text("\n").join(_lines(alert)), classes="alert")
            yield Static("Acknowledged · Esc closes · ↑ ↓ scroll", classes="dialog-hint")


def _lines(alert: Alert) -> Iterator[Text]:
    when = f"step {alert.step:,}"
    if alert.rule is None:
        yield Text.assemble("· ", one_line(alert.text), (f"  {when}", QUIET))
        return
    if alert.epoch is not None:
        when = f"epoch {epoch_label(alert.epoch)}, {when}"
    if alert.since_epoch is not None and alert.since_step != alert.step:
        when += f"; since epoch {epoch_label(alert.since_epoch)}"
    label = alert.rule.label
    title = label[:1].upper() + label[1:]
    yield Text.assemble(("▲ ", WARNING), (title, f"bold {WARNING}"), (f"  {when}", QUIET))
    if not alert.evidence:
        yield Text(f"  {one_line(alert.text)}")
        return
    yield Text(f"  {alert.evidence}")
    yield Text.assemble(("  → ", f"bold {ACCENT}"), alert.suggestion)
