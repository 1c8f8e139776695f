"""One clip as an animation: its skeleton beside its heatmap volume."""

import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.animation import FFMpegWriter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from microgesture.data.classes import UNKNOWN
from microgesture.data.layouts import Layout, layout_points
from microgesture.data.store import Clip, iter_store, read_index
from microgesture.heatmaps.draw import ShortLimbs, draw
from microgesture.heatmaps.grid import clip_box, to_grid
from microgesture.settings.streams import HeatmapStream
from microgesture.utils.errors import InputError
from microgesture.utils.files import atomic_path
from microgesture.viz.skeletons import SIDES, SkeletonArt
from microgesture.viz.style import FAINT, SOFT, STYLE

# Cells a side, beyond which memory is not for a picture to take, and sigma, below which none shows.
LARGEST, LEAST_SIGMA = 1024, 0.1
ENDINGS = (".gif", ".mp4")
RAW = "as in the store: not cleaned, not aligned, so not what a network is shown"
# GIF counts time in hundredths of a second, and viewers slow down what is shown for only one.
_GIF_TICK, _LEAST_TICKS = 100, 2
_DPI = 100
_COLOURS = "magma"
_Progress = Callable[[Iterable[Any]], Iterable[Any]]


def find_clip(path: str | Path, clip_id: str) -> Clip:
    """Read one clip of a store.

    Raises
    ------
    InputError
        When there is none of this id; it names those most alike.

    """
    ids = read_index(path).clip_id.tolist()
    if clip_id not in ids:
        alike = get_close_matches(clip_id, ids, n=3, cutoff=0.5) or ids[:3]
        raise InputError(
            f"{path}: has no clip {clip_id!r} among its {len(ids):,}; "
            f"did you mean {' or '.join(map(repr, alike))}?"
        )
    return next(clip for clip in iter_store(path) if clip.clip_id == clip_id)


def check_ending(path: str | Path) -> None:
    """Refuse a file that is no animation by its name, or needs an ffmpeg that is not there."""
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise InputError(f"{path}: ends in {ending!r}, expected {' or '.join(ENDINGS)}")
    if ending == ".mp4" and not shutil.which("ffmpeg"):
        raise InputError(f"{path}: MP4 needs ffmpeg, which is not installed; write a .gif instead")


def write_animation(
    clip: Clip,
    layout: Layout,
    path: str | Path,
    stream: HeatmapStream = "joint",
    size: int = 64,
    sigma: float = 0.6,
    padding: float = 0.25,
    short_limbs: ShortLimbs = "min",
    prepared: np.ndarray | None = None,
    note: str = RAW,
    class_names: Sequence[str] = (),
    running: Sequence[str] | None = None,
    progress: _Progress = iter,
) -> int:
    """Write a clip as GIF or MP4 at its own speed.

    Both panels show the same square around the clip's points: on the left the skeleton, on the
    right the maximum over the channels of its heatmap volume.

    Parameters
    ----------
    clip, layout
        The layout chooses from the clip's points.
    path
        Ends in .gif or, where ffmpeg is installed, in .mp4.
    stream
        Which heatmap volume.
    size, sigma
        Cells a side of the heatmaps, and the width of a point in cells.
    padding
        See `microgesture.heatmaps.grid.clip_box`.
    short_limbs
        See `microgesture.heatmaps.draw.ShortLimbs`.
    prepared
        The layout's points after cleaning and alignment, (T', V, 3), to be shown for as long as the
        clip lasts; without them those of the store are shown.
    note
        Says in the picture which points these are.
    class_names
        Names in id order, for the clip's label; without them the picture shows its id.
    running
        What is written over each frame of the clip instead of its label.
    progress
        Wraps the list of frames.

    Returns
    -------
    int
        How many pictures were written: the clip's frames, less those that GIF cannot show at more
        than 50 frames a second.

    Raises
    ------
    InputError
        When the file's ending is another, ffmpeg is needed and missing, or the layout is for other
        points.

    """
    check_ending(path)
    if size > LARGEST or not LEAST_SIGMA <= sigma <= size:
        raise InputError(
            f"a heatmap of {size} cells a side with a sigma of {sigma:g} cells is not drawn; "
            f"expected at most {LARGEST} cells and a sigma from {LEAST_SIGMA:g} to the size"
        )
    with matplotlib.rc_context(STYLE):
        label = "no label" if clip.label == UNKNOWN else f"class {clip.label}"
        if class_names and clip.label != UNKNOWN:
            label = class_names[clip.label]
        scene = _Scene(
            clip,
            layout,
            stream,
            size,
            sigma,
            padding,
            short_limbs,
            prepared,
            note,
            running or label,
        )
        if Path(path).suffix.lower() == ".gif":
            return _write_gif(scene, path, progress)
        return _write_mp4(scene, path, progress)


class _Scene:
    """The figure, of which only what moves is changed from frame to frame."""

    def __init__(
        self,
        clip: Clip,
        layout: Layout,
        stream: HeatmapStream,
        size: int,
        sigma: float,
        padding: float,
        short_limbs: ShortLimbs,
        prepared: np.ndarray | None,
        note: str,
        label: str | Sequence[str],
    ) -> None:
        self._points = layout_points(clip, layout) if prepared is None else prepared
        self.frames = len(self._points)
        self.fps = clip.fps * self.frames / len(clip.points)
        self._stream, self._edges, self._sigma = stream, layout.edges, sigma
        self._short_limbs = short_limbs
        box = clip_box(self._points, padding)
        self._cells = to_grid(self._points, box, size)
        self._volume = np.zeros((2, layout.channels(stream), size, size), np.float32)
        self.figure = Figure(figsize=(8.0, 5.0), dpi=_DPI)
        self.canvas = FigureCanvasAgg(self.figure)
        left, right = (self.figure.add_axes((x, 0.125, 0.48, 0.48 * 8 / 5)) for x in (0.01, 0.51))
        for axes in (left, right):
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(visible=True, color=FAINT)
        left.set(xlim=(box[0], box[0] + box[2]), ylim=(box[1] + box[2], box[1]), aspect="equal")
        self._skeleton = SkeletonArt(left, layout, line=3, dot=5.5)
        self._image = right.imshow(self._volume[0].max(axis=0), cmap=_COLOURS, vmin=0, vmax=1)
        self._labels = [label] * self.frames if isinstance(label, str) else label
        self._label = self.figure.text(0.01, 0.945, "", fontsize=11, fontweight="bold", va="center")
        about = f"clip {clip.clip_id} · subject {clip.subject} · {clip.split}"
        self.figure.text(0.99, 0.945, about, color=SOFT, ha="right", va="center")
        self.figure.text(0.01, 0.908, note, color=SOFT, fontsize=8, va="center")
        bar = self.figure.add_axes((0.01, 0.082, 0.98, 0.012))
        bar.set(xlim=(0, self.frames), ylim=(0, 1), facecolor=FAINT)
        bar.set_axis_off()
        bar.axvspan(0, self.frames, color=FAINT)
        (self._bar,) = bar.barh(0.5, 0, height=1, color=SOFT)
        self._time = self.figure.text(0.01, 0.04, "", va="center")
        for x, side in ((0.27, "right"), (0.40, "left")):
            self.figure.text(x, 0.04, f"person's {side}", color=SIDES[side], va="center")
        channels = layout.channels(stream)
        shown = f"{layout.name} · {stream} {size} x {size}, maximum of {channels} channels"
        self.figure.text(0.99, 0.04, shown, color=SOFT, ha="right", va="center")

    def show(self, frame: int) -> None:
        """Move to a frame."""
        self._skeleton.show(self._points[frame])
        cells = self._cells[None, frame : frame + 2]  # a joint's motion leads to the next frame
        volume = self._volume[: cells.shape[1]]
        draw(cells, self._stream, self._edges, self._sigma, volume, None, self._short_limbs)
        self._image.set_data(self._volume[0].max(axis=0))
        self._bar.set_width(frame + 1)
        self._label.set_text(self._labels[frame * len(self._labels) // self.frames])
        seconds = frame / self.fps
        self._time.set_text(f"frame {frame + 1} of {self.frames}   {seconds:.2f} s")

    def picture(self, frame: int) -> Image.Image:
        """Draw a frame."""
        self.show(frame)
        self.canvas.draw()
        return Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB")


def gif_times(frames: int, fps: float) -> list[tuple[int, int]]:
    """Which frames a GIF shows, and for how many hundredths of a second each.

    Times are rounded where each frame ends, so that the clip as a whole keeps its length; of clips
    with more than 50 frames a second some are left out.
    """
    times, begin = [], 0
    rate = _GIF_TICK / Fraction(fps).limit_denominator(1000)
    for frame in range(frames):
        end = round((frame + 1) * rate)
        if end - begin >= _LEAST_TICKS:
            times.append((frame, end - begin))
            begin = end
    return times or [(0, _LEAST_TICKS)]


def _write_gif(scene: _Scene, path: str | Path, progress: _Progress) -> int:
    """Write through Pillow itself: matplotlib's writer rounds 30 frames a second to 33."""
    times = gif_times(scene.frames, scene.fps)
    palette = _palette()

    def pictures() -> Iterator[Image.Image]:
        for frame, _ in progress(times):
            yield scene.picture(frame).quantize(palette=palette, dither=Image.Dither.NONE)

    drawn = pictures()
    with atomic_path(path) as temporary:
        next(drawn).save(
            temporary, format="GIF", save_all=True, append_images=drawn, loop=0, optimize=False,
            duration=[10 * ticks for _, ticks in times],
        )  # fmt: skip
    return len(times)


def _palette() -> Image.Image:
    """The 256 colours of every frame: the heatmap's, those of each side by opacity, and greys.

    One palette for all, because finding one for each frame is slow and makes colours flicker.
    """
    heat = matplotlib.colormaps[_COLOURS](np.linspace(0, 1, 128))[:, :3]
    # Pillow matches colours coarsely: without this gap white would become the grey next to it
    opacity = np.array([0, *np.linspace(0.08, 1, 31)])[:, None]
    inks = [to_rgb(colour) for colour in (*list(SIDES.values())[:2], SOFT, "black")]
    fades = [1 - opacity * (1 - np.array(ink)) for ink in inks]
    image = Image.new("P", (1, 1))
    image.putpalette((np.concatenate([heat, *fades]) * 255).round().astype(np.uint8).tobytes())
    return image


def _write_mp4(scene: _Scene, path: str | Path, progress: _Progress) -> int:
    writer = FFMpegWriter(scene.fps, "h264", extra_args=["-pix_fmt", "yuv420p"])  # type: ignore[arg-type]
    try:
        with atomic_path(path) as temporary, writer.saving(scene.figure, str(temporary), _DPI):
            for frame in progress(range(scene.frames)):
                scene.show(frame)
                writer.grab_frame()
    except (subprocess.CalledProcessError, OSError) as error:
        raise InputError(
            f"{path}: ffmpeg could not write it ({error}); check that it has h264, or write a .gif"
        ) from error
    return scene.frames
