"""What the fuzzers feed: one valid small file of each form, and a reader to be tried on any bytes.

A target writes the bytes where its format keeps them and reads the data set; an `InputError` is an
answer, and so is a clip. Anything else that comes out is a fault.
"""

import io
import shutil
import zipfile
from pathlib import Path

from microgesture.utils.errors import InputError
from tests import formats
from tests.sections import read_clips

NAMES = ["wave", "nod", "rest"]
CLASSES = [f"class {number}" for number in range(32)]


SHEET = "xl/worksheets/sheet1.xml"


def sheet_of(spreadsheet):
    """The table inside of a spreadsheet, as XML."""
    with zipfile.ZipFile(io.BytesIO(spreadsheet)) as archive:
        return archive.read(SHEET)


def with_sheet(spreadsheet, content):
    """A spreadsheet with another table, whose checksums are right."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(spreadsheet)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name == SHEET else old.read(name))
    return made.getvalue()


class Target:
    """A data set in ``root`` of which one file, or a part of it, is replaced again and again."""

    def __init__(self, root, write, file, names=NAMES, part=None, whole=None):
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        clips = formats.some_clips(frames=(2, 1, 1))
        self.data = {**write(root, clips), "on_bad_clip": "skip"}
        self.file = next(root.rglob(file))
        self.names, self.original, self.whole = names, self.file.read_bytes(), whole
        self.valid = part(self.original) if part else self.original

    def __call__(self, content):
        """Try it; whether it was read without an error."""
        self.file.write_bytes(self.whole(self.original, content) if self.whole else content)
        try:
            for item in read_clips(self.data, self.names):
                told = getattr(item, "message", "")
                assert "\n" not in told, told
        except InputError as error:
            assert "\n" not in str(error), error
            return False
        return True


def make_targets(root):
    """All targets by name, each in a folder of its own below ``root``."""
    root = Path(root)

    def frames(path, clips):
        return formats.write_openpose_json(path, clips, NAMES)

    def csv(path, clips):
        return formats.write_csv(path, clips, NAMES)

    def parquet(path, clips):
        return formats.write_parquet(path, clips, NAMES)

    def pyskl(path, clips):
        return formats.write_pyskl(path, clips, numbers=range(17))

    miga2025, smg, release = formats.write_miga2025, formats.write_smg, formats.write_release2023
    return {
        "json": Target(root / "json", frames, "*_keypoints.json"),
        "label table": Target(root / "table", frames, "labels.csv"),
        "plain csv": Target(root / "csv", csv, "points.csv"),
        "parquet": Target(root / "parquet", parquet, "clips.parquet"),
        "pickle": Target(root / "pickle", pyskl, "clips.pkl"),
        "label pickle": Target(root / "labels", release, "train_label.pkl"),
        "npy": Target(root / "npy", release, "train_data.npy"),
        "xlsx": Target(root / "xlsx", miga2025, "*.xlsx", CLASSES),
        "sheet": Target(root / "sheet", miga2025, "*.xlsx", CLASSES, sheet_of, with_sheet),
        "miga labels": Target(root / "miga", miga2025, "*_label.csv", CLASSES),
        "kinect csv": Target(root / "kinect", smg, "*_skeleton.csv"),
        "kinect labels": Target(root / "finelabels", smg, "*_finelabels.csv"),
    }
