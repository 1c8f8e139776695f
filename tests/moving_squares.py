"""Crops in which a bright square moves: to the left, right, up or down, on any background."""

import numpy as np

from microgesture.data.clip_file import MemoryRecords, write_records
from microgesture.video.crops import pack_crop

WAYS = ((0, -1), (0, 1), (-1, 0), (1, 0))
SIDE = 32


def crops(way, frames, rng, side=SIDE):
    """Crops of one clip, uint8 (T, side, side, 3); where the square starts says nothing."""
    size = side // 4
    room = side - size
    pictures = np.tile(rng.integers(0, 120, (side, side, 3)), (frames, 1, 1, 1))
    start, colour = rng.integers(room + 1, size=2), rng.integers(160, 256, 3)
    for t, picture in enumerate(pictures):
        y, x = (start + np.multiply(WAYS[way], t * room // (frames - 1))) % (room + 1)
        picture[y : y + size, x : x + size] = colour
    return pictures.astype(np.uint8)


def rows(counts, frames=8, side=SIDE):
    """Clips of a record file: so many of each split."""
    splits = [split for split, count in counts.items() for _ in range(count)]
    for number, split in enumerate(splits):
        way = number % len(WAYS)
        pictures = crops(way, frames, np.random.default_rng(number), side)
        yield {
            "clip_id": f"c{number}",
            "label": way,
            "subject": f"s{number % 5}",
            "split": split,
            "num_frames": frames,
            "profile": None,
            "blobs": [pack_crop(picture) for picture in pictures],
        }


def metadata(side=SIDE):
    """What a crops file states."""
    return {"video": {"side": side}}


def in_memory(counts, **more):
    return MemoryRecords(metadata(more.get("side", SIDE)), rows(counts, **more))


def write(path, counts, **more):
    """Write a crops file."""
    with write_records(path, metadata(more.get("side", SIDE))) as writer:
        for row in rows(counts, **more):
            writer.append(row)
