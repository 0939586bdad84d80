"""`export` and `evaluate`: what can be done with a stored run."""

import json

from engine.runs import find_run, json_number
from tui.arguments import EvaluateArgs, ExportArgs
from tui.cli import complain
from tui.text import nats


def run_export(args: ExportArgs) -> int:
    """Write the figures, printing each path; the exit code."""
    path = find_run(args.run, args.checkpoints)
    from engine.figures.export import export_figures
    from engine.stored import StoredRun

    run = StoredRun(path, args.weights)
    directory = args.exports / run.run
    try:
        for figure in export_figures(run, args.figure or None, directory):
            print(figure)
    except OSError as error:
        return complain(f"can't write to {directory}/: {error.strerror or error}")
    return 0


def run_evaluation(args: EvaluateArgs) -> int:
    """Print the scores; the exit code."""
    path = find_run(args.run, args.checkpoints)
    from engine.stored import StoredRun

    run = StoredRun(path, args.weights)
    measured = run.measure(args.split)
    numbers = {
        "neg_elbo": measured.metrics.neg_elbo,
        "recon": measured.metrics.recon,
        "kl": measured.metrics.kl,
    }
    if args.json:
        about = {"run": run.run, "split": args.split, "weights": args.weights, "step": run.step}
        values = {name: json_number(value) for name, value in numbers.items()}
        print(json.dumps({**about, **values, "active_units": measured.active_units}))
        return 0
    print(f"{run.run}, {args.weights} weights (step {run.step:,}), {args.split} images:")
    for label, name in (("−ELBO", "neg_elbo"), ("reconstruction", "recon"), ("KL", "kl")):
        print(f"  {label:<15}{nats(numbers[name]):>8} nats per image")
    print(f"  active units{measured.active_units:>8} of {run.config.latent_dim}")
    return 0
