"""The dashboard's colours: a quiet dark theme, and the curves' own."""

from textual.theme import Theme

Rgb = tuple[int, int, int]

TRAIN_COLOR: Rgb = (86, 156, 214)
VALIDATION_COLOR: Rgb = (240, 170, 70)
BEST_COLOR: Rgb = (255, 255, 255)
CURSOR_COLOR: Rgb = (200, 120, 220)
AXES_COLOR: Rgb = (130, 136, 148)

THEME = Theme(
    name="darkroom",
    primary="#7aa2f7",
    secondary="#569cd6",
    accent="#f0aa46",
    foreground="#d5d8de",
    background="#101216",
    surface="#101216",
    panel="#1a1d23",
    success="#7fbf7f",
    warning="#f0aa46",
    error="#f26d6d",
    dark=True,
    variables={
        "footer-key-foreground": "#f0aa46",
        "footer-description-foreground": "#9aa0aa",
        "footer-background": "#1a1d23",
        "border-blurred": "#3a3f4a",
    },
)
