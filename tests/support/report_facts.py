"""Facts of runs that never were, to be changed by `dataclasses.replace`."""

import math
from dataclasses import replace
from typing import Any

from engine.config import RunConfig
from engine.metrics import Metrics
from engine.report.facts import (
    ClassFacts,
    DataFacts,
    EpochFacts,
    LatentFacts,
    LayerFacts,
    NeighbourFacts,
    RunFacts,
    ScoreFacts,
    SplitFacts,
    TrainingFacts,
)

CLASSES = ("Shoe", "Hat", "Sock")


def metrics(recon: float, kl: float = 12.0) -> Metrics:
    return Metrics(loss=recon if math.isnan(kl) else recon + kl, recon=recon, kl=kl)


def epochs(*scores: float, train: tuple[float, ...] = (), kl: float = 12.0) -> TrainingFacts:
    """A run of one evaluation for each −ELBO, at epochs 1, 2, …; 10 steps each."""
    means = train or scores
    return TrainingFacts(
        created="2026-11-22T12:00:00+00:00",
        device="CPU",
        threads=2,
        versions=(("fmnist-vae-tui", "0.1.0"), ("torch", "2.13.0")),
        seconds=20.0,
        images_seen=1_000,
        steps=10 * len(scores),
        planned_steps=10 * len(scores),
        evaluations=tuple(
            EpochFacts(
                number,
                metrics(score - (0.0 if math.isnan(kl) else kl), kl),
                metrics(mean - (0.0 if math.isnan(kl) else kl), kl),
            )
            for number, (score, mean) in enumerate(zip(scores, means, strict=True), start=1)
        ),
    )


def score(split: str, recon: float, floor: float, kl: float = 12.0) -> ScoreFacts:
    return ScoreFacts(("last", "best"), 4.0, split, metrics(recon, kl), floor, 3)  # type: ignore[arg-type]


def split_facts(count: int, floor: float) -> SplitFacts:
    return SplitFacts((count,) * 3, floor, (floor - 10, floor, floor + 10))


def latent(**changes: Any) -> LatentFacts:
    facts = LatentFacts(
        kl_per_dim=(6.0, 4.0, 2.0, 0.001),
        mean=(0.0, 0.02, -0.03, 0.0),
        variance=(0.98, 0.9, 0.8, 0.001),
        noise=(0.01, 0.1, 0.15, 0.999),
        prior_distance=0.25,
        neighbours=NeighbourFacts(15, ((18, 1, 1), (0, 20, 0), (6, 0, 14))),
        remote_draws=0.06,
    )
    return replace(facts, **changes)


def vae(**changes: Any) -> RunFacts:
    facts = RunFacts(
        name="first",
        path="checkpoints/first",
        config=RunConfig(hidden=(8,), latent_dim=4, epochs=4, kl_warmup=0.0),
        which="last",
        step=40,
        epoch=4.0,
        data=DataFacts(
            source="Fashion-MNIST (bundled)",
            fingerprint="ab" * 32,
            is_fashion_mnist=True,
            class_names=CLASSES,
            train=split_facts(200, 188.0),
            validation=split_facts(20, 187.0),
            test=split_facts(30, 189.0),
            test_problem="",
        ),
        training=epochs(260.0, 250.0, 245.0, 242.0),
        layers=(
            LayerFacts("encoder", 784, 8, "GELU", 6280),
            LayerFacts("encoder", 8, 8, "", 72),
            LayerFacts("decoder", 4, 8, "GELU", 40),
            LayerFacts("decoder", 8, 784, "", 7056),
        ),
        scores=(
            score("train", 229.0, 188.0),
            score("validation", 230.0, 187.0),
            score("test", 231.5, 189.0),
        ),
        missing_weights="",
        recon_bce=226.0,
        recon_mse=0.016,
        classes=(
            ClassFacts("Shoe", 20, 150.0, 0.010, 120.0),
            ClassFacts("Hat", 20, 280.0, 0.012, 252.0),
            ClassFacts("Sock", 20, 248.0, 0.026, 189.0),
        ),
        latent=latent(),
    )
    return replace(facts, **changes)


def ae(**changes: Any) -> RunFacts:
    nan = math.nan
    facts = vae(
        name="second",
        config=RunConfig(model="ae", hidden=(8,), latent_dim=4, epochs=4, kl_warmup=0.0),
        training=epochs(240.0, 230.0, 225.0, 222.0, kl=nan),
        scores=(
            score("train", 219.0, 188.0, nan),
            score("validation", 220.0, 187.0, nan),
            score("test", 221.5, 189.0, nan),
        ),
        recon_bce=220.0,
        recon_mse=0.0125,
        latent=latent(
            kl_per_dim=(),
            mean=(-4.0, 0.5, 0.1, 0.0),
            variance=(9.0, 4.0, 6.25, 1.0),
            noise=(0.0,) * 4,
            prior_distance=80.0,
            remote_draws=0.98,
        ),
    )
    return replace(facts, **changes)
