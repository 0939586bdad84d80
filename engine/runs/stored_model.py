"""`StoredModel`: a run's model and its images, with the weights of one checkpoint or another."""

import math
import operator
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch

from data import ImageDataset, load_dataset
from engine.config import RunConfig, data_path
from engine.errors import RunError
from engine.inference.viewer import Viewer
from engine.model.device_data import ImageSplits
from engine.model.networks import build_model
from engine.storage.config_json import CONFIG_FILE, read_config
from engine.storage.provenance import DataRecord
from engine.validation_images import ValidationImages
from engine.views import ViewRequest

T = TypeVar("T")


class StoredModel:
    """Computes views on the CPU; has no weights before `set_weights`.

    The data set is loaded for whatever needs it first: `dataset`, `images` and `view` raise
    DataError if it can't be read, and RunError if it is not what the run was trained on.

    Args:
        path: the run's directory.
        data: where the data set lies now, if it was moved.

    Raises:
        RunError: if config.json can't be used.
    """

    def __init__(self, path: Path, data: Path | None = None) -> None:
        self.path, self.data = path, data
        self.config, self.provenance = read_config(path)
        self.model = build_model(self.config, init_seed=0)
        self.average = build_model(self.config, init_seed=0) if self.config.ema > 0 else None
        """Of the weights, if the run has one."""
        self._step = 0

    @cached_property
    def dataset(self) -> ImageDataset:
        """What the run was trained on."""
        dataset = load_dataset(self.data or data_path(self.config))
        data = DataRecord(dataset.source, dataset.fingerprint)
        self.provenance.check_data(self.name, data)
        return dataset

    @cached_property
    def images(self) -> ImageSplits:
        """The splits of the data set, as trained on."""
        return ImageSplits.of_dataset(self.dataset, self.config, torch.device("cpu"))

    @cached_property
    def _viewer(self) -> Viewer:
        return Viewer(self.config, self.model, self.images, self.average)

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.resolve().name

    @property
    def step(self) -> int:
        """The step of the weights."""
        return self._step

    @property
    def most_checkpoint_bytes(self) -> int:
        """More than a checkpoint of the model alone can have."""
        size = sum(p.numel() * p.element_size() for p in self.model.parameters())
        return (2 if self.average is None else 4) * size + (1 << 20)

    @property
    def validation_images(self) -> ValidationImages:
        """What the run is validated on."""
        return ValidationImages.of(self.config, self.provenance.data.fingerprint)

    def set_weights(self, state: Mapping[str, Any], origin: str) -> None:
        """Load the weights of a checkpoint.

        Args:
            state: the checkpoint, as `engine.storage.checkpoint.read` gives it.
            origin: where it is from, for the error.

        Raises:
            RunError: if it is of another model, or trained with other settings.
        """
        try:
            RunConfig.from_dict(state["config"]).check_same_model(self.config)
            self.model.load_state_dict(state["model"])
            if self.average is not None:
                self.average.load_state_dict(state["average"])
            self._step = operator.index(state["step"])
        except (RuntimeError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise RunError(f"{origin} doesn't fit {self.path / CONFIG_FILE}") from error

    def view(self, request: ViewRequest[T]) -> T:
        """A picture from these weights."""
        steps_per_epoch = math.ceil(len(self.images.train) / self.config.batch_size)
        self._viewer.at(self._step, self._step / steps_per_epoch)
        return self._viewer.compute(request)
