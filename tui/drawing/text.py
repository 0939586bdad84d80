"""Numbers and settings in the words of the screen."""

import math

from engine.config import RunConfig


def duration(seconds: float | None) -> str:
    """0:07, 12:34, 1:02:03; '–' if it isn't known."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: int) -> str:
    """Bytes in binary units: '412 MiB', '23.5 GiB'."""
    mebibytes = round(count / 2**20)
    return f"{count / 2**30:.1f} GiB" if mebibytes >= 1024 else f"{mebibytes} MiB"


def nats(value: float | None) -> str:
    """Two decimals: the seeds of a run differ by some tenths."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.2f}"


def epochs(value: float) -> str:
    """Epochs trained: '3' at an epoch's end, else '2.37'."""
    return f"{value:.0f}" if value == round(value) else f"{value:.2f}"


def model_name(config: RunConfig) -> str:
    """'VAE 784-512-256-20', the encoder's widths."""
    return f"{config.model.upper()} {'-'.join(map(str, (784, *config.hidden, config.latent_dim)))}"


def settings(config: RunConfig) -> str:
    """What tells this run from others, in a line."""
    beta = f" · β {config.beta:g}" if config.model == "vae" else ""
    return f"{model_name(config)} · {config.activation}{beta} · seed {config.seed}"
