"""What a person typed as a path, on the command line, in a form or in a file, as an absolute one.

It may be read again from another directory: by a run's own process, or by a command next year.
"""

from pathlib import Path

from data.errors import DataError


def absolute_path(typed: str | Path) -> Path:
    """Return the path that was meant: a leading `~` expanded, relative to the current directory.

    Symbolic links are left as they are: what they point to may have a name that says nothing (a
    file in a cache of downloads, say), or another one tomorrow. Raises `DataError` for the home of
    somebody unknown, and for a relative path where the current directory has been deleted.
    """
    try:
        path = Path(typed)
        # Asked of what was typed: `./~` is a file of that name, and the same path.
        return (path.expanduser() if str(typed).startswith("~") else path).absolute()
    except RuntimeError:
        raise DataError(f"{typed} names a home directory that cannot be found.") from None
    except OSError as error:
        raise DataError(
            f"{typed} is relative to the current directory, which cannot be found "
            f"({error.strerror}): give an absolute path."
        ) from None
