"""Tokens of a trained network, its features before they are pooled, of every view of a clip."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch.utils.data import Dataset

from microgesture.data.clip_file import MemoryRecords, write_records
from microgesture.inference.build import Trained
from microgesture.inputs.base import Input
from microgesture.inputs.geometry import Geometry, full_frame, random_geometry
from microgesture.inputs.loader import TOKENS, Loader, rng_for
from microgesture.inputs.tokens import index_rows
from microgesture.models.base import Recognizer, TokenBackbone
from microgesture.preprocessing.temporal import SAMPLERS, inference_views
from microgesture.settings.tokens import TokenStep
from microgesture.utils.errors import InputError
from microgesture.utils.files import sha256

Row = dict[str, Any]
LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class View:
    """How a clip is looked at once: its frames, and a `Geometry` of one."""

    frames: np.ndarray
    geometry: Geometry


class TokenViews(Dataset[tuple[torch.Tensor, int]]):
    """Samples keyed by row and number of the view.

    A clip of the split ``train`` has its first view of testing, the mirror image of that where
    training mirrors, and random views, which are the same for every network: the window and the
    mirroring depend on the seed and the clip's id alone. Any other clip has the views of testing
    and, where asked for, their mirror images.
    """

    def __init__(self, trained: Trained, source: Input, step: TokenStep) -> None:
        self._config, self._source, self._step = trained.config, source, step
        self._seed = int(trained.metadata["seed"])
        index = source.records.index
        self._ids = index["clip_id"].tolist()
        self._frames = index["num_frames"].to_numpy()
        self._train = (index["split"] == "train").to_numpy()

    def count(self, row: int) -> int:
        """How many views there are of a clip."""
        if self._train[row]:
            return 1 + (self._step.augment.flip > 0) + self._step.augmented
        return len(self._plain(row)) * (1 + self._step.testing.flip)

    def temporal(self, row: int) -> int:
        """The same, where a view and its mirror image in testing count once."""
        return self.count(row) if self._train[row] else len(self._plain(row))

    def view(self, row: int, number: int) -> View:
        """One of the views of a clip."""
        plain = self._plain(row)
        if not self._train[row]:
            return View(plain[number % len(plain)], full_frame(1, number >= len(plain)))
        own = 1 + (self._step.augment.flip > 0)
        if number < own:
            return View(plain[0], full_frame(1, mirrored=number == 1))
        place = (self._seed, crc32(self._ids[row].encode()), number - own)
        geometry = random_geometry(1, self._step.augment, rng_for(TOKENS, *place, 0))
        sampler = SAMPLERS[self._config.temporal]
        rng = rng_for(TOKENS, *place, 1)
        return View(sampler(int(self._frames[row]), self._config.length, rng), geometry)

    def _plain(self, row: int) -> list[np.ndarray]:
        config, views = self._config, self._step.testing.views
        return inference_views(config.temporal, int(self._frames[row]), config.length, views)

    def __getitem__(self, key: tuple[int, int]) -> tuple[torch.Tensor, int]:
        row, view = key
        frames = self.view(row, view).frames
        return torch.from_numpy(np.array(self._source.sample(row, frames))), row


def token_rows(
    trained: Trained, source: Input, step: TokenStep, workers: int = 0
) -> Iterator[tuple[Row, list[np.ndarray]]]:
    """Index entry and tokens of every clip, each view's float16 (K, F), in the order of the clips.

    Raises
    ------
    InputError
        When features are too large for float16.

    """
    dataset = TokenViews(trained, source, step)
    index, size = source.records.index, trained.config.batch
    keys = [(row, view) for row in range(len(index)) for view in range(dataset.count(row))]
    made = _views(trained, source, dataset, [*_batches(keys, size)], step.pool, workers)
    entries = index_rows(index)
    for row, group in groupby(zip(keys, made, strict=True), key=lambda pair: pair[0][0]):
        tokens = [one for _, one in group]
        if not all(np.isfinite(one).all() for one in tokens):
            raise InputError(
                f"clip {entries[row]['clip_id']}: features of {trained.config.variant} are not "
                f"finite, or above the {LARGEST:g} that a token file holds; train it again with a "
                "lower learning rate"
            )
        yield {**entries[row], "num_frames": dataset.temporal(row)}, tokens


def _batches(keys: list[tuple[int, int]], size: int) -> Iterator[list[tuple[int, ...]]]:
    for start in range(0, len(keys), size):
        yield [*keys[start : start + size]]


def _views(
    trained: Trained,
    source: Input,
    dataset: TokenViews,
    groups: list[list[tuple[int, ...]]],
    pool: str,
    workers: int,
) -> Iterator[np.ndarray]:
    """Pooled tokens of one view after the other, float16 (K, F)."""
    model, device = trained.model.eval(), trained.model.device
    backbone = model.backbone if isinstance(model, Recognizer) else None
    if not isinstance(backbone, TokenBackbone):
        raise InputError(f"{trained.path}: {trained.config.model} gives no tokens")
    axis = {"time": 1, "places": 2}[pool]
    with closing(Loader(dataset, workers, device)) as loader, torch.inference_mode():
        for group, (samples, _) in zip(groups, loader.batches(groups), strict=True):
            each = [dataset.view(row, view).geometry for row, view in group]
            geometry = Geometry(
                np.concatenate([one.windows for one in each]),
                np.concatenate([one.mirrored for one in each]),
            )
            inputs = source.assemble(samples, geometry, training=False, device=device)
            tokens = backbone.tokens(inputs).mean(dim=axis)
            yield from tokens.to(torch.float16).cpu().numpy()


def write_tokens(
    trained: Trained,
    source: Input,
    step: TokenStep,
    path: Path,
    workers: int = 0,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> dict[str, Any]:
    """Write a token file and return its manifest.

    Parameters
    ----------
    trained : Trained
        On the device that is to be used.
    source : Input
        Its clips, with the splits that it was trained with.
    step : TokenStep
    path : Path
        Record file to write; a record's blobs are its views, each float16 (K, F).
    workers : int
        Processes that load data.
    progress : callable
        Wraps the clips.

    Raises
    ------
    InputError
        When there is no clip, or features are too large for float16.

    """
    rows = iter(token_rows(trained, source, step, workers))
    first = next(rows, None)
    if first is None:
        raise InputError(f"{source.records.path}: holds no clips")
    metadata = _metadata(trained, source, step, first[1][0].shape, sha256(trained.path))

    def every() -> Iterator[tuple[Row, list[np.ndarray]]]:
        yield first
        yield from rows

    views = 0
    with write_records(path, metadata) as writer:
        for row, tokens in progress(every()):
            writer.append({**row, "blobs": [one.tobytes() for one in tokens]})
            views += len(tokens)
    counted = {"clips": len(source.records), "views": views, "bytes": path.stat().st_size}
    return {**metadata, **counted, "sha256": sha256(path)}


def tokens_in_memory(trained: Trained, source: Input, step: TokenStep) -> MemoryRecords:
    """What `write_tokens` writes, in memory alone."""
    rows = [*token_rows(trained, source, step)]
    metadata = _metadata(trained, source, step, rows[0][1][0].shape, sha256(trained.path))
    return MemoryRecords(
        metadata, ({**row, "blobs": [one.tobytes() for one in tokens]} for row, tokens in rows)
    )


def _metadata(
    trained: Trained, source: Input, step: TokenStep, shape: tuple[int, ...], digest: str
) -> dict[str, Any]:
    keys = ("seed", "fold", "folds")
    missing = source.records.metadata.get("video", {}).get("missing", [])
    stated = {key: trained.metadata[key] for key in keys if key in trained.metadata}
    return {
        **step.model_dump(),
        **stated,
        "shape": list(shape),
        "variant": trained.config.variant,
        "model": digest,
        "preparation": trained.metadata["preparation"],
        **({"absent": missing} if missing else {}),
    }
