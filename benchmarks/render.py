"""Frames a second of one core, in processor time, of rendering and encoding the embedded videos.

python benchmarks/render.py [--height 240] [--width 426]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from microgesture.settings.generate import Generate
from microgesture.settings.parse import parse
from microgesture.synthetic.body import sample_person
from microgesture.synthetic.gestures import CLASSES
from microgesture.synthetic.recording import record
from microgesture.synthetic.rendering.film import render_frames, write_mp4
from microgesture.synthetic.rendering.look import sample_look, sample_setting

LEAST = 100  # frames a second


def config_of(height, width):
    counts = {"train": 1, "val": 1, "test": 1}
    return parse(
        Generate,
        {
            "seed": 1,
            "fps": 25,
            "height": 720,
            "width": 1280,
            "subjects": counts,
            "clips": counts,
            "class_minimum": counts,
            "mean_seconds": 1.5,
            "noise": 0.006,
            "video": {"height": height, "width": width, "crf": 23},
        },
        "generate",
    )


def pictures_of(seed, classes, config):
    """A recording and its pictures to come."""
    person = sample_person(np.random.default_rng(seed), len(CLASSES))
    recording = record(np.random.default_rng(seed), person, classes, config)
    rngs = [np.random.default_rng([seed, use]) for use in range(2)]
    look, setting = sample_look(rngs[0]), sample_setting(rngs[1])
    return recording, render_frames(person, look, setting, recording, config, *rngs)


def measure(height=240, width=426):
    config = config_of(height, width)
    next(pictures_of(0, [0], config)[1])  # compiled before the clock starts
    frames, rendering, both = 0, 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(6):
            classes = np.random.default_rng(seed).permutation(len(CLASSES))[:6]
            recording, pictures = pictures_of(seed, classes, config)
            start = time.process_time()
            for _ in pictures:
                pass
            rendering += time.process_time() - start
            _, pictures = pictures_of(seed, classes, config)
            start = time.process_time()
            write_mp4(Path(folder, f"{seed}.mp4"), pictures, config.video, 25.0)
            both += time.process_time() - start
            frames += len(recording.truth)
    return [
        {
            "what": f"A frame of {height} x {width} rendered",
            "ours_s": rendering / frames,
            "note": f"{frames / rendering:.0f} frames/s",
        },
        {
            "what": f"A frame of {height} x {width} rendered and encoded",
            "ours_s": both / frames,
            "target": f"at least {LEAST} frames/s",
            "note": f"{frames / both:.0f} frames/s",
        },
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--width", type=int, default=426)
    args = parser.parse_args()
    for line in measure(args.height, args.width):
        print(line)
