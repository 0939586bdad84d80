"""The titles of the explorer's panels, at several lengths."""

from engine.config import ModelName
from engine.projection import PROJECTION_NAMES
from engine.views import LatentView


def map_titles(view: LatentView, model: ModelName, *, behind: bool) -> tuple[str, ...]:
    """What is mapped and along which axes, the longest first.

    Args:
        behind: whether the model has moved on since.
    """
    what = "μ" if model == "vae" else "codes"
    images = "training" if view.split == "train" else view.split
    split = "val" if view.split == "validation" else view.split
    axes = " × ".join(view.axis_names)
    if view.plane is None and view.projection is not None:
        age = " · u updates it" if behind else ""
        axes = f"{PROJECTION_NAMES[view.projection]} of step {view.step:,}{age}"
    return (
        f"{what} of {len(view.points):,} {images} images · {axes}",
        f"{split} {what} · {axes}",
        f"{what} · {axes}",
        axes,
        " × ".join(name.split(" (")[0] for name in view.axis_names),
    )


def inspector_titles(view: LatentView) -> tuple[str, ...]:
    """What is decoded at the cursor, and what is shown below it."""
    # Decoded at its own μ, an image is reconstructed.
    image = "reconstruction" if view.plane is None else "decoded mean"
    return (
        f"{image} at the cursor; below, the nearest training images (distance in z)",
        f"{image} at the cursor; below, the nearest training images",
        f"{image}; nearest in training",
        image,
    )


def fitting(titles: tuple[str, ...], width: int) -> str:
    """The first title that fits into the border of a panel so wide, else the last."""
    return next((title for title in titles if len(title) <= width - 4), titles[-1])
