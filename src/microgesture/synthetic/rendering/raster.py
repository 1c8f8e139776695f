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
EDGE = -1e-9
"""Of the share of a corner: samples on an edge that two triangles have in common are in one."""


@numba.njit(cache=True, nogil=True, error_model="numpy")
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
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
        along_x, along_y = dx / square, dy / square
        nearest = max(az + ar, bz + br)
        folds = paint[p, 4]
        for i in range(top, bottom):
            ey = i + 0.5 - ay
            for j in range(left, right):
                if nearest <= depth[i, j]:
                    continue
                ex = j + 0.5 - ax
                t = min(1.0, max(0.0, ex * along_x + ey * along_y))
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
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
        for k in (a, b, c):
            normals[k, 0] += nx
            normals[k, 1] += ny
            normals[k, 2] += nz
    for v in range(len(normals)):
        x, y, z = normals[v]
        length = math.sqrt(x * x + y * y + z * z)
        if length > 0:
            normals[v] /= length


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _lit(
    points: np.ndarray, corners: np.ndarray, paint: np.ndarray, light: np.ndarray
) -> np.ndarray:
    """Colours (V, 3) of the vertices of triangles in this light."""
    normals = np.zeros(points.shape, np.float32)
    _normals(points, corners, normals)
    lit = np.zeros((len(points), 3), np.float32)
    for v in range(len(points)):
        level, gloss = _brightness(
            normals[v, 0], normals[v, 1], max(normals[v, 2], np.float32(0)), light, paint[v, 3]
        )
        for k in range(3):
            lit[v, k] = paint[v, k] * level + gloss
    return lit


@numba.njit(cache=True, nogil=True, error_model="numpy")
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
    lit = _lit(points, corners, paint, light)
    for f in range(len(corners)):
        a, b, c = corners[f]
        ax, ay = np.float64(points[a, 0]), np.float64(points[a, 1])
        bx, by = np.float64(points[b, 0]), np.float64(points[b, 1])
        cx, cy = np.float64(points[c, 0]), np.float64(points[c, 1])
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area <= 1e-6:
            continue  # seen from behind
        top, bottom = int(max(0, min(ay, by, cy))), int(min(height, max(ay, by, cy) + 1))
        left, right = int(max(0, min(ax, bx, cx))), int(min(width, max(ax, bx, cx) + 1))
        this, only, textured, forward = rules[f]
        u_x, u_y, v_x, v_y = (by - cy) / area, (cx - bx) / area, (cy - ay) / area, (ax - cx) / area
        for i in range(top, bottom):
            u_row = u_y * (i + 0.5 - by) - u_x * bx
            v_row = v_y * (i + 0.5 - cy) - v_x * cx
            for j in range(left, right):
                sa = u_row + u_x * (j + 0.5)
                sb = v_row + v_x * (j + 0.5)
                sc = 1 - sa - sb
                if sa < EDGE or sb < EDGE or sc < EDGE or (only and kind[i, j] != only):
                    continue
                z = sa * points[a, 2] + sb * points[b, 2] + sc * points[c, 2] + forward
                if z <= depth[i, j]:
                    continue
                depth[i, j] = z
                kind[i, j] = this
                for k in range(3):
                    colour[i, j, k] = sa * lit[a, k] + sb * lit[b, k] + sc * lit[c, k]
                if textured:
                    row = int(sa * places[a, 0] + sb * places[b, 0] + sc * places[c, 0])
                    column = int(sa * places[a, 1] + sb * places[b, 1] + sc * places[c, 1])
                    row = min(max(row, 0), texture.shape[0] - 1)
                    column = min(max(column, 0), texture.shape[1] - 1)
                    for k in range(3):
                        colour[i, j, k] *= texture[row, column, k]


@numba.njit(cache=True, nogil=True, error_model="numpy")
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
        along_x, along_y = dx / square, dy / square
        nearest, furthest = max(az, bz), min(az, bz) - 3 * reach
        for i in range(top, bottom):
            ey = i + 0.5 - ay
            for j in range(left, right):
                if depth[i, j] < furthest or depth[i, j] > nearest:
                    continue
                ex = j + 0.5 - ax
                t = min(1.0, max(0.0, ex * along_x + ey * along_y))
                qx, qy = ex - t * dx, ey - t * dy
                r = ar + t * (br - ar)
                beyond = math.sqrt(qx * qx + qy * qy) - r
                gap = az + t * (bz - az) - depth[i, j]
                if beyond > reach or gap < 0.3 * r or gap > 3 * reach:
                    continue
                share = (1 - max(beyond, 0.0) / reach) * (1 - gap / (3 * reach))
                shadow[i, j] = max(shadow[i, j], 0.55 * share)


@numba.njit(cache=True, nogil=True, error_model="numpy")
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
    share = np.float32(1 / SAMPLES**2)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            drawn = 0
            red = green = blue = np.float32(0)
            for m in range(SAMPLES * i, SAMPLES * (i + 1)):
                for n in range(SAMPLES * j, SAMPLES * (j + 1)):
                    if kind[m, n]:
                        drawn += 1
                        light = 1 - shadow[m, n]
                        red += light * min(colour[m, n, 0], np.float32(255))
                        green += light * min(colour[m, n, 1], np.float32(255))
                        blue += light * min(colour[m, n, 2], np.float32(255))
            left = np.float32(SAMPLES**2 - drawn)
            red = (red + left * behind[i, j, 0]) * share * gain[0] + noise[i, j, 0]
            green = (green + left * behind[i, j, 1]) * share * gain[1] + noise[i, j, 1]
            blue = (blue + left * behind[i, j, 2]) * share * gain[2] + noise[i, j, 2]
            out[i, j, 0] = np.uint8(min(max(red + np.float32(0.5), 0), 255))
            out[i, j, 1] = np.uint8(min(max(green + np.float32(0.5), 0), 255))
            out[i, j, 2] = np.uint8(min(max(blue + np.float32(0.5), 0), 255))
