"""Parts in boxes of their own against the body in one box: a step, a batch and the cache.

    python benchmarks/parts.py [--repeats 3]

Full scale: 48 frames of 56 x 56 cells, 64 x 64 cached, the published network, one thread. The
reference is the stream of 41 joints in one box; a ratio below 1 is what parts cost.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.drawing import AUGMENT, PADDING, REPOSITORY, SIGMA, generated, row, seconds
from benchmarks.drawing import stream_file as clip_file
from microgesture.data.classes import UNKNOWN
from microgesture.data.clip_file import Records
from microgesture.data.layouts import load_layout
from microgesture.data.parts import view_of
from microgesture.data.store import Clip
from microgesture.heatmaps.cache import build_cache
from microgesture.inference.build import choose_precision
from microgesture.inputs.geometry import random_geometry
from microgesture.inputs.heatmaps import DrawnInput, HeatmapInput
from microgesture.models.build import build_model
from microgesture.settings.heatmaps import DrawnHeatmaps

FRAMES, FED, CACHED, BATCH, CLASSES = 48, 56, 64, 2, 32
ROWS = {
    "41 joints in one box": ("openpose41", []),
    "body and hands": ("openpose73", ["body", "hands"]),
    "body, hands and head": ("openpose73", ["body", "hands", "head"]),
}


def step_of(volume, sizes):
    """A training step of the published network on a batch of drawn clips."""
    model = build_model({"name": "posec3d"}, layout_channels=sizes, num_classes=CLASSES).train()
    dtype = choose_precision("auto", torch.device("cpu"))
    truth = torch.arange(len(volume))

    def step():
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            logits = model(volume)
        functional.cross_entropy(logits.float(), truth).backward()

    return step


def costs(folder, layout, parts, repeats):
    """Seconds of a step, of feeding it drawn and cached, and of drawing a cache; bytes of it."""
    layout = load_layout(REPOSITORY / f"config/layouts/{layout}.yaml")
    people = generated(BATCH, FRAMES)
    clips = [Clip(str(n), UNKNOWN, "s", "train", 25.0, 720, 1280, p) for n, p in enumerate(people)]
    name = "-".join([layout.name, *parts])
    path = clip_file(folder, name, clips, layout)
    config = DrawnHeatmaps(size=CACHED, sigma=SIGMA, padding=PADDING)
    out = Path(folder, f"{name}-cache.arrow")

    def drawing():
        return build_cache(path, layout, "joint", config, out, 1, iter, parts)

    measured = {"drawing the cache": seconds(drawing, repeats)}
    sources = {
        "feeding from points": DrawnInput(Records(path), layout, "joint", config, FED, parts),
        "feeding from the cache": HeatmapInput(Records(out), layout, FED),
    }
    geometry = random_geometry(BATCH, AUGMENT, np.random.default_rng(0))
    for what, source in sources.items():

        def feed(source=source):
            samples = [source.sample(n, np.arange(FRAMES)) for n in range(BATCH)]
            return source.assemble(torch.from_numpy(np.stack(samples)), geometry, True)

        measured[what] = seconds(feed, repeats)
        volume = feed()
    sizes = view_of(layout, parts).sizes("joint")
    measured["a training step"] = seconds(step_of(volume, sizes), repeats)
    return measured, float(drawing()["bytes"])


def measure(repeats=3):
    """All comparisons: what, reference_s, ours_s, ratio, target and note."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        every = {name: costs(folder, *how, repeats) for name, how in ROWS.items()}
    (first, plain), *others = every.items()
    rows = []
    for name, (measured, stored) in others:
        for what, taken in measured.items():
            note = f"reference: {first}; {BATCH} clips"
            rows.append(row(f"{name}: {what}", plain[0][what], taken, None, note))
        entry = row(f"{name}: bytes of the cache", plain[1], stored, None, f"reference: {first}")
        rows.append(entry | {"unit": "bytes"})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    for entry in measure(parser.parse_args().repeats):
        print(
            f"{entry['what']:46} {entry['reference_s']:12.6g} {entry['ours_s']:12.6g} "
            f"{entry['ratio']:6.2f} x  {entry['note']}"
        )


if __name__ == "__main__":
    main()
