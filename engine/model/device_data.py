"""The data set where the model is: training and validation images, the test images on demand."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from data import ImageDataset, split_indices
from engine.config import RunConfig
from engine.model.networks import PIXELS
from engine.views import Split


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImages:
    """Images on the model's device."""

    pixels: Tensor
    """(N, 784) uint8."""
    labels: npt.NDArray[np.uint8]
    """(N,) class of each, on the CPU."""

    def __len__(self) -> int:
        return len(self.labels)


class ImageSplits:
    """The parts of a data set.

    Args:
        load_test: called at the first look at the test images, if there ever is one.
    """

    def __init__(
        self,
        train: LabelledImages,
        validation: LabelledImages,
        class_names: tuple[str, ...],
        load_test: Callable[[], LabelledImages],
    ) -> None:
        self.train = train
        self.validation = validation
        self.class_names = class_names
        self._load_test = load_test
        self._test: LabelledImages | None = None

    @classmethod
    def of_dataset(
        cls, dataset: ImageDataset, config: RunConfig, device: torch.device
    ) -> "ImageSplits":
        """Split the training file as the settings say, and put it on the device as uint8."""
        split = split_indices(dataset.labels, config.validation_share, config.split_seed)

        def resident(
            images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]
        ) -> LabelledImages:
            return LabelledImages(torch.tensor(images.reshape(-1, PIXELS), device=device), labels)

        return cls(
            resident(dataset.images[split.train], dataset.labels[split.train]),
            resident(dataset.images[split.validation], dataset.labels[split.validation]),
            dataset.class_names,
            lambda: resident(*dataset.load_test()),
        )

    def of(self, split: Split) -> LabelledImages:
        """One part.

        Raises:
            DataError: if the test images are wanted and there are none.
        """
        match split:
            case "train":
                return self.train
            case "validation":
                return self.validation
            case "test":
                if self._test is None:
                    self._test = self._load_test()
                return self._test
