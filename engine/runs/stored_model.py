"""`StoredModel`: a run's model and its images, with the weights of one checkpoint or another."""

import math
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch

from data import load_dataset
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

    Args:
        path: the run's directory.

    Raises:
        RunError: if config.json can't be used, or the data set is not the one that the run was
            trained on.
        DataError: if that can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config, self.provenance = read_config(path)
        self.dataset = load_dataset(data_path(self.config))
        """What the run was trained on."""
        data = DataRecord(self.dataset.source, self.dataset.fingerprint)
        self.provenance.check_data(self.name, data)
        self.model = build_model(self.config, init_seed=0)
        self.images = ImageSplits.of_dataset(self.dataset, self.config, torch.device("cpu"))
        """The splits of the data set, as trained on."""
        self._viewer = Viewer(self.config, self.model, self.images)

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.resolve().name

    @property
    def step(self) -> int:
        """The step of the weights."""
        return self._viewer.step

    @property
    def most_checkpoint_bytes(self) -> int:
        """More than a checkpoint of the model alone can have."""
        size = sum(p.numel() * p.element_size() for p in self.model.parameters())
        return 2 * size + (1 << 20)

    @property
    def validation_images(self) -> ValidationImages:
        """What the run is validated on."""
        return ValidationImages.of(self.config, self.dataset.fingerprint)

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
            step = operator.index(state["step"])
        except (RuntimeError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise RunError(f"{origin} doesn't fit {self.path / CONFIG_FILE}") from error
        steps_per_epoch = math.ceil(len(self.images.train) / self.config.batch_size)
        self._viewer.at(step, step / steps_per_epoch)

    def view(self, request: ViewRequest[T]) -> T:
        """A picture from these weights."""
        return self._viewer.compute(request)
