"""Cutting clips out of a video, and ways to store them, side by side in one run.

    python benchmarks/video.py [--clips 6] [--repeats 3]

Crops are cut out of a rendered film of 1280 x 720 by the project, by a loop over OpenCV's
VideoCapture, and by seeking to each clip; all cut the same squares and pack them as JPEG. Then the
crops of the film's clips are stored as JPEG, as a small H.264 file a clip, and as they are.
Processor time of one thread.
"""

import argparse
import io
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from statistics import median

import av
import cv2
import numpy as np

from microgesture.data.clip_file import MemoryRecords
from microgesture.settings.generate import Generate, PerSplit, Rendering
from microgesture.settings.video import Crops
from microgesture.synthetic.body import sample_person
from microgesture.synthetic.gestures import CLASSES
from microgesture.synthetic.recording import record
from microgesture.synthetic.rendering.film import render_frames, write_mp4
from microgesture.synthetic.rendering.look import sample_look, sample_setting
from microgesture.video.boxes import cut_out, person_square
from microgesture.video.crops import crops_of, pack_crop
from microgesture.video.cut import VideoNotes, Wanted, cut_video

HEIGHT, WIDTH, FPS, SIDE, READ = 720, 1280, 25, 224, 16
SETTINGS = Crops(side=SIDE, on_bad_clip="stop")


def film(path, labels):
    """Render a film of gestures, enlarged to the size of the release's; its clips."""
    few = PerSplit(train=1, val=1, test=1)
    config = Generate(
        seed=0, subjects=few, clips=few, class_minimum=few, fps=FPS, height=HEIGHT, width=WIDTH,
        mean_seconds=2.0, noise=0.006,
        video=Rendering(height=HEIGHT // 2, width=WIDTH // 2, crf=23),
    )  # fmt: skip
    streams = [np.random.default_rng(n) for n in range(4)]
    person = sample_person(streams[0], len(CLASSES))
    recording = record(streams[1], person, labels, config)
    look, setting = sample_look(streams[2]), sample_setting(streams[3])
    pictures = render_frames(person, look, setting, recording, config, *streams[2:])
    large = (cv2.resize(one, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) for one in pictures)
    write_mp4(path, large, Rendering(height=HEIGHT, width=WIDTH, crf=23), FPS)
    total = len(recording.points)
    return [
        Wanted(
            str(number), first, last - first + 1,
            person_square(recording.points[first : last + 1], HEIGHT, WIDTH, SETTINGS.padding),
            HEIGHT, WIDTH, FPS, total,
        )
        for number, (_, first, last) in enumerate(recording.clips)
    ], total  # fmt: skip


def by_the_project(path, clips):
    return {clip.clip_id: blobs for clip, blobs in cut_video(path, clips, SETTINGS, VideoNotes())}


def by_opencv(path, clips):
    """Every frame by VideoCapture, which decodes and converts all of them."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    made = {clip.clip_id: [] for clip in clips}
    last, number = max(clip.first + clip.frames for clip in clips), 0
    while number < last and capture.grab():
        there = [one for one in clips if one.first <= number < one.first + one.frames]
        _, picture = capture.retrieve()
        for clip in there:
            made[clip.clip_id].append(pack_crop(cut_out(picture, clip.square, SIDE)[..., ::-1]))
        number += 1
    return made


def by_seeking(path, clips):
    """Each clip by a seek to the key frame before it."""
    made = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for clip in clips:
            container.seek(int(clip.first / FPS / stream.time_base), stream=stream)
            blobs = made[clip.clip_id] = []
            for frame in container.decode(stream):
                number = round(frame.time * FPS)
                if number >= clip.first:
                    picture = frame.to_ndarray(format="rgb24")
                    blobs.append(pack_crop(cut_out(picture, clip.square, SIDE)))
                if len(blobs) == clip.frames:
                    break
    return made


def seconds(function, *arguments, repeats=3):
    """What a function gives, and the median processor time of a call."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        result = function(*arguments)
        taken.append(time.process_time() - start)
    return result, median(taken)


def jpeg(quality):
    def pack(crops):
        how = [cv2.IMWRITE_JPEG_QUALITY, quality]
        return [cv2.imencode(".jpg", one[..., ::-1], how)[1].tobytes() for one in crops]

    def read(blobs, indices):
        whole = [cv2.imdecode(np.frombuffer(blobs[n], np.uint8), 1) for n in indices]
        return np.stack(whole)[..., ::-1]

    return pack, read


def as_stored():
    """JPEG as the project packs and reads it."""

    def pack(crops):
        row = {"clip_id": "0", "label": 0, "subject": "", "split": "", "num_frames": len(crops)}
        blobs = [pack_crop(one) for one in crops]
        return MemoryRecords({"video": {"side": SIDE}}, [{**row, "blobs": blobs}])

    return pack, lambda records, indices: crops_of(records, 0, indices)


def h264(crf):
    def pack(crops):
        file = io.BytesIO()
        with av.open(file, "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=Fraction(FPS))
            stream.height, stream.width, stream.pix_fmt = SIDE, SIDE, "yuv420p"
            stream.options = {"crf": str(crf), "preset": "veryfast", "threads": "1"}
            for one in crops:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(one, format="rgb24")))
            container.mux(stream.encode(None))
        return [file.getvalue()]

    def read(blobs, indices):
        wanted, made = set(indices.tolist()), []
        with av.open(io.BytesIO(blobs[0])) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            for number, frame in enumerate(container.decode(stream)):
                if number in wanted:
                    made.append(frame.to_ndarray(format="rgb24"))
                if number == indices[-1]:
                    return np.stack(made)
        raise AssertionError("a frame was lost")

    return pack, read


def uncut(path, clips):
    """Crops of each clip that nothing was lost of, uint8 (T, H, W, 3)."""
    made = {clip.clip_id: [] for clip in clips}
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            for clip in clips:
                if clip.first <= number < clip.first + clip.frames:
                    picture = frame.to_ndarray(format="rgb24")
                    made[clip.clip_id].append(cut_out(picture, clip.square, SIDE))
    return [np.stack(one) for one in made.values()]


def sizes(packed):
    blobs = packed if isinstance(packed, list) else packed._blobs[0]
    return sum(map(len, blobs))


def raw():
    def read(blobs, indices):
        flat = [np.frombuffer(blobs[n], np.uint8) for n in indices]
        return np.stack(flat).reshape(-1, SIDE, SIDE, 3)

    return (lambda crops: [one.tobytes() for one in crops]), read


WAYS = {
    "JPEG, quality 90 (as stored)": as_stored(),
    "JPEG, quality 75": jpeg(75),
    "H.264 a clip, crf 18": h264(18),
    "H.264 a clip, crf 23": h264(23),
    "uint8": raw(),
}


def storage(films, repeats):
    """Rows on size, times and loss of each way to store clips of crops, uint8 (T, H, W, 3)."""
    rng = np.random.default_rng(0)
    frames, plain = sum(map(len, films)), sum(crops.nbytes for crops in films)
    rows = []
    for name, (pack, read) in WAYS.items():
        packed, spent = seconds(lambda p=pack: [p(crops) for crops in films], repeats=repeats)
        chosen = [np.sort(rng.choice(len(one), min(READ, len(one)), False)) for one in films]
        back, reading = seconds(
            lambda p=packed, r=read, c=chosen: [r(*one) for one in zip(p, c, strict=True)],
            repeats=repeats,
        )
        errors = [
            np.square(one[which].astype(float) - seen).mean()
            for one, which, seen in zip(films, chosen, back, strict=True)
        ]
        loss = np.mean(errors)
        psnr = "no loss" if loss == 0 else f"PSNR {10 * np.log10(255**2 / loss):.1f} dB"
        size = sum(map(sizes, packed))
        note = f"{READ} random frames of a clip {1000 * reading / len(films):.2f} ms"
        note = f"packed in {1000 * spent / frames:.2f} ms a frame; {note}; {psnr}"
        rows.append(
            {
                "what": f"a crop of {SIDE} pixels: {name}, against uint8", "unit": "bytes",
                "reference_s": plain / frames, "ours_s": size / frames, "ratio": plain / size,
                "note": note,
            }
        )  # fmt: skip
    return rows


def measure(clips=6, repeats=3):
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "film.mp4")
        wanted, total = film(path, tuple(n % len(CLASSES) for n in range(clips)))
        ours, spent = seconds(by_the_project, path, wanted, repeats=repeats)
        rows = []
        for what, function in (
            ("a loop over OpenCV's VideoCapture", by_opencv),
            ("a seek to each clip", by_seeking),
        ):
            theirs, usual = seconds(function, path, wanted, repeats=repeats)
            assert {name: len(one) for name, one in theirs.items()} == {
                clip.clip_id: clip.frames for clip in wanted
            }
            assert all(loss(ours[name], theirs[name]) < 2 for name in ours), "other frames"
            rows.append(
                {
                    "what": f"{clips} clips of a film of 1280 x 720, against {what}",
                    "reference_s": usual, "ours_s": spent, "ratio": usual / spent,
                    "note": f"{total} frames, {total / spent:.0f} a second and core",
                }
            )  # fmt: skip
        films = uncut(path, wanted)
    return [*rows, *storage(films, repeats)]


def loss(first, second):
    """Mean difference of the middle frames of two packed clips, in grey levels."""
    middle = len(first) // 2
    one, other = (cv2.imdecode(np.frombuffer(b[middle], np.uint8), 1) for b in (first, second))
    return np.abs(one.astype(float) - other).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    for row in measure(args.clips, args.repeats):
        print({key: value for key, value in row.items() if value})


if __name__ == "__main__":
    main()
