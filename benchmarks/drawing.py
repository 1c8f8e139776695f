"""Drawing, compact form, cache and inputs, each against the readable reference in one run.

    python benchmarks/drawing.py [--data clips.parquet] [--repeats 9]

The reference (`draw_reference`) and what is compared with it draw the same clip, one thread each.
Without ``--data`` the skeletons come from the embedded generator; with it, caches of that
file's clips (22 joints) are measured as well.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow.parquet as pq
import torch
import yaml

from microgesture.data.classes import UNKNOWN
from microgesture.data.clip_file import Records
from microgesture.data.layouts import load_layout
from microgesture.data.store import Clip
from microgesture.heatmaps.cache import build_cache
from microgesture.heatmaps.codec import draw_sparse
from microgesture.heatmaps.draw import draw, draw_reference, draw_torch, strokes
from microgesture.heatmaps.grid import clip_box, to_grid
from microgesture.inference.build import choose_precision
from microgesture.inputs.geometry import random_geometry
from microgesture.inputs.heatmaps import DrawnInput, HeatmapInput
from microgesture.models.posec3d import build_posec3d
from microgesture.preprocessing.prepare import prepare_clips
from microgesture.readers import parquet as plain
from microgesture.settings.data import Parquet
from microgesture.settings.generate import Film
from microgesture.settings.heatmaps import Augment, DrawnHeatmaps
from microgesture.settings.preparation import Cleaning, Preparation
from microgesture.synthetic.body import sample_person
from microgesture.synthetic.gestures import CLASSES
from microgesture.synthetic.recording import record

REPOSITORY = Path(__file__).parent.parent
FRAMES, SIDE, SIGMA, PADDING = 48, 56, 0.6, 0.25
BATCH, SAMPLED, CACHED, FED = 12, 12, 32, 28  # as config/config.yaml
FILM = Film(fps=25, height=720, width=1280, mean_seconds=2.0, noise=0.012)
AUGMENT = Augment(crop_area=[0.56, 1.0], flip=0.5)
STREAM = Preparation(
    cleaning=Cleaning(min_score=0.05, max_jump=1.5), length=None, on_bad_clip="skip"
)
GOALS = {"joint": 15, "limb": 40, "joint_motion": 15}
COMPACT_GOAL, CACHE_GOAL, STEP_GOAL, FULL_CLIPS = 60, 50, 10, 18_500


def seconds(function, repeats):
    """Median processor time of a call; the first, which compiles, does not count.

    Other programs that run meanwhile do not count either; all that is timed so has one thread.
    """
    function()
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        taken.append(time.process_time() - start)
    return median(taken)


def row(what, reference, ours, target, note=""):
    ratio = reference / ours
    entry = {"what": what, "reference_s": reference, "ours_s": ours, "ratio": ratio}
    return entry | {"target": target, "note": note}


def generated(count, frames):
    """Clips of generated people, float32 (frames, 137, 3) each."""
    clips = []
    for number in range(count):
        rng = np.random.default_rng(number)
        person = sample_person(rng, len(CLASSES))
        labels = rng.integers(0, len(CLASSES), 2 + frames // 20).tolist()
        points = record(rng, person, labels, FILM).points
        clips.append(points[:frames].astype(np.float32))
    return clips


def stream_file(folder, name, clips, layout):
    """A clip file of clips without labels."""
    path = Path(folder, f"{name}.arrow")
    prepare_clips(clips, layout, STREAM, path)
    return path


def drawing_rows(points, layout, repeats):
    """Dense and compact drawing of one clip, 48 frames of 41 joints at 56 x 56 cells."""
    grid = to_grid(points, clip_box(points, PADDING), SIDE)[None]
    rows = []
    for stream, goal in GOALS.items():
        shape = (FRAMES, layout.channels(stream), SIDE, SIDE)
        given = (grid, stream, layout.edges, SIGMA)
        out, boxes = np.zeros(shape, np.float32), np.zeros((*shape[:2], 4), np.int32)
        slow = seconds(lambda given=given: draw_reference(*given, (SIDE, SIDE)), 3)
        fill = seconds(lambda out=out: out.fill(0), repeats)
        out.fill(0)
        fast = seconds(lambda: draw(*given, out, boxes), repeats)  # noqa: B023
        anew = seconds(lambda: draw(*given, out), repeats)  # noqa: B023
        compact = seconds(lambda given=given: draw_sparse(*given, SIDE), repeats)
        assert np.abs(out - draw_reference(*given, (SIDE, SIDE))).max() <= 1e-6
        floor = f"filling the buffer once takes {fill * 1e3:.2f} ms"
        rows += [
            row(f"{stream}: into a reused buffer", slow, fast, goal, f"{floor}"),
            row(f"{stream}: into a buffer cleared whole", slow, anew, None, floor),
            row(f"{stream}: into the compact form", slow, compact, COMPACT_GOAL),
        ]
        drawn, dots = torch.from_numpy(strokes(*given[:3])), stream == "joint"
        rows.append(
            row(
                f"{stream}: by torch, on this CPU",
                slow,
                seconds(lambda: draw_torch(drawn, SIGMA, SIDE, dots), 3),  # noqa: B023
                None,
                "meant for accelerators",
            )
        )
    return rows


def cache_rows(path, layout, name, threads=2):
    """Size against dense uint8, and the time that a whole data set would take and fill."""
    rows = []
    for size in (32, 64):
        for stream in ("joint", "limb"):
            config = DrawnHeatmaps(size=size, sigma=SIGMA, padding=PADDING)
            out = path.with_name("heatmaps.arrow")
            build_cache(path, layout, stream, config, out, threads)  # compiled, and read from disk
            start = time.perf_counter()
            made = build_cache(path, layout, stream, config, out, threads)
            taken = time.perf_counter() - start
            share = FULL_CLIPS / made["clips"]
            stored = out.stat().st_size
            note = (
                f"{FULL_CLIPS} such clips: {taken * share:.0f} s "
                f"on {threads} cores, {stored * share / 1e9:.2f} GB"
            )
            what = f"cache of {name}, {layout.name}, {stream}, {size} cells"
            rows.append(
                row(what, float(made["dense_bytes"]), float(stored), CACHE_GOAL, note)
                | {"unit": "bytes"}
            )
    return rows


def training_step(clips):
    """Seconds a clip of a training step of the default network (config/config.yaml) on a batch.

    The clips are those that are fed: the step's time depends on how many cells are not zero.
    """
    network = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())["models"]["posec3d"]
    model = build_posec3d(clips.shape[1], len(CLASSES), **network["network"])
    dtype = choose_precision("auto", torch.device("cpu"))

    def step():
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            loss = model(clips).float().sum()
        loss.backward()

    return seconds(step, 3) / BATCH


def input_rows(path, layout, repeats):
    """Feeding a training batch: sampled, moved and drawn, or read from the cache and resampled."""
    config = DrawnHeatmaps(size=CACHED, sigma=SIGMA, padding=PADDING)
    rows = []
    for stream in GOALS:
        cache = path.with_name(f"{stream}.arrow")
        build_cache(path, layout, stream, config, cache)
        sources = {
            "drawn in the batch": DrawnInput(Records(path), layout, stream, config, FED),
            "read from the cache": HeatmapInput(Records(cache), layout, FED),
        }
        for name, source in sources.items():
            chosen = np.linspace(0, FRAMES - 1, SAMPLED).astype(int)
            geometry = random_geometry(BATCH, AUGMENT, np.random.default_rng(0))

            def feed(source=source, chosen=chosen, geometry=geometry):
                clips = [source.sample(n, chosen) for n in range(BATCH)]
                return source.assemble(torch.from_numpy(np.stack(clips)), geometry, True)

            step, taken = training_step(feed()), seconds(feed, repeats) / BATCH
            what = f"{stream}: a clip {name}, {SAMPLED} frames, {FED} cells"
            rows.append(row(what, step, taken, STEP_GOAL, "reference: a training step, a clip"))
    return rows


def measure(data=None, repeats=9):
    """All comparisons: what, reference_s, ours_s, ratio, target (of the ratio) and note."""
    torch.set_num_threads(1)
    layouts = {n: load_layout(REPOSITORY / f"config/layouts/openpose{n}.yaml") for n in (22, 41)}
    people = generated(BATCH, FRAMES)
    rows = drawing_rows(people[0][:, layouts[41].points], layouts[41], repeats)
    clips = [Clip(str(n), UNKNOWN, "s", "train", 25.0, 720, 1280, p) for n, p in enumerate(people)]
    with tempfile.TemporaryDirectory() as folder:
        path = stream_file(folder, "generated", clips, layouts[41])
        rows += input_rows(path, layouts[41], repeats)
        rows += cache_rows(path, layouts[41], "generated clips")
        if data is not None:
            names = pq.read_table(data, columns=["label"])["label"].unique().to_pylist()
            form = Parquet(name="", format="parquet", path=str(data), on_bad_clip="stop")
            clips = plain.read(form, names, 1)
            own = (replace(clip, label=UNKNOWN) for clip in clips if isinstance(clip, Clip))
            rows += cache_rows(stream_file(folder, "own", own, layouts[22]), layouts[22], data.stem)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="clips of OpenPose points as a Parquet file")
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    for entry in measure(args.data, args.repeats):
        met = "" if entry["target"] is None else f"of {entry['target']:3d} x"
        print(
            f"{entry['what']:58} {entry['reference_s']:12.6g} {entry['ours_s']:12.6g} "
            f"{entry['ratio']:7.1f} x {met:9} {entry['note']}"
        )


if __name__ == "__main__":
    main()
