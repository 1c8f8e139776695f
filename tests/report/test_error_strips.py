"""Clips that were mistaken, as frames of video below their skeletons."""

from dataclasses import replace
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest

from microgesture.data.clip_file import Records
from microgesture.data.store import iter_store
from microgesture.report.material import read_crops
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_json
from microgesture.video.crops import crops_of
from microgesture.viz.clips import plot_strip, strip_frames
from tests.data_report.test_video_sheet import filmed  # noqa: F401


def test_a_strip_shows_the_crops_of_its_frames(tmp_path, layout22, filmed):  # noqa: F811
    write_json(tmp_path / "crops.json", filmed[1])
    clip = list(iter_store(tmp_path / "clips.parquet"))[3]
    material = SimpleNamespace(crops=tmp_path / "crops.json")
    crops = read_crops(material, clip)
    records = Records(tmp_path / "crops.arrow")
    row = records.index["clip_id"].tolist().index(clip.clip_id)
    assert np.array_equal(crops, crops_of(records, row, np.array(strip_frames(len(clip.points)))))
    points = clip.points[:, layout22.points]
    for name, shown in (("with", crops), ("black", np.zeros_like(crops)), ("without", None)):
        plot_strip(points, 25.0, layout22, tmp_path / f"{name}.png", shown)
    filled, black, alone = (
        matplotlib.image.imread(tmp_path / f"{name}.png") for name in ("with", "black", "without")
    )
    assert filled.shape == black.shape and len(filled) > 1.6 * len(alone)
    changed = np.flatnonzero((filled != black).any(axis=(1, 2)))
    assert changed.min() > 0.4 * len(filled)  # the skeletons stay as they are
    assert len(changed) > 0.35 * len(filled)


def test_clips_without_video_are_shown_by_their_skeletons_alone(tmp_path, filmed):  # noqa: F811
    clip = next(iter_store(tmp_path / "clips.parquet"))
    write_json(tmp_path / "crops.json", filmed[1] | {"missing": [clip.clip_id]})
    assert read_crops(SimpleNamespace(crops=tmp_path / "crops.json"), clip) is None
    assert read_crops(SimpleNamespace(crops=None), clip) is None


def test_crops_of_another_set_are_refused(tmp_path, filmed):  # noqa: F811
    write_json(tmp_path / "crops.json", filmed[1])
    clip = replace(next(iter_store(tmp_path / "clips.parquet")), clip_id="other")
    with pytest.raises(InputError, match=r"crops\.json: has no clip other, which was predicted"):
        read_crops(SimpleNamespace(crops=tmp_path / "crops.json"), clip)
