"""The frame all Matplotlib figures share: paper, type, heading, and rendering off the screen.

Only Matplotlib's objects are used, never pyplot, whose global state is not for threads. As
Matplotlib itself is not thread-safe either (matplotlib.org/stable/users/faq.html), one figure
is drawn at a time.
"""

import threading
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from engine.figures.matplotlib_setup import own_defaults
from engine.figures.png import DPI

INK, GREY, LINE = "#1a1a1a", "#606060", "#dddddd"
"""Of the title and the axes' names; of what stands around them; of the grid."""

_WIDEST_LINE = 0.84
"""Share of the paper's width: what is left right of the axes' figures."""

_DRAWING = threading.Lock()


def render(draw: Callable[[Figure], None], size: tuple[float, float]) -> Image.Image:
    """Let `draw` fill a figure of `size` inches and return it in RGB at 300 dpi.

    Raises:
        FigureError: if the font can't be used.
    """
    with _DRAWING, own_defaults():
        layout = ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.12, hspace=0.05)
        figure = Figure(figsize=size, dpi=DPI, facecolor="white", layout=layout)
        canvas = FigureCanvasAgg(figure)
        draw(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        return Image.fromarray(pixels).convert("RGB")


def style_axes(axes: Axes) -> None:
    """Two thin spines, a faint grid behind the data, small grey figures on the axes."""
    axes.set_facecolor("white")
    axes.set_axisbelow(True)
    axes.grid(visible=True, color=LINE, linewidth=0.5)
    axes.tick_params(labelsize=8.5, colors=GREY, width=0.6, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GREY)
        spine.set_linewidth(0.6)


def name_axes(axes: Axes, x: str | None, y: str | None) -> None:
    """Label the axes; the words are taken as they are, without Matplotlib's $maths$."""
    if x is not None:
        axes.set_xlabel(x, fontsize=9.5, color=INK, parse_math=False)
    if y is not None:
        axes.set_ylabel(y, fontsize=9.5, color=INK, parse_math=False)


def heading(axes: Axes, title: str, subtitle: str, *, above: float) -> None:
    """Title and subtitle flush with the left of the axes, `above` points over them."""
    _line(axes, title, (0.0, 1.0), above + 17, size=13, color=INK, weight="bold")
    _line(axes, subtitle, (0.0, 1.0), above, size=8.5, color=GREY)


def footnote(axes: Axes, lines: Sequence[str]) -> None:
    """Small lines below the axes and their name."""
    for number, line in enumerate(lines):
        _line(axes, line, (0.0, 0.0), -43 - 11 * number, size=7.5, color=GREY)


def legend_above(axes: Axes, handles: Sequence[Artist]) -> None:
    """One row between heading and axes, where no curve can run through it."""
    axes.legend(
        handles=list(handles),
        loc="lower left",
        bbox_to_anchor=(0.0, 1.02),
        ncols=len(handles),
        frameon=False,
        fontsize=8,
        labelcolor=INK,
        handlelength=1.4,
        handletextpad=0.5,
        columnspacing=1.5,
        borderpad=0.0,
        borderaxespad=0.0,
    )


def message(axes: Axes, text: str) -> None:
    """Empty axes that say why they are empty."""
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.text(
        0.5,
        0.5,
        text,
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=12,
        color=GREY,
        parse_math=False,
    )


def _line(
    axes: Axes,
    text: str,
    corner: tuple[float, float],
    offset: float,
    *,
    size: float,
    color: str,
    weight: str = "normal",
) -> None:
    annotation = axes.annotate(
        text,
        xy=corner,
        xycoords="axes fraction",
        xytext=(0, offset),
        textcoords="offset points",
        fontsize=size,
        color=color,
        weight=weight,
        va="baseline",
        annotation_clip=False,
    )
    annotation.set_parse_math(False)
    # A line wider than the paper would be cut, and the layout would narrow the axes for it.
    figure = axes.get_figure(root=True)
    if figure is not None:
        width = annotation.get_window_extent().width / figure.bbox.width
        annotation.set_fontsize(size * min(1.0, _WIDEST_LINE / width))
