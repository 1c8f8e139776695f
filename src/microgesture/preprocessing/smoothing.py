"""Smoothing of each joint's path over runs of frames in which it was seen; scores stay."""

import math
from functools import lru_cache

import numba
import numpy as np

from microgesture.utils.errors import InputError

SPEED_CUTOFF = 1.0
"""Cutoff in Hz of the filtered speed, fixed at the value of the One Euro paper."""


def savgol(points: np.ndarray, frames: int, order: int) -> np.ndarray:
    """Fit a polynomial to every ``frames`` frames and take its value in the middle.

    The first and last frames of a run take the values of the first and last whole window's
    polynomial. A run shorter than the window gets the longest odd window that fits, and is left
    alone where that has no more than ``order`` frames. Nothing is delayed.

    Parameters
    ----------
    points : ndarray, float32 (T, P, 3)
        x, y, score; score 0 where the point was not found, which ends a run.
    frames : int
        Length of the window, odd.
    order : int
        Of the polynomial, less than ``frames``.

    Returns
    -------
    ndarray, float32 (T, P, 3)

    Raises
    ------
    InputError
        When the window is even or too short for the polynomial.

    Notes
    -----
    Source: Savitzky & Golay 1964; the same numbers as ``scipy.signal.savgol_filter`` on each run,
    many times faster where joints are lost at different times.

    """
    if frames % 2 == 0 or not 0 <= order < frames:
        raise InputError(
            f"cleaning: smooth has frames {frames} and order {order}; expected an odd number of "
            "frames and an order below it"
        )
    smooth = points.copy()
    _savgol(points, _fits(frames // 2, order), order, smooth)
    return smooth


@lru_cache
def _fits(half: int, order: int) -> np.ndarray:
    """Weights of the fitted values, (half + 1, W, W): for windows of 1, 3, ... W frames.

    Row i of a window's matrix weighs its frames to give the polynomial's value at frame i.
    """
    fits = np.zeros((half + 1, 2 * half + 1, 2 * half + 1))
    for h in range(half + 1):
        size = 2 * h + 1
        powers = np.vander(np.linspace(-1, 1, size), min(order, size - 1) + 1)
        fits[h, :size, :size] = powers @ np.linalg.pinv(powers)
    return fits


@numba.njit(cache=True, nogil=True)
def _savgol(points: np.ndarray, fits: np.ndarray, order: int, out: np.ndarray) -> None:
    frames = points.shape[0]
    for p in range(points.shape[1]):
        end = 0
        while end < frames:
            start = end
            while end < frames and points[end, p, 2] > 0:
                end += 1
            half = min(fits.shape[0] - 1, (end - start - 1) // 2)
            size = 2 * half + 1
            if end - start >= size > order:
                for t in range(start, end):
                    first = min(max(t - half, start), end - size)
                    for c in range(2):
                        total = 0.0
                        for k in range(size):
                            total += fits[half, t - first, k] * points[first + k, p, c]
                        out[t, p, c] = total
            end = max(end, start + 1)


def one_euro(
    points: np.ndarray, fps: float, min_cutoff: float, beta: float, unit: float
) -> np.ndarray:
    """Low-pass filter whose cutoff rises with speed: steady at rest, quick in movement.

    Each coordinate of each joint is filtered by itself and anew after every frame in which the
    joint was not found. The filter looks back only, so slow movements lag; see `savgol` for one
    that does not.

    Parameters
    ----------
    points : ndarray, float32 (T, P, 3)
        x, y, score; score 0 where the point was not found.
    fps : float
        Frames a second.
    min_cutoff : float
        Cutoff at rest in Hz; lower trembles less and lags more.
    beta : float
        Rise of the cutoff in Hz with every ``unit`` a second; higher lags less.
    unit : float
        Length that counts as 1, in pixels.

    Returns
    -------
    ndarray, float32 (T, P, 3)

    Notes
    -----
    Source: Casiez, Roussel & Vogel 2012, 1 Euro filter, algorithm 1. A ``beta`` that is usual for
    pixels, such as 0.01, hardly raises the cutoff where ``unit`` is a shoulder width, of which
    hands cover a few a second: numbers near 1 to 5 are its equal.

    """
    if not (min_cutoff > 0 and beta >= 0):
        raise InputError(
            f"cleaning: smooth has min_cutoff {min_cutoff} and beta {beta}; expected a number "
            "above 0 and one that is not negative"
        )
    smooth = points.copy()
    _one_euro(points, fps, min_cutoff, beta, unit, smooth)
    return smooth


@numba.njit(cache=True, nogil=True)
def _share(fps: float, cutoff: float) -> float:
    """Weight of the new value in a first-order low-pass filter."""
    return 1 / (1 + fps / (2 * math.pi * cutoff))


@numba.njit(cache=True, nogil=True)
def _one_euro(
    points: np.ndarray, fps: float, min_cutoff: float, beta: float, unit: float, out: np.ndarray
) -> None:
    speed_share = _share(fps, SPEED_CUTOFF)
    for p in range(points.shape[1]):
        for c in range(2):
            place = speed = 0.0
            running = False
            for t in range(points.shape[0]):
                if points[t, p, 2] <= 0:
                    running = False
                    continue
                raw = float(points[t, p, c])
                if running:
                    speed += speed_share * ((raw - place) * fps - speed)
                    share = _share(fps, min_cutoff + beta * abs(speed) / unit)
                    place += share * (raw - place)
                else:
                    place, speed, running = raw, 0.0, True
                out[t, p, c] = place
