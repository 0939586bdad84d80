"""The top line: which run, which model, where, and what it is doing."""

from rich.text import Text
from textual.widget import Widget

from engine.config import RunConfig
from engine.run import Access
from engine.run_settings import model_name, settings_line
from engine.snapshot import Phase, Snapshot
from engine.text import count, one_line
from tui.theme import ACCENT, ERROR, PRIMARY, QUIET, SUCCESS, WARNING

PHASE_STYLES = {
    Phase.WAITING: QUIET,
    Phase.LOADING: QUIET,
    Phase.TRAINING: SUCCESS,
    Phase.PAUSED: WARNING,
    Phase.FINISHED: PRIMARY,
    Phase.STOPPED: WARNING,
    Phase.FAILED: f"bold {ERROR}",
    Phase.DIED: f"bold {ERROR}",
}


class RunHeader(Widget):
    """One line; what doesn't fit is left out, the least telling first."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._config: RunConfig | None = None
        self._snapshot: Snapshot | None = None
        self._access = Access.OWNER
        self._new_alerts = 0
        self._text = ""

    def show_run(
        self,
        config: RunConfig,
        snapshot: Snapshot,
        access: Access = Access.OWNER,
        new_alerts: int = 0,
    ) -> None:
        """Show another state, if it reads differently.

        Args:
            new_alerts: how many nobody has acknowledged.
        """
        self._config, self._snapshot, self._access = config, snapshot, access
        self._new_alerts = new_alerts
        text = self.render().plain
        if text != self._text:
            self._text = text
            self.refresh()

    def render(self) -> Text:
        """Name and phase at the ends, the rest between."""
        if self._config is None or self._snapshot is None:
            return Text("fmnist-vae-tui", "bold")
        config, s = self._config, self._snapshot
        phase = Text()
        if self._new_alerts:
            phase.append(f"▲ {count(self._new_alerts, 'alert')} (!) ", f"bold {WARNING}")
        if self._access is not Access.OWNER:
            phase.append(f"{self._access.value} ", f"bold {PRIMARY}")
        phase.append(f"● {s.phase}", PHASE_STYLES[s.phase])
        if s.activity:
            separator = ": " if s.phase is Phase.LOADING else " · "
            phase.append(separator + one_line(s.activity))
        threads = f" · {s.threads} thread{'s'[: s.threads != 1]}" if s.device == "CPU" else ""
        for title, middle in (
            ("fmnist-vae-tui", f"{s.run} · {settings_line(config)} · {s.device or '…'}{threads}"),
            ("", f"{s.run} · {settings_line(config)} · {s.device or '…'}"),
            ("", f"{s.run} · {model_name(config)} · {s.device or '…'}"),
            ("", s.run),
        ):
            # An attached run's status.json may be anybody's.
            said = one_line(middle)
            start = Text.assemble((title, f"bold {ACCENT}"), "  " if title else "", said)
            space = self.size.width - start.cell_len - phase.cell_len
            if space >= 1:
                break
        else:
            # What the run is doing matters more than its whole name.
            start.truncate(max(0, self.size.width - phase.cell_len - 1), overflow="ellipsis")
        return Text.assemble(start, " " * max(1, space), phase)
