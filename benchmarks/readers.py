"""Seconds to read one long video: a 411-column spreadsheet by two parsers, and OpenPose's JSON.

    python benchmarks/readers.py [FRAMES]

All timings are of one run on one machine, each read of a file right after it was written.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import openpyxl
import orjson
import xlsxwriter

from microgesture.readers.common import ordered_map
from microgesture.readers.openpose_frames import read_recording
from microgesture.readers.xlsx import read_sheet

VIDEOS, WORKERS = 6, 2
PARTS = {
    "pose_keypoints_2d": slice(0, 25),
    "face_keypoints_2d": slice(25, 95),
    "hand_left_keypoints_2d": slice(95, 116),
    "hand_right_keypoints_2d": slice(116, 137),
}


def by_openpyxl(path, read_only):
    """What the fast reader gives, by the pure Python parser."""
    sheet = openpyxl.load_workbook(path, read_only=read_only, data_only=True).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    return np.array(rows, np.float32).reshape(len(rows), 137, 3)


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - start


def write_sheet(path, points):
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate(points.reshape(len(points), -1).tolist()):
        sheet.write_row(number, 0, row)
    book.close()


def write_frames(folder, points):
    folder.mkdir()
    for number, frame in enumerate(points):
        person = {name: frame[part].ravel().tolist() for name, part in PARTS.items()}
        content = orjson.dumps({"version": 1.3, "people": [{"person_id": [-1], **person}]})
        (folder / f"video_{number:012d}_keypoints.json").write_bytes(content)


def measure(frames=500):
    points = np.random.default_rng(0).uniform(0.05, 1, (frames, 137, 3)).round(6)
    points[..., :2] = (points[..., :2] * (1280, 720)).round(3)
    with tempfile.TemporaryDirectory() as folder:
        sheet, json = Path(folder, "video.xlsx"), Path(folder, "json")
        write_sheet(sheet, points)
        write_frames(json, points)
        fast, seconds = timed(read_sheet, sheet)
        slow, usual = timed(by_openpyxl, sheet, False)
        _, streamed = timed(by_openpyxl, sheet, True)
        copies = [Path(shutil.copy(sheet, Path(folder, f"{n}.xlsx"))) for n in range(VIDEOS)]
        _, together = timed(lambda: list(ordered_map(read_sheet, copies, WORKERS)))
        frames_read, of_json = timed(read_recording, json)
        assert np.array_equal(fast, slow) and np.array_equal(fast, frames_read)
    what = f"Spreadsheet of {frames} frames"
    return [
        row(f"{what}, against openpyxl", usual, seconds),
        row(f"{what}, against openpyxl read-only", streamed, seconds),
        row(f"{what}, {WORKERS} at once, each", usual, together / VIDEOS)
        | {"note": "starting the processes included"},
        {
            "what": f"OpenPose JSON, {frames} frames",
            "ours_s": of_json,
            "note": f"{frames / of_json:,.0f} frames/s",
        },
    ]


def row(what, reference, ours):
    return {"what": what, "reference_s": reference, "ours_s": ours, "ratio": reference / ours}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", type=int, nargs="?", default=500)
    for line in measure(parser.parse_args().frames):
        print(line)
