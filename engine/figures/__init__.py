"""Full-resolution PNG figures of a run: curves, image grids and the latent scatter.

`catalog` says which figures there are, `export` writes them. Importing this package, or
`catalog` and `palette`, costs neither Matplotlib nor Pillow; `export` imports them when the
first figure is drawn. Nothing here trains, samples or embeds: that is asked of a `RunSource`.
"""

from engine.figures.matplotlib_setup import isolate_from_environment

isolate_from_environment()
