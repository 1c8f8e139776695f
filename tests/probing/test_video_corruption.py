"""Damage to crops, and accuracy under it of a model that goes by the brightness of a clip."""

import numpy as np
import pytest

from microgesture.data.clip_file import Records, write_records
from microgesture.data.store import write_store
from microgesture.probing.robustness import measure
from microgesture.probing.test_clips import Probed, labelled_tests
from microgesture.probing.video_corruption import GREY, KINDS, corrupted_crops
from microgesture.settings.probing import RobustnessStep
from microgesture.utils.errors import InputError
from microgesture.video.crops import crops_of, pack_crop
from tests.conftest import make_clip
from tests.inference.test_videos import NAMES, model
from tests.videos import textures

SIDE, FRAMES, CLIPS = 48, 8, 6
SIDES = ["left", "right"]  # classes of the helper, named anew in the store
RNG = np.random.default_rng


def crops(count=FRAMES):
    return np.stack([*textures(count, SIDE, SIDE)])


def test_lost_frames_show_what_came_before():
    numbered = np.arange(1, 101, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), "u1")
    shown = KINDS["drop"](numbered, 0.4, RNG(0))[:, 0, 0, 0]
    kept = RNG(0).random(100) >= 0.4
    latest = 1 + int(kept.argmax())
    for number, there in enumerate(kept, start=1):
        latest = number if there else latest
        assert shown[number - 1] == latest
    assert (KINDS["drop"](numbered, 1.0, RNG(0)) == 1).all()
    assert np.isin(np.flatnonzero(shown == np.arange(1, 101)), np.flatnonzero(kept)).all()


def test_blur_is_a_gaussian_of_that_width():
    point = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    point[0, 24, 24] = 255
    wide = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    wide[0, :, :24] = 255  # an edge becomes the integral of the Gaussian
    edge = KINDS["blur"](wide, 0.05, RNG(0))[0, 24, :, 0] / 255
    slope = -np.diff(edge)
    at = np.arange(SIDE - 1) + 1
    middle = (slope * at).sum() / slope.sum()
    deviation = np.sqrt((slope * (at - middle) ** 2).sum() / slope.sum())
    assert middle == pytest.approx(24, abs=0.1)
    assert deviation == pytest.approx(0.05 * SIDE, rel=0.1)


def test_darkness_occlusion_and_shift():
    shown = crops()
    assert np.array_equal(KINDS["darken"](shown, 0.5, RNG(0)), np.round(shown * 0.5))
    hidden = KINDS["occlude"](shown, 0.25, RNG(1))
    changed = (hidden != shown).any(axis=3)
    assert (hidden[changed] == GREY).all()
    rows, columns = (np.flatnonzero(changed.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    assert np.ptp(rows) + 1 <= SIDE // 2 and np.ptp(columns) + 1 <= SIDE // 2
    assert changed.mean() == pytest.approx(0.25, abs=0.02)
    assert np.array_equal(KINDS["shift"](shown, 3, RNG(0)), shown[[3, 4, 5, 6, 7, 7, 7, 7]])


@pytest.fixture
def filmed(tmp_path):
    """Test clips of which every second one is bright,."""
    clips, rows = [], []
    for number in range(CLIPS):
        bright = number % 2
        pictures = np.full((FRAMES, SIDE, SIDE, 3), 40 + 130 * bright, np.uint8)
        name = f"c{number}"
        clips.append(make_clip(name, FRAMES, SIDES[bright], "test", seed=number))
        entry = {"clip_id": name, "label": bright, "subject": "s", "split": "test"}
        blobs = [pack_crop(one) for one in pictures]
        rows.append({**entry, "num_frames": FRAMES, "profile": None, "blobs": blobs})
    write_store(tmp_path / "clips.parquet", clips, NAMES, "test")
    with write_records(tmp_path / "crops.arrow", {"video": {"side": SIDE}}) as writer:
        for row in reversed(rows):  # the file's order is its own
            writer.append(row)
    return tmp_path / "clips.parquet", Records(tmp_path / "crops.arrow")


def test_what_happens_depends_on_the_clip_alone(filmed):
    records = filmed[1]
    together = corrupted_crops(records, [0, 1, 2], "occlude", 0.2, 0)
    alone = corrupted_crops(records, [1], "occlude", 0.2, 0)
    frames = np.arange(FRAMES)
    assert np.array_equal(crops_of(together, 1, frames), crops_of(alone, 0, frames))
    other = corrupted_crops(records, [1], "occlude", 0.2, 1)
    assert not np.array_equal(crops_of(other, 0, frames), crops_of(alone, 0, frames))
    plain = corrupted_crops(records, [2], None, 0, 0)
    assert plain.blob(0, 3) == bytes(records.blob(2, 3))
    stronger = crops_of(corrupted_crops(records, [1], "occlude", 0.4, 0), 0, frames)
    hidden = abs(crops_of(alone, 0, frames).astype(int) - GREY).max(axis=3) < 4
    assert (abs(stronger.astype(int) - GREY).max(axis=3) < 4).sum() > hidden.sum()


def test_accuracy_under_damage_is_what_looking_gives(filmed):
    store, records = filmed
    trained = model()
    tests = labelled_tests(store, trained)
    levels = {"darken": [0.1, 0.5], "shift": [2], "blur": [0.05]}
    config = RobustnessStep(drop=[0.5], video=levels, seed=0, testing={"views": 1, "flip": False})
    rows = list(measure(Probed(trained, store, tests, records), config))
    found = {(row.kind, row.level): row.top1 for row in rows}
    # bright is above a grey of 115: 170 stays so after a tenth is lost, and not after a half
    assert found == {
        ("none", 0): 1.0,
        ("video_blur", 0.05): 1.0,
        ("video_darken", 0.1): 1.0,
        ("video_darken", 0.5): 0.5,
        ("video_shift", 2): 1.0,
    }
    assert {row.clips for row in rows} == {CLIPS}


def test_crops_that_are_missing_or_of_another_store_are_named(filmed, tmp_path):
    store, records = filmed
    tests = labelled_tests(store, model())
    config = RobustnessStep(seed=0, testing={"views": 1, "flip": False})
    with pytest.raises(InputError, match="reads video; give the manifest of its crops as --crops"):
        list(measure(Probed(model(), store, tests), config))
    write_store(tmp_path / "o.parquet", [make_clip("x", 8, SIDES[0], "test")], NAMES, "test")
    others = labelled_tests(tmp_path / "o.parquet", model())
    with pytest.raises(InputError, match=r"crops\.arrow: has no clip x; give the crops of this"):
        list(measure(Probed(model(), tmp_path / "o.parquet", others, records), config))
