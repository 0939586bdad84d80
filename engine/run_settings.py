"""Which settings tell runs apart, and how a table shows them."""

from collections.abc import Sequence

from engine.config import RunConfig

NAMES: dict[str, str] = {
    "hidden": "hidden",
    "latent_dim": "latent",
    "activation": "activation",
    "beta": "β",
    "kl_warmup": "warm-up",
    "lr": "lr",
    "lr_schedule": "schedule",
    "batch_size": "batch",
    "seed": "seed",
    "validation_share": "val share",
    "split_seed": "split seed",
    "data": "data",
}
"""Short names of the settings that a result may depend on; of epochs those trained count."""
_OF_A_VAE = ("beta", "kl_warmup")
_MOST_LETTERS = 12


def differing_settings(configs: Sequence[RunConfig]) -> tuple[str, ...]:
    """The settings, in the order of `NAMES`, in which runs that have them differ."""
    return tuple(
        name
        for name in NAMES
        if len({getattr(config, name) for config in configs if has_setting(config, name)}) > 1
    )


def has_setting(config: RunConfig, name: str) -> bool:
    """Whether a setting does anything: an autoencoder has no β."""
    return config.model == "vae" or name not in _OF_A_VAE


def setting_text(config: RunConfig, name: str) -> str:
    """A setting's value in a few letters; of data the folder."""
    value = getattr(config, name)
    if name == "hidden":
        text = "-".join(map(str, value))
    elif name == "data":
        text = value.rstrip("/").rpartition("/")[2] or "bundled"
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _MOST_LETTERS else f"…{text[1 - _MOST_LETTERS :]}"
