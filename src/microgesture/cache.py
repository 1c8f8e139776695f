"""Heatmap caches: every frame of a stream file drawn once, quantised to 1/255 and compressed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from microgesture.files import sha256
from microgesture.heatmaps import clip_box, draw, to_grid
from microgesture.layouts import Layout, Stream
from microgesture.records import Records, write_records
from microgesture.streams import stream_points

CODEC = pa.Codec("zstd", compression_level=1)
Item = TypeVar("Item")
Result = TypeVar("Result")


def build_cache(
    stream_file: Path,
    layout: Layout,
    stream: Stream,
    config: Mapping[str, Any],
    path: Path,
    threads: int = 1,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> dict[str, Any]:
    """Draw all clips of a stream file into a heatmap cache and return its manifest.

    A record's blobs are its frames, each zstd-compressed uint8 (channels, size, size), so that a
    loader unpacks only the frames it samples. A value is off by at most 1/510 from what was drawn.

    Parameters
    ----------
    config : mapping
        ``size`` (cells a side), ``sigma`` (cells) and ``padding`` (see `clip_box`).
    threads : int
        Clips drawn at once; the file is the same for any number.
    progress : callable
        Wraps the iterable of rows, to show how far it is.

    """
    source = Records(stream_file)
    # what the stream file states goes on, so that a cache says all that its volumes are made of
    metadata = {**source.metadata, "stream": stream, **config}
    shape = (layout.channels(stream), config["size"], config["size"])

    def compressed(row: int) -> list[bytes]:
        points = stream_points(source, row)
        grid = to_grid(points, clip_box(points, config["padding"]), config["size"])
        volume = np.empty((len(points), *shape), np.float32)
        draw(grid[None], stream, layout.edges, config["sigma"], volume)
        levels = np.rint(volume * 255).astype(np.uint8)
        return [CODEC.compress(frame, asbytes=True) for frame in levels]

    frames = stored = 0
    with write_records(path, {**metadata, "shape": shape}) as writer:
        rows = progress(range(len(source)))
        for row, blobs in zip(
            range(len(source)), _in_order(compressed, rows, threads), strict=True
        ):
            entry: dict[Any, Any] = source.index.iloc[row].to_dict()
            entry["label"] = None if entry["label"] < 0 else entry["label"]
            writer.append({**entry, "blobs": blobs})
            frames += len(blobs)
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


def cached_frames(records: Records, row: int, indices: np.ndarray) -> np.ndarray:
    """Frames of a cached clip, uint8 (channels, T, H, W); an index below 0 gives an empty frame."""
    shape = tuple(records.metadata["shape"])
    size = int(np.prod(shape))
    volume = np.zeros((len(indices), *shape), np.uint8)
    for place, index in enumerate(indices.tolist()):
        if index >= 0:
            frame = CODEC.decompress(records.blob(row, index), decompressed_size=size)
            volume[place] = np.frombuffer(frame, np.uint8).reshape(shape)
    return volume.swapaxes(0, 1)
