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
from engine.storage.run_config import CONFIG_FILE, check_data
from engine.views import ViewRequest

T = TypeVar("T")


class StoredModel:
    """Makes views on the CPU; has no weights before `set_weights`.

    Args:
        path: the run's directory.
        about: the rest of its config.json.

    Raises:
        RunError: if the data set is not the one that the run was trained on.
        DataError: if it can't be read.
    """

    def __init__(self, path: Path, config: RunConfig, about: Mapping[str, Any]) -> None:
        self._path = path
        self._config = config
        self.dataset = load_dataset(data_path(config))
        check_data(path.resolve().name, about, self.dataset.source, self.dataset.fingerprint)
        self.model = build_model(config, init_seed=0)
        self.images = ImageSplits.of_dataset(self.dataset, config, torch.device("cpu"))
        self._viewer = Viewer(config, self.model, self.images)

    @property
    def step(self) -> int:
        """The step of the weights."""
        return self._viewer.step

    def set_weights(self, state: Mapping[str, Any], origin: str) -> None:
        """Take over the weights of a checkpoint.

        Args:
            state: the checkpoint, as `engine.storage.checkpoint.read` gives it.
            origin: where it is from, for the error.

        Raises:
            RunError: if it is of another model, or trained with other settings.
        """
        try:
            RunConfig.from_dict(state["config"]).check_same_model(self._config)
            self.model.load_state_dict(state["model"])
            step = operator.index(state["step"])
        except (RuntimeError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise RunError(f"{origin} doesn't fit {self._path / CONFIG_FILE}") from error
        steps_per_epoch = math.ceil(len(self.images.train) / self._config.batch_size)
        self._viewer.at(step, step / steps_per_epoch)

    def view(self, request: ViewRequest[T]) -> T:
        """A picture from these weights."""
        return self._viewer.compute(request)
