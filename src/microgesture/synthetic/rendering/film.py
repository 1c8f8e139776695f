"""A recording as pictures and as an mp4 file, frame for frame with its table of points."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from microgesture.settings.generate import Generate, Rendering
from microgesture.synthetic.body import Person, pose_frames
from microgesture.synthetic.kinematics import wander
from microgesture.synthetic.recording import Recording
from microgesture.synthetic.rendering import raster
from microgesture.synthetic.rendering.background import Background, at_frame, draw_background
from microgesture.synthetic.rendering.clothes import draw_texture
from microgesture.synthetic.rendering.figure import Figure, build_figure, figure_points
from microgesture.synthetic.rendering.look import Look, Setting

CHUNK = 64  # frames whose points are computed at once


def screen(
    recording: Recording, config: Generate, video: Rendering, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where points (T, V, 3) in centimetres are seen: (T, V, 3) and samples a centimetre (T, V)."""
    pixels, depth = recording.camera.project(points)
    scale = raster.SAMPLES * np.array([video.width / config.width, video.height / config.height])
    camera = recording.camera
    zoom = camera.scale * camera.distance / (camera.distance - depth) * scale.mean()
    return np.concatenate([pixels * scale, (depth * zoom)[..., None]], axis=-1), zoom


def _light(setting: Setting) -> np.ndarray:
    towards = setting.towards
    half = towards + np.array([0.0, 0.0, 1.0])
    half /= np.linalg.norm(half)
    return np.array([*towards, setting.ambient, setting.direct, *half], np.float32)


def render_frames(
    person: Person,
    look: Look,
    setting: Setting,
    recording: Recording,
    config: Generate,
    of_subject: np.random.Generator,
    of_video: np.random.Generator,
) -> Iterator[np.ndarray]:
    """Draw a recording, one picture uint8 (H, W, 3) after the other.

    The array is used again for the next picture. ``of_subject`` decides on hair and clothes,
    ``of_video`` on background and noise; nothing that they give depends on what is acted out.
    """
    video = config.video
    assert video is not None
    total, fps = len(recording.truth), float(config.fps)
    figure = build_figure(person, look, setting, recording.edge, of_subject)
    texture = draw_texture(look, of_subject).astype(np.float32)
    background = draw_background(of_video, video.height, video.width, total, fps)
    gains = setting.tint * (1 + setting.flicker * wander(of_video, total, 1.5 * fps))[:, None]
    grain = _grain(of_video, setting, video)
    shifts = of_video.integers(0, _SPARE, (total, 2))
    frames = pose_frames(person, recording.performance.channels)
    for start in range(0, total, CHUNK):
        part = slice(start, min(start + CHUNK, total))
        channels = {name: series[part] for name, series in recording.performance.channels.items()}
        truth, held = recording.truth[part], recording.performance.held[part]
        points = figure_points(
            figure, person, setting, recording.edge, truth, frames.take(part), channels, held
        )
        seen, zoom = screen(recording, config, video, points)
        yield from _draw(
            figure, seen, zoom, _light(setting), texture, background, start, grain, shifts, gains
        )


_SPARE = 37  # pixels by which the picture of the noise is larger than a frame


def _grain(rng: np.random.Generator, setting: Setting, video: Rendering) -> np.ndarray:
    """Noise of the sensor, float32 (H + spare, W + spare, 3): in brightness, less in colour."""
    shape = (video.height + _SPARE, video.width + _SPARE)
    grey = rng.standard_normal((*shape, 1)) * setting.grain
    return (grey + 0.4 * setting.grain * rng.standard_normal((*shape, 3))).astype(np.float32)


def _draw(
    figure: Figure,
    seen: np.ndarray,
    zoom: np.ndarray,
    light: np.ndarray,
    texture: np.ndarray,
    background: Background,
    start: int,
    grain: np.ndarray,
    shifts: np.ndarray,
    gains: np.ndarray,
) -> Iterator[np.ndarray]:
    """Draw the frames of a chunk, which begins at frame ``start``."""
    height, width = background.picture.shape[:2]
    size = (raster.SAMPLES * height, raster.SAMPLES * width)
    depth, shadow = np.empty(size, np.float32), np.empty(size, np.float32)
    kind, colour = np.empty(size, np.uint8), np.empty((*size, 3), np.float32)
    behind, out = np.empty((2, height, width, 3), np.uint8)
    rods = np.empty((len(seen), len(figure.ends), 8), np.float32)
    for end in range(2):
        where = figure.ends[:, end]
        rods[..., 4 * end : 4 * end + 3] = seen[:, where]
        # nothing is thinner than a sample
        rods[..., 4 * end + 3] = np.maximum(figure.radii[:, end] * zoom[:, where], 0.6)
    points = seen.astype(np.float32)
    casting = np.ascontiguousarray(rods[:, figure.casting])
    reach = 2.2 * float(np.median(zoom))
    for k in range(len(seen)):
        at_frame(background, start + k, behind)
        raster.clear(depth, kind, shadow)
        raster.draw_mesh(
            points[k], figure.corners, figure.rules, figure.paint, figure.places, texture, light,
            colour, depth, kind,
        )  # fmt: skip
        raster.draw_rods(rods[k], figure.rod_paint, figure.rod_kinds, light, colour, depth, kind)
        raster.cast_shadows(casting[k], reach, light, depth, shadow)
        row, column = shifts[start + k]
        noise = grain[row : row + height, column : column + width]
        raster.develop(
            colour, kind, shadow, behind, noise, gains[start + k].astype(np.float32), out
        )
        yield out


def write_mp4(
    path: Path, pictures: Iterable[np.ndarray], video: Rendering, fps: float, shift: int = 0
) -> int:
    """Encode pictures, uint8 (H, W, 3), as H.264; the number of frames written.

    ``shift`` is added to the constant rate factor.
    One thread encodes, so that the bytes depend on nothing but the pictures.
    """
    count = 0
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        crf = min(max(video.crf + shift, 0), 51)
        stream.options = {"crf": str(crf), "preset": "veryfast", "threads": "1"}
        stream.codec_context.thread_count = 1
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = count
            for packet in stream.encode(frame):
                container.mux(packet)
            count += 1
        for packet in stream.encode():
            container.mux(packet)
    return count
