"""Parts of the body: what of a layout is drawn in which box, and what is seen from which root."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microgesture.data.keypoints import KEYPOINT_FORMATS
from microgesture.data.layouts import Layout
from microgesture.settings.streams import BODY, HeatmapStream, Part
from microgesture.utils.errors import InputError

FEWEST = 3
"""Joints of a part; fewer show nothing but their own box."""


@dataclass(frozen=True)
class View:
    """The channels of a network on heatmaps, part after part; a joint may be in several parts.

    Without parts, all joints are in one box.

    Attributes
    ----------
    joints : ndarray, int (C,)
        The layout's joint that each point is.
    box : ndarray, int (C,)
        The box, 0 to B - 1, that it is seen in.
    edges : ndarray, int (E, 2)
        Limbs, between points of one box.
    flip : ndarray, int (C,)
        The point that each becomes in a mirrored picture: one of the mirrored part's.
    limb_flip : ndarray, int (E,)
    shoulders : ndarray, int (2,) or (0,)
        Joints of the layout by which a part's box has its least size.

    """

    joints: np.ndarray
    box: np.ndarray
    edges: np.ndarray
    flip: np.ndarray
    limb_flip: np.ndarray
    shoulders: np.ndarray

    @property
    def boxes(self) -> int:
        """B."""
        return int(self.box.max()) + 1

    def sizes(self, stream: HeatmapStream) -> list[int]:
        """Channels of each box, (B,)."""
        of = self.box[self.edges[:, 0]] if stream == "limb" else self.box
        return np.bincount(of, minlength=self.boxes).tolist()

    def channel_flip(self, stream: HeatmapStream) -> np.ndarray:
        """Swap map of the stream's channels under mirroring, int (C,) or (E,)."""
        return self.limb_flip if stream == "limb" else self.flip


def view_of(layout: Layout, parts: Sequence[Part] = ()) -> View:
    """The view of parts of a layout, or of all its joints in one box.

    Raises
    ------
    InputError
        Where the layout has too few joints of a part, or a part's mirror image is missing.

    """
    numbers = KEYPOINT_FORMATS[layout.source].shoulders
    shoulders = np.flatnonzero(np.isin(layout.points, numbers))
    shoulders = shoulders[: 2 * (len(shoulders) == 2)]
    if not parts:
        every = np.arange(len(layout.joints))
        whole = np.zeros_like(every)
        return View(every, whole, layout.edges, layout.flip, layout.limb_flip, shoulders)
    joints = [part_joints(layout, part) for part in parts]
    place = {
        (box, int(joint)): number
        for number, (box, joint) in enumerate(
            (box, joint) for box, of in enumerate(joints) for joint in of
        )
    }
    mirrored = [_mirrored(layout, parts, box) for box in range(len(parts))]
    edges: list[list[int]] = []
    limbs: dict[tuple[int, int], int] = {}
    for box in range(len(parts)):
        for edge, (a, b) in enumerate(layout.edges.tolist()):
            if (box, a) in place and (box, b) in place:
                limbs[box, edge] = len(edges)
                edges.append([place[box, a], place[box, b]])
    return View(
        joints=np.concatenate(joints),
        box=np.repeat(np.arange(len(parts)), [len(of) for of in joints]),
        edges=np.array(edges, dtype=int).reshape(-1, 2),
        flip=np.array([place[mirrored[box], int(layout.flip[joint])] for box, joint in place]),
        limb_flip=np.array(
            [limbs[mirrored[box], int(layout.limb_flip[edge])] for box, edge in limbs], dtype=int
        ),
        shoulders=shoulders,
    )


def part_joints(layout: Layout, part: Part) -> np.ndarray:
    """Joints of a part: those that the layout's file names, or else those of the body's region.

    Raises
    ------
    InputError

    """
    if part in layout.parts:
        return np.array(layout.parts[part])
    if part == BODY:
        return np.arange(len(layout.joints))
    region = KEYPOINT_FORMATS[layout.source].regions[part]
    joints = np.flatnonzero(np.isin(layout.points, region))
    if len(joints) < FEWEST:
        raise InputError(
            f"layout {layout.name} has {len(joints)} joints of the part {part}, which needs "
            f"{FEWEST}; leave it out, or take a layout with more of them"
        )
    return joints


def relative_to(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Joints of hands and head, and the root each is seen from: wrist or nose; int (P,) both.

    A part whose root the layout lacks has none.
    """
    order = KEYPOINT_FORMATS[layout.source]
    joint_of = {int(point): joint for joint, point in enumerate(layout.points)}
    pairs = [
        (joint_of[point], joint_of[root])
        for part, root in order.roots.items()
        for point in order.regions[part]
        if root in joint_of and point in joint_of and point != root
    ]
    joints, roots = np.array(pairs, dtype=int).reshape(-1, 2).T
    return joints, roots


def _mirrored(layout: Layout, parts: Sequence[Part], box: int) -> int:
    """The box that a mirrored box becomes."""
    wanted = set(layout.flip[part_joints(layout, parts[box])].tolist())
    for other, part in enumerate(parts):
        if set(part_joints(layout, part).tolist()) == wanted:
            return other
    raise InputError(
        f"parts: {parts[box]} is there without its mirror image in layout {layout.name}; "
        "name the other side too, or hands for both in one box"
    )
