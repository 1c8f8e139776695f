"""What all inputs are: clips of a record file, sampled one by one, made into batches on a device.

"Missing" is a point with score 0; it never takes part in a place, a vector or a drawing.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch

from microgesture.data.clip_file import Clips
from microgesture.data.layouts import Layout
from microgesture.inputs.geometry import Geometry
from microgesture.inputs.movement import Movement

CPU = torch.device("cpu")


def to_device(values: np.ndarray | torch.Tensor, device: torch.device) -> torch.Tensor:
    """Values on a device; a GPU is not waited for, since pinned memory is copied in its turn."""
    tensor = torch.as_tensor(values)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


class Input(ABC):
    """One variant's input: its clips' records and how a batch of them becomes a tensor.

    Attributes
    ----------
    records : Records

    """

    records: Clips

    @property
    def preparation(self) -> dict[str, Any]:
        """How the clips were made, as a checkpoint states it and prediction wants it again."""
        return self.records.metadata

    @abstractmethod
    def sample(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Chosen frames of one clip, as stored."""

    @abstractmethod
    def assemble(
        self, batch: torch.Tensor, geometry: Geometry, training: bool, device: torch.device = CPU
    ) -> torch.Tensor:
        """Turn stacked samples, in main memory, into what the network takes on a device."""


class PointSource(Input):
    """An input whose points are moved before anything is drawn or subtracted.

    Attributes
    ----------
    layout : Layout

    """

    layout: Layout

    @abstractmethod
    def sample(self, row: int, indices: np.ndarray, movement: Movement | None = None) -> np.ndarray:
        """Chosen frames of one clip, moved."""
