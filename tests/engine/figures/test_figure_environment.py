"""Figures are the same pixels whatever a person's Matplotlib, its fonts and styles are."""

import logging
import shutil
from pathlib import Path

import matplotlib
import pytest
from matplotlib import font_manager, rc_context
from PIL import ImageFont

from engine.errors import FigureError
from engine.figures import matplotlib_setup
from engine.figures.catalog import FigureName
from engine.figures.export import render_figure
from tests.support.figure_source import FakeSource

pytestmark = pytest.mark.slow


@pytest.fixture
def few_fonts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of the fonts that come with Matplotlib, to be damaged."""
    ours = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    folder = tmp_path / "fonts" / "ttf"
    folder.mkdir(parents=True)
    for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"):
        shutil.copy(ours / name, folder)
    monkeypatch.setattr(matplotlib, "get_data_path", lambda: str(tmp_path))
    return folder


def test_a_chart_is_the_same_under_other_settings_and_fonts(vae: FakeSource, coarse: None) -> None:
    expected = render_figure(vae, "val_loss")
    fonts = font_manager.fontManager
    ours = list(fonts.ttflist)
    other = {"font.family": "serif", "lines.linewidth": 9, "text.usetex": True, "axes.grid": True}
    fonts.ttflist[:] = [f for f in ours if "Bold" in f.fname]
    with rc_context(other):
        assert render_figure(vae, "val_loss") == expected
        assert matplotlib.rcParams["lines.linewidth"] == 9, "a person's own are left alone"
    assert [f.fname for f in fonts.ttflist] == [f.fname for f in ours]


@pytest.mark.parametrize("figure", ["samples", "film"])
def test_letters_are_the_same_whether_fribidi_is_installed_or_not(
    figure: FigureName, vae: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_it = render_figure(vae, figure)
    monkeypatch.setattr(ImageFont.core, "HAVE_RAQM", False)
    assert render_figure(vae, figure) == with_it


@pytest.mark.parametrize("figure", ["val_loss", "samples"])
@pytest.mark.parametrize("name", ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"])
def test_a_font_that_is_missing_is_named(
    figure: str, name: str, few_fonts: Path, vae: FakeSource
) -> None:
    (few_fonts / name).unlink()
    with pytest.raises(FigureError, match=f"No such file or directory: .*{name}.*install"):
        render_figure(vae, figure)  # type: ignore[arg-type]


@pytest.mark.parametrize("figure", ["val_loss", "samples"])
def test_a_font_that_is_damaged_is_named(figure: str, few_fonts: Path, vae: FakeSource) -> None:
    (few_fonts / "DejaVuSans.ttf").write_bytes(b"no font")
    with pytest.raises(FigureError, match=r"DejaVuSans\.ttf is damaged"):
        render_figure(vae, figure)  # type: ignore[arg-type]


def test_what_matplotlib_says_of_unused_settings_is_not_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert matplotlib_setup.__name__
    logging.getLogger("matplotlib.font_manager").warning("findfont: Font family not found")
    assert capsys.readouterr().err == ""
