"""What a person's environment holds decides nothing: each command in many, as a process."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.config import RunConfig
from tests.support.stored_runs import train_run
from tui.cli.environment import drop_unusable

pytestmark = pytest.mark.slow

PROGRAM = Path(sys.executable).with_name("fmnist-vae-tui")
EXPORT = ("export", "mine", "--figure", "val_loss")
COMMANDS = (("--version",), ("--help",), ("runs",), EXPORT)
FOREIGN = "raise SystemExit('a foreign package was imported')"
ENVIRONMENTS: dict[str, dict[str, str]] = {
    # Many in one, where none hides another: each start of a command costs seconds.
    "of other programs": {
        "MPLBACKEND": "module://there.is.none",
        "COLUMNS": "wide",
        "LINES": "",
        "FORCE_COLOR": "1",
        "CLICOLOR_FORCE": "1",
        "PY_COLORS": "1",
        "TTY_COMPATIBLE": "1",
        "TERM": "dumb",
        "PYTHONPATH": "{cwd}/foreign",
        "PYTHONWARNINGS": "error",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "POSIX",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "OMP_NUM_THREADS": "many",
        "NUMBA_NUM_THREADS": "0",
        "TZ": "Nowhere/At_all",
        "TEXTUAL_COLOR_SYSTEM": "rainbow",
        "TEXTUAL_DRIVER": "there:is.none",
    },
    "settings of matplotlib, an empty size, Latin-1": {
        "MATPLOTLIBRC": "{cwd}/rc",
        "MPLCONFIGDIR": "{cwd}/rc",
        "COLUMNS": "0",
        "LINES": "0",
        "PYTHONIOENCODING": "latin-1",
        "TERM": "",
        "PYTHONSAFEPATH": "1",
    },
    "no docstrings, no places, no width, ASCII": {
        "PYTHONOPTIMIZE": "2",
        "HOME": "/proc/none",
        "TMPDIR": "/proc/none",
        "XDG_CONFIG_HOME": "/proc/none",
        "XDG_CACHE_HOME": "/proc/none",
        "MPLCONFIGDIR": "/proc/none",
        "PYTHONIOENCODING": "ascii:strict",
        "COLUMNS": "1",
    },
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Path:
    """Where the commands are called: a run, its figure in a plain environment, and traps."""
    path = tmp_path_factory.mktemp("environment")
    config = RunConfig(
        hidden=(8,), latent_dim=2, batch_size=64, epochs=1, device="cpu", data=str(small_data)
    )
    train_run(config, path / "checkpoints", "mine")
    for name in ("data", "engine", "tui"):
        (path / "foreign" / name).mkdir(parents=True)
        (path / "foreign" / name / "__init__.py").write_text(FOREIGN)
        (path / name).mkdir()  # no package: a folder with somebody's files
    done = run(path, EXPORT, {})
    assert done.returncode == 0, done.stderr
    (path / "exports").rename(path / "expected")
    settings = "font.family: serif\nlines.linewidth: 9\ntext.usetex: True\nno.such: thing\n"
    (path / "matplotlibrc").write_text(settings)
    (path / "rc").mkdir()
    (path / "rc" / "matplotlibrc").write_text(settings)
    return path


def run(
    directory: Path,
    arguments: tuple[str, ...],
    environ: Mapping[str, str],
    program: tuple[str | Path, ...] = (PROGRAM,),
) -> "subprocess.CompletedProcess[bytes]":
    given = {k: v.replace("{cwd}", str(directory)) for k, v in environ.items()}
    return subprocess.run(
        [*program, *arguments],
        cwd=directory,
        env={**os.environ, **given},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=150,
    )


def pixels(folder: Path) -> np.ndarray:
    return np.asarray(Image.open(folder / "mine" / "vae_val_loss.png"))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_command_does_the_same_in_every_environment(name: str, directory: Path) -> None:
    environ = ENVIRONMENTS[name]
    told = {}
    for command in COMMANDS:
        done = run(directory, command, environ)
        assert (done.returncode, done.stderr) == (0, b""), (command, done.stderr.decode())
        assert b"\x1b" not in done.stdout, command
        told[command[0]] = done.stdout
    assert b"Train a variational autoencoder" in told["--help"]
    assert b"Widths of the encoder's hidden layers" in told["--help"]
    assert told["runs"].split(b"\n")[1].startswith(b"mine\t")
    assert np.array_equal(pixels(directory / "exports"), pixels(directory / "expected"))


@pytest.mark.parametrize("module", ["tui", "fmnist_vae_tui"])
def test_as_a_module_it_finds_its_own_packages_beside_folders_of_their_names(
    module: str, directory: Path
) -> None:
    foreign = {"PYTHONPATH": "{cwd}"}
    done = run(directory, ("--version",), foreign, (sys.executable, "-m", module))
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_matplotlibrc_that_is_no_text_is_one_sentence(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe\x00")
    where = ("--checkpoints", str(directory / "checkpoints"))
    done = run(tmp_path, (*EXPORT, *where), {})
    assert done.returncode == 2
    assert done.stderr.startswith(b"fmnist-vae-tui: Matplotlib reads ./matplotlibrc")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_traceback(closed: str, directory: Path) -> None:
    done = run(directory, (), {}, ("sh", "-c", f'"$0" runs {closed}', PROGRAM))
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_dashboard_without_standard_input_is_refused_in_a_sentence(directory: Path) -> None:
    done = run(directory, (), {}, ("sh", "-c", '"$0" <&-', PROGRAM))
    assert done.returncode == 2
    assert done.stderr.startswith(b"fmnist-vae-tui: the dashboard needs a terminal")


def test_a_home_that_a_shell_has_not_expanded_is(directory: Path) -> None:
    given = {"HOME": str(directory)}
    done = run(directory.parent, ("runs", "--checkpoints=~/checkpoints"), given)
    assert b"\nmine\t" in done.stdout
    done = run(directory, ("runs", "--checkpoints=~no-such-person/x"), given)
    assert done.returncode == 2
    assert done.stderr.startswith(b"fmnist-vae-tui: ~no-such-person/x names a home directory")


@pytest.mark.parametrize(
    ("name", "value", "on_terminal", "kept"),
    [
        ("COLUMNS", "120", False, True),
        ("COLUMNS", "120", True, False),
        ("COLUMNS", "12", False, False),
        ("COLUMNS", "1e3", False, False),
        ("LINES", "999999999999999999999", False, False),
        ("FORCE_COLOR", "1", True, False),
        ("NO_COLOR", "1", True, True),
        ("OMP_NUM_THREADS", "4", True, True),
        ("OMP_NUM_THREADS", "4,2", True, True),
        ("OMP_NUM_THREADS", "0", True, False),
        ("MKL_NUM_THREADS", "-1", True, False),
        ("TEXTUAL_ANIMATIONS", "none", True, True),
        ("TEXTUAL_SCREENSHOT", "1", True, False),
        ("TEXTUAL", "debug", True, False),
        ("TERM", "anything", True, True),
    ],
)
def test_what_would_mislead_goes_and_what_is_meant_stays(
    name: str, value: str, on_terminal: bool, kept: bool
) -> None:
    environ = {name: value}
    drop_unusable(environ, on_terminal=on_terminal)
    assert environ == ({name: value} if kept else {})
