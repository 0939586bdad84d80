"""Run directories: making one, writing what is learnt, finding and reading it again.

checkpoints/<run>/
  config.json          settings, versions, device, fingerprint of the data
  metrics.csv          one row per evaluation
  steps.csv            the training curve
  last.pt  best.pt     weights, optimiser, random state, position
  frames/<step>.npz    the film: a frame per evaluation (`engine.film`)
  run.log              what was logged
"""

import json
import logging
import math
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.config import ConfigError, RunConfig
from engine.csv_log import Cell, CsvLog
from engine.files import atomic_write
from engine.metrics import Evaluation, Metrics, TrainPoint

FORMAT = 1
"""Version of what is written; readers refuse a newer one."""

METRICS_COLUMNS = (
    "step",
    "epoch",
    "seconds",
    "beta",
    "lr",
    "train_loss",
    "train_neg_elbo",
    "train_recon",
    "train_kl",
    "val_loss",
    "val_neg_elbo",
    "val_recon",
    "val_kl",
    "active_units",
)
STEPS_COLUMNS = ("step", "epoch", "loss", "neg_elbo", "recon", "kl")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


class RunError(Exception):
    """A run directory that can't be made, found or read; the message is for a person."""


def check_name(name: str) -> str:
    """A run's name, if it can be a directory's.

    Raises:
        RunError: if it has characters that a path or a shell could take for something else.
    """
    if not _NAME.fullmatch(name):
        raise RunError(
            f"run name {name!r} can't be used: letters, digits, '.', '_', '+' and '-' only, "
            "100 at the most, a letter or digit first"
        )
    return name


def default_name(config: RunConfig, now: datetime) -> str:
    """A name that sorts by time: 'vae-20261122-093015'."""
    return f"{config.model}-{now:%Y%m%d-%H%M%S}"


class RunDirectory:
    """The directory of a run that is being trained: its only writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics = CsvLog(path / "metrics.csv", METRICS_COLUMNS)
        self.steps = CsvLog(path / "steps.csv", STEPS_COLUMNS)
        self._log_handler = logging.FileHandler(path / "run.log", encoding="utf-8")
        self._log_handler.setFormatter(
            logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
        )
        for logger in _run_loggers():
            logger.addHandler(self._log_handler)

    @classmethod
    def create(
        cls, checkpoints: Path, name: str | None, config: RunConfig, about: Mapping[str, Any]
    ) -> "RunDirectory":
        """Make a new directory with its config.json; making it is what claims the name.

        Args:
            name: None for one made from the time, which gets a number if it is taken.
            about: what a reader must know of the run beside its settings, as JSON can hold it.

        Raises:
            RunError: if the name is taken or can't be used, or nothing can be written there.
        """
        stem = check_name(name) if name else default_name(config, datetime.now())
        try:
            checkpoints.mkdir(parents=True, exist_ok=True)
            path = checkpoints / stem
            for number in range(2, 1000):
                try:
                    path.mkdir()
                except FileExistsError:
                    if name:
                        raise RunError(f"run {name!r} exists already in {checkpoints}/") from None
                    path = checkpoints / f"{stem}-{number}"
                else:
                    directory = cls(path)
                    directory._write_config(config, about)
                    return directory
        except OSError as error:
            raise RunError(f"can't make a run directory in {checkpoints}/: {error}") from error
        raise RunError(f"can't find a free run name like {stem!r} in {checkpoints}/")

    def _write_config(self, config: RunConfig, about: Mapping[str, Any]) -> None:
        content = {"format": FORMAT, **about, "config": config.to_dict()}
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        atomic_write(self.path / "config.json", text.encode())

    def write_checkpoint(self, name: str, content: bytes) -> None:
        """Replace `<name>.pt`.

        Raises:
            OSError: if it could not be written; the one before is still there then.
        """
        atomic_write(self.path / f"{name}.pt", content)

    def add_evaluation(self, evaluation: Evaluation) -> None:
        """Add a row to metrics.csv, in memory until it is flushed."""
        e, val, train = evaluation, evaluation.val, evaluation.train
        trained: tuple[Cell, ...] = (None,) * 4 if train is None else _cells(train)
        row = (e.step, e.epoch, e.seconds, e.beta, e.lr, *trained, *_cells(val), e.active_units)
        self.metrics.append(row)

    def add_train_point(self, point: TrainPoint) -> None:
        """Add a row to steps.csv, in memory until it is flushed."""
        self.steps.append((point.step, point.epoch, *_cells(point.metrics)))

    def close(self) -> None:
        """Stop logging to the run's log."""
        for logger in _run_loggers():
            logger.removeHandler(self._log_handler)
        self._log_handler.close()


def find_run(run: str, checkpoints: Path) -> Path:
    """The directory of a run given by its name or by a path.

    Raises:
        RunError: if there is none, saying where it was looked for and what is there.
    """
    for candidate in (checkpoints / run, Path(run).expanduser()):
        if (candidate / "config.json").is_file():
            return candidate
    names = sorted(
        (path.parent for path in checkpoints.glob("*/config.json")),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    known = ", ".join(path.name for path in names[:5])
    hint = f"the latest are {known}" if known else "there are none yet"
    raise RunError(f"no run {run!r} in {checkpoints}/: {hint}")


def read_config(path: Path) -> tuple[RunConfig, dict[str, Any]]:
    """The settings of a stored run, and the rest of its config.json.

    Raises:
        RunError: naming the file and what is wrong with it.
    """
    file = path / "config.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not isinstance(content.get("config"), dict):
            raise RunError(f"{file} is not a run's config.json: it has no settings")
        check_format(file, content.get("format"))
        return RunConfig.from_dict(content.pop("config")), content
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{file} can't be read: {error}") from error
    except ConfigError as error:
        raise RunError(f"{file} has a setting that can't be used: {error}") from error


def check_format(file: Path, version: object) -> None:
    """Refuse what a newer version of this program wrote.

    Raises:
        RunError: if the format is not one that can be read.
    """
    if version != FORMAT:
        raise RunError(f"{file} has format {version!r}; this version reads format {FORMAT}")


def _cells(m: Metrics) -> tuple[float, float, float, float]:
    return (m.loss, m.neg_elbo, m.recon, m.kl)


def _run_loggers() -> tuple[logging.Logger, ...]:
    """What a run's log records: our own words, and Python's warnings (torch's among them)."""
    return tuple(logging.getLogger(name) for name in ("engine", "tui", "py.warnings"))


def json_number(value: float) -> float | None:
    """A number as JSON can hold it: NaN is null."""
    return None if math.isnan(value) else value
