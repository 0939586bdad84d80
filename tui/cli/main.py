"""The command line: `fmnist-vae-tui` is the dashboard; its commands need none.

Textual, torch and matplotlib are imported by the commands that need them, so `--help` and
mistakes are answered at once.
"""

import logging
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from data import DataError
from engine.errors import ConfigError, FigureError, RunError
from tui.cli.commands import COMMANDS, DASHBOARD, parse
from tui.cli.program import INTERRUPTED, PROGRAM, complain, lasting_output


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Returns:
        The exit code: 0, 1 for a failure of ours, 2 for unusable input, 130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Libraries' warnings go to the run's log, not over the screen.
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").addHandler(logging.NullHandler())
    with lasting_output() as stdout:
        try:
            code = _run(arguments)
        except (ConfigError, DataError, FigureError, RunError) as error:
            return complain(str(error))
        except OSError as error:
            # What the system refuses (no temporary directory, processes, terminals, space) is a
            # person's to mend, whatever the command was about to do.
            where = "" if error.filename is None else f"{error.filename}: "
            return complain(f"{where}{error.strerror or error}")
        except KeyboardInterrupt:
            return INTERRUPTED
        stdout.flush()
        # A reader that has seen enough is nothing to complain about.
        if stdout.error is not None and not isinstance(stdout.error, BrokenPipeError):
            cause = getattr(stdout.error, "strerror", None) or stdout.error
            return complain(f"can't write to standard output: {cause}")
        return code


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        print(PROGRAM, metadata.version(PROGRAM))
        return 0
    if not _has_current_directory():
        return complain("the current directory has been deleted: change to another one first")
    command, rest = DASHBOARD, arguments
    if arguments and not arguments[0].startswith("-"):
        name, *rest = arguments
        if name not in COMMANDS:
            return complain(f"there is no command {name!r}; the commands are {', '.join(COMMANDS)}")
        command = COMMANDS[name]
    if command.posix_only and sys.platform == "win32":
        return complain(f"{command.name} needs pseudo-terminals, which Windows doesn't have")
    args = parse(command, rest)
    return command.load()(args)


def _has_current_directory() -> bool:
    """Whether there is a place for relative paths; without one torch's MKL ends the process."""
    try:
        Path.cwd()
    except OSError:
        return False
    return True
