from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.config import ModelName, RunConfig
from tests.support.stored_runs import train_run


@pytest.fixture(scope="module", autouse=True)
def coarse_charts() -> Iterator[None]:
    """Charts in a quarter of their resolution: much faster, with the same layout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.figures.chart.DPI", 75)
        yield


@pytest.fixture(scope="session")
def stored_runs(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small VAE and a small autoencoder; nobody may write into their directories."""
    checkpoints = tmp_path_factory.mktemp("reported")

    def train(model: ModelName) -> Path:
        config = RunConfig(
            model=model,
            hidden=(32,),
            latent_dim=4,
            kl_warmup=0.0,
            batch_size=32,
            epochs=3,
            seed=1,
            device="cpu",
            threads=1,
            data=str(small_data),
        )
        return train_run(config, checkpoints, f"{model}-run")

    return {"vae": train("vae"), "ae": train("ae")}
