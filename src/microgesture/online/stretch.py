"""A stretch of a recording as an animation: the skeleton, and labels that run with it."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from microgesture.data.layouts import Layout, layout_points
from microgesture.data.store import Clip
from microgesture.online.comparison import Comparison
from microgesture.online.page import busiest, colour_of
from microgesture.online.segments import Segment
from microgesture.utils.files import atomic_path
from microgesture.utils.text import short
from microgesture.viz.skeletons import SkeletonArt
from microgesture.viz.style import FAINT, INK, SOFT, STYLE

EVERY = 2
"""Frames from one picture to the next."""
SHOWN_SECONDS = 8
NOTHING = "–"


class _Scene:
    """The figure, of which only what moves is changed from frame to frame."""

    def __init__(
        self,
        points: np.ndarray,
        layout: Layout,
        first: int,
        true: Sequence[Segment],
        said: Sequence[Segment],
        classes: Sequence[str],
    ) -> None:
        self._points, self._first, self._classes = points, first, classes
        self._rows = {"labelled": true, "detected": said}
        self.figure = Figure(figsize=(5.6, 5.2), dpi=80)
        self.canvas = FigureCanvasAgg(self.figure)
        above = self.figure.add_axes((0.2, 0.27, 0.6, 0.71))
        found = points[points[..., 2] > 0][:, :2]
        low, high = np.percentile(found, [1, 99], axis=0)
        middle, half = (low + high) / 2, 0.62 * float((high - low).max())
        above.set(
            xlim=(middle[0] - half, middle[0] + half),
            ylim=(middle[1] + half, middle[1] - half),
            aspect="equal",
        )
        above.set_axis_off()
        self._skeleton = SkeletonArt(above, layout, line=3, dot=5)
        below = self.figure.add_axes((0.02, 0.02, 0.96, 0.1))
        self._draw_bars(below)
        self._mark = below.axvline(first, color=INK, linewidth=1.5)
        self._words = {
            name: self.figure.text(0.02, 0.19 - 0.045 * row, "", fontsize=9)
            for row, name in enumerate(self._rows)
        }

    def _draw_bars(self, axes: Axes) -> None:
        last = self._first + len(self._points)
        axes.set(xlim=(self._first, last), ylim=(0, 2), facecolor=FAINT)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        for row, segments in enumerate(self._rows.values()):
            for one in segments:
                width = one.end - one.start + 1
                axes.barh(1.5 - row, width, left=one.start, height=0.9, color=colour_of(one.label))

    def picture(self, frame: int) -> Image.Image:
        """Draw a frame of the stretch."""
        self._skeleton.show(self._points[frame])
        now = self._first + frame
        self._mark.set_xdata([now, now])
        for name, segments in self._rows.items():
            told = [
                f"{short(self._classes[one.label], 40)}"
                + (f" {one.score:.2f}" if name == "detected" else "")
                for one in segments
                if one.start <= now <= one.end
            ]
            self._words[name].set_text(f"{name}: {', '.join(told) or NOTHING}")
            self._words[name].set_color(INK if told else SOFT)
        self.canvas.draw()
        return Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB")


def write_stretch(
    path: Path,
    points: np.ndarray,
    layout: Layout,
    first: int,
    fps: float,
    true: Sequence[Segment],
    said: Sequence[Segment],
    classes: Sequence[str],
) -> None:
    """Write a stretch as GIF at its own speed, every second frame.

    Parameters
    ----------
    path : Path
    points : ndarray, float32 (T, V, 3)
        The layout's points, of the recording's frames from ``first`` on.
    layout : Layout
    first : int
    fps : float
    true, said : sequence of Segment
        In frames of the recording.
    classes : sequence of str

    """
    with matplotlib.rc_context(STYLE):
        scene = _Scene(points, layout, first, true, said, classes)
        shown = range(0, len(points), EVERY)
        palette = scene.picture(len(points) // 2).quantize(64, dither=Image.Dither.NONE)

        def pictures() -> Iterator[Image.Image]:
            for frame in shown:
                yield scene.picture(frame).quantize(palette=palette, dither=Image.Dither.NONE)

        drawn = pictures()
        with atomic_path(path) as temporary:
            next(drawn).save(
                temporary, format="GIF", save_all=True, append_images=drawn, loop=0, optimize=False,
                duration=max(round(100 * EVERY / fps), 2) * 10,
            )  # fmt: skip


def draw_stretch(
    compared: Comparison, recordings: Iterable[Clip], layout: Layout, path: Path
) -> str:
    """Write the busiest stretch of the first test recording, as the best detector sees it.

    Returns
    -------
    str
        What it shows.

    """
    place = compared.best
    best, run = compared.test[place], compared.best_run(place)
    one = best.labelled[0]
    said = best.seeds[run][one.recording]
    whole = next(clip for clip in recordings if clip.clip_id == one.recording)
    long = round(SHOWN_SECONDS * one.fps)
    first = busiest(one, said, long)
    points = layout_points(whole, layout)[first : first + long]
    write_stretch(path, points, layout, first, one.fps, one.segments, said, compared.classes)
    return (
        f"{one.recording}, frames {first} to {first + len(points) - 1}, as in the store, and what "
        f"{best.title} says."
    )
