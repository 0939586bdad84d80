"""The help screen: the keys, from the action table, and what the numbers mean."""

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.state.keymap import ACTIONS, Action
from tui.theme import ACCENT

WORDS = (
    ("−ELBO", "Reconstruction + KL at β = 1, in nats per image; lower is better."),
    ("reconstruction", "−log p(x|z): cross entropy summed over the 784 pixels."),
    ("KL", "KL(q(z|x) ‖ N(0, I)), summed over the latent dimensions."),
    ("active units", "Latent dimensions whose mean varies over the data by more than 0.01."),
    ("train curve", "Means over the steps between two points, while the weights change."),
    ("validation", "One pass over the held-out images, with the same noise every time."),
    ("seed, T", "Samples decode z = T · ε, ε ~ N(0, I); the same ε for the same seed."),
    ("film", "The same images and draws at every evaluation, from the untrained model on."),
    ("k-NN accuracy", "15-NN accuracy on latent codes: validation images by training images."),
    ("GMM", "10 Gaussians fitted to the training images' μ; its samples are decoded."),
)


class HelpScreen(ModalScreen[None]):
    """Scrolls; any of ?, q, Esc closes it.

    Args:
        notes: what is particular to this session (colours, directories), one a line.
        actions: of the screen that it helps with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "close"),
    ]

    def __init__(self, notes: list[str], actions: tuple[Action, ...] = ACTIONS) -> None:
        super().__init__()
        self._notes = notes
        self._actions = actions

    def compose(self) -> ComposeResult:
        """The keys, what the numbers mean, this session."""
        with VerticalScroll(classes="dialog wide"):
            yield Static("Keys", classes="dialog-title")
            yield Static(_table([(a.key_text, a.help) for a in self._actions]))
            yield Static("What the numbers mean", classes="dialog-title")
            yield Static(_table(WORDS))
            yield Static("This session", classes="dialog-title")
            yield Static(Text("\n".join(self._notes)))
            yield Static("Esc closes · ↑ ↓ scroll", classes="dialog-hint")


def _table(rows: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style=f"bold {ACCENT}", no_wrap=True)
    table.add_column()
    for row in rows:
        table.add_row(*map(Text, row))
    return table
