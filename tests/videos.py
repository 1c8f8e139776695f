"""Small videos of smooth random textures for tests, and what is done to them."""

import struct
from fractions import Fraction

import av
import cv2
import numpy as np

TICK = Fraction(1, 1000)


def textures(frames, height=48, width=64, seed=0):
    """Frames, uint8 RGB (H, W, 3): a smooth texture that moves, no two of them alike."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((6, 8, 3)).astype(np.float32)
    whole = cv2.resize(coarse, (width + 2 * frames, height + frames), interpolation=cv2.INTER_CUBIC)
    whole = (np.clip(whole, 0, 1) * 255).astype(np.uint8)
    return [
        np.ascontiguousarray(whole[n : n + height, 2 * n : 2 * n + width]) for n in range(frames)
    ]


def stripes(frames, height=48, width=64, bits=6):
    """Frames that say their number: black and white columns are its binary digits."""
    made = []
    for number in range(frames):
        picture = np.zeros((height, width, 3), np.uint8)
        for bit in range(bits):
            if number >> bit & 1:
                picture[:, bit * width // bits : (bit + 1) * width // bits] = 255
        made.append(picture)
    return made


def number_in(picture, bits=6):
    """The number that a crop of `stripes` shows, which must be of the whole width."""
    middles = [round((bit + 0.5) * picture.shape[1] / bits) for bit in range(bits)]
    row = picture[picture.shape[0] // 2, middles, 0]
    return sum(1 << bit for bit, value in enumerate(row) if value > 127)


def write_video(path, frames, fps=25, times=None, codec="libx264", pixels="yuv420p", **container):
    """Encode frames, the n-th at ``times[n]`` milliseconds or at n / fps seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=container) as file:
        stream = file.add_stream(codec, rate=fps)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        stream.options = {"preset": "ultrafast"} if codec == "libx264" else {}
        stream.codec_context.time_base = TICK
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.time_base = TICK
            frame.pts = round(number * 1000 / fps) if times is None else times[number]
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def write_audio(path):
    """Encode a tenth of a second of silence."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=44100)
        silence = np.zeros((1, 4410), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.rate = 44100
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def turned(content, height):
    """An mp4 file whose header says that it is shown turned by 90 degrees clockwise."""
    # of tkhd: its name, version and flags, times and ids, reserved numbers, layer and volume
    place = content.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    matrix = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, height << 16, 0, 1 << 30)
    return content[:place] + matrix + content[place + len(matrix) :]
