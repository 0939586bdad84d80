"""`report`: a page on one or several stored runs."""

from pathlib import Path

from engine.storage.run_names import find_run
from tui.cli.arguments import ReportArgs
from tui.cli.export import warn_of_damage
from tui.cli.program import complain, moved_data, print_path
from tui.cli.progress import progress_bar


def run_report(args: ReportArgs) -> int:
    """Write the report, printing the paths of its two files; the exit code."""
    if not args.runs:
        return complain("report needs a run, by its name or the path of its directory")
    paths = _once([find_run(run, args.checkpoints) for run in args.runs])
    with progress_bar() as report:

        def on_activity(activity: str) -> None:
            report(None, f"{activity} …")

        on_activity("loading")
        from engine.errors import JobError
        from engine.report.write import write_report
        from engine.runs.stored_run import StoredRun

        data = moved_data(args.data)
        runs = [StoredRun(path, args.weights, data) for path in paths]
        for run in runs:
            warn_of_damage(run)
        directory = args.exports / runs[0].name
        try:
            written = write_report(runs, directory, args.projection, _flags(args), on_activity)
        except OSError as error:
            return complain(f"can't write to {directory}/: {error.strerror or error}")
        except JobError as error:
            return complain(str(error))
    for path in written:
        print_path(path)
    return 0


def _once(paths: list[Path]) -> list[Path]:
    """Each directory once, in the order given."""
    return list({path.resolve(): path for path in paths}.values())


def _flags(args: ReportArgs) -> list[str]:
    """What makes the report what it is, besides where things lie."""
    flags = []
    if args.weights != "last":
        flags += ["--weights", args.weights]
    if args.projection != "pca":
        flags += ["--projection", args.projection]
    return flags
