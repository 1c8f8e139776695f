"""Key points in shares of their clip's box, and what graph networks are fed."""

import numpy as np
import torch

from microgesture.data.clip_file import Clips, prepared_points
from microgesture.data.layouts import Layout
from microgesture.data.parts import View, relative_to, view_of
from microgesture.heatmaps.grid import in_boxes, view_boxes
from microgesture.inputs.base import CPU, PointSource, to_device
from microgesture.inputs.geometry import Geometry
from microgesture.inputs.movement import Movement, moved
from microgesture.preprocessing.temporal import PADDING
from microgesture.settings.streams import PointStream
from microgesture.utils.errors import InputError


class Places:
    """Points of a clip file in shares of their clip's boxes, which are looked for only once."""

    def __init__(self, records: Clips, padding: float, view: View) -> None:
        self._records, self._padding, self._view = records, padding, view
        self._boxes: dict[int, np.ndarray] = {}

    def at(self, row: int, indices: np.ndarray, movement: Movement | None = None) -> np.ndarray:
        """Float64 (T, C, 3); 0 where a point is missing or the index is `PADDING`."""
        points = prepared_points(self._records, row)
        if row not in self._boxes:
            self._boxes[row] = view_boxes(points, self._view, self._padding)
        chosen = np.where((indices == PADDING)[:, None, None], 0, points[indices]).astype(float)
        places = in_boxes(chosen, self._view, self._boxes[row])
        if movement is not None:
            places = moved(places, self._view.joints, movement)
        return np.where(places[..., 2:] > 0, places, 0)

    def after(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Indices of the file's next frames; `PADDING` after the last frame and after itself."""
        count = len(prepared_points(self._records, row))
        return np.where((indices == PADDING) | (indices + 1 >= count), PADDING, indices + 1)


def vectors(points: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """From each origin to its point, (..., 3) with the smaller score; 0 where either is missing."""
    score = np.minimum(points[..., 2:], origins[..., 2:])
    moved = np.concatenate([points[..., :2] - origins[..., :2], score], axis=-1)
    return np.where(score > 0, moved, 0)


class PointInput(PointSource):
    """Key points for graph networks, (N, 1, T, V, C): two numbers and the score.

    The numbers are, by stream, in units of half the window:

    - ``joint``: x and y from -1 to 1 over the window;
    - ``bone``: the vector to the joint from its neighbour on the way to the layout's center, and 0
      at the center;
    - ``joint_motion``, ``bone_motion``: what is added to these until the file's next frame.

    A vector's score is the smaller of both ends'. C is 3, and 5 where points are ``relative`` as
    well: then the vector to a joint of a hand or of the head from its wrist or from the nose
    follows, in the same units; 0 at all other joints and where either end is missing.

    Source: Shi et al. 2019, two-stream adaptive graph convolution, and PySKL's ST-GCN++.
    """

    def __init__(
        self,
        records: Clips,
        layout: Layout,
        padding: float,
        stream: PointStream = "joint",
        relative: bool = False,
    ) -> None:
        self.records, self.layout = records, layout
        self._flip = torch.from_numpy(layout.flip)
        self._places, self._stream = Places(self.records, padding, view_of(layout)), stream
        self._parents = layout.parents()
        self._relative = relative_to(layout) if relative else None
        mirrored = layout.flip[self._parents]
        self._bones = stream.startswith("bone")
        if self._bones and (mirrored != self._parents[layout.flip]).any():
            raise InputError(
                f"layout {layout.name}: its center {layout.joints[layout.center]} has a mirror "
                "image, so mirrored bones are no bones; choose a center on the midline"
            )

    def sample(self, row: int, indices: np.ndarray, movement: Movement | None = None) -> np.ndarray:
        """Points or vectors in shares of the clip's box, float32 (T, V, C); empty where missing."""
        values = self._values(row, indices, movement)
        if self._relative is not None:
            joints, roots = self._relative
            from_roots = np.zeros((*values.shape[:2], 2))
            from_roots[:, joints] = vectors(values[:, joints], values[:, roots])[..., :2]
            values = np.concatenate([values, from_roots], axis=-1)
        if self._stream.endswith("motion"):
            after = self._places.after(row, indices)
            values = vectors(self._values(row, after, movement), values)
        return values.astype(np.float32)

    def _values(self, row: int, indices: np.ndarray, movement: Movement | None) -> np.ndarray:
        points = self._places.at(row, indices, movement)
        return vectors(points, points[:, self._parents]) if self._bones else points

    def assemble(
        self, batch: torch.Tensor, geometry: Geometry, training: bool, device: torch.device = CPU
    ) -> torch.Tensor:
        """See `Input.assemble`; what is missing stays 0, for points at the window's middle."""
        window = to_device(torch.as_tensor(geometry.windows, dtype=batch.dtype), device)
        mirrored = to_device(geometry.mirrored, device)[:, None, None, None]
        self._flip, batch = self._flip.to(device), to_device(batch, device)
        corner, size = window[:, None, None, :2], window[:, None, None, 2:]
        found = batch[..., 2:3] > 0
        if self._stream == "joint":
            place = torch.where(found, (batch[..., :2] - corner) / size * 2 - 1, 0)
        else:  # a vector is only stretched
            place = batch[..., :2] / size * 2
        points = torch.cat([place, batch[..., 2:3]], dim=-1)
        if self._relative is not None:
            points = torch.cat([points, batch[..., 3:] / size * 2], dim=-1)
        turned = points[:, :, self._flip]
        turned[..., 0::3].neg_()  # x, and the x of vectors from roots
        return torch.where(mirrored, turned, points)[:, None]
