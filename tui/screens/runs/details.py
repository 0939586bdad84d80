"""What the table has no room for, of the run under its cursor."""

from rich.text import Text
from textual.widget import Widget

from engine.config import RunConfig
from engine.metrics import score_name
from engine.run_settings import model_name
from engine.storage.listing import RunState, RunSummary
from engine.text import clock, count, epochs, nats, one_line, size
from tui.screens.runs import words
from tui.theme import ERROR, QUIET, WARNING

_QUIET, _WRONG = QUIET, ERROR


class RunDetails(Widget):
    """Name and state, what is wrong, numbers, settings that aren't the defaults."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._text = Text()

    @property
    def text(self) -> str:
        """The lines on show."""
        return self._text.plain

    def show_run(self, run: RunSummary) -> None:
        """Show another run, or newer numbers of it."""
        self._show(details(run))

    def show_hint(self, text: str) -> None:
        """Instead of a run, what to do where there is none."""
        self._show(Text(text, _QUIET))

    def _show(self, text: Text) -> None:
        if text != self._text:
            self._text = text
            self.refresh()

    def render(self) -> Text:
        """What `show_run` or `show_hint` made."""
        return self._text


def details(run: RunSummary) -> Text:
    """The most important first: in a small terminal the last line may have no room."""
    lines = [
        Text.assemble(
            (one_line(run.name), "bold"),
            "  ",
            words.state(run),
            (_explanation(run), _QUIET),
        )
    ]
    if run.problem:
        lines.append(Text(one_line(run.problem), _WRONG))
    if run.config is not None:
        lines.append(Text(f"{model_name(run.config)} · {_scores(run, run.config)}"))
    if run.parent is not None or run.steered:
        lines.append(Text(one_line(_origin(run))))
    if run.alerts:
        lines.append(Text(f"▲ {', '.join(rule.label for rule in run.alerts)}", WARNING))
    past = f"{epochs(run.epoch)} epochs in {clock(run.seconds)} · {size(run.size)}"
    lines.append(Text(f"{past} · {words.when(run)}"))
    if run.config is not None:
        names = [name for name in run.config.changed_settings() if name != "model"]
        changed = words.settings(run, names)
        lines.append(Text(changed or "all settings are the defaults", _QUIET))
    return Text("\n").join(lines)


def _explanation(run: RunSummary) -> str:
    if run.owner is not None:
        return f": training in {one_line(str(run.owner))}"
    return ": its process was killed; R resumes it" if run.state is RunState.DIED else ""


def _origin(run: RunSummary) -> str:
    """What it began with, and how often it was steered."""
    parts = []
    if run.parent is not None:
        state = "" if run.parent.state == "last" else f" ({run.parent.state})"
        parts.append(f"branch of {run.parent.run}{state} at epoch {epochs(run.parent.epoch)}")
    if run.steered:
        parts.append(f"steered: {count(run.steered, 'change')}")
    return " · ".join(parts)


def _scores(run: RunSummary, config: RunConfig) -> str:
    if run.best is None or run.best_epoch is None:
        return "not evaluated yet"
    best = f"best {score_name(config.model)} {nats(run.best)} at epoch {epochs(run.best_epoch)}"
    return best if run.last == run.best else f"{best}, last {nats(run.last)}"
