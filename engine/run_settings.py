"""The settings of runs in words: one run's in a line, and one setting's in a table."""

from engine.config import RunConfig
from engine.text import one_line

NAMES: dict[str, str] = {
    "hidden": "hidden",
    "latent_dim": "latent",
    "activation": "activation",
    "beta": "β",
    "kl_schedule": "KL schedule",
    "kl_warmup": "warm-up",
    "kl_cycles": "KL cycles",
    "free_bits": "free bits",
    "capacity": "capacity",
    "capacity_warmup": "capacity warm-up",
    "tc_weight": "TC weight",
    "lr": "lr",
    "lr_schedule": "schedule",
    "patience": "patience",
    "min_gain": "min gain",
    "grad_clip": "clip",
    "ema": "EMA",
    "batch_size": "batch",
    "seed": "seed",
    "validation_share": "val share",
    "split_seed": "split seed",
    "data": "data",
}
"""Short names of the settings that a result may depend on; of epochs those trained count."""
_MOST_LETTERS = 12


def setting_text(config: RunConfig, name: str) -> str:
    """A setting's value: '512-256', '0.002', 'bundled'."""
    value = getattr(config, name)
    if isinstance(value, tuple):
        return "-".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return one_line(str(value)) or "bundled"  # only `data` may be empty


def short_setting_text(config: RunConfig, name: str) -> str:
    """`setting_text` in a few letters; of data the folder."""
    text = setting_text(config, name)
    if name == "data":
        text = text.rstrip("/").rpartition("/")[2] or "/"
    return text if len(text) <= _MOST_LETTERS else f"…{text[1 - _MOST_LETTERS :]}"


def objective_text(config: RunConfig) -> str:
    """What is minimised: 'reconstruction + β · KL'."""
    if config.model == "ae":
        return "reconstruction"
    return f"reconstruction + β · {_latent_text(config)}"


def _latent_text(config: RunConfig) -> str:
    if config.penalty == "free_bits":
        return f"Σ_j max({config.free_bits:g}, KL_j)"
    if config.penalty == "capacity":
        return f"|KL − {config.capacity:g}|"
    if config.penalty == "tc_weight":
        return f"(I + {config.tc_weight:g} · TC + dimension-wise KL)"
    return "KL"


def penalty_text(config: RunConfig) -> str:
    """What the loss has in the KL's place: 'free bits 0.5'; empty for the KL itself."""
    name = config.penalty
    return f"{NAMES[name]} {getattr(config, name):g}" if name else ""


def model_name(config: RunConfig) -> str:
    """'VAE 784-512-256-20', the encoder's widths."""
    return f"{config.model.upper()} {'-'.join(map(str, (784, *config.hidden, config.latent_dim)))}"


def settings_line(config: RunConfig) -> str:
    """What a run is, in a line: model, non-linearity, β, seed."""
    beta = f" · β {config.beta:g}" if config.has("beta") else ""
    return f"{model_name(config)} · {config.activation}{beta} · seed {config.seed}"
