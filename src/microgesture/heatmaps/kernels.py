"""Compiled drawing of strokes, dense and in compact form; see `microgesture.heatmaps.draw.draw`.

All that calls `evaluate` stands in this file: the cache of compiled code looks at no other.
"""

import math

import numba
import numpy as np

MIN_SCORE = 1e-3
"""Points with a smaller score are not drawn."""
NEGLIGIBLE = 17.0
"""exp(-17) < 1e-7: cells further away than this exponent may be left at zero around a limb."""
LANES = 16
"""Cells of a row are evaluated so many at a time, with a fixed count that compilers vectorise."""
_CUT = 6.5
"""exp(-6.5) < 0.5 / 255: cells around a limb with a larger exponent round to level 0."""


@numba.njit(cache=True, nogil=True)
def paint(strokes: np.ndarray, sigma: float, out: np.ndarray, boxes: np.ndarray) -> None:
    """Draw strokes, float32 (M, T, C, 5), into ``out`` (T, C, H, W) of any strides; see `draw`."""
    height, width = out.shape[2:]
    patch, ends, factors = buffers(height, width)
    for t in range(strokes.shape[1]):
        for c in range(strokes.shape[2]):
            plane, box = out[t, c], boxes[t, c]
            for i in range(box[0], box[1]):
                for j in range(box[2], box[3]):
                    plane[i, j] = 0
            box[:] = 0
            for m in range(strokes.shape[0]):
                top, bottom = evaluate(
                    strokes[m, t, c], sigma, NEGLIGIBLE, height, width, patch, ends, factors
                )
                for i in range(top, bottom):
                    left, right = ends[i]
                    for k in range(right - left):
                        plane[i, left + k] = max(plane[i, left + k], patch[i, k])
                    _grow(box, i, left, right)


@numba.njit(cache=True, nogil=True)
def _grow(box: np.ndarray, i: int, left: int, right: int) -> None:
    """Make a box (top, bottom, left, right) hold a span of row i."""
    if left >= right:
        return
    if box[1] == 0:
        box[0], box[1], box[2], box[3] = i, i + 1, left, right
    else:
        box[0], box[1] = min(box[0], i), max(box[1], i + 1)
        box[2], box[3] = min(box[2], left), max(box[3], right)


@numba.njit(cache=True, nogil=True)
def buffers(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Memory that `evaluate` works in: ``patch``, ``ends`` and ``factors``."""
    patch = np.zeros((height, width + 2 * LANES), np.float32)
    factors = np.zeros((2, max(height, width) + LANES), np.float32)
    return patch, np.zeros((height, 2), np.int64), factors


@numba.njit(inline="always", fastmath={"contract"})
def _exp(x: np.float32) -> np.float32:
    """float32 e^x for -87 < x <= 0, to 2e-7 of its value; in this form it is vectorised."""
    scaled = x * np.float32(1.4426950408889634)
    whole = np.rint(scaled)
    rest = scaled - whole
    # 2^rest for -0.5 <= rest <= 0.5 (Cephes' exp2f), times 2^whole put together from its bits
    value = np.float32(1.535336188319500e-4)
    value = value * rest + np.float32(1.339887440266574e-3)
    value = value * rest + np.float32(9.618437357674640e-3)
    value = value * rest + np.float32(5.550332471162809e-2)
    value = value * rest + np.float32(2.402264791363012e-1)
    value = value * rest + np.float32(6.931472028550421e-1)
    value = value * rest + np.float32(1.0)
    return value * np.int32((np.int32(whole) + 127) << 23).view(np.float32)


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def evaluate(
    stroke: np.ndarray,
    sigma: float,
    cut: float,
    height: int,
    width: int,
    patch: np.ndarray,
    ends: np.ndarray,
    factors: np.ndarray,
) -> tuple[int, int]:
    """Values of one stroke; returns the rows it reaches, first and one past the last.

    Distances are float64 and values float32. Cells of row i from ``ends[i, 0]`` to below
    ``ends[i, 1]`` have the values ``patch[i, 0]`` and on; what lies behind them is undefined.

    Parameters
    ----------
    cut : float
        Cells of a limb whose exponent exceeds this may be left out.

    """
    ax, ay = np.float64(stroke[0]), np.float64(stroke[1])
    bx, by = np.float64(stroke[2]), np.float64(stroke[3])
    score = np.float32(stroke[4])
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    if square < 1:
        bx, by = ax, ay
    reach = 3 * sigma
    # compared as floats first: a point far away must not overflow a whole number
    low, high = np.trunc(min(ax, bx) - reach), np.trunc(max(ax, bx) + reach) + 1
    above, below = np.trunc(min(ay, by) - reach), np.trunc(max(ay, by) + reach) + 1
    if score < MIN_SCORE or not (low < width and high > 0 and above < height and below > 0):
        return 0, 0
    left, right = int(max(low, 0.0)), int(min(high, float(width)))
    top, bottom = int(max(above, 0.0)), int(min(below, float(height)))
    scale = -0.5 / (sigma * sigma)
    if square < 1:
        across, down = factors[0], factors[1]
        for start in range(0, right - left, LANES):
            for k in range(LANES):
                gap = left + start + k - ax
                across[start + k] = _exp(np.float32(max(scale * gap * gap, -80.0)))
        for start in range(0, bottom - top, LANES):
            for k in range(LANES):
                gap = top + start + k - ay
                down[start + k] = score * _exp(np.float32(max(scale * gap * gap, -80.0)))
        for i in range(top, bottom):
            row = down[i - top]
            ends[i, 0], ends[i, 1] = left, right
            for start in range(0, right - left, LANES):
                for k in range(LANES):
                    patch[i, start + k] = row * across[start + k]
        return top, bottom
    share_x, share_y = dx / square, dy / square
    flat = abs(dy) < 1e-6
    slope = 0.0 if flat else dx / dy
    # half the length of row within which the line is near; that of the segment lies inside
    near = np.inf if flat else sigma * math.sqrt(2 * cut) * math.sqrt(square) / abs(dy)
    for i in range(top, bottom):
        gap_i = i - ay
        middle = ax + gap_i * slope
        first = int(min(max(np.floor(middle - near), float(left)), float(right)))
        last = int(max(min(np.ceil(middle + near) + 1, float(right)), float(first)))
        ends[i, 0], ends[i, 1] = first, last
        for start in range(0, last - first, LANES):
            for k in range(LANES):
                gap_j = first + start + k - ax
                along = min(max(gap_j * share_x + gap_i * share_y, 0.0), 1.0)
                gap_x, gap_y = gap_j - along * dx, gap_i - along * dy
                exponent = scale * (gap_x * gap_x + gap_y * gap_y)
                patch[i, start + k] = score * _exp(np.float32(max(exponent, -80.0)))
    return top, bottom


@numba.njit(cache=True, nogil=True)
def draw_rows(
    drawn: np.ndarray,
    sigma: float,
    size: int,
    heads: np.ndarray,
    spans: np.ndarray,
    levels: np.ndarray,
    starts: np.ndarray,
) -> None:
    """Draw strokes, float32 (M, T, C, 5), into the arrays of a `microgesture.heatmaps.codec.Sparse`."""
    patch, ends, factors = buffers(size, size)
    plane = np.zeros_like(patch)
    reached = np.zeros((size, 2), np.int64)
    several = drawn.shape[0] > 1
    row = cell = 0
    for t in range(drawn.shape[1]):
        for c in range(drawn.shape[2]):
            if several:
                first, last = size, 0
                for m in range(drawn.shape[0]):
                    top, bottom = evaluate(
                        drawn[m, t, c], sigma, _CUT, size, size, patch, ends, factors
                    )
                    if top < bottom:
                        _merge(top, bottom, patch, ends, plane, reached)
                        first, last = min(first, top), max(last, bottom)
                begun, row, cell = _emit(
                    first, last, plane, reached, True, row, cell, spans, levels
                )
                plane[first:last] = 0
                reached[first:last] = 0
            else:
                first, last = evaluate(
                    drawn[0, t, c], sigma, _CUT, size, size, patch, ends, factors
                )
                begun, row, cell = _emit(first, last, patch, ends, False, row, cell, spans, levels)
            heads[t, c, 1] = row - begun[1]
            if row > begun[1]:
                heads[t, c, 0] = begun[0]
        starts[t + 1, 0], starts[t + 1, 1] = row, cell


@numba.njit(cache=True, nogil=True)
def _merge(
    top: int,
    bottom: int,
    patch: np.ndarray,
    ends: np.ndarray,
    plane: np.ndarray,
    reached: np.ndarray,
) -> None:
    """Put the maximum of a stroke and what is there into a plane, and what of it was reached."""
    for i in range(top, bottom):
        left, right = ends[i]
        for k in range(right - left):
            plane[i, left + k] = max(plane[i, left + k], patch[i, k])
        if reached[i, 1] == 0:
            reached[i, 0], reached[i, 1] = left, right
        else:
            reached[i, 0], reached[i, 1] = min(reached[i, 0], left), max(reached[i, 1], right)


@numba.njit(cache=True, nogil=True)
def _emit(
    top: int,
    bottom: int,
    values: np.ndarray,
    ends: np.ndarray,
    placed: bool,
    row: int,
    cell: int,
    spans: np.ndarray,
    levels: np.ndarray,
) -> tuple[tuple[int, int], int, int]:
    """Append a plane's rows without the zeros around them.

    Row i of ``values`` starts at column 0 where ``placed``, else at ``ends[i, 0]``.

    Returns
    -------
    begun : tuple of int
        The plane's first row that is not empty, and the place of its span.
    row, cell : int
        Where the next plane starts.

    """
    half, full = np.float32(0.5 / 255), np.float32(255)
    first, begun, used = 0, row, row
    for i in range(top, bottom):
        left, right = ends[i]
        shift = 0 if placed else left
        start, end = left - shift, right - shift
        while start < end and values[i, start] <= half:
            start += 1
        while start < end and values[i, end - 1] <= half:
            end -= 1
        if start < end:
            if begun == row:
                first = i
            spans[row, 0], spans[row, 1] = start + shift, end - start
            for block in range(0, end - start, LANES):
                # what is written too far is overwritten by the next row
                for k in range(LANES):
                    level = np.rint(values[i, start + block + k] * full)
                    levels[cell + block + k] = np.uint8(np.int32(level))
            row, cell = row + 1, cell + end - start
            used = row
        elif begun < row:
            spans[row, 0], spans[row, 1] = spans[row - 1, 0], 0
            row += 1
    return (first, begun), used, cell  # empty rows behind the last are dropped
