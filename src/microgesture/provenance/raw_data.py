"""What a record says of the raw data set: its files, or its folders of frames, with their hashes.

Apart from `microgesture.provenance.record`, so that only the reading step depends on where raw
files lie.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from microgesture.provenance import record as steps
from microgesture.readers.folders import frame_files
from microgesture.readers.sources import raw_files
from microgesture.settings.data import Data, OpenPoseJson


def raw_inputs(
    record: Path | None, data: Data
) -> tuple[list[Path], dict[str, dict[str, steps.Stated]]]:
    """The raw files of the config section ``data``.

    Returns
    -------
    made : list of Path
        Those in the results folder of ``record``, which another step made.
    raw : dict
        ``files`` and ``frames``: name -> size and hash of the others.

    """
    if record is None:
        return [], {"files": {}, "frames": {}}
    made, raw = listed(record, raw_files(data))
    frames = frame_folders(Path(data.root)) if isinstance(data, OpenPoseJson) else {}
    return made, {**raw, "frames": frames}


def listed(
    record: Path | None, paths: Iterable[str]
) -> tuple[list[Path], dict[str, dict[str, steps.Stated]]]:
    """The same of any files that a step reads."""
    if record is None:
        return [], {"files": {}, "frames": {}}
    results = steps.results_of(record)
    files = [Path(one) for one in paths]
    made = [path for path in files if steps.relative_name(path, results) is not None]
    mine = [path for path in files if steps.relative_name(path, results) is None]
    names = map(steps.outside_name, mine)
    entries = dict(zip(names, steps.parallel(steps.entry, mine), strict=True))
    return made, {"files": entries, "frames": {}}


def frame_folders(root: Path) -> dict[str, steps.Stated]:
    """Every folder of OpenPose frames below ``root``: its number of frames, their size and hash.

    Frames are counted by the million, so a record does not list them. A folder's hash is that of
    the lines ``<name> <SHA-256>`` of its frames in the order of their names.
    """
    folders = sorted({path.parent for path in frame_files(root)})
    return dict(
        zip(map(steps.outside_name, folders), steps.parallel(frames_entry, folders), strict=True)
    )


def frames_entry(folder: Path) -> steps.Stated:
    """Number, size and hash of the frames that lie directly in a folder."""
    digest, size, count = hashlib.sha256(), 0, 0
    for path in frame_files(folder, below=False):
        content = path.read_bytes()
        line = f"{path.name} {hashlib.sha256(content).hexdigest()}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
        size, count = size + len(content), count + 1
    return {"frames": count, "bytes": size, "sha256": digest.hexdigest()}
