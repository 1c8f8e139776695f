"""Joint layouts: which of the stored points are used, and all that follows from their tree.

A layout file names joints, edges and left-right pairs. Flip maps, channel counts and the graph are
derived from it, so that none of them can disagree with another.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import yaml

from microgesture.data.keypoints import KEYPOINT_FORMATS, OPENPOSE
from microgesture.data.store import Clip
from microgesture.settings.streams import HeatmapStream, Part
from microgesture.utils.errors import InputError

"""What heatmaps are drawn of; a motion's channels are the joints."""


@dataclass(frozen=True)
class Layout:
    """A joint layout with what is derived from its file.

    Attributes
    ----------
    name : str
    joints : tuple of str
        The V joint names, in channel order.
    points : ndarray, int (V,)
        Position of each joint among the points of its source.
    edges : ndarray, int (E, 2)
        Joint indices of each limb; the edges form one tree.
    flip : ndarray, int (V,)
        ``flip[v]`` is the joint that v becomes in a mirrored picture.
    limb_flip : ndarray, int (E,)
        The same for the edges.
    center : int
        The joint from which the spatial partition of ST-GCN measures distance.
    source : str
        Name of the `microgesture.data.keypoints.KeypointFormat` that ``points`` counts in.
    parts : mapping of str to tuple of int
        Joints of parts that its file names, see `microgesture.data.parts`.

    """

    name: str
    joints: tuple[str, ...]
    points: np.ndarray
    edges: np.ndarray
    flip: np.ndarray
    limb_flip: np.ndarray
    center: int
    source: str = OPENPOSE.name
    parts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """What `layout_from_dict` reads; joints as pairs, so that no JSON loses their order."""
        names = self.joints
        parts = {part: [names[v] for v in of] for part, of in self.parts.items()}
        return {
            "name": self.name,
            "source": self.source,
            "center": names[self.center],
            "joints": [[n, int(p)] for n, p in zip(names, self.points, strict=True)],
            "edges": [[names[a], names[b]] for a, b in self.edges],
            "flip": [[names[a], names[b]] for a, b in enumerate(self.flip) if a < b],
            **({"parts": parts} if parts else {}),
        }

    def channels(self, stream: HeatmapStream) -> int:
        """Number of heatmap channels: E for the limb stream, V for the others."""
        return len(self.edges) if stream == "limb" else len(self.joints)

    def channel_flip(self, stream: HeatmapStream) -> np.ndarray:
        """Swap map of the stream's channels under mirroring, int (V,) or (E,)."""
        return self.limb_flip if stream == "limb" else self.flip

    def parents(self) -> np.ndarray:
        """Neighbour of every joint on the way to the center, int (V,); the center is its own."""
        hops = self.hops()
        parents = np.arange(len(self.joints))
        for a, b in self.edges.tolist():
            near, far = (a, b) if hops[a] < hops[b] else (b, a)
            parents[far] = near
        return parents

    def hops(self) -> np.ndarray:
        """Distance of every joint from the center in edges, int (V,); -1 where not connected."""
        return _hops(len(self.joints), self.edges, self.center)

    def adjacency(self) -> np.ndarray:
        """Normalised adjacency in ST-GCN's spatial partition, float32 (3, V, V).

        Entry ``[k, v, w]`` weighs joint v in the new feature of joint w: subset 0 holds the joint
        itself, subset 1 the neighbours v further from the center than w, subset 2 those nearer.
        The three subsets together sum to 1 over v. Distances are counted along the whole tree;
        public code stops at one hop and so puts distant neighbours into one subset.
        Source: Yan et al. 2018, section 3.3.
        """
        near, order = self._neighbours()
        weight = near / near.sum(axis=0)
        return np.stack([weight * (order == k) for k in (0, 1, -1)]).astype(np.float32)

    def directed_adjacency(self) -> np.ndarray:
        """Adjacency of 2s-AGCN, float32 (3, V, V), each subset normalised by itself.

        Entry ``[k, v, w]`` weighs joint v in the new feature of joint w: subset 0 holds the joint
        itself, subset 1 its neighbour v on the way to the center, subset 2 those further away. Each
        sums to 1 over v where it has any. Source: ``get_spatial_graph`` of the authors' code (Shi
        et al. 2019), which PySKL took over.
        """
        near, order = self._neighbours()
        sets = np.stack([near * (order == k) for k in (0, -1, 1)])
        return (sets / np.maximum(sets.sum(axis=1, keepdims=True), 1)).astype(np.float32)

    def _neighbours(self) -> tuple[np.ndarray, np.ndarray]:
        """Whether v is w or its neighbour, and the sign of how much further v is; both (V, V)."""
        hops = self.hops()
        near = np.eye(len(self.joints), dtype=bool)
        near[self.edges[:, 0], self.edges[:, 1]] = True
        near[self.edges[:, 1], self.edges[:, 0]] = True
        return near, np.sign(hops[:, None] - hops[None, :])


def load_layout(path: str | Path) -> Layout:
    """Read and check a layout file; see `layout_from_dict` for the errors."""
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as a layout ({error})") from None
    return layout_from_dict(raw, path)


def layout_from_dict(raw: Any, path: Path) -> Layout:
    """Check a layout and derive what follows from it.

    Parameters
    ----------
    raw : Any
        What a layout file holds, or `Layout.as_dict`.
    path : Path
        Where it was found, for messages.

    Raises
    ------
    InputError
        When it is not a layout, names a joint that does not exist or twice, its edges are not one
        tree, or mirroring does not map its edges onto each other.

    """
    expected = {"name", "center", "joints", "edges", "flip"}
    if not isinstance(raw, dict) or set(raw) - {"source", "parts"} != expected:
        found = sorted(raw) if isinstance(raw, dict) else type(raw).__name__
        raise InputError(
            f"{path}: expected the keys {sorted(expected)} and optionally source and parts, "
            f"found {found}"
        )
    source = raw.get("source", OPENPOSE.name)
    if source not in KEYPOINT_FORMATS:
        raise InputError(
            f"{path}: source is {source!r}, expected one of {', '.join(KEYPOINT_FORMATS)}"
        )
    numbered = raw["joints"]
    if isinstance(numbered, list) and all(isinstance(p, list) and len(p) == 2 for p in numbered):
        numbered = dict(numbered)
    joints = _check_joints(path, numbered, KEYPOINT_FORMATS[source].count)
    index = {name: number for number, name in enumerate(joints)}
    edges = _pairs(path, "edges", raw["edges"], index)
    mirrored = _pairs(path, "flip", raw["flip"], index)
    if raw["center"] not in index:
        raise InputError(
            f"{path}: center names the joint {raw['center']!r}, which is not in joints"
        )
    flip = np.arange(len(joints))
    for number, (a, b) in enumerate(mirrored):
        if flip[a] != a or flip[b] != b or a == b:
            raise InputError(f"{path}: flip[{number}] names a joint that an earlier pair names")
        flip[a], flip[b] = b, a
    layout = Layout(
        name=str(raw["name"]),
        joints=joints,
        points=np.array(list(numbered.values())),
        edges=edges,
        flip=flip,
        limb_flip=_limb_flip(path, edges, flip, joints),
        center=index[raw["center"]],
        source=source,
        parts=_check_parts(path, raw.get("parts", {}), index),
    )
    _check_tree(path, layout)
    for name, number in index.items():
        other = name.replace("left", "right", 1)
        if other != name and other in index and flip[number] != index[other]:
            raise InputError(
                f"{path}: flip does not pair {name} with {other}; a mirrored picture exchanges them"
            )
    return layout


def _check_joints(path: Path, raw: Any, count: int) -> tuple[str, ...]:
    if not isinstance(raw, dict) or not raw:
        raise InputError(f"{path}: joints must map each joint's name to its point number")
    for name, point in raw.items():
        if not isinstance(name, str):
            raise InputError(f"{path}: joints: {name!r} is no name; put it in quotes")
        if not isinstance(point, int) or not 0 <= point < count:
            raise InputError(
                f"{path}: joints: {name} is point {point!r}; expected 0 to {count - 1}"
            )
    if len(set(raw.values())) != len(raw):
        raise InputError(f"{path}: joints: two joints have the same point number")
    return tuple(raw)


def _check_parts(path: Path, raw: Any, index: dict[str, int]) -> dict[str, tuple[int, ...]]:
    if not isinstance(raw, dict) or (unknown := set(raw) - set(get_args(Part))):
        found = sorted(unknown)[0] if isinstance(raw, dict) else raw
        raise InputError(
            f"{path}: parts: found {found!r}, expected {', '.join(get_args(Part))}, each with a "
            "list of joints"
        )
    parts = {}
    for part, names in raw.items():
        if not isinstance(names, list) or not names or len(set(map(str, names))) < len(names):
            raise InputError(f"{path}: parts.{part}: expected a list of different joints")
        for name in names:
            if name not in index:
                raise InputError(
                    f"{path}: parts.{part} names the joint {name!r}, which is not in joints"
                )
        parts[part] = tuple(sorted(index[name] for name in names))
    return parts


def _pairs(path: Path, key: str, raw: Any, index: dict[str, int]) -> np.ndarray:
    pairs = []
    for number, pair in enumerate(raw if isinstance(raw, list) else [raw]):
        if not isinstance(pair, list) or len(pair) != 2:
            raise InputError(f"{path}: {key}[{number}] is {pair!r}; expected two joint names")
        for name in pair:
            if name not in index:
                raise InputError(
                    f"{path}: {key}[{number}] names the joint {name!r}, which is not in joints"
                )
        pairs.append([index[name] for name in pair])
    return np.array(pairs, dtype=int).reshape(-1, 2)


def _limb_flip(
    path: Path, edges: np.ndarray, flip: np.ndarray, joints: Iterable[str]
) -> np.ndarray:
    names = list(joints)
    position = {frozenset(edge): number for number, edge in enumerate(edges.tolist())}
    mirrored = []
    for a, b in edges.tolist():
        partner = position.get(frozenset((int(flip[a]), int(flip[b]))))
        if partner is None:
            raise InputError(
                f"{path}: the edge {names[a]} - {names[b]} has no mirror image "
                f"{names[flip[a]]} - {names[flip[b]]}; add that edge or mend flip"
            )
        mirrored.append(partner)
    return np.array(mirrored, dtype=int)


def _check_tree(path: Path, layout: Layout) -> None:
    hops = layout.hops()
    if (hops < 0).any():
        loose = [layout.joints[v] for v in np.flatnonzero(hops < 0)]
        raise InputError(
            f"{path}: {', '.join(loose)}: no edges lead to {layout.joints[layout.center]}; add them"
        )
    if len(layout.edges) != len(layout.joints) - 1:
        raise InputError(
            f"{path}: {len(layout.edges)} edges on {len(layout.joints)} joints form a cycle; "
            "a layout is a tree"
        )


def _hops(size: int, edges: np.ndarray, start: int) -> np.ndarray:
    neighbours: list[list[int]] = [[] for _ in range(size)]
    for a, b in edges.tolist():
        neighbours[a].append(b)
        neighbours[b].append(a)
    hops = np.full(size, -1)
    hops[start] = 0
    queue = deque([start])
    while queue:
        here = queue.popleft()
        for there in neighbours[here]:
            if hops[there] < 0:
                hops[there] = hops[here] + 1
                queue.append(there)
    return hops


def layout_points(clip: Clip, layout: Layout) -> np.ndarray:
    """The layout's points of a clip, (T, V, 3).

    Raises
    ------
    InputError
        When the layout numbers the points of another order.

    """
    found, expected = clip.points.shape[1], KEYPOINT_FORMATS[layout.source].count
    if found != expected:
        raise InputError(
            f"clip {clip.clip_id}: has {found} points, but layout {layout.name} chooses from the "
            f"{expected} of {layout.source}; use a layout for these points"
        )
    return clip.points[:, layout.points]
