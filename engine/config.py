"""`RunConfig`: every knob of a training run, its meaning and its range; `TrainingPlan`: of two.

The command line (tyro) and the dashboard's form are made from this dataclass, so a field's
docstring is what a person reads as help. Nothing here imports torch.
"""

import math
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from data import DataError, absolute_path
from engine.errors import ConfigError

ModelName = Literal["vae", "ae"]
PlannedModel = Literal["vae", "ae", "both"]
Activation = Literal["relu", "leaky_relu", "gelu", "silu", "tanh"]
LrSchedule = Literal["constant", "cosine"]
Precision = Literal["float32", "tf32", "bf16"]
PresetName = Literal["default", "report"]

MAY_CHANGE = frozenset({"epochs", "device", "threads", "precision", "data"})
"""Settings that may differ when a run is resumed; the data are checked by content."""
MAX_EPOCHS = 1_000_000
MAX_WIDTH = 65_536
MAX_THREADS = 1024


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """What a person asks for: the settings of one run, or of a VAE's and an autoencoder's.

    Raises:
        ConfigError: at construction, if a value is of the wrong type or out of its range.
    """

    model: PlannedModel = "vae"
    """vae: variational autoencoder. ae: plain autoencoder of the same shape. both: one after
    the other, to compare."""
    hidden: tuple[int, ...] = (512, 256)
    """Widths of the encoder's hidden layers; the decoder mirrors them."""
    latent_dim: int = 20
    """Number of latent dimensions."""
    activation: Activation = "gelu"
    """Non-linearity between the linear layers."""
    beta: float = 1.0
    """Weight of the KL term in the loss (β-VAE); the −ELBO shown is always at β = 1."""
    kl_warmup: float = 2.0
    """Epochs over which β rises linearly from 0 to its value."""
    lr: float = 2e-3
    """Adam's learning rate (at the start, if a schedule lowers it)."""
    lr_schedule: LrSchedule = "cosine"
    """cosine: falls to 0 over the run. constant: stays."""
    batch_size: int = 128
    """Images per optimiser step."""
    epochs: int = 30
    """Passes over the training images."""
    seed: int = 0
    """Seed of the weights, the order of the images and all noise."""
    device: str = "auto"
    """auto (CUDA, else Apple's MPS, else CPU), cpu, mps, cuda or cuda:N."""
    threads: int = 0
    """CPU threads for training; 0 chooses, leaving a core for the dashboard."""
    precision: Precision = "float32"
    """Of the matrix products in training. tf32: factors rounded to 10 bits, on NVIDIA's GPUs. bf16:
    to 7 bits, there and on CPUs that have such products. Evaluation is always float32."""
    validation_share: float = 0.1
    """Share of the training file kept for validation."""
    split_seed: int = 0
    """Seed of the train/validation split: apart from seed, so that runs can be compared."""
    data: str = ""
    """Data set: a directory of IDX files, Kaggle's CSV, or an archive of either (.zip, .tar.gz).
    Empty: the bundled Fashion-MNIST."""

    def __post_init__(self) -> None:
        """Check every field's type and range."""
        for name, annotation in typing.get_type_hints(type(self)).items():
            _check_type(name, getattr(self, name), annotation)
        _check_range(self)

    def runs(self) -> tuple["RunConfig", ...]:
        """The runs that are planned, in order."""
        models: tuple[ModelName, ...] = ("vae", "ae") if self.model == "both" else (self.model,)
        settings = {field.name: getattr(self, field.name) for field in fields(self)}
        return tuple(RunConfig(**settings | {"model": model}) for model in models)


@dataclass(frozen=True, kw_only=True)
class RunConfig(TrainingPlan):
    """All that determines one training run.

    Raises:
        ConfigError: at construction, if a value is of the wrong type or out of its range.
    """

    model: ModelName = "vae"

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON can hold them (tuples as lists)."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}

    def check_same_model(self, other: "RunConfig") -> None:
        """See that a checkpoint trained with the other settings can be resumed under these.

        Raises:
            ValueError: naming the setting that differs.
        """
        mine, theirs = self.to_dict(), other.to_dict()
        for name in mine.keys() - MAY_CHANGE:
            if mine[name] != theirs[name]:
                raise ValueError(f"{name} was {mine[name]!r}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunConfig":
        """Build from `to_dict`'s form, as read from a config.json.

        Raises:
            ConfigError: for an unknown field, a wrong type or a value out of range.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ConfigError(unknown[0], "is not a setting of this version")
        settings: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**settings)


def _check_type(name: str, value: object, annotation: Any) -> None:
    if get_origin(annotation) is Literal:
        choices = get_args(annotation)
        if value not in choices:
            raise ConfigError(name, f"must be one of {', '.join(choices)}, not {value!r}")
    elif get_origin(annotation) is tuple:
        if not isinstance(value, tuple) or not all(_is_int(item) for item in value):
            raise ConfigError(name, f"must be whole numbers, not {value!r}")
    elif annotation is int:
        if not _is_int(value):
            raise ConfigError(name, f"must be a whole number, not {value!r}")
    elif annotation is float:
        if not (_is_int(value) or isinstance(value, float)):
            raise ConfigError(name, f"must be a number, not {value!r}")
    elif not isinstance(value, annotation):
        raise ConfigError(name, f"must be {annotation.__name__}, not {value!r}")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_range(c: TrainingPlan) -> None:
    if not c.hidden or not all(1 <= width <= MAX_WIDTH for width in c.hidden):
        raise ConfigError("hidden", f"must be one or more widths of 1 to {MAX_WIDTH:,}")
    for name, low, high in (
        ("latent_dim", 1, 4096),
        ("batch_size", 1, 1_000_000),
        ("epochs", 1, MAX_EPOCHS),
        ("seed", 0, 2**32 - 1),
        ("split_seed", 0, 2**32 - 1),
        ("threads", 0, MAX_THREADS),
    ):
        if not low <= getattr(c, name) <= high:
            raise ConfigError(name, f"must be {low:,} to {high:,}, not {getattr(c, name):,}")
    for name in ("beta", "kl_warmup", "lr", "validation_share"):
        if not math.isfinite(getattr(c, name)):
            raise ConfigError(name, f"must be a finite number, not {getattr(c, name)}")
    if c.beta < 0:
        raise ConfigError("beta", f"must be 0 or more, not {c.beta}")
    if c.kl_warmup < 0:
        raise ConfigError("kl_warmup", f"must be 0 or more epochs, not {c.kl_warmup}")
    if not 0 < c.lr <= 1:
        raise ConfigError("lr", f"must be above 0 and at most 1, not {c.lr}")
    if not 0 < c.validation_share < 1:
        raise ConfigError("validation_share", f"must be between 0 and 1, not {c.validation_share}")
    if not re.fullmatch(r"auto|cpu|mps|cuda(:(0|[1-9]\d?))?", c.device, re.ASCII):
        raise ConfigError("device", f"must be auto, cpu, mps, cuda or cuda:N, not {c.device!r}")


def absolute_data(typed: str) -> str:
    """`data` as it is kept, from what was typed on the command line or in the form.

    Absolute, for config.json is read from other directories later; empty stays empty.

    Raises:
        ConfigError: if it can't be a path.
    """
    try:
        return str(absolute_path(typed)) if typed else ""
    except DataError as error:
        raise ConfigError("data", str(error)) from None


def data_path(config: TrainingPlan) -> Path | None:
    """Where the run's data set lies; None for the bundled Fashion-MNIST."""
    return Path(config.data) if config.data else None


PRESETS: Mapping[PresetName, TrainingPlan] = types.MappingProxyType(
    {
        "default": TrainingPlan(),
        "report": TrainingPlan(
            hidden=(400,),
            activation="relu",
            kl_warmup=0.0,
            lr=1e-3,
            lr_schedule="constant",
            epochs=10,
        ),
    }
)
"""Named starting points. `report` is the plain setting of the original course report."""
