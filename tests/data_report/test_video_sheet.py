"""Crops with skeletons drawn over them, in the data report."""

from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest

from microgesture.data.store import read_index, write_store
from microgesture.data.summary import summarise
from microgesture.data_report.page import write_report
from microgesture.data_report.video import drawn_clips, drawn_frames, speed
from microgesture.settings.data_report import DataReportStep
from microgesture.settings.video import Crops
from microgesture.utils.files import write_json
from microgesture.video.make import make_crops
from tests.data_report.test_checks import NAMES, correct
from tests.videos import textures, write_video


def test_frames_around_the_fastest_movement():
    points = np.ones((60, 8, 3), np.float32) * 100
    points[40:, :2, 0] += np.minimum(np.arange(20), 5)[:, None] * 10
    speeds = speed(points)
    assert speeds.shape == (60,) and 39 <= speeds.argmax() <= 45 and speeds.max() == 10
    assert drawn_frames(speeds).tolist() == [31, 35, 39, 43, 47, 51]
    assert drawn_frames(speeds[:10]).tolist() == [0, 1, 2, 3, 4, 5]
    assert drawn_frames(speeds[:3]).tolist() == [0, 1, 2]
    assert drawn_frames(np.eye(30)[29]).tolist() == [9, 13, 17, 21, 25, 29]


def test_clips_of_all_splits_and_several_subjects_are_drawn(layout22):
    clips = [clip for clip in correct() if clip.split != "test"]
    drawn = drawn_clips(clips, layout22)
    assert [clip.split for clip in drawn] == ["train"] * 3 + ["val"] * 3
    assert len({clip.subject for clip in drawn if clip.split == "train"}) == 2


@pytest.fixture
def filmed(tmp_path):
    clips = [
        replace(clip, height=48, width=64, recording="r", start=0, recording_frames=20)
        for clip in correct()
    ]
    for clip in clips:
        clip.points[..., :2] *= 0.05
    write_video(tmp_path / "r.mp4", textures(20))
    written = write_store(tmp_path / "clips.parquet", clips, NAMES, "made", "skip")
    summary = summarise(read_index(tmp_path / "clips.parquet"), written, NAMES)
    config = Crops(root=str(tmp_path), side=32, on_bad_clip="stop")
    out = tmp_path / "crops.arrow"
    manifest = make_crops(tmp_path / "clips.parquet", config, out, tmp_path / "parts", {})
    return summary, manifest


def test_the_page_shows_the_crops(tmp_path, layout22, filmed):
    summary, manifest = filmed
    write_json(tmp_path / "crops.json", manifest)
    store, page = tmp_path / "clips.parquet", tmp_path / "page.md"
    crops = tmp_path / "crops.json"
    write_report(store, summary, layout22, page, tmp_path / "f", DataReportStep(), crops)
    text = page.read_text()
    assert "12 of 12 clips have video, in 1 files; 240 crops of 32 x 32 pixels" in text
    assert "![Crops of video with the skeletons drawn over them, a few" in text
    picture = matplotlib.image.imread(tmp_path / "f/video.png")
    assert picture.shape[1] > 1000 and picture[..., :3].std() > 0.1
