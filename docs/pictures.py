"""Remake the pictures of the README and of the docs from a results folder.

The animated clip, the ablation figure, generated people as the videos show them, and the first
screen of the page of results; the last needs Chromium (``--chromium``) and is left as it is
without.
"""

import argparse
import shutil
import subprocess
import tempfile
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from microgesture.data.layouts import load_layout
from microgesture.data.store import read_metadata
from microgesture.settings.generate import Generate
from microgesture.settings.parse import parse
from microgesture.synthetic.body import sample_person
from microgesture.synthetic.gestures import CLASSES
from microgesture.synthetic.recording import record
from microgesture.synthetic.rendering.film import render_frames
from microgesture.synthetic.rendering.look import sample_look, sample_setting
from microgesture.utils.errors import run
from microgesture.viz.animation import find_clip, write_animation

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
CLIP, FRAMES = "0029_32", slice(0, 23)  # so many make a file of less than 500 kB
WIDTH, COLOURS = 1000, 200
PERFORMED = (10, 28, 16, 6, 11, 13, 25, 3, 24, 1, 14, 31)  # classes


def main() -> None:
    """Remake the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="results folder")
    parser.add_argument("--clip", default=CLIP, help=f"id of the clip that is drawn ({CLIP})")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser")
    args = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    draw_clip(args.results / "skeletons/clips.parquet", args.clip)
    shrink(args.results / "figures/ablation.png", IMAGES / "ablation.png")
    draw_performers(IMAGES / "performers.jpg")
    if args.chromium:
        picture_of_page(args.results / "report.html", args.chromium)


def draw_clip(store: Path, name: str) -> None:
    """Draw a part of a clip beside its limb heatmaps."""
    clip = find_clip(store, name)
    clip = replace(clip, points=clip.points[FRAMES])
    layout = load_layout(ROOT / "config/layouts/openpose41.yaml")
    names = read_metadata(store)["classes"]
    write_animation(clip, layout, IMAGES / "clip.gif", "limb", class_names=names)


def draw_performers(path: Path) -> None:
    """Draw twelve generated people, each in the middle of another gesture."""
    size = {"height": 240, "width": 426, "crf": 23}
    one = {"train": 1, "val": 1, "test": 1}
    config: Generate = parse(
        Generate,
        {"seed": 0, "fps": 25, "height": 720, "width": 1280, "noise": 0.006, "mean_seconds": 1.5}
        | {"subjects": one, "clips": one, "class_minimum": one, "amplitude": 1.5, "variety": 0.25}
        | {"video": size},
        "generate",
    )
    sheet = Image.new("RGB", (4 * size["width"], 3 * size["height"]))
    for number, label in enumerate(PERFORMED):
        rngs = [np.random.default_rng([number, use]) for use in range(4)]
        person = sample_person(rngs[0], len(CLASSES))
        recording = record(rngs[1], person, [label], config)
        look, setting = sample_look(rngs[2]), sample_setting(rngs[3])
        pictures = render_frames(person, look, setting, recording, config, *rngs[2:])
        _, start, end = recording.clips[0]
        picture = next(islice(pictures, (start + end) // 2, None))
        place = (number % 4 * size["width"], number // 4 * size["height"])
        sheet.paste(Image.fromarray(picture), place)
    sheet.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
    sheet.save(path, quality=88)


def picture_of_page(page: Path, chromium: str) -> None:
    """Take the first screen of the page of results."""
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder, "page.png")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1000,800"]
        subprocess.run(
            [chromium, *options, f"--screenshot={shot}", page.resolve().as_uri()],
            check=True,
            capture_output=True,
        )
        shrink(shot, IMAGES / "page.png")


def shrink(source: Path, target: Path) -> None:
    """A picture no wider than a page, with few colours."""
    with Image.open(source) as picture:
        picture = picture.convert("RGB")
        picture.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
        picture.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    run(main)
