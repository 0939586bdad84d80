"""Libraries that Numba compiles (UMAP, pynndescent), where it can't keep what it compiled."""

import os
import stat
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from engine.errors import JobError


def import_compiled(name: str) -> None:
    """Import a library that Numba compiles, also where it has no place to keep the result.

    Then that goes to a directory of the person's own among the temporary ones, and stays there:
    without it, every map would wait for the compiler, some 40 s.

    Raises:
        JobError: if not even a temporary directory can be made.
    """
    try:
        import_module(name)
        return
    except RuntimeError as error:  # neither beside the library nor at home can be written
        if "no locator available" not in str(error):
            raise
    import numba

    try:
        directory = _own_temporary_directory()
    except OSError as error:
        raise JobError(
            "What Numba compiles can't be stored anywhere: set NUMBA_CACHE_DIR to a directory "
            f"that can be written ({error.strerror})."
        ) from error
    os.environ["NUMBA_CACHE_DIR"] = directory
    numba.config.reload_config()  # type: ignore[no-untyped-call]
    import_module(name)


def _own_temporary_directory() -> str:
    """One that nobody else can have put anything into: what is cached there is executed."""
    user = os.getuid() if sys.platform != "win32" else 0
    path = Path(tempfile.gettempdir()) / f"fmnist-vae-tui-numba-{user}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if sys.platform == "win32" or (
        stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o077
    ):
        return str(path)
    return tempfile.mkdtemp(prefix="fmnist-vae-tui-numba-")
