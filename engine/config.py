"""`RunConfig`: every knob of a training run, its meaning and its range; `TrainingPlan`: of two.

The command line (tyro) and the dashboard's form are made from this dataclass, so a field's
docstring is what a person reads as help. Nothing here imports torch.
"""

import functools
import os
import re
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from data import DataError, absolute_path
from engine.errors import ConfigError
from engine.text import one_line

ModelName = Literal["vae", "ae"]
PlannedModel = Literal["vae", "ae", "both"]
Activation = Literal["relu", "leaky_relu", "gelu", "silu", "tanh"]
KlSchedule = Literal["linear", "cyclical"]
LrSchedule = Literal["constant", "cosine"]
Precision = Literal["float32", "tf32", "bf16"]
PresetName = Literal["default", "report"]

MAY_CHANGE = frozenset({"epochs", "device", "threads", "precision", "data"})
"""Settings that may differ when a run is resumed; `data` only names where the same images lie."""
STEERABLE = ("beta", "kl_warmup", "free_bits", "lr", "grad_clip", "epochs", "patience")
"""Settings that may be changed while a run is trained (`engine.steering`)."""
MAX_EPOCHS = 1_000_000
MAX_CYCLES = 1000
MAX_NATS = 10_000
MAX_TC_WEIGHT = 10_000
MAX_WIDTH = 65_536
MAX_BETA = 1e6
"""Adam squares gradients in float32, which ends at 3.4e38. Measured: from β = 1e9 on the KL's reach
that in a run that diverges, from 1e22 on at the first step, and the weights would stand still
without a word. No paper's β is above some thousands."""
MAX_THREADS = 1024
_OF_A_VAE = (
    *("beta", "kl_schedule", "kl_warmup", "kl_cycles"),
    *("free_bits", "capacity", "capacity_warmup", "tc_weight"),
)
_PENALTIES: Mapping[str, float] = types.MappingProxyType(
    {"free_bits": 0.0, "capacity": 0.0, "tc_weight": 1.0}
)
"""Settings that put something else in the KL's place in the loss, and where they do nothing."""
_MOST_SHOWN = 80
"""Letters of a value that can't be used, in the sentence that says so."""


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
    kl_schedule: KlSchedule = "linear"
    """linear: β rises once, over kl_warmup. cyclical: again and again, over the first half of each
    of kl_cycles."""
    kl_warmup: float = 2.0
    """Epochs over which β rises linearly from 0 to its value."""
    kl_cycles: int = 4
    """Cycles of a cyclical schedule, over the whole run."""
    free_bits: float = 0.0
    """Nats of KL per latent dimension, the mean over a batch, that cost nothing: against collapse.
    0: all count."""
    capacity: float = 0.0
    """Nats that the KL is drawn to, with the loss β · |KL − capacity|. 0: the loss is β · KL."""
    capacity_warmup: float = 10.0
    """Epochs over which the capacity rises linearly from 0 to its value."""
    tc_weight: float = 1.0
    """Weight of the total correlation within the KL (β-TCVAE): above 1, latent dimensions become
    independent of each other."""
    lr: float = 2e-3
    """Adam's learning rate (at the start, if a schedule lowers it)."""
    lr_schedule: LrSchedule = "cosine"
    """cosine: falls to 0 over the run. constant: stays."""
    grad_clip: float = 0.0
    """Longest gradient of a step, as the norm over all weights: a longer one is shortened to it.
    0: none is."""
    ema: float = 0.0
    """Decay of a moving average of the weights, such as 0.999: evaluated beside them, and what
    draws from the prior are decoded by. 0: none."""
    batch_size: int = 128
    """Images per optimiser step."""
    epochs: int = 30
    """Passes over the training images."""
    patience: int = 0
    """Epochs without a gain after which training ends early; 0: it never does."""
    min_gain: float = 0.0
    """Nats by which validation has to get better, for patience."""
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
        for name, annotation in _annotations(type(self).__name__).items():
            _check_type(name, getattr(self, name), annotation)
        _check_range(self)

    def runs(self) -> tuple["RunConfig", ...]:
        """The runs that are planned, in order."""
        models: tuple[ModelName, ...] = ("vae", "ae") if self.model == "both" else (self.model,)
        settings = {field.name: getattr(self, field.name) for field in fields(self)}
        return tuple(RunConfig(**settings | {"model": model}) for model in models)

    def to_flags(self, *names: str) -> list[str]:
        """The words of a command line that give these settings.

        Args:
            names: of the settings to give, whatever they are; none for all that are not the
                defaults.
        """
        flags: list[str] = []
        for name in names or self.changed_settings():
            value = getattr(self, name)
            values = value if isinstance(value, tuple) else (value,)
            flags += [f"--{name.replace('_', '-')}", *map(str, values)]
        return flags

    def changed_settings(self) -> tuple[str, ...]:
        """The names of the settings that are not the defaults, in their order."""
        every = fields(self)
        return tuple(field.name for field in every if getattr(self, field.name) != field.default)


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

    def has(self, name: str) -> bool:
        """Whether a setting does anything in this run: an autoencoder has no β."""
        if self.model == "ae" and name in _OF_A_VAE:
            return False
        if name == "capacity_warmup":
            return self.capacity > 0
        needed = {"kl_warmup": "linear", "kl_cycles": "cyclical"}.get(name)
        return needed is None or self.kl_schedule == needed

    @property
    def penalty(self) -> str:
        """The setting that puts something else in the KL's place in the loss; empty if none does.

        One of free_bits, capacity and tc_weight.
        """
        changed = [name for name, value in _PENALTIES.items() if getattr(self, name) != value]
        return changed[0] if changed and self.model == "vae" else ""

    @property
    def full_beta_epoch(self) -> float:
        """The epoch from which on β_t is β; 0 if it is from the beginning."""
        if self.model == "ae":
            return 0.0
        if self.kl_schedule == "cyclical":  # the second half of the last cycle
            return self.epochs * (1.0 - 0.5 / self.kl_cycles)
        return self.kl_warmup

    def check_same_settings(self, other: "RunConfig", but: frozenset[str] = MAY_CHANGE) -> None:
        """See that a checkpoint trained with the other settings can be resumed under these.

        Args:
            but: settings that may differ.

        Raises:
            ValueError: naming the first setting that differs.
        """
        theirs = other.to_dict()
        for name, value in self.to_dict().items():
            if name not in but and value != theirs[name]:
                raise ValueError(f"{name} was {value!r}")

    def check_same_model(self, other: "RunConfig") -> None:
        """See that weights trained with the other settings are of such a run, however steered.

        Raises:
            ValueError: naming the first setting that differs.
        """
        self.check_same_settings(other, MAY_CHANGE.union(STEERABLE))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunConfig":
        """Build from `to_dict`'s form, as read from a config.json.

        Raises:
            ConfigError: for an unknown field, a wrong type or a value out of range.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            name = one_line(unknown[0], _MOST_SHOWN)
            raise ConfigError(name, "is not a setting of this version")
        settings: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**settings)


def differing_settings(configs: Sequence[RunConfig]) -> tuple[str, ...]:
    """The names of the settings, in their order, in which those runs differ that have them."""
    return tuple(
        field.name
        for field in fields(RunConfig)
        if len({getattr(c, field.name) for c in configs if c.has(field.name)}) > 1
    )


# By hand: measured against it, msgspec 0.22 saves 36 lines and costs `--help` 2 of 340 ms CPU, but
# names one bound, a regex or no choices at all, and takes 'cpu\n'; pydantic 2.14 saves 52 and costs
# 85 ms, its errors are paragraphs, and it makes β = 1 a 1.0, which other bytes of config.json are.
def _check_type(name: str, value: object, annotation: Any) -> None:
    if get_origin(annotation) is Literal:
        choices = get_args(annotation)
        if value not in choices:
            raise _wrong(name, f"one of {', '.join(choices)}", value)
    elif get_origin(annotation) is tuple:
        if not isinstance(value, tuple) or not all(_is_int(item) for item in value):
            raise _wrong(name, "whole numbers", value)
    elif annotation is int:
        if not _is_int(value):
            raise _wrong(name, "a whole number", value)
    elif annotation is float:
        if not (_is_int(value) or isinstance(value, float)):
            raise _wrong(name, "a number", value)
    elif not isinstance(value, annotation):
        raise _wrong(name, annotation.__name__, value)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@functools.cache
def _annotations(settings: str) -> dict[str, Any]:
    """The types of a class's fields; a list of 5,000 runs asks for them 5,000 times."""
    return typing.get_type_hints(globals()[settings])


def _check_range(c: TrainingPlan) -> None:
    if not c.hidden or not all(1 <= width <= MAX_WIDTH for width in c.hidden):
        raise ConfigError("hidden", f"must be one or more widths of 1 to {MAX_WIDTH:,}")
    for name, low, high in (
        ("latent_dim", 1, 4096),
        ("batch_size", 1, 1_000_000),
        ("epochs", 1, MAX_EPOCHS),
        ("patience", 0, MAX_EPOCHS),
        ("kl_cycles", 1, MAX_CYCLES),
        ("seed", 0, 2**32 - 1),
        ("split_seed", 0, 2**32 - 1),
        ("threads", 0, MAX_THREADS),
    ):
        if not low <= getattr(c, name) <= high:
            raise _wrong(name, f"{low:,} to {high:,}", getattr(c, name))
    for name in (name for name, kind in _annotations(type(c).__name__).items() if kind is float):
        # Also whole numbers of any length, which `math.isfinite` can't take.
        if not abs(getattr(c, name)) <= sys.float_info.max:
            raise _wrong(name, "a finite number", getattr(c, name))
    for name, is_allowed, allowed in (
        ("beta", c.beta >= 0, "0 or more"),
        (
            "beta",
            c.beta <= MAX_BETA,
            f"at most {MAX_BETA:,.0f} (float32 holds no larger gradients)",
        ),
        ("kl_warmup", c.kl_warmup >= 0, "0 or more epochs"),
        ("lr", 0 < c.lr <= 1, "above 0 and at most 1"),
        ("min_gain", c.min_gain >= 0, "0 or more nats"),
        ("grad_clip", c.grad_clip >= 0, "0 or more"),
        ("ema", 0 <= c.ema < 1, "0 or more and below 1"),
        ("free_bits", 0 <= c.free_bits <= MAX_NATS, f"0 to {MAX_NATS:,} nats"),
        ("capacity", 0 <= c.capacity <= MAX_NATS, f"0 to {MAX_NATS:,} nats"),
        ("capacity_warmup", c.capacity_warmup >= 0, "0 or more epochs"),
        ("tc_weight", 0 <= c.tc_weight <= MAX_TC_WEIGHT, f"0 to {MAX_TC_WEIGHT:,}"),
        ("validation_share", 0 < c.validation_share < 1, "between 0 and 1"),
        ("device", _is_device(c.device), "auto, cpu, mps, cuda or cuda:N"),
        ("data", _is_path(c.data), "a path"),
    ):
        if not is_allowed:
            raise _wrong(name, allowed, getattr(c, name))
    _check_one_objective(c)


def _check_one_objective(c: TrainingPlan) -> None:
    """Each of these puts something else in the KL's place: two at once mean nothing."""
    changed = [name for name, value in _PENALTIES.items() if getattr(c, name) != value]
    if len(changed) > 1:
        one, other = changed[:2]
        raise ConfigError(
            other,
            f"can't be {getattr(c, other):g} while {one} is {getattr(c, one):g}: each changes what "
            f"the KL costs; set {other} to {_PENALTIES[other]:g}, or {one} to {_PENALTIES[one]:g}",
        )


def _is_device(text: str) -> bool:
    return re.fullmatch(r"auto|cpu|mps|cuda(:(0|[1-9]\d?))?", text, re.ASCII) is not None


def _is_path(text: str) -> bool:
    """Whether a text can be a path; JSON may hold what no file name can."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _wrong(name: str, allowed: str, value: object) -> ConfigError:
    text = f"{value:,}" if _is_int(value) else repr(value)
    return ConfigError(name, f"must be {allowed}, not {one_line(text, _MOST_SHOWN)}")


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
