"""What can go wrong, by who can mend it; every message is one sentence for a person."""

from data import DataError
from engine.text import one_line


class ConfigError(ValueError):
    """A setting that can't be used; `field` names it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field


class FigureError(ValueError):
    """A figure that can't be made."""


class RunError(Exception):
    """A run directory that can't be made, found or read."""


class NewerFormatError(RunError):
    """A file of a run that a newer version of this program wrote."""


class ViewError(Exception):
    """A view that can't be had now; the message says why."""


class ControlError(Exception):
    """The process that trains the run can't be asked, or refused."""


class JobError(Exception):
    """A job has no result."""


INPUT_ERRORS = (DataError, ConfigError, RunError)
"""What a person can mend by giving other input; anything else is a failure of ours."""


def describe(error: BaseException) -> str:
    """An exception as one sentence for a person."""
    text = one_line(" ".join(str(error).split()))
    if type(error).__name__ == "OutOfMemoryError":
        return "the device is out of memory: try a smaller batch_size or hidden widths"
    if isinstance(error, INPUT_ERRORS) or type(error).__module__.startswith("engine"):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
