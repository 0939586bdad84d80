"""`export` and `evaluate`: what can be done with a stored run."""

import itertools
import json
import math
from typing import TYPE_CHECKING

from data import DataError
from engine.config import RunConfig
from engine.errors import FigureError, RunError
from engine.figures.catalog import resolve_names
from engine.figures.options import FigureOptions
from engine.metrics import json_number
from engine.storage.config_json import read_config
from engine.storage.run_names import find_run
from engine.text import nats, one_line
from engine.views import (
    MAX_TEMPERATURE,
    Interpolation,
    LatentMap,
    PriorSamples,
    Reconstructions,
    Traversal,
)
from tui.cli.arguments import EvaluateArgs, ExportArgs
from tui.cli.program import complain, moved_data, print_path

if TYPE_CHECKING:
    from engine.runs.stored_run import StoredRun

MAX_NUMBER = 2**32 - 1
"""Of a seed, a page, a position."""
MAX_DRAW = 9_999


def run_export(args: ExportArgs) -> int:
    """Write the figures, printing each path; the exit code."""
    path = find_run(args.run, args.checkpoints)
    other = None if args.with_run is None else find_run(args.with_run, args.checkpoints)
    config, _ = read_config(path)
    # All that can be wrong is said before the weights are loaded.
    names = resolve_names(args.figure or None, config.model)
    options = figure_options(args, config)
    if ("comparison" in names) != (other is not None):
        raise FigureError(
            "--with goes with --figure comparison"
            if other is not None
            else "--figure comparison needs the other run: --with RUN"
        )
    from engine.errors import JobError
    from engine.figures.export import export_comparison, export_figures
    from engine.runs.stored_run import StoredRun
    from tui.cli.progress import progress_bar

    run = StoredRun(path, args.weights, moved_data(args.data))
    warn_of_damage(run)
    directory = args.exports / run.name
    lacking: list[str] = []
    problem: DataError | RunError | None = None
    try:
        for name in names:
            if name != "comparison":
                try:
                    with progress_bar(f"{run.name} · ") as progress:
                        written = [*export_figures(run, (name,), directory, options, progress)]
                except (DataError, RunError) as error:  # curves and film need no images
                    problem = error
                    lacking.append(name)
                    continue
            elif other is not None:
                second = StoredRun(other, args.weights, run.data)
                warn_of_damage(second)
                with progress_bar() as progress:
                    runs = (run, second)
                    written = [export_comparison(runs, directory, options, progress)]
            # After the bar, which would be in the way on a terminal.
            for figure in written:
                print_path(figure)
    except JobError as error:
        return complain(str(error))
    except OSError as error:
        return complain(f"can't write to {directory}/: {error.strerror or error}")
    if problem is not None:
        hint = "" if args.data else " (--data says where it is now)"
        return complain(f"{problem}{hint}; without the data there is no {', '.join(lacking)}")
    return 0


def warn_of_damage(run: "StoredRun") -> None:
    """Say on stderr what of the run can't be read, and which weights are taken instead."""
    if run.problem:
        complain(f"{run.problem}: using {run.which}.pt instead")
    for note in run.notes:
        complain(f"{note}: left out")


def figure_options(args: ExportArgs, config: RunConfig) -> FigureOptions:
    """What the figures should show.

    Raises:
        FigureError: for a flag that is out of its range for this run.
    """
    for flag in ("seed", "page", "image"):
        _check_range(f"--{flag}", getattr(args, flag), 0, MAX_NUMBER)
    if not (math.isfinite(args.temperature) and args.temperature >= 0):
        raise FigureError(f"--temperature must be a number of 0 or more, not {args.temperature}")
    if args.temperature > MAX_TEMPERATURE:
        raise FigureError(
            f"--temperature must be at most {MAX_TEMPERATURE:,.0f}, not {args.temperature:g}"
        )
    for end in itertools.chain.from_iterable(args.ends):
        # All draws up to the last one wanted are made.
        _check_range("--ends", end, 0, MAX_NUMBER if args.between == "images" else MAX_DRAW)
    return FigureOptions(
        reconstructions=Reconstructions(page=args.page),
        samples=PriorSamples(seed=args.seed, temperature=args.temperature),
        latent_map=LatentMap(args.split, _dims(args, config)),
        projection=args.projection,
        interpolation=Interpolation(args.between, page=args.page, pairs=args.ends or None),
        traversal=Traversal(image=args.image),
    )


def _dims(args: ExportArgs, config: RunConfig) -> tuple[int, int] | None:
    if args.dims is None:
        return None
    if args.projection != "pca":
        raise FigureError(f"--dims and --projection {args.projection} exclude each other")
    first, second = args.dims
    for number in (first, second):
        _check_range("--dims", number, 1, config.latent_dim)
    if first == second:
        raise FigureError(f"--dims must be two dimensions, not {first} twice")
    return first - 1, second - 1


def _check_range(flag: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise FigureError(f"{flag} must be {low} to {high:,}, not {value:,}")


def run_evaluation(args: EvaluateArgs) -> int:
    """Print the scores; the exit code."""
    path = find_run(args.run, args.checkpoints)
    from tui.cli.progress import progress_bar

    with progress_bar(f"{path.name} · ") as report:
        report(None, f"scoring {args.split} images …")
        from engine.runs.stored_run import StoredRun

        run = StoredRun(path, args.weights, moved_data(args.data))
        measured = run.measure(args.split)
    warn_of_damage(run)
    numbers = {
        "neg_elbo": measured.metrics.neg_elbo,
        "recon": measured.metrics.recon,
        "kl": measured.metrics.kl,
    }
    if args.json:
        about = {"run": run.name, "split": args.split, "weights": run.which, "step": run.step}
        values = {name: json_number(value) for name, value in numbers.items()}
        print(json.dumps({**about, **values, "active_units": measured.active_units}))
        return 0
    print(f"{one_line(run.name)}, {run.which} weights (step {run.step:,}), {args.split} images:")
    for label, name in (("−ELBO", "neg_elbo"), ("reconstruction", "recon"), ("KL", "kl")):
        print(f"  {label:<15}{nats(numbers[name]):>8} nats per image")
    active = "–" if measured.active_units is None else measured.active_units
    print(f"  active units{active:>8} of {run.config.latent_dim}")
    return 0
