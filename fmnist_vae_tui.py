"""The program's entry: the command `fmnist-vae-tui`, and `python -m fmnist_vae_tui`.

Importing this module makes `data`, `engine` and `tui` the packages that lie beside it, whatever
folders of these common names are on PYTHONPATH or where the program was called. Its own name is
not so common, so it is found where `tui` would not be.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

ROOT = str(Path(__file__).absolute().parent)
PACKAGES = ("data", "engine", "tui")


class OwnPackages:
    """Finds our packages, before anybody else is asked; leaves the others to the others."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where one of our packages is; None for any other module."""
        return PathFinder.find_spec(name, [ROOT]) if path is None and name in PACKAGES else None


# Not by an entry in sys.path: put first, it would also hide modules of the standard library.
if OwnPackages not in sys.meta_path:
    sys.meta_path.insert(0, OwnPackages)


def main() -> int:
    """Run the command line of this process; the exit code."""
    from tui.cli.environment import settle

    settle()  # before anything is imported that reads the environment
    from tui.cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
