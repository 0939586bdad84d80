"""Ten class colours and markers, for the scatter on white paper and the map in a dark terminal.

Six colours are of Okabe & Ito (2008, "Color Universal Design", jfly.uni-koeln.de/color). Their
black can't be seen in a terminal nor their yellow on paper; instead there are four of Paul Tol's
(SRON technical note 3.2, 2021, personal.sron.nl/~pault): green #117733 and sand #DDCC77 (muted),
purple #AA3377 and grey #BBBBBB (bright).

Ten colours can't all be far apart for every eye. Of the sets in these two schemes that are
visible on black and on white this one has the largest smallest distance (CIE 1976 ΔE 14.6, over
normal, protanope and deuteranope vision after Machado et al. 2009), and the classes that mix in
the latent space (tops; shoes) got its most distant colours. The marker tells what colour doesn't.

A terminal of 256 colours shows ten different ones still, by Rich's rounding: ΔE 15.0 apart for
normal vision, 13.0 for protanopes, 6.9 for deuteranopes (Trouser and Shirt, which lie far apart
in latent space; the next pair is 12.6 apart), and no closer than 25 within tops and shoes.
"""

CLASS_COLORS: tuple[str, ...] = (
    "#E69F00",  # T-shirt/top: orange
    "#CC79A7",  # Trouser: reddish purple
    "#0072B2",  # Pullover: blue
    "#DDCC77",  # Dress: sand
    "#117733",  # Coat: green
    "#D55E00",  # Sandal: vermilion
    "#BBBBBB",  # Shirt: grey
    "#56B4E9",  # Sneaker: sky blue
    "#009E73",  # Bag: bluish green
    "#AA3377",  # Ankle boot: purple
)
"""'#rrggbb' by class; `class_color` repeats them where they end."""

CLASS_MARKERS: tuple[str, ...] = ("o", "d", "s", "v", "^", "<", "X", "P", "D", "*")
"""Matplotlib's marker codes by class."""


def class_color(label: int) -> str:
    """'#rrggbb' of a class; the colours repeat after ten classes."""
    return CLASS_COLORS[label % len(CLASS_COLORS)]


def class_marker(label: int) -> str:
    """Matplotlib's marker code of a class.

    Shifted by one at every repetition of the colours, so that a hundred classes have a hundred
    pairs of colour and marker.
    """
    return CLASS_MARKERS[(label + label // len(CLASS_COLORS)) % len(CLASS_MARKERS)]
