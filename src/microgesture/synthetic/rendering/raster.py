"""Compiled drawing of a figure with a depth buffer: tapered round rods and shaded triangles.

Screen space: x to the right, y down, z towards the camera, all in samples. What is drawn has
``SAMPLES`` x ``SAMPLES`` samples a pixel, which `develop` averages. All kernels stand in this
file: the cache of compiled code looks at no other.
"""

import math

import numba
import numpy as np

SAMPLES = 2
"""Samples of a pixel along each axis."""
FAR = np.float32(-1e6)
WHITE, MOUTH = 4, 5
"""Kinds of surface on which other surfaces may be drawn alone: of an eye, and inside a mouth."""


@numba.njit(cache=True, nogil=True)
def clear(depth: np.ndarray, kind: np.ndarray, shadow: np.ndarray) -> None:
    """Forget the last frame; ``depth``, ``kind`` and ``shadow`` are (H, W) in samples."""
    depth[:] = FAR
    kind[:] = 0
    shadow[:] = 0


@numba.njit(cache=True, nogil=True, inline="always")
def _brightness(
    nx: float, ny: float, nz: float, light: np.ndarray, shine: float
) -> tuple[float, float]:
    """Diffuse and glossy light on a surface with a unit normal; ``light`` as in `draw_rods`."""
    facing = nx * light[0] + ny * light[1] + nz * light[2]
    soft = max(0.0, (facing + 0.35) / 1.35)
    # the sky above is brighter than the floor, and edges turn away
    level = light[3] * (0.82 - 0.24 * ny) + light[4] * soft
    level *= 0.72 + 0.28 * nz
    half = nx * light[5] + ny * light[6] + nz * light[7]
    gloss = 0.0
    if shine > 0 and half > 0:
        gloss = half * half
        gloss *= gloss
        gloss *= gloss
        gloss = shine * gloss * gloss
    return level, gloss


@numba.njit(cache=True, nogil=True)
def draw_rods(
    rods: np.ndarray,
    paint: np.ndarray,
    kinds: np.ndarray,
    light: np.ndarray,
    colour: np.ndarray,
    depth: np.ndarray,
    kind: np.ndarray,
) -> None:
    """Draw rods with round ends.

    Parameters
    ----------
    rods : ndarray, float32 (P, 8)
        x, y, z, radius of both ends.
    paint : ndarray, float32 (P, 5)
        Red, green, blue (0 to 255), shine, and depth of the folds of cloth.
    kinds : ndarray, uint8 (P,)
    light : ndarray, float32 (8,)
        Direction towards the light, ambient and direct level, direction of the brightest gloss.
    colour, depth, kind : ndarray
        The picture: float32 (H, W, 3), float32 (H, W), uint8 (H, W); changed in place.

    """
    height, width = depth.shape
    for p in range(len(rods)):
        if kinds[p] == 0:
            continue  # there for its shadow only
        ax, ay, az, ar, bx, by, bz, br = rods[p]
        most = max(ar, br)
        top, bottom = int(max(0, min(ay, by) - most)), int(min(height, max(ay, by) + most + 2))
        left, right = int(max(0, min(ax, bx) - most)), int(min(width, max(ax, bx) + most + 2))
        dx, dy = bx - ax, by - ay
        square = max(dx * dx + dy * dy, 1e-6)
        span = math.sqrt(square)
        folds = paint[p, 4]
        for i in range(top, bottom):
            ey = i + 0.5 - ay
            for j in range(left, right):
                ex = j + 0.5 - ax
                t = (ex * dx + ey * dy) / square
                t = min(1.0, max(0.0, t))
                qx, qy = ex - t * dx, ey - t * dy
                r = ar + t * (br - ar)
                rest = r * r - qx * qx - qy * qy
                if rest < 0:
                    continue
                rise = math.sqrt(rest)
                z = az + t * (bz - az) + rise
                if z <= depth[i, j]:
                    continue
                depth[i, j] = z
                kind[i, j] = kinds[p]
                nx, ny, nz = qx / r, qy / r, rise / r
                level, gloss = _brightness(nx, ny, nz, light, paint[p, 3])
                if folds > 0:
                    across = (qx * dy - qy * dx) / (span * r)
                    level *= 1 + folds * math.sin(9 * t + 3.1 * across + p) * math.sin(
                        17 * t - 4 * across
                    )
                for c in range(3):
                    colour[i, j, c] = paint[p, c] * level + gloss


@numba.njit(cache=True, nogil=True)
def _normals(points: np.ndarray, corners: np.ndarray, normals: np.ndarray) -> None:
    """Fill unit normals (V, 3) of vertices: the mean of the triangles around, by their area."""
    normals[:] = 0
    for f in range(len(corners)):
        a, b, c = corners[f]
        ux, uy, uz = (
            points[b, 0] - points[a, 0],
            points[b, 1] - points[a, 1],
            points[b, 2] - points[a, 2],
        )
        vx, vy, vz = (
            points[c, 0] - points[a, 0],
            points[c, 1] - points[a, 1],
            points[c, 2] - points[a, 2],
        )
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            normals[v, 0] += nx
            normals[v, 1] += ny
            normals[v, 2] += nz
    for v in range(len(normals)):
        x, y, z = normals[v]
        length = math.sqrt(x * x + y * y + z * z)
        if length > 0:
            normals[v] /= length


@numba.njit(cache=True, nogil=True)
def draw_mesh(
    points: np.ndarray,
    corners: np.ndarray,
    rules: np.ndarray,
    paint: np.ndarray,
    places: np.ndarray,
    texture: np.ndarray,
    light: np.ndarray,
    colour: np.ndarray,
    depth: np.ndarray,
    kind: np.ndarray,
) -> None:
    """Draw triangles, in order, shaded smoothly between their corners.

    Parameters
    ----------
    points : ndarray, float32 (V, 3)
    corners : ndarray, int32 (F, 3)
        In the order that makes (b - a) x (c - a) point out of the surface.
    rules : ndarray, uint8 (F, 4)
        Kind; the kind that it is only drawn on, or 0; 1 where the texture is used; samples by
        which it comes forward.
    paint : ndarray, float32 (V, 4)
        Red, green, blue (0 to 255) and shine of vertices.
    places : ndarray, float32 (V, 2)
        Row and column of the texture.
    texture : ndarray, float32 (R, S, 3)
        Factors of the colour.
    light, colour, depth, kind : ndarray
        As in `draw_rods`.

    """
    height, width = depth.shape
    normals = np.zeros(points.shape, np.float32)
    _normals(points, corners, normals)
    lit = np.zeros((len(points), 3), np.float32)
    for v in range(len(points)):
        level, gloss = _brightness(
            normals[v, 0], normals[v, 1], max(normals[v, 2], np.float32(0)), light, paint[v, 3]
        )
        for c in range(3):
            lit[v, c] = paint[v, c] * level + gloss
    for f in range(len(corners)):
        a, b, c = corners[f]
        ax, ay, bx, by = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
        cx, cy = points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area <= 1e-6:
            continue  # seen from behind
        top, bottom = int(max(0, min(ay, by, cy))), int(min(height, max(ay, by, cy) + 1))
        left, right = int(max(0, min(ax, bx, cx))), int(min(width, max(ax, bx, cx) + 1))
        this, only, textured, forward = rules[f]
        for i in range(top, bottom):
            y = i + 0.5
            for j in range(left, right):
                x = j + 0.5
                u = ((cx - bx) * (y - by) - (cy - by) * (x - bx)) / area
                v = ((ax - cx) * (y - cy) - (ay - cy) * (x - cx)) / area
                w = 1 - u - v
                if u < 0 or v < 0 or w < 0 or (only and kind[i, j] != only):
                    continue
                z = u * points[a, 2] + v * points[b, 2] + w * points[c, 2] + forward
                if z <= depth[i, j]:
                    continue
                depth[i, j] = z
                kind[i, j] = this
                for k in range(3):
                    colour[i, j, k] = u * lit[a, k] + v * lit[b, k] + w * lit[c, k]
                if textured:
                    row = int(u * places[a, 0] + v * places[b, 0] + w * places[c, 0])
                    column = int(u * places[a, 1] + v * places[b, 1] + w * places[c, 1])
                    row = min(max(row, 0), texture.shape[0] - 1)
                    column = min(max(column, 0), texture.shape[1] - 1)
                    for k in range(3):
                        colour[i, j, k] *= texture[row, column, k]


@numba.njit(cache=True, nogil=True)
def cast_shadows(
    rods: np.ndarray, reach: float, light: np.ndarray, depth: np.ndarray, shadow: np.ndarray
) -> None:
    """Darken what lies closely behind rods (P, 8): how a touch looks other than a near miss.

    ``reach`` is how far a shadow goes, in samples; ``shadow`` (H, W) takes the share of light lost.
    """
    height, width = depth.shape
    for p in range(len(rods)):
        ax, ay, az, ar, bx, by, bz, br = rods[p]
        # the shadow lies away from the light
        shift_x, shift_y = -0.45 * reach * light[0], -0.45 * reach * light[1]
        ax, bx, ay, by = ax + shift_x, bx + shift_x, ay + shift_y, by + shift_y
        most = max(ar, br) + reach
        top, bottom = int(max(0, min(ay, by) - most)), int(min(height, max(ay, by) + most + 2))
        left, right = int(max(0, min(ax, bx) - most)), int(min(width, max(ax, bx) + most + 2))
        dx, dy = bx - ax, by - ay
        square = max(dx * dx + dy * dy, 1e-6)
        for i in range(top, bottom):
            ey = i + 0.5 - ay
            for j in range(left, right):
                if depth[i, j] == FAR:
                    continue
                ex = j + 0.5 - ax
                t = min(1.0, max(0.0, (ex * dx + ey * dy) / square))
                qx, qy = ex - t * dx, ey - t * dy
                r = ar + t * (br - ar)
                beyond = math.sqrt(qx * qx + qy * qy) - r
                gap = az + t * (bz - az) - depth[i, j]
                if beyond > reach or gap < 0.3 * r or gap > 3 * reach:
                    continue
                share = (1 - max(beyond, 0.0) / reach) * (1 - gap / (3 * reach))
                shadow[i, j] = max(shadow[i, j], 0.55 * share)


@numba.njit(cache=True, nogil=True)
def develop(
    colour: np.ndarray,
    kind: np.ndarray,
    shadow: np.ndarray,
    behind: np.ndarray,
    noise: np.ndarray,
    gain: np.ndarray,
    out: np.ndarray,
) -> None:
    """Average samples into the picture ``out``, uint8 (H, W, 3), before a background.

    ``behind`` is uint8 (H, W, 3); ``noise`` float32 (H, W, 3) is added, ``gain`` (3,) multiplies.
    """
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for c in range(3):
                total = np.float32(0)
                for m in range(SAMPLES):
                    for n in range(SAMPLES):
                        row, column = SAMPLES * i + m, SAMPLES * j + n
                        if kind[row, column]:
                            total += min(colour[row, column, c], np.float32(255)) * (
                                1 - shadow[row, column]
                            )
                        else:
                            total += np.float32(behind[i, j, c])
                value = total / np.float32(SAMPLES * SAMPLES) * gain[c] + noise[i, j, c]
                out[i, j, c] = np.uint8(min(max(value + np.float32(0.5), 0), 255))
