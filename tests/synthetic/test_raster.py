"""Compiled drawing of rods and triangles against plain loops over all samples."""

import numpy as np
import pytest

from microgesture.synthetic.rendering import raster

H, W = 40, 60
LIGHT = np.array([0.0, -0.6, 0.8, 0.4, 0.6, 0.0, -0.3, 0.95], np.float32)


def canvas():
    depth, shadow = np.empty((H, W), np.float32), np.empty((H, W), np.float32)
    kind, colour = np.empty((H, W), np.uint8), np.zeros((H, W, 3), np.float32)
    raster.clear(depth, kind, shadow)
    return colour, depth, kind, shadow


def brightness(normal, shine):
    soft = max(0.0, (normal @ LIGHT[:3] + 0.35) / 1.35)
    level = (LIGHT[3] * (0.82 - 0.24 * normal[1]) + LIGHT[4] * soft) * (0.72 + 0.28 * normal[2])
    return level, shine * max(0.0, normal @ LIGHT[5:]) ** 16


def slow_rods(rods, paint):
    colour, depth, kind, _ = canvas()
    for p, (ax, ay, az, ar, bx, by, bz, br) in enumerate(rods.astype(float)):
        a, b = np.array([ax, ay]), np.array([bx, by])
        for i, j in np.ndindex(H, W):
            place = np.array([j + 0.5, i + 0.5])
            t = np.clip((place - a) @ (b - a) / max((b - a) @ (b - a), 1e-6), 0, 1)
            aside, radius = place - (a + t * (b - a)), ar + t * (br - ar)
            if aside @ aside > radius**2:
                continue
            rise = np.sqrt(radius**2 - aside @ aside)
            z = az + t * (bz - az) + rise
            if z > depth[i, j]:
                level, gloss = brightness(np.array([*aside, rise]) / radius, paint[p, 3])
                depth[i, j], kind[i, j] = z, p + 1
                colour[i, j] = paint[p, :3] * level + gloss
    return colour, depth, kind


def test_rods_are_those_of_a_loop_over_all_samples():
    rng = np.random.default_rng(0)
    rods = rng.uniform(-5, 45, (12, 8)).astype(np.float32)
    rods[:, [3, 7]] = rng.uniform(0.5, 6, (12, 2))
    paint = np.zeros((12, 5), np.float32)
    paint[:, :4] = rng.uniform(0, [200, 200, 200, 0.3], (12, 4))
    colour, depth, kind, _ = canvas()
    raster.draw_rods(rods, paint, np.arange(1, 13, dtype=np.uint8), LIGHT, colour, depth, kind)
    slow_colour, slow_depth, slow_kind = slow_rods(rods, paint)
    same = kind == slow_kind
    assert len(np.unique(kind)) > 8 and same.mean() > 0.995  # ties on an edge
    np.testing.assert_allclose(depth[same], slow_depth[same], rtol=1e-3, atol=2e-2)
    np.testing.assert_allclose(colour[same], slow_colour[same], atol=0.5)


def test_a_rod_of_kind_0_is_not_seen_and_casts_a_shadow():
    colour, depth, kind, shadow = canvas()
    depth[:], kind[:] = 0, 1
    rods = np.array([[20, 20, 5, 3, 40, 20, 5, 3]], np.float32)
    raster.draw_rods(
        rods, np.ones((1, 5), np.float32), np.zeros(1, np.uint8), LIGHT, colour, depth, kind
    )
    assert (kind == 1).all()
    raster.cast_shadows(rods, 6.0, LIGHT, depth, shadow)
    assert shadow[20:28, 30].min() > 0 == shadow[:8].max() == shadow[38:].max()
    near = shadow.max()
    shadow[:] = 0
    rods[:, [2, 6]] = 14  # further away from what it darkens
    raster.cast_shadows(rods, 6.0, LIGHT, depth, shadow)
    assert 0 < shadow.max() < near
    shadow[:] = 0
    rods[:, [2, 6]] = -4  # behind it
    raster.cast_shadows(rods, 6.0, LIGHT, depth, shadow)
    assert shadow.max() == 0


def slow_mesh(points, corners, values):
    """Depth and interpolated values (V,) of the nearest triangle that faces the camera."""
    depth, shown = np.full((H, W), -1e6), np.full((H, W), np.nan)
    for a, b, c in corners:
        matrix = np.stack([points[[a, b, c], 0], points[[a, b, c], 1], np.ones(3)])
        if np.linalg.det(np.stack([points[b] - points[a], points[c] - points[a]])[:, :2]) <= 0:
            continue
        for i, j in np.ndindex(H, W):
            share = np.linalg.solve(matrix, [j + 0.5, i + 0.5, 1])
            z = share @ points[[a, b, c], 2]
            if share.min() >= 0 and z > depth[i, j]:
                depth[i, j], shown[i, j] = z, share @ values[[a, b, c]]
    return depth, shown


def test_triangles_are_those_of_a_loop_over_all_samples():
    rng = np.random.default_rng(1)
    points = rng.uniform([0, 0, -9], [W, H, 9], (15, 3)).astype(np.float32)
    corners = np.arange(15, dtype=np.int32).reshape(5, 3)
    paint = np.zeros((15, 4), np.float32)
    paint[:, :3] = rng.uniform(20, 200, (15, 3))
    colour, depth, kind, _ = canvas()
    rules = np.tile(np.array([7, 0, 0, 0], np.uint8), (5, 1))
    places, texture = np.zeros((15, 2), np.float32), np.ones((1, 1, 3), np.float32)
    raster.draw_mesh(points, corners, rules, paint, places, texture, LIGHT, colour, depth, kind)
    normals = np.cross(points[1::3] - points[::3], points[2::3] - points[::3]).repeat(3, axis=0)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    normals[:, 2] = np.maximum(normals[:, 2], 0)
    lit = np.array([paint[v, 0] * brightness(normals[v], 0)[0] for v in range(15)])
    slow, red = slow_mesh(points.astype(float), corners, lit)
    assert 0.05 < (kind == 7).mean() < 0.95
    same = (kind == 7) == ~np.isnan(red)
    assert same.mean() > 0.995
    np.testing.assert_allclose(depth[same], slow[same], atol=1e-2)
    np.testing.assert_allclose(colour[same & (kind == 7), 0], red[same & (kind == 7)], atol=0.05)


def square(z, first=0):
    corners = np.array([[0, 1, 2], [0, 2, 3]], np.int32) + first
    return np.array([[5, 5, z], [35, 5, z], [35, 35, z], [5, 35, z]], np.float32), corners


@pytest.mark.parametrize(("only", "forward", "kind"), [(0, 0, 2), (1, 2, 2), (9, 9, 1)])
def test_a_surface_is_drawn_on_another_where_it_belongs(only, forward, kind):
    below, first = square(0.0)
    above, second = square(1.0 if not only else -1.0, 4)
    points, corners = np.concatenate([below, above]), np.concatenate([first, second])
    rules = np.array([[1, 0, 0, 0]] * 2 + [[2, only, 0, forward]] * 2, np.uint8)
    colour, depth, kinds, _ = canvas()
    raster.draw_mesh(
        *(points, corners, rules, np.full((8, 4), 9, np.float32), np.zeros((8, 2), np.float32)),
        *(np.ones((1, 1, 3), np.float32), LIGHT, colour, depth, kinds),
    )
    assert kinds[20, 20] == kind and kinds[2, 2] == 0


def test_a_texture_colours_by_its_row_and_column():
    points, corners = square(0.0)
    places = np.array([[0, 0], [0, 2], [2, 2], [2, 0]], np.float32)
    texture = np.array([[[1.0] * 3, [0.5] * 3], [[0.25] * 3, [0.0] * 3]], np.float32)
    colour, depth, kind, _ = canvas()
    paint = np.array([[100, 100, 100, 0]] * 4, np.float32)
    rules = np.array([[1, 0, 1, 0]] * 2, np.uint8)
    raster.draw_mesh(points, corners, rules, paint, places, texture, LIGHT, colour, depth, kind)
    plain = colour[10, 10, 0]
    assert plain > 10
    shown = [colour[i, j, 0] / plain for i, j in ((10, 30), (30, 10), (30, 30))]
    np.testing.assert_allclose(shown, [0.5, 0.25, 0.0], atol=1e-6)


def test_samples_are_averaged_before_the_background():
    colour, _, kind, shadow = canvas()
    colour[:], kind[0, 0], kind[0, 1] = 200, 1, 1
    shadow[0, 1] = 0.5
    behind, noise = np.full((20, 30, 3), 40, np.uint8), np.zeros((20, 30, 3), np.float32)
    noise[5, 5], noise[6, 6] = 500, -500
    out, gain = np.zeros((20, 30, 3), np.uint8), np.array([1, 0.5, 1], np.float32)
    raster.develop(colour, kind, shadow, behind, noise, gain, out)
    mean = (200 + 100 + 40 + 40) / 4
    np.testing.assert_array_equal(out[0, 0], [mean, np.floor(mean / 2 + 0.5), mean])
    np.testing.assert_array_equal(out[9, 9], [40, 20, 40])
    assert out[5, 5].min() == 255 and out[6, 6].max() == 0
