"""Diagnoses of made-up numbers, like a real run's."""

import math

import numpy as np

from engine.config import RunConfig
from engine.diagnosis import (
    AggregatedPosterior,
    Diagnosis,
    LayerState,
    SubsetScore,
    Surgery,
    layer_names,
    layer_units,
)


def made_posterior(config: RunConfig, *, collapsed: bool = False) -> AggregatedPosterior:
    """Dimensions by turns active, mixed, active, passive, …; all passive if collapsed."""
    dims = config.latent_dim
    turn = np.arange(dims) % 4 if not collapsed else np.full(dims, 3)
    sigma = np.choose(turn, [0.2, 0.6, 0.3, 0.99])
    if config.model == "ae":
        nothing = np.full(dims, math.nan)
        return AggregatedPosterior(
            mean=np.sin(np.arange(dims)) * 3,
            variance=4.0 + np.cos(np.arange(dims)),
            sigma=nothing,
            sigma_spread=nothing,
            confident=nothing,
            near_prior=nothing,
            ks=np.linspace(0.2, 0.4, dims),
        )
    return AggregatedPosterior(
        mean=np.sin(np.arange(dims)) * (0.0 if collapsed else 0.3),
        variance=np.choose(turn, [1.2, 0.95, 1.1, 1.0]),
        sigma=sigma,
        sigma_spread=np.choose(turn, [0.02, 0.3, 0.05, 0.004]),
        confident=np.choose(turn, [1.0, 0.5, 1.0, 0.0]),
        near_prior=np.choose(turn, [0.0, 0.4, 0.0, 1.0]),
        ks=np.linspace(0.02, 0.02 if collapsed else 0.12, dims),
    )


def made_diagnosis(
    config: RunConfig, step: int, *, collapsed: bool = False, steps_per_epoch: int = 100
) -> Diagnosis:
    """Of one moment of a run that learns, or whose posterior has collapsed."""
    epoch = step / steps_per_epoch
    learnt = 1 - math.exp(-3 * epoch)
    is_vae = config.model == "vae"
    recon = 285.0 if collapsed else 226.0 + 310.0 * math.exp(-4 * epoch)
    kl = (0.1 if collapsed else 13.0) * learnt if is_vae else math.nan
    surgery = None
    if is_vae:
        information = min(0.95 * kl, 7.1)
        surgery = Surgery(
            information,
            min(kl, 1.6 * information),
            0.8 * (kl - information),
            0.2 * (kl - information),
        )
    return Diagnosis(
        step=step,
        epoch=epoch,
        images=2_000,
        floor=187.797,
        validation=SubsetScore(recon + 1.5, kl, 188.9),
        training=SubsetScore(recon - 1.5, kl, 187.3),
        surgery=surgery,
        posterior=made_posterior(config, collapsed=collapsed),
        class_recon=recon + 60 * np.sin(np.arange(10.0)),
        worst=(37 * np.arange(10) + step) % 40,
        worst_scores=recon + 210.0 - 7.0 * np.arange(10),
        layers=tuple(
            LayerState(
                gradient_norm=(3.0 + index) * math.exp(-epoch / 4),
                update_ratio=math.nan if step == 0 else 4e-3 / (1 + epoch + index),
                dead=math.nan if units is None else float(index == 1),
            )
            for index, (_, units) in enumerate(
                zip(layer_names(config), layer_units(config), strict=True)
            )
        ),
    )
