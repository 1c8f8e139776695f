"""Tokens of several trained networks, read from files and joined clip by clip."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from microgesture.data.clip_file import Clips, MemoryRecords
from microgesture.inputs.base import CPU, Input, to_device
from microgesture.inputs.geometry import Geometry
from microgesture.utils.errors import InputError


class TokenInput(Input):
    """A vector a clip for networks on tokens, float32 (N, S + sum of K F).

    For each of S sources whether it is there (1 or 0), and then the sources' tokens one after the
    other. A source is not there for clips that its file names as ``absent``, whose video is
    missing, unless no source is. Clips of the split ``train`` have one blob for each view, the same
    ones in every file. Others have the temporal views of testing and, behind them, their mirror
    images; of a source with fewer temporal views than another these begin again.

    Parameters
    ----------
    sources : sequence of Clips
        Token files, see `microgesture.inference.tokens`.
    missing : collection of int
        Numbers of the sources that are to be missing.

    Raises
    ------
    InputError
        When the files do not hold the same clips, splits and training views.

    """

    def __init__(self, sources: Sequence[Clips], missing: Collection[int] = ()) -> None:
        self._sources = list(sources)
        self._shapes = [tuple(one.metadata["shape"]) for one in sources]
        there = np.array([s not in missing for s in range(len(sources))])
        seen = np.stack([~_absent(one) for one in sources], axis=1) & there
        self._present = np.where(seen.any(axis=1, keepdims=True), seen, there).astype(np.float32)
        self._mirrored = all(one.metadata["testing"]["flip"] for one in sources)
        _check_same(sources)
        counts = np.stack([one.index["num_frames"] for one in sources])
        self._train = (sources[0].index["split"] == "train").to_numpy()
        index = sources[0].index.assign(num_frames=counts.max(axis=0))
        rows = [{**row, "blobs": []} for row in index_rows(index)]
        self.records = MemoryRecords({"sources": [*map(stated, sources)]}, rows)
        self.records.path = sources[0].path
        self._counts = counts

    def sample(self, row: int, indices: np.ndarray) -> np.ndarray:
        """What there is in a view, float32 (1, S + D), or (2, S + D) with the mirror image."""
        view = int(indices[0])
        if self._train[row]:
            return self._joined(row, [view] * len(self._sources))[None]
        views = [view % int(count) for count in self._counts[:, row]]
        mirrored = [at + int(count) for at, count in zip(views, self._counts[:, row], strict=True)]
        return np.stack([self._joined(row, one) for one in (views, mirrored)[: 1 + self._mirrored]])

    def _joined(self, row: int, views: Sequence[int]) -> np.ndarray:
        blobs = [one.blob(row, view) for one, view in zip(self._sources, views, strict=True)]
        tokens = [np.frombuffer(blob, np.float16) for blob in blobs]
        return np.concatenate([self._present[row], *tokens]).astype(np.float32)

    def assemble(
        self, batch: torch.Tensor, geometry: Geometry, training: bool, device: torch.device = CPU
    ) -> torch.Tensor:
        """See `Input.assemble`; in training the geometry is the view's own already."""
        chosen = batch[:, 0]
        if not training and geometry.mirrored.any():
            if not self._mirrored:
                raise InputError(
                    f"{self.records.path}: holds no mirror images; set testing.flip to true and "
                    "write it again"
                )
            chosen = batch[torch.arange(len(batch)), torch.as_tensor(geometry.mirrored).long()]
        return to_device(chosen, device)


def stated(source: Clips) -> dict[str, Any]:
    """What a token file states of itself, but nothing of single clips."""
    return {key: value for key, value in source.metadata.items() if key != "absent"}


def _absent(source: Clips) -> np.ndarray:
    """Clips of which a file's tokens show nothing, bool (N,)."""
    absent: np.ndarray = source.index["clip_id"].isin(source.metadata.get("absent", [])).to_numpy()
    return absent


def index_rows(index: pd.DataFrame) -> list[dict[str, Any]]:
    """Index entries of a record file, one a clip."""
    return [{str(key): value for key, value in row.items()} for row in index.to_dict("records")]


def _check_same(sources: Sequence[Clips]) -> None:
    first = sources[0]
    training = first.index["split"] == "train"
    for other in sources[1:]:
        for key, of in (("clip_id", "clips"), ("split", "splits")):
            if first.index[key].tolist() != other.index[key].tolist():
                raise _differ(first.path, other.path, of)
        if not first.index["num_frames"][training].equals(other.index["num_frames"][training]):
            raise _differ(first.path, other.path, "views of training clips")


def _differ(path: Path, other: Path, what: str) -> InputError:
    return InputError(
        f"{other}: holds other {what} than {path}, or in another order; write both again from the "
        "same data"
    )


def token_shapes(metadata: Mapping[str, Any]) -> list[tuple[int, int, str]]:
    """Tokens, features and pooling of each source, of the metadata of a `TokenInput`'s records."""
    return [(*one["shape"], one["pool"]) for one in metadata["sources"]]
