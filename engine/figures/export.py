"""Draw a run's figures and write them into a directory, each whole or not at all.

May be called from any thread, and from several at once. Matplotlib and Pillow are imported when
the first figure is drawn.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.figures.caption import Caption
from engine.figures.catalog import FigureName, file_name, resolve_names
from engine.figures.source import FigureSource
from engine.files import atomic_write
from engine.views import LatentMap, PriorSamples, Reconstructions

_DEFAULT_RECONSTRUCTIONS = Reconstructions()
_DEFAULT_SAMPLES = PriorSamples()


def export_figures(
    source: FigureSource,
    names: Sequence[str] | None,
    directory: Path,
    *,
    reconstructions: Reconstructions = _DEFAULT_RECONSTRUCTIONS,
    samples: PriorSamples = _DEFAULT_SAMPLES,
) -> Iterator[Path]:
    """Write figures as `<directory>/<model>_<name>.png`, one at each step of the iterator.

    Nothing is drawn before the first step; the names are checked at once.

    Args:
        names: short names or file names without `.png`; None for the default set of the model.
        directory: made if it is missing; files of the same name in it are replaced.
        reconstructions: which validation images.
        samples: which z, and how many.

    Returns:
        The paths, each after its file is written.

    Raises:
        FigureError: for a name that is not a figure of this model.
        OSError: if a file can't be written; what was there before is unchanged.
        Exception: what `source.view` raises.
    """
    wanted = resolve_names(names, source.config.model)
    return _written(source, wanted, directory, reconstructions, samples)


def render_figure(
    source: FigureSource,
    name: FigureName,
    *,
    reconstructions: Reconstructions = _DEFAULT_RECONSTRUCTIONS,
    samples: PriorSamples = _DEFAULT_SAMPLES,
) -> bytes:
    """One figure as the bytes of a PNG file."""
    match name:
        case "train_loss":
            return _train_loss(source)
        case "val_loss":
            return _val_loss(source)
        case "recon_val":
            return _recon_val(source, reconstructions)
        case "latent_scatter":
            return _latent_scatter(source)
        case "samples":
            return _samples(source, samples)


def _written(
    source: FigureSource,
    names: Sequence[FigureName],
    directory: Path,
    reconstructions: Reconstructions,
    samples: PriorSamples,
) -> Iterator[Path]:
    for name in names:
        path = directory / file_name(name, source.config.model)
        png = render_figure(source, name, reconstructions=reconstructions, samples=samples)
        atomic_write(path, png)
        yield path


def _train_loss(source: FigureSource) -> bytes:
    from engine.figures.curves import train_curve
    from engine.figures.png import encode_png

    points = source.train_points()
    step, epoch = (points[-1].step, points[-1].epoch) if points else (0, 0.0)
    what = "−ELBO and its parts" if _is_vae(source) else "reconstruction BCE"
    caption = _caption(source, "train_loss", f"{_model(source)} training: {what}", step, epoch)
    return encode_png(train_curve(points, caption), caption)


def _val_loss(source: FigureSource) -> bytes:
    from engine.figures.curves import validation_curve
    from engine.figures.png import encode_png

    evaluations = source.evaluations()
    step, epoch = (evaluations[-1].step, evaluations[-1].epoch) if evaluations else (0, 0.0)
    what = "−ELBO and its parts" if _is_vae(source) else "reconstruction BCE"
    caption = _caption(source, "val_loss", f"{_model(source)} validation: {what}", step, epoch)
    return encode_png(validation_curve(evaluations, caption), caption)


def _recon_val(source: FigureSource, request: Reconstructions) -> bytes:
    from engine.figures.grids import reconstruction_grid
    from engine.figures.png import encode_png

    view = source.view(request)
    title = f"{_model(source)} reconstructions of validation images"
    caption = _caption(source, "recon_val", title, view.step, view.epoch)
    return encode_png(reconstruction_grid(view, caption), caption)


def _latent_scatter(source: FigureSource) -> bytes:
    from engine.figures.png import encode_png
    from engine.figures.scatter import latent_scatter

    view = source.view(LatentMap())
    what = "posterior means μ" if _is_vae(source) else "codes"
    projected = "" if view.projection == "identity" else f" ({view.projection})"
    title = f"{_model(source)} {what} of {len(view.points):,} validation images{projected}"
    caption = _caption(source, "latent_scatter", title, view.step, view.epoch)
    return encode_png(latent_scatter(view, caption), caption)


def _samples(source: FigureSource, request: PriorSamples) -> bytes:
    from engine.figures.grids import sample_grid
    from engine.figures.png import encode_png

    view = source.view(request)
    if _is_vae(source):
        title = "VAE samples, decoded from z ~ N(0, I)"
    else:
        # Nothing made the AE's codes follow N(0, I): what comes out is no fault of its training.
        title = "AE decoded from N(0, I), which it was not trained for"
    caption = _caption(source, "samples", title, view.step, view.epoch)
    return encode_png(sample_grid(view, caption), caption)


def _caption(
    source: FigureSource, figure: FigureName, title: str, step: int, epoch: float
) -> Caption:
    return Caption(title, figure, source.run, source.config, step, epoch)


def _model(source: FigureSource) -> str:
    return source.config.model.upper()


def _is_vae(source: FigureSource) -> bool:
    return source.config.model == "vae"
