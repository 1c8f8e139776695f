"""Several inputs of the same clips side by side, for fusions that hold their sources' networks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from microgesture.data.clip_file import MemoryRecords
from microgesture.data.layouts import Layout
from microgesture.inputs.base import CPU, Input, to_device
from microgesture.inputs.geometry import Geometry, full_frame
from microgesture.inputs.loader import FRAMES, POINTS, Sampling, rng_for
from microgesture.inputs.tokens import index_rows
from microgesture.preprocessing.temporal import inference_views
from microgesture.settings.variant_step import SourceStep
from microgesture.utils.errors import AGAIN, InputError


@dataclass(frozen=True)
class JoinedSource:
    """One of the inputs, and how its network is fed.

    Attributes
    ----------
    step : SourceStep
    layout : Layout or None
        Of skeletons; none for video.
    shown : Input

    """

    step: SourceStep
    layout: Layout | None
    shown: Input

    @property
    def sampling(self) -> Sampling:
        """How its training samples are drawn."""
        step = self.step
        return Sampling(step.temporal, step.length, step.augment_points, step.frame_span)

    def views(self, frames: int, views: int) -> list[np.ndarray]:
        """Frames of each view in testing, of a clip of so many frames."""
        return inference_views(self.step.temporal, frames, self.step.length, views)


class JointInput(Input):
    """A vector a clip, float32 (N, S + sum of D).

    For each of S sources whether it is there (1 or 0), and then what its network takes, flattened,
    one after the other. A source is not there for clips whose video is missing, unless no source
    is. In training every source draws its own frames and moves its own points, from the same random
    numbers, and all are cropped and mirrored alike. Of a source with fewer temporal views than
    another these begin again.

    Parameters
    ----------
    sources : sequence of JoinedSource
    missing : collection of int
        Numbers of the sources that are to be missing.

    Raises
    ------
    InputError
        When the inputs do not hold the same clips and splits, or none.

    """

    def __init__(self, sources: Sequence[JoinedSource], missing: Collection[int] = ()) -> None:
        self._sources = list(sources)
        _check_same(self._sources)
        there = np.array([s not in missing for s in range(len(sources))])
        seen = np.stack([~_absent(one.shown) for one in sources], axis=1) & there
        self._present = np.where(seen.any(axis=1, keepdims=True), seen, there).astype(np.uint8)
        indices = [one.shown.records.index for one in sources]
        self._frames = np.stack([index["num_frames"] for index in indices])
        random = np.array([[one.step.temporal != "align"] for one in sources])
        most = np.where(random, self._frames, 1).max(axis=0)
        rows = index_rows(indices[0].assign(num_frames=most))
        stated = [
            {
                "variant": one.step.variant,
                "layout": one.layout.as_dict() if one.layout else None,
                "shape": list(self._measure(one)),
                "preparation": one.shown.preparation,
            }
            for one in sources
        ]
        self.records = MemoryRecords({"inputs": stated}, [{**row, "blobs": []} for row in rows])
        self.records.path = sources[0].shown.records.path
        stored = [self._stored(s, 0, np.array([0, 1])) for s in range(len(sources))]
        self._forms = [(one.shape, torch.from_numpy(one).dtype, one.nbytes) for one in stored]

    def _measure(self, one: JoinedSource) -> tuple[int, ...]:
        """Shape of what a network takes of a clip."""
        frames = one.views(int(one.shown.records.index["num_frames"][0]), 1)[0]
        batch = torch.from_numpy(np.array(one.shown.sample(0, frames)))[None]
        return tuple(one.shown.assemble(batch, full_frame(1), training=False).shape[1:])

    def _stored(self, s: int, row: int, indices: np.ndarray) -> np.ndarray:
        """Sample of one source: of a view and the number of views, or of a seed in training."""
        one, frames = self._sources[s], int(self._frames[s, row])
        if len(indices) == 1:
            seed = int(indices[0])
            rngs = [rng_for(purpose, seed) for purpose in (FRAMES, POINTS)]
            return np.array(one.sampling.draw(one.shown, row, frames, *rngs))
        views = one.views(frames, int(indices[1]))
        return np.array(one.shown.sample(row, views[int(indices[0]) % len(views)]))

    def sample(self, row: int, indices: np.ndarray) -> np.ndarray:
        """Which sources are there and their samples, as bytes."""
        stored = [self._stored(s, row, indices) for s in range(len(self._sources))]
        flat = [np.ascontiguousarray(one).reshape(-1).view(np.uint8) for one in stored]
        return np.concatenate([self._present[row], *flat])

    def assemble(
        self, batch: torch.Tensor, geometry: Geometry, training: bool, device: torch.device = CPU
    ) -> torch.Tensor:
        """See `Input.assemble`."""
        count = len(self._sources)
        sizes = [size for _, _, size in self._forms]
        present, *packed = batch.split([count, *sizes], dim=1)
        parts = [to_device(present.float(), device)]
        for one, each, (shape, dtype, _) in zip(self._sources, packed, self._forms, strict=True):
            stored = each.clone(memory_format=torch.contiguous_format).view(dtype)
            samples = stored.reshape(len(batch), *shape)
            parts.append(one.shown.assemble(samples, geometry, training, device).flatten(1))
        return torch.cat(parts, dim=1)


def _absent(shown: Input) -> np.ndarray:
    """Clips whose video is missing, bool (N,)."""
    records = shown.records
    missing = records.metadata.get("video", {}).get("missing", [])
    absent: np.ndarray = records.index["clip_id"].isin(missing).to_numpy()
    return absent


def _check_same(sources: Sequence[JoinedSource]) -> None:
    first = sources[0].shown.records
    if not len(first):
        raise InputError(f"{first.path}: holds no clips")
    for one in sources[1:]:
        other = one.shown.records
        for key, of in (("clip_id", "clips"), ("split", "splits")):
            if first.index[key].tolist() != other.index[key].tolist():
                raise InputError(
                    f"{other.path}: holds other {of} than {first.path}, or in another order; "
                    f"{AGAIN}"
                )
