"""Videos that nobody has labelled: windows, tables of clips, crops by skeletons, bad files."""

from pathlib import Path

import numpy as np
import pytest
import torch

from microgesture.inference.recordings import read_video
from microgesture.inference.videos import find_videos, predict_videos
from microgesture.inference.window_table import write_table
from microgesture.settings.probing import Testing
from microgesture.utils.errors import InputError
from tests.steps import made_trained, new_model
from tests.videos import stripes, write_video

ONCE = Testing(views=1, flip=False)
NAMES = ["none", "any"]


class Brightness(torch.nn.Module):
    """Its second class is the likelier, the brighter a clip is."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.cls_head = torch.nn.Module()
        self.cls_head.fc_cls = torch.nn.Linear(1, 2)
        self.seen = []

    def forward(self, x):
        self.seen += list(x)
        mean = x.mean((1, 2, 3, 4)) * self.scale
        return torch.stack([torch.zeros_like(mean), mean], 1)


def model(**made):
    config = {
        "model": "mvit",
        "stream": "rgb",
        "input_size": 32,
        "length": 4,
        "temporal": "segment_sample",
        "network": {"embed": 8, "heads": 1, "depths": [1], "key_stride": 1},
    }
    about = {
        "config": config,
        "classes": NAMES,
        "layout": None,
        "preparation": {"video": {"side": 48, "padding": 0.25, **made}},
    }
    return made_trained(Path("video.safetensors"), Brightness().eval(), None, about)


def predicted(place, one=None, **more):
    return list(predict_videos([one or model()], find_videos(place), testing=ONCE, **more))


@pytest.fixture
def bright(tmp_path):
    """Forty frames at ten a second: the first half black, the second white."""
    frames = [np.full((48, 64, 3), 255 * (number >= 20), np.uint8) for number in range(40)]
    return write_video(tmp_path / "videos" / "anna.mp4", frames, fps=10)


def test_windows_of_a_video(bright):
    windows = predicted(bright, window=1.0, stride=0.5)
    assert [(one.start, one.end) for one in windows] == [(s, s + 9) for s in range(0, 31, 5)]
    assert {one.recording for one in windows} == {"anna"}
    assert [one.fps for one in windows] == [10.0] * 7
    likely = np.array([one.probabilities[1] for one in windows])
    assert (likely[:3] < 0.5).all() and (likely[-3:] > 0.5).all()
    (whole,) = predicted(bright)
    assert (whole.start, whole.end) == (0, 39)


def test_seconds_are_those_of_each_video(bright, tmp_path):
    write_video(bright.with_name("ben.mp4"), stripes(20), fps=20)
    windows = predicted(bright.parent, window=0.5, stride=0.5)
    write_table(tmp_path / "out.csv", windows, NAMES, 1.0)
    rows = [line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()[1:]]
    ends = {row[0]: row[2:5] for row in rows}
    assert ends == {"anna": ["39", "3.500", "4.000"], "ben": ["19", "0.500", "1.000"]}


def test_clips_of_a_table(bright):
    table = bright.parent / "clips.csv"
    table.write_text("clip_id,path,start,end\nlate,anna.mp4,20,39\nearly,anna.mp4,2,11\n")
    late, early = predicted(table)
    assert (late.recording, late.start, late.end) == ("late", 20, 39)
    assert (early.recording, early.start, early.end) == ("early", 2, 11)
    assert late.probabilities[1] > 0.5 > early.probabilities[1]


def test_the_person_is_cut_out_by_skeletons(bright, tmp_path):
    frames = [np.zeros((48, 64, 3), np.uint8) for _ in range(8)]
    for picture in frames:
        picture[:24, 40:] = 255  # where the person is
    path = write_video(tmp_path / "corner.mp4", frames)
    points = np.zeros((8, 137, 3), np.float32)
    points[:, :2] = [[44, 4, 1], [60, 20, 1]]
    (cut,) = predicted(path, skeletons={"corner": tmp_path}, read=lambda folder: points)
    (whole,) = predicted(path)
    assert cut.probabilities[1] > 0.9 > whole.probabilities[1]
    (bad,) = predicted(path, skeletons={"other": tmp_path}, read=lambda folder: points, skip=True)
    assert "no folder of frame files of that name" in bad.warnings


def test_a_video_that_cannot_be_read_gets_a_row(bright):
    bright.with_name("broken.mp4").write_bytes(b"")
    anna, broken = predicted(bright.parent, skip=True)
    assert anna.probabilities is not None
    assert broken.probabilities is None and "not predicted: " in broken.warnings
    with pytest.raises(InputError, match=r"broken\.mp4"):
        predicted(bright.parent)
    table = bright.parent / "clips.csv"
    table.write_text("clip_id,path,start,end\nlate,anna.mp4,30,50\n")
    with pytest.raises(InputError, match=r"frames 30\.\.50, but the video has 40 frames"):
        predicted(table)


def test_models_of_one_kind_only(layout22):
    video = model()
    assert read_video([video])
    config = {"model": "stgcn", "network": {}, "padding": 0.25}
    about = {"config": config, "classes": NAMES, "layout": layout22.as_dict(), "preparation": {}}
    network = new_model(config, layout22, 2, None)
    points = made_trained(Path("points"), network, layout22, about)
    assert not read_video([points])
    with pytest.raises(InputError, match="one kind of models at a time"):
        read_video([points, video])
    with pytest.raises(InputError, match="average models of the same crops"):
        read_video([video, model(side=64)])
