"""Drawn clips in compact form: of every row of a plane only the cells that are not zero.

It is drawn without a dense volume in between, packed small, and resampled straight into what a
network takes.
"""

import struct
from dataclasses import dataclass

import numba
import numpy as np
import pyarrow as pa

from microgesture.heatmaps.draw import ShortLimbs, strokes
from microgesture.heatmaps.kernels import LANES, draw_rows
from microgesture.settings.streams import HeatmapStream
from microgesture.utils.errors import InputError

LARGEST = 255
"""Rows and columns are counted in bytes."""
_CODEC = pa.Codec("zstd", compression_level=9)
_HEADER = struct.Struct("<IIII")
"""Frames, rows and cells of a piece, and the packed bytes of what says where the cells are."""


@dataclass(frozen=True)
class Sparse:
    """A drawn clip; its planes stand frame by frame, in a frame channel by channel.

    Attributes
    ----------
    shape : tuple of int
        Height and width of a plane, at most 255.
    heads : ndarray, uint8 (T, C, 2)
        First row of each plane that is not empty, and the number of rows to the last such.
    spans : ndarray, uint8 (R, 2)
        First column and width of what is not zero in each of these rows, plane after plane.
    levels : ndarray, uint8 (L,)
        Values of these cells in 1/255, row after row.
    starts : ndarray, int (T + 1, 2)
        Where each frame starts in ``spans`` and ``levels``.

    """

    shape: tuple[int, int]
    heads: np.ndarray
    spans: np.ndarray
    levels: np.ndarray
    starts: np.ndarray

    def dense(self) -> np.ndarray:
        """The whole volume, uint8 (T, C, H, W)."""
        volume = np.zeros((*self.heads.shape[:2], *self.shape), np.uint8)
        frames = np.arange(len(self.heads))
        places, levels = cells_of(self, frames)
        volume.reshape(-1)[places] = levels
        return volume


def draw_sparse(
    persons: np.ndarray,
    stream: HeatmapStream,
    edges: np.ndarray,
    sigma: float,
    size: int,
    short_limbs: ShortLimbs = "min",
) -> Sparse:
    """Draw a clip as `microgesture.heatmaps.draw.draw` does, rounded to 1/255, in compact form.

    Raises
    ------
    InputError
        When ``size`` is larger than 255.

    """
    if size > LARGEST:
        raise InputError(f"heatmaps.size is {size}; a cache holds at most {LARGEST} cells a side")
    return draw_strokes(strokes(persons, stream, edges, None, short_limbs), sigma, size)


def draw_strokes(drawn: np.ndarray, sigma: float, size: int) -> Sparse:
    """`draw_sparse` of strokes, float32 (M, T, C, 5)."""
    frames, channels = drawn.shape[1:3]
    heads = np.zeros((frames, channels, 2), np.uint8)
    starts = np.zeros((frames + 1, 2), np.int64)
    # memory that is not touched costs nothing
    spans = np.empty((frames * channels * size, 2), np.uint8)
    levels = np.empty(frames * channels * size * size + LANES, np.uint8)
    draw_rows(drawn, sigma, size, heads, spans, levels, starts)
    rows, cells = starts[-1]
    return Sparse((size, size), heads, spans[:rows].copy(), levels[:cells].copy(), starts)


def cells_of(sparse: Sparse, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flat places in a dense volume (len(frames), C, H, W), int64, and levels of its cells.

    A frame below 0 is empty.
    """
    given = frames[frames >= 0]
    count = int(np.diff(sparse.starts[:, 1])[given].sum())
    places, levels = np.empty(count, np.int64), np.empty(count, np.uint8)
    args = sparse.heads, sparse.spans, sparse.levels, sparse.starts
    _cells(*args, *sparse.shape, frames, places, levels)
    return places, levels


@numba.njit(cache=True, nogil=True)
def _cells(
    heads: np.ndarray,
    spans: np.ndarray,
    levels: np.ndarray,
    starts: np.ndarray,
    height: int,
    width: int,
    frames: np.ndarray,
    places: np.ndarray,
    values: np.ndarray,
) -> None:
    channels, count = heads.shape[1], 0
    for place in range(len(frames)):
        t = frames[place]
        if t < 0:
            continue
        row, cell = starts[t]
        for c in range(channels):
            for i in range(heads[t, c, 0], heads[t, c, 0] + heads[t, c, 1]):
                here = ((place * channels + c) * height + i) * width + spans[row, 0]
                for k in range(spans[row, 1]):
                    places[count], values[count] = here + k, levels[cell]
                    count, cell = count + 1, cell + 1
                row += 1


def pack(sparse: Sparse, start: int, end: int) -> bytes:
    """Frames ``start`` to below ``end``, each as its difference from the one before, zstd."""
    (row, cell), (last_row, last_cell) = sparse.starts[start], sparse.starts[end]
    heads = sparse.heads[start:end].copy()
    spans, levels = sparse.spans[row:last_row].copy(), sparse.levels[cell:last_cell].copy()
    _difference(heads, spans, levels, *sparse.shape, True)
    places = _CODEC.compress(heads.tobytes() + spans.T.tobytes(), asbytes=True)
    values = _CODEC.compress(levels.tobytes(), asbytes=True)
    header = _HEADER.pack(end - start, len(spans), len(levels), len(places))
    return header + places + values


def unpack(blob: pa.Buffer | bytes, channels: int, shape: tuple[int, int]) -> Sparse:
    """Undo `pack`."""
    buffer = pa.py_buffer(blob)
    frames, rows, cells, split = _HEADER.unpack(buffer[: _HEADER.size])
    count = frames * channels * 2
    places = _bytes(buffer[_HEADER.size : _HEADER.size + split], count + rows * 2)
    heads = places[:count].reshape(frames, channels, 2)
    spans = np.ascontiguousarray(places[count:].reshape(2, rows).T)
    levels = _bytes(buffer[_HEADER.size + split :], cells)
    starts = _difference(heads, spans, levels, *shape, False)
    return Sparse(shape, heads, spans, levels, starts)


def _bytes(packed: pa.Buffer, size: int) -> np.ndarray:
    unpacked = _CODEC.decompress(packed, decompressed_size=size) if size else b""
    return np.frombuffer(unpacked, np.uint8).copy()


@numba.njit(cache=True, nogil=True)
def _difference(
    heads: np.ndarray,
    spans: np.ndarray,
    levels: np.ndarray,
    height: int,
    width: int,
    forward: bool,
) -> np.ndarray:
    """Turn bytes into differences from the frame before, in place, or back; gives ``starts``.

    A row's start is compared with the same row of the frame before or, where that was empty, with
    the row above; levels with the same cells of the frame before. All bytes wrap around.
    """
    frames, channels = heads.shape[:2]
    starts = np.zeros((frames + 1, 2), np.int64)
    tops = np.zeros(channels, np.uint8)
    before = np.zeros((channels, height, 2), np.uint8)  # spans of the frame before
    extents = np.zeros((channels, 2), np.int64)
    planes = np.zeros((channels, height, width), np.uint8)
    row = cell = 0
    for t in range(frames):
        for c in range(channels):
            old_first, old_last = extents[c]
            count = np.int64(heads[t, c, 1])
            first = last = 0
            if count:
                given = heads[t, c, 0]
                top = given if forward else np.uint8(given + tops[c])
                heads[t, c, 0] = np.uint8(top - tops[c]) if forward else top
                tops[c] = top
                first, last = int(top), int(top + count)
            above = np.uint8(0)
            for i in range(first, last):
                old_left, old_width = before[c, i]
                guess = old_left if old_width else above
                if forward:
                    left, length = spans[row]
                    spans[row, 0] = np.uint8(left - guess)
                    spans[row, 1] = np.uint8(length - old_width)
                else:
                    left = np.uint8(spans[row, 0] + guess)
                    length = np.uint8(spans[row, 1] + old_width)
                    spans[row, 0], spans[row, 1] = left, length
                above = left
                start, end = np.int64(left), np.int64(left) + np.int64(length)
                for j in range(start, end):
                    old = planes[c, i, j]
                    new = levels[cell] if forward else np.uint8(levels[cell] + old)
                    levels[cell] = np.uint8(new - old) if forward else new
                    planes[c, i, j] = new
                    cell += 1
                for j in range(old_left, np.int64(old_left) + np.int64(old_width)):
                    if j < start or j >= end:
                        planes[c, i, j] = 0
                before[c, i, 0], before[c, i, 1] = left, length
                row += 1
            for i in range(old_first, old_last):
                if i < first or i >= last:
                    left, length = before[c, i]
                    for j in range(left, np.int64(left) + np.int64(length)):
                        planes[c, i, j] = 0
                    before[c, i, 1] = 0
            extents[c, 0], extents[c, 1] = first, last
        starts[t + 1, 0], starts[t + 1, 1] = row, cell
    return starts


def resample(
    sparse: Sparse,
    frames: np.ndarray,
    window: np.ndarray,
    channels: np.ndarray,
    mirrored: bool,
    out: np.ndarray,
) -> None:
    """Look at frames of a drawn clip through a window, bilinearly; cells that are 0 cost nothing.

    Parameters
    ----------
    sparse : Sparse
    frames : ndarray, int (t,)
        Of ``sparse``, in any order; below 0 leaves that frame as it is.
    window : ndarray, float (4,)
        Left, top, width and height in shares of the planes.
    channels : ndarray, int (C,)
        Which channel of ``out`` each channel goes to.
    mirrored : bool
        Whether the result runs from right to left.
    out : ndarray, float32 (t, h, w, C)
        Zeros; values are 0 to 1 afterwards.

    """
    height, width = sparse.shape
    args = sparse.heads, sparse.spans, sparse.levels, sparse.starts
    down = _places(window[1], window[3], height, out.shape[1])
    across = _places(window[0], window[2], width, out.shape[2])
    _resample(*args, frames, channels, mirrored, *down, *across, out)


def _places(
    start: float, length: float, cells: int, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Along one axis: where each new cell's centre falls among the old ones.

    Returns
    -------
    whole : ndarray, int (size,)
        The old cell at or before it.
    share : ndarray, float32 (size,)
        Weight of the old cell after that one.
    first : ndarray, int (cells + 2,)
        Entry k is the first new cell whose ``whole`` is at least k - 1.

    """
    place = (start + length * (np.arange(size) + 0.5) / size) * cells - 0.5
    whole = np.floor(place).astype(np.int64)
    first = np.searchsorted(whole, np.arange(-1, cells + 1))
    return whole, (place - whole).astype(np.float32), first


@numba.njit(cache=True, nogil=True)
def _resample(
    heads: np.ndarray,
    spans: np.ndarray,
    levels: np.ndarray,
    starts: np.ndarray,
    frames: np.ndarray,
    channels: np.ndarray,
    mirrored: bool,
    rows: np.ndarray,
    row_shares: np.ndarray,
    first_row: np.ndarray,
    columns: np.ndarray,
    column_shares: np.ndarray,
    first_column: np.ndarray,
    out: np.ndarray,
) -> None:
    width = out.shape[2]
    line = np.zeros(len(first_column), np.float32)  # one old row between two zeros
    new = np.zeros(width, np.float32)
    for place in range(len(frames)):
        t = frames[place]
        if t < 0:
            continue
        row, cell = starts[t]
        for c in range(heads.shape[1]):
            top, target = np.int64(heads[t, c, 0]), channels[c]
            for i in range(top, top + np.int64(heads[t, c, 1])):
                left, length = np.int64(spans[row, 0]), np.int64(spans[row, 1])
                row += 1
                for k in range(length):
                    line[left + 1 + k] = levels[cell + k] * np.float32(1 / 255)
                cell += length
                first, last = first_column[left], first_column[left + length + 1]
                for b in range(first, last):
                    here = columns[b] + 1
                    new[b] = line[here] + column_shares[b] * (line[here + 1] - line[here])
                for k in range(length):
                    line[left + 1 + k] = 0
                for a in range(first_row[i], first_row[i + 2]):
                    weight = row_shares[a] if rows[a] < i else 1 - row_shares[a]
                    for b in range(first, last):
                        x = width - 1 - b if mirrored else b
                        out[place, a, x, target] += weight * new[b]
