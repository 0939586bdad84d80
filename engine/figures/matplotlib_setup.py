"""Matplotlib as its authors made it: none of the person's settings, and only its own font.

Two machines, or two people on one, get the same pixels of a figure. (The package's `__init__`
keeps what it can out of the environment; what is in the current directory is read all the same.)
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from engine.errors import FigureError, describe

_REGULAR, _BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"

# Of wrong lines in settings that aren't used, and of fonts that aren't; it would be printed.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
logging.getLogger("matplotlib").addHandler(logging.NullHandler())


def isolate_from_environment() -> None:
    """Keep the person's settings from Matplotlib and FreeType; before either is imported."""
    os.environ["MPLBACKEND"] = "agg"
    os.environ["MATPLOTLIBRC"] = os.devnull
    os.environ.pop("FREETYPE_PROPERTIES", None)  # another hinting, hence other letters


def check_matplotlib() -> None:
    """Import Matplotlib.

    Raises:
        FigureError: if it can't be used here.
    """
    try:
        import matplotlib  # noqa: F401
    except UnicodeDecodeError:
        raise FigureError(
            "Matplotlib reads ./matplotlibrc, which is no text in UTF-8: rename or remove it"
        ) from None
    except (ImportError, OSError) as error:
        raise FigureError(f"Matplotlib can't be loaded: {describe(error)}") from error
    font_file()
    font_file(bold=True)


def font_file(*, bold: bool = False) -> Path:
    """The font of all figures, which comes with Matplotlib and has −, β and μ.

    Raises:
        FigureError: if it isn't there.
    """
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / (_BOLD if bold else _REGULAR)
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise FigureError(
            f"the font of the figures can't be read ({error.strerror}: {path}); "
            "it comes with Matplotlib: install that again"
        ) from None
    return path


@contextlib.contextmanager
def own_defaults() -> Iterator[None]:
    """Meanwhile Matplotlib has its own settings, and knows no fonts but ours.

    Raises:
        FigureError: if a font can't be used.
    """
    from matplotlib import rc_context, rcParamsDefault

    _know_own_fonts_only()
    # The backend isn't asked for: figures bring their canvas along.
    settings = {k: v for k, v in rcParamsDefault.items() if not k.startswith("backend")}
    with rc_context(settings):
        yield


def _know_own_fonts_only() -> None:
    """A DejaVu of the system may be of another version, and the list of all be out of date."""
    from matplotlib.font_manager import fontManager

    files = [str(font_file(bold=bold)) for bold in (False, True)]
    if [entry.fname for entry in fontManager.ttflist] == files:
        return
    fontManager.ttflist.clear()
    for file in files:
        try:
            fontManager.addfont(file)
        except RuntimeError as error:
            raise FigureError(
                f"the font {file} is damaged ({error}): install Matplotlib again"
            ) from None
