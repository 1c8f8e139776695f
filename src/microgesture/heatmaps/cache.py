"""Heatmap caches: every frame of a clip file drawn once, rounded to 1/255, in compact form."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from microgesture.data.clip_file import (
    Clips,
    MemoryRecords,
    Records,
    prepared_points,
    write_records,
)
from microgesture.data.layouts import Layout
from microgesture.data.parts import View, view_of
from microgesture.heatmaps.codec import Sparse, cells_of, draw_sparse, pack, unpack
from microgesture.heatmaps.grid import view_grid
from microgesture.settings.heatmaps import DrawnHeatmaps
from microgesture.settings.streams import HeatmapStream, Part
from microgesture.utils.files import sha256

PIECE = 32
"""Frames packed together, each as its difference from the one before."""
Item = TypeVar("Item")
Result = TypeVar("Result")


def build_cache(
    stream_file: Path,
    layout: Layout,
    stream: HeatmapStream,
    config: DrawnHeatmaps,
    path: Path,
    threads: int = 1,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    parts: Sequence[Part] = (),
) -> dict[str, Any]:
    """Draw all clips of a clip file into a heatmap cache and return its manifest.

    A record's blobs are pieces of its frames (see `microgesture.heatmaps.codec.pack`), so that
    a loader unpacks only those that it samples from. A value is off by at most 1/510 from what
    was drawn.

    Parameters
    ----------
    config : DrawnHeatmaps
        The manifest states what was given of it.
    threads : int
        Clips drawn at once; the file is the same for any number.
    progress : callable
        Wraps the iterable of rows, to show how far it is.
    parts : sequence of str
        Drawn in boxes of their own, see `microgesture.data.parts`.

    """
    source, frames, stored = Records(stream_file), 0, 0
    view = view_of(layout, parts)
    metadata = _metadata(source, view, stream, config, parts)
    with write_records(path, metadata) as writer:
        for entry in _drawn(source, view, stream, config, threads, progress):
            writer.append(entry)
            frames += int(entry["num_frames"])
            stored += sum(map(len, entry["blobs"]))
    return {
        **{key: value for key, value in metadata.items() if key != "piece"},
        "clips": len(source),
        "frames": frames,
        "bytes": stored,
        "dense_bytes": int(frames * np.prod(metadata["shape"])),
        "sha256": sha256(path),
    }


def cache_in_memory(
    source: Clips,
    layout: Layout,
    stream: HeatmapStream,
    config: DrawnHeatmaps,
    parts: Sequence[Part] = (),
) -> MemoryRecords:
    """What `build_cache` writes of prepared clips, in memory alone."""
    view = view_of(layout, parts)
    metadata = _metadata(source, view, stream, config, parts)
    return MemoryRecords(metadata, _drawn(source, view, stream, config))


def _metadata(
    source: Clips,
    view: View,
    stream: HeatmapStream,
    config: DrawnHeatmaps,
    parts: Sequence[Part],
) -> dict[str, Any]:
    # what the clip file states goes on, so that a cache says all that its volumes are made of
    shape = (sum(view.sizes(stream)), config.size, config.size)
    own = {"stream": stream, **({"parts": list(parts)} if parts else {}), **config.given()}
    return {**source.metadata, **own, "shape": shape, "piece": PIECE}


def _drawn(
    source: Clips,
    view: View,
    stream: HeatmapStream,
    config: DrawnHeatmaps,
    threads: int = 1,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Iterator[dict[str, Any]]:
    """Every clip's index entry and the pieces of its drawn frames."""
    size, sigma, short_limbs = config.size, config.sigma, config.short_limbs

    def packed(row: int) -> list[bytes]:
        points = prepared_points(source, row)
        grid = view_grid(points, view, config.padding, size)
        drawn = draw_sparse(grid[None], stream, view.edges, sigma, size, short_limbs)
        count = len(points)
        return [pack(drawn, k, min(k + PIECE, count)) for k in range(0, count, PIECE)]

    rows = progress(range(len(source)))
    for row, blobs in enumerate(_in_order(packed, rows, threads)):
        entry: dict[Any, Any] = source.index.iloc[row].to_dict()
        yield {**entry, "blobs": blobs}


def _in_order(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """Map on a few threads; at most two results a thread wait, so memory stays flat."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def cached_pieces(
    records: Clips, row: int, indices: np.ndarray
) -> Iterator[tuple[Sparse, np.ndarray]]:
    """The pieces of a cached clip that hold chosen frames.

    Yields
    ------
    Sparse
        A piece.
    ndarray, int (len(indices),)
        Where each chosen frame is in it; -1 where it is in another, or empty since the index is
        below 0.

    """
    length, (channels, *shape) = records.metadata["piece"], records.metadata["shape"]
    numbers = np.where(indices < 0, -1, indices // length)
    for number in np.unique(numbers[numbers >= 0]):
        piece = unpack(records.blob(row, int(number)), channels, tuple(shape))
        yield piece, np.where(numbers == number, indices % length, -1)


def cached_frames(records: Clips, row: int, indices: np.ndarray) -> np.ndarray:
    """Frames of a cached clip, uint8 (channels, T, H, W); an index below 0 gives an empty frame."""
    volume = np.zeros((len(indices), *records.metadata["shape"]), np.uint8)
    for piece, frames in cached_pieces(records, row, indices):
        places, levels = cells_of(piece, frames)
        volume.reshape(-1)[places] = levels
    return volume.swapaxes(0, 1)
