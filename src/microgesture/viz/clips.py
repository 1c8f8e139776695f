"""Figures of single clips and of the body: errors as strips of frames, maps of occlusion."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from microgesture.data.boxes import far_points, own_frames
from microgesture.data.keypoints import KeypointFormat
from microgesture.data.layouts import Layout
from microgesture.evaluation.occlusion import Occlusion
from microgesture.evaluation.rows import Row
from microgesture.heatmaps.grid import clip_box
from microgesture.utils.text import short
from microgesture.viz.ablation import warn
from microgesture.viz.skeletons import SkeletonArt
from microgesture.viz.style import FAINT, INK, SOFT, open_figure

FRAMES = 8
_COLOURS = "RdBu_r"  # red and blue, which colour-blind readers tell apart
_PADDING = 0.15


@dataclass(frozen=True)
class ConfidentError:
    """A clip taken for another class: class ids, and the probabilities given to the two.

    ``row`` is its place among the evaluated clips.
    """

    row: int
    true: int
    taken: int
    confidence: float
    of_true: float


def confident_errors(row: Row) -> list[ConfidentError]:
    """All errors of a row's mean over seeds, the most confident first."""
    mean = row.probabilities.astype(np.float64).mean(axis=0)
    taken, clips = mean.argmax(axis=1), np.arange(len(mean))
    sure = mean[clips, taken]
    wrong = np.flatnonzero(taken != row.labels)
    return [
        ConfidentError(one, true, said, float(sure[one]), float(mean[one, true]))
        for one in wrong[np.argsort(-sure[wrong], kind="stable")].tolist()
        for true, said in [(int(row.labels[one]), int(taken[one]))]
    ]


def one_of_each_pair(errors: Iterable[ConfidentError], count: int) -> list[ConfidentError]:
    """The first errors, one of each pair of classes, or a single confusion could fill the list."""
    chosen: dict[tuple[int, int], ConfidentError] = {}
    for error in errors:
        chosen.setdefault((error.true, error.taken), error)
    return list(chosen.values())[:count]


def strip_frames(total: int, count: int = FRAMES) -> list[int]:
    """Numbers of at most ``count`` frames, evenly spread from the first to the last."""
    return np.unique(np.rint(np.linspace(0, total - 1, min(count, total))).astype(int)).tolist()


def plot_strip(
    points: np.ndarray,
    fps: float,
    layout: Layout,
    path: str | Path,
    crops: np.ndarray | None = None,
) -> None:
    """Draw frames of a clip side by side, all cut out alike, each with its time.

    Below the skeletons are the crops of the same frames, where the clip has video.

    Parameters
    ----------
    points
        (T, V, 3) of the layout's joints.
    fps
        Frames a second.
    layout
        Names joints and limbs.
    path
        The PNG to write.
    crops
        uint8 RGB (F, side, side, 3), of the frames that `strip_frames` gives.

    """
    frames = strip_frames(len(points))
    rows = 1 if crops is None else 2
    left, top, side = steady_box(points)
    points = np.where(far_points(points)[..., None], 0, points)  # they would cross other frames
    with open_figure(path, 1.15 * len(frames) + 0.1, 1.15 * rows + 0.23) as figure:
        axes = figure.add_subplot()
        axes.set_axis_off()
        for place, frame in enumerate(frames):
            if crops is not None:
                extent = (place + 0.01, place + 0.99, 1.99, 1.01)
                axes.imshow(crops[place], extent=extent, interpolation="bilinear")
            moved = points[frame].copy()
            moved[:, :2] = (moved[:, :2] - (left, top)) / side + (place, 0)
            if (moved[:, 2] > 0).any():
                SkeletonArt(axes, layout, line=1.6, dot=2.6).show(moved)
            else:
                axes.text(place + 0.5, 0.5, "nobody found", fontsize=7, color=SOFT, ha="center")
            if place:
                axes.plot((place, place), (0, 1), color=FAINT, linewidth=0.8)
            time = f"{frame / fps:.2f} s"
            axes.text(place + 0.5, rows + 0.13, time, fontsize=7, color=SOFT, ha="center")
        axes.set(xlim=(-0.02, len(frames) + 0.02), ylim=(rows + 0.17, -0.02), aspect="equal")


def steady_box(points: np.ndarray) -> tuple[float, float, float]:
    """Square around a clip's points: left, top and side; frames of somebody else have no say."""
    own = own_frames(points)
    return clip_box(points[own] if own.any() else points, _PADDING)


def plot_occlusion(
    seen: Occlusion,
    layout: Layout | None,
    pose: np.ndarray | None,
    path: str | Path,
    generated: bool = False,
) -> None:
    """Draw the map joints by time and, beside it, a body with each joint's mean fall.

    Parameters
    ----------
    seen
        What hiding changed.
    layout, pose
        Names what was hidden, and where the joints are on a body, (V, 3); None leaves it out.
    path
        The PNG to write.

    """
    names = [name.replace("_", " ") for name in seen.joints]
    fall = 100 * seen.fall
    limit = _limit(fall)
    height = max(0.8 + 0.17 * len(names), 3.0)
    with open_figure(path, 7.2 if layout else 4.6, height, pdf=True) as figure:
        panels = figure.subplots(1, 2 if layout else 1, squeeze=False)[0]
        axes = panels[0]
        axes.imshow(
            fall, cmap=_COLOURS, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest"
        )
        axes.set_yticks(range(len(names)), names, fontsize=7.5 if len(names) > 24 else 8.5)
        axes.tick_params(length=0)
        ticks = [0, (len(seen.windows) - 1) / 2, len(seen.windows) - 1]
        axes.set_xticks(ticks, ["start", "middle", "end"])
        axes.set_xlabel("When it was hidden")
        axes.spines[:].set_visible(False)
        if layout is not None and pose is not None:
            _draw_body(panels[1], layout, pose, fall.mean(axis=1), limit)
        _colour_bar(figure, panels, limit)
        warn(figure, generated)


def plot_class_bodies(
    seen: Occlusion, layout: Layout, pose: np.ndarray, path: str | Path, generated: bool = False
) -> None:
    """Draw a body for each class that was looked at on its own."""
    falls = {name: 100 * of_class.mean(axis=1) for name, of_class in seen.by_class.items()}
    limit = max(_limit(fall) for fall in falls.values())
    with open_figure(path, max(1.75 * len(falls), 3.6), 2.9, pdf=True) as figure:
        panels = figure.subplots(1, len(falls), squeeze=False)[0]
        for axes, (name, fall) in zip(panels, falls.items(), strict=True):
            _draw_body(axes, layout, pose, fall, limit, scale=0.62)
            words = short(name, 44).split()
            half = -(-len(words) // 2)
            title = " ".join(words[:half]) + "\n" + " ".join(words[half:])
            axes.set_title(title, fontsize=7.5, fontweight="normal", loc="center")
        _colour_bar(figure, panels, limit)
        warn(figure, generated)


def typical_pose(clips: Iterable[np.ndarray], order: KeypointFormat) -> np.ndarray:
    """One pose for many clips: each point at the median of where clips have it, (P, 3).

    Parameters
    ----------
    clips
        Each (T, P, 3), all points of the order. They are laid over each other by their shoulders;
        one that never shows both is left out.
    order
        Says which points the shoulders are.

    Returns
    -------
    ndarray
        x, y in shoulder widths from between the shoulders, and a score: 1, or 0 for a point that
        is seen in less than a tenth of the frames.

    """
    places, seen, frames = [], np.zeros(order.count), 0
    for points in clips:
        found = points[..., 2] > 0
        seen += found.sum(axis=0)
        frames += len(points)
        place = np.where(found[..., None], points[..., :2], np.nan)
        shoulders = place[:, list(order.shoulders)]
        both = ~np.isnan(shoulders).any(axis=(1, 2))
        if both.any():
            ends = np.median(shoulders[both], axis=0)
            width = float(np.linalg.norm(ends[0] - ends[1])) or 1.0
            places.append((_median(place) - ends.mean(axis=0)) / width)
    pose = np.zeros((order.count, 3))
    pose[:, :2] = _median(np.array(places).reshape(-1, order.count, 2))
    pose[:, 2] = (seen >= 0.1 * frames) & ~np.isnan(pose[:, 0])
    pose[pose[:, 2] == 0] = 0
    return pose


def _median(places: np.ndarray) -> np.ndarray:
    """Median over the first axis of what is not NaN, (P, 2); NaN where nothing is left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy warns of points never seen
        return np.nanmedian(places, axis=0) if len(places) else np.full(places.shape[1:], np.nan)


def _draw_body(
    axes: Axes,
    layout: Layout,
    pose: np.ndarray,
    fall: np.ndarray,
    limit: float,
    scale: float = 1.0,
) -> None:
    """Draw limbs in grey and every joint as red, and as large, as hiding it costs.

    Sizes go by the largest of this body, colours by the scale that the figure's panels share.
    """
    seen = pose[:, 2] > 0
    limbs = [pose[edge, :2] for edge in layout.edges if seen[edge].all()]
    axes.add_collection(LineCollection(limbs, colors="#BBBBBB", linewidths=2.2 * scale, zorder=1))
    order = np.argsort(np.abs(fall), kind="stable")  # what matters most is drawn last
    order = order[seen[order]]
    largest = max(float(np.abs(fall).max()), 1e-9)
    size = (12 + (200 if len(fall) <= 25 else 110) * np.abs(fall) / largest) * scale**2
    axes.scatter(
        pose[order, 0], pose[order, 1], s=size[order], c=fall[order], cmap=_COLOURS,
        norm=Normalize(-limit, limit), edgecolors=INK, linewidths=0.5, zorder=2,
    )  # fmt: skip
    low, high = pose[seen, :2].min(axis=0), pose[seen, :2].max(axis=0)
    side = 1.2 * float((high - low).max())
    left, top = (low + high) / 2 - side / 2
    axes.set(xlim=(left, left + side), ylim=(top + side, top), aspect="equal")
    axes.set_axis_off()


def _limit(fall: np.ndarray) -> float:
    """End of a colour scale around 0; a map of zeros has some scale as well."""
    return max(float(np.abs(fall).max()), 0.1)


def _colour_bar(figure: Figure, panels: Sequence[Axes], limit: float) -> None:
    shades = ScalarMappable(Normalize(-limit, limit), _COLOURS)
    bar = figure.colorbar(
        shades, ax=list(panels), location="bottom", shrink=0.6, aspect=40, pad=0.03
    )
    bar.outline.set_visible(False)
    bar.set_label("Fall of the true class's probability when hidden (points)", fontsize=8)


def layout_of(seen: Occlusion, layouts: Sequence[Layout]) -> Layout | None:
    """The layout whose joints were hidden one by one; None where parts of the body were."""
    return next((one for one in layouts if one.joints == seen.joints), None)
