"""What keys do, a table per screen: bindings, footer, help, palette and README come from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Action:
    """A thing a person can do on a screen."""

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


_IMAGE_MODE = Action(
    "i", "image_mode", "ascii", "Switch the pictures: half-blocks or ASCII.", rank=15
)
_SCREENSHOT = Action("p", "screenshot", "", "Save this screen as SVG, beside the figures.")
_HELP = Action("question_mark", "help", "help", "Show this help.", "?")
_BACK = Action("q", "back", "back", "Back to the dashboard (also Esc).")
_PAUSE = Action("space", "pause", "pause", "Pause or resume training.", "space", rank=3)

ACTIONS = (
    Action("space", "pause", "pause", "Pause or resume training.", "space"),
    Action("s", "sample", "sample", "Draw new samples.", rank=6),
    Action("r", "other_images", "recon", "Reconstruct other validation images.", rank=7),
    Action("S", "sampling", "", "Set the samples' seed and temperature (a dialog).", "S"),
    Action("plus", "hotter", "", "Raise the samples' temperature by 0.1; - lowers it.", "+"),
    Action(
        "m",
        "more_like",
        "similar",
        "Draw samples similar to one: arrows choose, Enter picks.",
        rank=16,
    ),
    Action("M", "prior", "", "Back to samples from the prior.", "M"),
    Action("c", "chart", "chart", "Switch the chart: −ELBO, reconstruction, KL.", rank=12),
    _IMAGE_MODE,
    Action("l", "explore", "latent", "Explore the latent space: decode any point of it.", rank=8),
    Action("w", "walks", "walks", "Interpolation, traversal and the manifold, live.", rank=9),
    Action(
        "d", "diagnose", "diagnosis", "See why: KL, posterior, gradients, generalisation.", rank=9
    ),
    Action("v", "compare", "compare", "Compare the VAE with the autoencoder.", rank=10),
    Action("o", "other_run", "next", "Show the next of the open runs.", rank=17),
    Action("b", "browse", "runs", "Browse all runs: open, resume, compare, delete.", rank=11),
    Action("left", "film_back", "film", "Step back in the film; → forward, Home start.", "←", 11),
    Action("end", "film_live", "", "Leave the film and follow the model live.", "End"),
    Action("f", "export_film", "", "Export the film: GIF, animated PNG, and a strip."),
    Action("z", "zoom", "zoom", "Enlarge the focused panel, or restore it (also Esc).", rank=14),
    Action("tab", "app.focus_next", "", "Move the focus to the next panel.", "Tab"),
    Action("e", "export", "export", "Export the figure in focus as PNG.", rank=4),
    Action("E", "export_all", "all", "Export every figure of the run as PNG.", "E", rank=13),
    _SCREENSHOT,
    Action("exclamation_mark", "alerts", "", "List the run's alerts, and acknowledge them.", "!"),
    Action("x", "stop", "stop", "Stop training and save the run (asks first).", rank=5),
    Action("t", "steer", "steer", "Change β, learning rate, warm-up or epochs, live.", rank=8),
    Action("u", "undo", "", "Undo the last such change."),
    Action("k", "keep", "", "Keep the current state under a name."),
    Action("B", "branch", "", "Branch: a new run that begins with these weights (a form).", "B"),
    Action("n", "new_run", "new", "Start a new run with changed settings (a form).", rank=9),
    _HELP,
    Action("q", "leave", "quit", "Quit; asks while training (also Ctrl-C, twice)."),
    Action("ctrl+l", "app.redraw", "", "Redraw the screen (on every screen).", "Ctrl-L"),
    Action("ctrl+z", "app.suspend_process", "", "Suspend to the shell; `fg` returns.", "Ctrl-Z"),
)


EXPLORER_ACTIONS: tuple[Action, ...] = (
    Action("left", "move", "move", "Move the cursor by a cell (also hjkl, or the mouse).", "←↓↑→"),
    Action("shift+left", "leap", "", "Move the cursor by eight cells (also HJKL).", "⇧ ←↓↑→"),
    Action("t", "projection", "t-SNE", "Next map: PCA, t-SNE, UMAP; cancels one in progress."),
    Action("u", "update_map", "update", "Recompute the map from the current model.", rank=8),
    Action("d", "next_dims", "dims", "Next two latent dimensions, by KL.", rank=6),
    Action("D", "previous_dims", "", "Previous two latent dimensions.", "D"),
    Action("a", "all_dims", "all", "Back to the principal components of all dimensions.", rank=7),
    Action("v", "split", "split", "Map validation, training or test images.", rank=4),
    Action("0", "hide_class", "class", "Hide or show a class (also a click on it).", "0–9", 5),
    Action("asterisk", "show_all_classes", "", "Show all classes.", "*"),
    Action(
        "left_square_bracket",
        "mark_start",
        "start",
        "Start an interpolation at the image here.",
        "[",
        10,
    ),
    Action(
        "right_square_bracket",
        "mark_end",
        "end",
        "End an interpolation at the image here.",
        "]",
        11,
    ),
    _PAUSE,
    Action("e", "export", "export", "Export this map as PNG (latent_scatter).", rank=9),
    _IMAGE_MODE,
    _SCREENSHOT,
    _HELP,
    _BACK,
)
WALK_ACTIONS: tuple[Action, ...] = (
    Action(
        "w,tab", "next_walk", "walk", "Show the next of the three walks (also Tab, 1, 2, 3).", "w"
    ),
    Action("1", "interpolation", "", "Interpolation between two points of latent space."),
    Action("2", "traversal", "", "Traversal: one image, one latent dimension varied in each row."),
    Action("3", "manifold", "", "Manifold: images decoded on a plane of latent space."),
    Action("m", "ends", "ends", "Interpolate between validation images, or prior draws.", rank=4),
    Action("r", "other", "next", "The next pairs, or the next image.", rank=5),
    Action("R", "before", "", "The previous pairs, or the previous image.", "R"),
    Action("g", "go_to", "go to", "Choose the two images or draws by number (a dialog).", rank=8),
    Action("down", "dims_down", "dims", "Scroll to the next latent dimensions.", "↓", rank=7),
    Action("up", "dims_up", "", "Scroll to the previous latent dimensions.", "↑"),
    Action("plus,equals_sign", "more", "more", "More and smaller images on the grid.", "+", rank=6),
    Action("minus", "fewer", "fewer", "Fewer and larger images on the grid.", "-", rank=9),
    Action("e", "export", "export", "Export the current walk as PNG.", rank=10),
    *(_PAUSE, _IMAGE_MODE, _SCREENSHOT, _HELP, _BACK),
)
COMPARISON_ACTIONS: tuple[Action, ...] = (
    _PAUSE,
    Action("u", "update", "update", "Recompute table and mixtures for the current models."),
    Action("s", "sample", "sample", "Draw new samples.", rank=2),
    Action("r", "other_images", "recon", "Reconstruct other validation images.", rank=4),
    Action("c", "chart", "chart", "Switch the chart of VAEs: reconstruction, −ELBO, KL.", rank=8),
    Action("tab", "next_panel", "panel", "Move to the next panel.", "Tab", rank=5),
    Action("down", "view(1,0)", "", "Scroll the panel down; ↑ up.", "↓"),
    Action("right", "view(0,1)", "", "Show the next runs in the table; ← the previous.", "→"),
    Action("z", "zoom", "zoom", "Enlarge the focused panel, or restore it.", rank=6),
    Action("e", "export", "export", "Export the comparison as PNG.", rank=1),
    Action(
        "E", "export_all", "all", "Export every figure of the runs, and the comparison.", "E", 7
    ),
    _IMAGE_MODE,
    _SCREENSHOT,
    _HELP,
    _BACK,
)
DIAGNOSIS_ACTIONS: tuple[Action, ...] = (
    _PAUSE,
    Action("tab", "turn(1)", "panel", "Move to the next panel.", "Tab", rank=2),
    Action("1", "show_panel(0)", "", "Go to a panel by its number.", "1–8"),
    Action("s", "sort", "sort", "Sort the latent dimensions by KL or by number.", rank=5),
    Action("z", "zoom", "zoom", "Enlarge the focused panel, or restore it.", rank=6),
    Action("e", "export", "export", "Export the focused panel's figure as PNG.", rank=4),
    _IMAGE_MODE,
    _SCREENSHOT,
    _HELP,
    _BACK,
)
RUNS_ACTIONS: tuple[Action, ...] = (
    Action("enter", "open", "open", "Open this run, or all marked ones if it is marked.", "Enter"),
    Action("R", "resume", "resume", "Resume this run.", "R", rank=2),
    Action("e", "export", "export", "Export every figure of this run as PNG.", rank=8),
    Action("r,f2", "rename", "rename", "Rename this run (also F2; a dialog).", "r", rank=7),
    Action("d,delete", "delete", "delete", "Delete this run (also Del; asks first).", "d", rank=5),
    Action("space,m", "mark", "mark", "Mark or unmark this run (also m).", rank=3),
    Action("c", "compare", "compare", "Compare the marked runs, two or more.", rank=4),
    Action(
        "s",
        "sort",
        "sort",
        "Sort: newest, name, −ELBO, state, time, size, as a tree.",
        rank=6,
    ),
    Action("slash", "filter", "filter", "Filter by text; Esc clears.", "/", rank=1),
    _HELP,
    Action("q", "back", "back", "Back to the previous screen (also Esc)."),
)

SCREENS: dict[str, tuple[Action, ...]] = {
    "Dashboard": ACTIONS,
    "Explorer": EXPLORER_ACTIONS,
    "Walks": WALK_ACTIONS,
    "Diagnosis": DIAGNOSIS_ACTIONS,
    "Comparison": COMPARISON_ACTIONS,
    "Runs": RUNS_ACTIONS,
}
"""Every screen's table, for the help and the README."""


def bindings(actions: Iterable[Action], aliases: Mapping[str, str] | None = None) -> list[Binding]:
    """A table as Textual wants it.

    Args:
        aliases: keys that are other words for an action's name.
    """
    named = [
        Binding(a.key, a.name, a.label or a.help, show=False, key_display=a.key_text)
        for a in actions
    ]
    hidden = (aliases or {}).items()
    return [*named, *(Binding(key, name, show=False) for key, name in hidden)]


def markdown_table(actions: Iterable[Action]) -> str:
    """The table for the README; a test keeps the two alike."""
    rows = [f"| `{a.key_text}` | {a.help} |" for a in actions]
    return "\n".join(["| Key | What it does |", "|---|---|", *rows])
