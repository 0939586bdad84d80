"""A small data set of real images, for tests that train."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from data import ImageDataset, load_dataset
from engine.config import RunConfig
from tests.support.dataset_files import write_idx_folder

# A busy machine is no failure: pytest-timeout ends what hangs.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

_SLOW_AS_A_WHOLE = re.compile(r"^pytestmark = \[?\s*pytest\.mark\.slow\b", re.M)


def pytest_configure() -> None:
    """Workers, and programs that tests start, keep what they compiled: each needs all of it."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The quick selection does not even import what is slow as a whole: that costs seconds."""
    if config.option.markexpr != "not slow" or collection_path.suffix != ".py":
        return None
    if any(Path(arg.split("::")[0]).name == collection_path.name for arg in config.args):
        return None  # asked for by name: pytest should say that all of it is deselected
    marked = _SLOW_AS_A_WHOLE.search(collection_path.read_text("utf-8"))
    return True if marked or _is_of_whole_programs(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole programs are slow, whatever they are tested for; other files mark themselves."""
    for item in items:
        if _is_of_whole_programs(item.path):
            item.add_marker(pytest.mark.slow)


def _is_of_whole_programs(path: Path) -> bool:
    return bool({"e2e", "bench"} & set(path.parts))


def pytest_make_parametrize_id(val: object) -> str | None:
    """A file's content is too long for a test's name; the others are pytest's own."""
    return repr(val[:60]) if isinstance(val, str | bytes) and len(val) > 300 else None


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Another number of threads sums in another order, and gives other last bits."""
    torch.set_num_threads(1)


@pytest.fixture
def in_utc() -> Iterator[None]:
    """Local times that are the same on every machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of IDX files: 40 real training and 10 real test images of every class."""
    dataset = load_dataset()
    folder = tmp_path_factory.mktemp("fashion-small")
    return write_idx_folder(
        folder,
        _first_of_each_class(dataset.images, dataset.labels, 40),
        _first_of_each_class(*dataset.load_test(), 10),
    )


def _first_of_each_class(
    images: np.ndarray, labels: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    chosen = np.sort(np.concatenate([np.flatnonzero(labels == c)[:count] for c in range(10)]))
    return images[chosen], labels[chosen]


@pytest.fixture(scope="session")
def small_dataset(small_data: Path) -> ImageDataset:
    return load_dataset(small_data)


@pytest.fixture
def small_config(small_data: Path) -> RunConfig:
    """Trains in a second: 360 training images in 12 steps an epoch, the last batch short."""
    return RunConfig(
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
