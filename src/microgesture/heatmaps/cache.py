"""Heatmap caches: every frame of a clip file drawn once, rounded to 1/255, in compact form."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from microgesture.data.clip_file import Records, prepared_points, write_records
from microgesture.data.layouts import Layout
from microgesture.heatmaps.codec import Sparse, cells_of, draw_sparse, pack, unpack
from microgesture.heatmaps.draw import clip_box, to_grid
from microgesture.settings.streams import HeatmapStream
from microgesture.utils.files import sha256

PIECE = 32
"""Frames packed together, each as its difference from the one before."""
Item = TypeVar("Item")
Result = TypeVar("Result")


def build_cache(
    stream_file: Path,
    layout: Layout,
    stream: HeatmapStream,
    config: Mapping[str, Any],
    path: Path,
    threads: int = 1,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> dict[str, Any]:
    """Draw all clips of a clip file into a heatmap cache and return its manifest.

    A record's blobs are pieces of its frames (see `microgesture.heatmaps.codec.pack`), so that
    a loader unpacks only those that it samples from. A value is off by at most 1/510 from what
    was drawn.

    Parameters
    ----------
    config : mapping
        ``size`` (cells a side), ``sigma`` (cells), ``padding`` (see `clip_box`) and, unless it is
        ``min``, ``short_limbs`` (see `microgesture.heatmaps.draw.ShortLimbs`).
    threads : int
        Clips drawn at once; the file is the same for any number.
    progress : callable
        Wraps the iterable of rows, to show how far it is.

    """
    source = Records(stream_file)
    # what the clip file states goes on, so that a cache says all that its volumes are made of
    metadata = {**source.metadata, "stream": stream, **config}
    size, sigma, short_limbs = config["size"], config["sigma"], config.get("short_limbs", "min")
    shape = (layout.channels(stream), size, size)

    def packed(row: int) -> tuple[int, list[bytes]]:
        points = prepared_points(source, row)
        grid = to_grid(points, clip_box(points, config["padding"]), size)
        drawn, count = (
            draw_sparse(grid[None], stream, layout.edges, sigma, size, short_limbs),
            len(points),
        )
        return count, [pack(drawn, k, min(k + PIECE, count)) for k in range(0, count, PIECE)]

    frames = stored = 0
    with write_records(path, {**metadata, "shape": shape, "piece": PIECE}) as writer:
        rows = progress(range(len(source)))
        for row, (count, blobs) in enumerate(_in_order(packed, rows, threads)):
            entry: dict[Any, Any] = source.index.iloc[row].to_dict()
            entry["label"] = None if entry["label"] < 0 else entry["label"]
            writer.append({**entry, "blobs": blobs})
            frames += count
            stored += sum(map(len, blobs))
    return {
        **metadata,
        "shape": shape,
        "clips": len(source),
        "frames": frames,
        "bytes": stored,
        "dense_bytes": int(frames * np.prod(shape)),
        "sha256": sha256(path),
    }


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
    records: Records, row: int, indices: np.ndarray
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


def cached_frames(records: Records, row: int, indices: np.ndarray) -> np.ndarray:
    """Frames of a cached clip, uint8 (channels, T, H, W); an index below 0 gives an empty frame."""
    volume = np.zeros((len(indices), *records.metadata["shape"]), np.uint8)
    for piece, frames in cached_pieces(records, row, indices):
        places, levels = cells_of(piece, frames)
        volume.reshape(-1)[places] = levels
    return volume.swapaxes(0, 1)
