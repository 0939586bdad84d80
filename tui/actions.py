"""One table of what keys do: bindings, footer, help, palette and README are made from it."""

from collections.abc import Iterable
from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Action:
    """A thing a person can do on the dashboard."""

    key: str
    """As Textual names it; alternatives after commas."""
    name: str
    """Of the method `action_<name>`."""
    label: str
    """One word for the footer; empty to leave it out there."""
    help: str
    """One sentence for the help screen and the command palette."""
    display: str = ""
    """How the key is written for people, where its name isn't that."""
    rank: int = 0
    """Where the footer is too narrow, the highest ranks are left out first."""

    @property
    def key_text(self) -> str:
        """The key as people write it."""
        return self.display or self.key.split(",")[0]


ACTIONS = (
    Action("space", "pause", "pause", "Pause training, or go on.", "space"),
    Action("s", "sample", "sample", "Draw new samples from the prior.", rank=6),
    Action("r", "other_images", "recon", "Reconstruct other validation images.", rank=7),
    Action("c", "chart", "chart", "Switch the chart: −ELBO, reconstruction, KL.", rank=12),
    Action("i", "image_mode", "ascii", "Switch the pictures: half-blocks or ASCII.", rank=15),
    Action("l", "latent_map", "map", "Show the latent map large, or go back.", rank=8),
    Action("z", "zoom", "zoom", "Show the panel in focus large, or go back (also Esc).", rank=14),
    Action("tab", "app.focus_next", "", "Move the focus to the next panel.", "Tab"),
    Action("e", "export", "export", "Export the figure in focus as PNG.", rank=4),
    Action("E", "export_all", "all", "Export every figure of the run as PNG.", "E", rank=13),
    Action("p", "screenshot", "", "Save this screen as SVG, beside the figures."),
    Action("x", "stop", "stop", "Stop training after this step and keep it (asks first).", rank=5),
    Action("n", "new_run", "new", "Start a new run with changed settings (a form).", rank=9),
    Action("question_mark", "help", "help", "Show this help.", "?"),
    Action("q", "leave", "quit", "Quit; asks while training (also Ctrl-C, twice)."),
    Action("ctrl+z", "app.suspend_process", "", "Suspend to the shell; `fg` comes back.", "Ctrl-Z"),
)


def bindings(actions: Iterable[Action] = ACTIONS) -> list[Binding]:
    """The table as Textual wants it, and the keys that are other words for the same."""
    named = [
        Binding(a.key, a.name, a.label or a.help, show=False, key_display=a.key_text)
        for a in actions
    ]
    hidden = [("ctrl+c", "leave"), ("escape", "unzoom")]
    return [*named, *(Binding(key, name, show=False) for key, name in hidden)]


def markdown_table(actions: Iterable[Action] = ACTIONS) -> str:
    """The table for the README; a test keeps the two alike."""
    rows = [f"| `{a.key_text}` | {a.help} |" for a in actions]
    return "\n".join(["| Key | What it does |", "|---|---|", *rows])
