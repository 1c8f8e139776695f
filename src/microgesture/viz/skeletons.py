"""Skeletons drawn with matplotlib: left and right in two colours, the score as opacity."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba_array
from matplotlib.lines import Line2D

from microgesture.data.layouts import Layout
from microgesture.viz.style import SOFT

# The person faces the camera: the right side of the body lies on the left of the picture.
SIDES = {"right": "#D55E00", "left": "#0072B2", "middle": SOFT}
_MIDDLE = list(SIDES).index("middle")


def joint_sides(layout: Layout) -> np.ndarray:
    """Which of `SIDES` each joint belongs to by its name, int (V,); midline where it says neither.

    Names are read instead of `Layout.flip`, which pairs joints but does not say which is which.
    """
    return np.array(
        [
            next((n for n, side in enumerate(SIDES) if side in name.split("_")), _MIDDLE)
            for name in layout.joints
        ]
    )


def limb_sides(layout: Layout) -> np.ndarray:
    """Which of `SIDES` each limb belongs to, int (E,): that of its further joint.

    A limb between a side and the midline, such as a shoulder, belongs to the side.
    """
    ends = joint_sides(layout)[layout.edges]
    return np.where(ends[:, 1] == _MIDDLE, ends[:, 0], ends[:, 1])


class SkeletonArt:
    """One skeleton on some axes, which `show` moves from frame to frame without drawing anew.

    Parameters
    ----------
    axes
        With the y axis pointing down.
    layout
        Names joints and limbs.
    line, dot
        Width of limbs and size of joints in points; fingers and face are drawn finer.

    """

    def __init__(self, axes: Axes, layout: Layout, line: float = 2.0, dot: float = 4.0) -> None:
        self._edges = layout.edges
        colours = to_rgba_array(list(SIDES.values()))
        self._limb_colours = colours[limb_sides(layout)]
        self._joint_colours = colours[joint_sides(layout)]
        fine = _fine(layout)
        width = line * np.where(fine[layout.edges].any(axis=1), 0.6, 1.0)
        size = (dot * np.where(fine, 0.6, 1.0)) ** 2
        empty = np.full((len(layout.joints), 2), np.nan)
        self._limbs = LineCollection([], linewidths=width, capstyle="round", zorder=2)
        axes.add_collection(self._limbs, autolim=False)
        self._joints = axes.scatter(
            empty[:, 0], empty[:, 1], s=size, c=self._joint_colours, lw=0, zorder=3
        )

    def show(self, points: np.ndarray) -> None:
        """Move to (V, 3): x, y in the units of the axes, and score; below 0.02 it is not seen."""
        place, score = points[:, :2], np.clip(points[:, 2], 0, 1)
        opacity = np.where(points[:, 2] > 0, np.maximum(score, 0.02), 0)
        self._limbs.set_segments(list(place[self._edges]))
        limbs, joints = self._limb_colours.copy(), self._joint_colours.copy()
        limbs[:, 3] = opacity[self._edges].min(axis=1)
        joints[:, 3] = opacity
        self._limbs.set_color(list(map(tuple, limbs)))
        self._joints.set_offsets(place)
        self._joints.set_facecolor(list(map(tuple, joints)))


def side_handles() -> list[Line2D]:
    """Legend entries for the colours of `SIDES`."""
    names = {"right": "person's right", "left": "person's left", "middle": "midline"}
    handles = []
    for side, colour in SIDES.items():
        handles.append(Line2D([], [], color=colour, linewidth=2.5))
        handles[-1].set_label(names[side])
    return handles


def _fine(layout: Layout) -> np.ndarray:
    """Joints that hang on a wrist or on the nose, bool (V,): fingers and face, drawn finer."""
    hops = layout.hops()
    fine = np.zeros(len(hops), bool)
    for a, b in layout.edges[np.argsort(hops[layout.edges].max(axis=1), kind="stable")]:
        near, far = (a, b) if hops[a] < hops[b] else (b, a)
        fine[far] = fine[near] or layout.joints[near] in ("nose", "left_wrist", "right_wrist")
    return fine
