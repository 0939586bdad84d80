"""The dashboard's colours, each in one place: a quiet dark theme, and the curves' own.

Style sheet and markup name them as Textual's theme variables (`$accent`, `$train`). What is drawn
below Textual's styles, as Rich texts and strips of cells, takes the same from here.
"""

from textual.theme import Theme

Rgb = tuple[int, int, int]

PRIMARY = "#7aa2f7"
ACCENT = "#f0aa46"
SUCCESS = "#7fbf7f"
WARNING = ACCENT
ERROR = "#f26d6d"
FOREGROUND = "#d5d8de"
BACKGROUND = "#101216"
PANEL = "#1a1d23"
QUIET = "#9aa0aa"
"""Labels, captions, what is only said in passing."""
FAINT = "#5c626d"
LINE = "#3a3f4a"
"""Borders and rules."""
HIGHLIGHT = "#4a4f5a"
"""Behind what belongs to the cursor."""
BLACK, WHITE = "#000000", "#ffffff"


def rgb(color: str) -> Rgb:
    """'#rrggbb' as three numbers."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue


TRAIN = "#569cd6"
VALIDATION = ACCENT
BEST = WHITE
CURSOR = "#c878dc"
AXES = "#828894"

TRAIN_COLOR, VALIDATION_COLOR, BEST_COLOR = rgb(TRAIN), rgb(VALIDATION), rgb(BEST)
CURSOR_COLOR, AXES_COLOR, ALERT_COLOR = rgb(CURSOR), rgb(AXES), rgb(ERROR)

THEME = Theme(
    name="darkroom",
    primary=PRIMARY,
    secondary=TRAIN,
    accent=ACCENT,
    foreground=FOREGROUND,
    background=BACKGROUND,
    surface=BACKGROUND,
    panel=PANEL,
    success=SUCCESS,
    warning=WARNING,
    error=ERROR,
    dark=True,
    variables={
        "footer-key-foreground": ACCENT,
        "footer-description-foreground": QUIET,
        "footer-background": PANEL,
        "border-blurred": LINE,
        "train": TRAIN,
        "validation": VALIDATION,
        "best": BEST,
        "cursor": CURSOR,
        "quiet": QUIET,
        "faint": FAINT,
    },
)
