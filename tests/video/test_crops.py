"""Crops as JPEG in a record file: their colours, their quality, and pictures of another size."""

import io

import numpy as np
import pytest
from PIL import Image

from microgesture.data.clip_file import MemoryRecords
from microgesture.preprocessing.temporal import PADDING
from microgesture.utils.errors import InputError
from microgesture.video.crops import crops_of, pack_crop

SIDE = 16


def records(blobs):
    row = {"clip_id": "a", "label": 0, "subject": "s", "split": "train", "profile": None}
    return MemoryRecords({"video": {"side": SIDE}}, [row | {"num_frames": 3, "blobs": blobs}])


def test_chosen_frames_come_back_in_their_colours():
    colours = [(200, 30, 60), (20, 180, 90), (40, 50, 220)]
    blobs = [pack_crop(np.full((SIDE, SIDE, 3), one, np.uint8)) for one in colours]
    frames = crops_of(records(blobs), 0, np.array([2, PADDING, 0, 0]))
    assert frames.shape == (4, SIDE, SIDE, 3) and frames.dtype == np.uint8
    expected = [colours[2], (0, 0, 0), colours[0], colours[0]]
    assert np.abs(frames - np.array(expected)[:, None, None]).max() <= 3
    assert not frames[1].any()


def test_crops_are_jpeg_of_quality_90():
    crop = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    reference = io.BytesIO()
    Image.fromarray(crop).save(reference, "JPEG", quality=90)
    with Image.open(io.BytesIO(pack_crop(crop))) as ours, Image.open(reference) as theirs:
        assert ours.format == "JPEG" and ours.quantization == theirs.quantization


@pytest.mark.parametrize(
    "blob", [b"no picture", pack_crop(np.zeros((SIDE, SIDE + 1, 3), np.uint8))]
)
def test_what_is_no_crop_of_the_size_is_refused(blob):
    good = pack_crop(np.zeros((SIDE, SIDE, 3), np.uint8))
    given = records([good, good, blob])
    assert crops_of(given, 0, np.array([0, 1])).shape == (2, SIDE, SIDE, 3)
    with pytest.raises(InputError, match="clip a, frame 2 is no crop of 16 x 16 pixels"):
        crops_of(given, 0, np.arange(3))
