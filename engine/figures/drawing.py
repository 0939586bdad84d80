"""From a figure's name to the bytes of its files: asks the source, words the title, draws.

What draws imports Matplotlib or Pillow, so it is imported when it is needed.
"""

from dataclasses import replace

from engine.analysis.jobs import Progress, Project, no_progress
from engine.analysis.projected import projected
from engine.analysis.run_source import RunSource
from engine.config import ModelName
from engine.errors import FigureError
from engine.figures.caption import Caption
from engine.figures.catalog import FigureName, file_names
from engine.figures.options import FigureOptions
from engine.projection import PROJECTION_NAMES
from engine.views import (
    Interpolation,
    LatentView,
    Manifold,
    PriorSamples,
    Reconstructions,
    Split,
    Traversal,
)

File = tuple[str, bytes]
"""A file's name, and what is in it."""

_SPLITS: dict[Split, str] = {"train": "training", "validation": "validation", "test": "test"}


def draw_files(
    source: RunSource, name: FigureName, options: FigureOptions, progress: Progress = no_progress
) -> tuple[File, ...]:
    """A figure of one run: one file, or a film's three.

    Args:
        progress: of the slow work that a figure may need.

    Raises:
        FigureError: if there is nothing to draw it from.
        Exception: what the source raises.
    """
    contents: tuple[bytes, ...]
    match name:
        case "film":
            contents = _film(source)
        case "comparison":
            raise FigureError("a comparison needs two runs")
        case _:
            contents = (_draw(source, name, options, progress),)
    return tuple(zip(file_names(name, source.config.model), contents, strict=True))


def _draw(source: RunSource, name: FigureName, options: FigureOptions, progress: Progress) -> bytes:
    match name:
        case "train_loss":
            return _train_loss(source)
        case "val_loss":
            return _val_loss(source)
        case "recon_val":
            return _recon_val(source, options.reconstructions)
        case "latent_scatter":
            return _latent_scatter(source, options, progress)
        case "samples":
            return _samples(source, options.samples)
        case "interpolation":
            return _interpolation(source, options.interpolation)
        case "traversal":
            return _traversal(source, options.traversal)
        case "manifold":
            return _manifold(source, options.manifold)
        case "kl_heatmap":
            return _kl_heatmap(source)
        case "rate_distortion":
            return _rate_distortion(source)
        case "diagnosis":
            return _diagnosis(source)
    raise AssertionError(name)


def _train_loss(source: RunSource) -> bytes:
    from engine.figures.curves import train_curve
    from engine.figures.png import encode_png

    points = source.train_points()
    step, epoch = (points[-1].step, points[-1].epoch) if points else (0, 0.0)
    what = "−ELBO and its parts" if _is_vae(source) else "reconstruction BCE"
    caption = _caption(source, "train_loss", f"{_model(source)} training: {what}", step, epoch)
    return encode_png(train_curve(points, caption), caption)


def _val_loss(source: RunSource) -> bytes:
    from engine.figures.curves import validation_curve
    from engine.figures.png import encode_png

    evaluations = source.evaluations()
    step, epoch = (evaluations[-1].step, evaluations[-1].epoch) if evaluations else (0, 0.0)
    what = "−ELBO and its parts" if _is_vae(source) else "reconstruction BCE"
    caption = _caption(source, "val_loss", f"{_model(source)} validation: {what}", step, epoch)
    return encode_png(validation_curve(evaluations, caption), caption)


def _recon_val(source: RunSource, request: Reconstructions) -> bytes:
    from engine.figures.grids import reconstruction_grid
    from engine.figures.png import encode_png

    view = source.view(request)
    title = f"{_model(source)} reconstructions of validation images"
    caption = _caption(source, "recon_val", title, view.step, view.epoch)
    return encode_png(reconstruction_grid(view, caption), caption)


def _latent_scatter(source: RunSource, options: FigureOptions, progress: Progress) -> bytes:
    from engine.figures.png import encode_png
    from engine.figures.scatter import latent_scatter, without_classes

    view = options.latent_view or _latent_view(source, options, progress)
    view = without_classes(view, options.hidden_classes)
    what = "posterior means μ" if _is_vae(source) else "codes"
    if view.projection is not None:
        by = f" ({PROJECTION_NAMES[view.projection]})"
    else:
        by = " ({}, {})".format(*view.axis_names) if view.latents.shape[1] > 2 else ""
    images = f"{len(view.points):,} {_SPLITS[view.split]} images"
    title = f"{_model(source)} {what} of {images}{by}"
    caption = _caption(source, "latent_scatter", title, view.step, view.epoch)
    return encode_png(latent_scatter(view, caption, options.hidden_classes), caption)


def _latent_view(source: RunSource, options: FigureOptions, progress: Progress) -> LatentView:
    view = source.view(options.latent_map)
    projection = options.projection
    if projection == "pca":
        return view
    return projected(view, projection, source.work(Project(view.latents, projection), progress))


def _samples(source: RunSource, request: PriorSamples) -> bytes:
    from engine.figures.grids import sample_grid
    from engine.figures.png import encode_png

    view = source.view(request)
    spread = "I" if request.temperature == 1 else f"{request.temperature:g}² I"
    draws = f"N(0, {spread})" if request.around is None else "draws like one sample"
    if _is_vae(source):
        z = f"z ~ {draws}" if request.around is None else draws
        title = f"VAE samples, decoded from {z}"
    else:
        # Nothing made the AE's codes follow N(0, I): what comes out is no fault of its training.
        title = f"AE decoded from {draws}, which it was not trained for"
    drawn = {"draw_seed": str(request.seed), "temperature": f"{request.temperature:g}"}
    if request.around is not None:
        drawn |= {
            "around": " ".join(map(repr, request.around)),
            "likeness": f"{request.likeness:g}",
        }
    caption = replace(_caption(source, "samples", title, view.step, view.epoch), draws=drawn)
    return encode_png(sample_grid(view, caption), caption)


def _interpolation(source: RunSource, request: Interpolation) -> bytes:
    from engine.figures.png import encode_png
    from engine.figures.walks import interpolation_grid

    view = source.view(request)
    ends = "validation images" if view.originals is not None else "draws from N(0, I)"
    title = f"{_model(source)} interpolation between {ends}"
    drawn = {} if view.originals is not None else {"draw_seed": str(request.page)}
    caption = _caption(source, "interpolation", title, view.step, view.epoch)
    caption = replace(caption, draws=drawn)
    return encode_png(interpolation_grid(view, caption), caption)


def _traversal(source: RunSource, request: Traversal) -> bytes:
    from engine.figures.png import encode_png
    from engine.figures.walks import traversal_grid

    view = source.view(request)
    title = f"{_model(source)} latent traversal: {view.class_name}"
    caption = _caption(source, "traversal", title, view.step, view.epoch)
    return encode_png(traversal_grid(view, caption), caption)


def _manifold(source: RunSource, request: Manifold) -> bytes:
    from engine.figures.png import encode_png
    from engine.figures.walks import manifold_grid

    view = source.view(request)
    title = f"{_model(source)} manifold"
    if source.config.latent_dim > 2:
        what = "μ" if _is_vae(source) else "the codes"
        title = f"{title} in the plane of the first two principal components of {what}"
    caption = _caption(source, "manifold", title, view.step, view.epoch)
    return encode_png(manifold_grid(view, caption), caption)


def _kl_heatmap(source: RunSource) -> bytes:
    from engine.figures.diagnosis import kl_heatmap
    from engine.figures.png import encode_png

    evaluations = source.evaluations()
    title = f"{_model(source)} KL by latent dimension over training"
    caption = _caption_at_end(source, "kl_heatmap", title)
    return encode_png(kl_heatmap(evaluations, caption), caption)


def _rate_distortion(source: RunSource) -> bytes:
    from engine.figures.diagnosis import rate_distortion
    from engine.figures.png import encode_png

    title = f"{_model(source)} rate and distortion on validation images"
    caption = _caption_at_end(source, "rate_distortion", title)
    return encode_png(rate_distortion(source.evaluations(), source.config, caption), caption)


def _diagnosis(source: RunSource) -> bytes:
    from engine.figures.diagnosis import diagnosis_page
    from engine.figures.png import encode_png

    diagnoses = source.diagnoses()
    title = f"{_model(source)} diagnosis"
    step, epoch = (diagnoses[-1].step, diagnoses[-1].epoch) if diagnoses else (0, 0.0)
    caption = _caption(source, "diagnosis", title, step, epoch)
    page = diagnosis_page(diagnoses, source.evaluations(), source.config, caption)
    return encode_png(page, caption)


def _caption_at_end(source: RunSource, figure: FigureName, title: str) -> Caption:
    evaluations = source.evaluations()
    step, epoch = (evaluations[-1].step, evaluations[-1].epoch) if evaluations else (0, 0.0)
    return _caption(source, figure, title, step, epoch)


def _film(source: RunSource) -> tuple[bytes, bytes, bytes]:
    from engine.figures import film
    from engine.figures.png import encode_png

    frames = source.frames()
    if not frames:
        raise FigureError("the run has no film yet")
    view = source.view(Reconstructions(page=0))
    images = film.FilmImages(view.originals, view.labels, view.class_names)
    title = f"{_model(source)} learning: the same images and draws over training"
    caption = _caption(source, "film", title, frames[-1].step, frames[-1].epoch)
    return (
        film.gif(frames, images, caption),
        film.apng(frames, images, caption),
        encode_png(film.strip(frames, images, caption), caption),
    )


def _caption(source: RunSource, figure: FigureName, title: str, step: int, epoch: float) -> Caption:
    steering = tuple(source.steering)
    return Caption(title, figure, source.name, source.config, step, epoch, steering=steering)


def _model(source: RunSource) -> str:
    model: ModelName = source.config.model
    return model.upper()


def _is_vae(source: RunSource) -> bool:
    return source.config.model == "vae"
