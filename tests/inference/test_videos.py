"""Videos that nobody has labelled: windows, tables of clips, crops by skeletons, bad files."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from microgesture.data.store import write_store
from microgesture.inference.build import open_input
from microgesture.inference.clips import clip_probabilities, prepare_for, prepared_input
from microgesture.inference.onnx import EXAMPLES, drawn
from microgesture.inference.recordings import read_video
from microgesture.inference.tokens import tokens_in_memory
from microgesture.inference.videos import predict_videos
from microgesture.inference.window_table import write_table
from microgesture.inputs.tokens import TokenInput
from microgesture.models.base import Classifier
from microgesture.probing.robustness import measure
from microgesture.probing.test_clips import Probed, labelled_tests
from microgesture.settings.probing import RobustnessStep, Testing
from microgesture.utils.errors import InputError
from microgesture.video.sources import find_videos
from tests import moving_squares
from tests.conftest import make_clip
from tests.inference.test_tokens import saved, token_step
from tests.small_training import CLASSES, CONFIG, STREAM
from tests.steps import made_trained, new_model
from tests.videos import stripes, write_video

ONCE = Testing(views=1, flip=False)
NAMES = ["none", "any"]


class Brightness(Classifier):
    """Its second class is the likelier, the brighter a clip is."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.num_classes = 2

    def forward(self, x):
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
    assert "none of that name among the skeletons" in bad.warnings


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


def test_which_models_read_video(layout22):
    video = model()
    assert read_video([video])
    config = {"model": "stgcn", "network": {}, "padding": 0.25}
    about = {"config": config, "classes": NAMES, "layout": layout22.as_dict(), "preparation": {}}
    network = new_model(config, layout22, 2, None)
    points = made_trained(Path("points"), network, layout22, about)
    assert not read_video([points])
    assert read_video([points, video])
    with pytest.raises(InputError, match="points: reads skeletons beside the video; give"):
        list(predict_videos([points, video], {}, testing=ONCE))
    with pytest.raises(InputError, match="average models of the same crops"):
        read_video([video, model(side=64)])


def test_a_fusion_sees_the_video_and_its_skeletons(tmp_path, layout22):
    network = {"embed": 8, "heads": 1, "depths": [1], "key_stride": 1}
    shown = {"variant": "film", "model": "mvit", "input_size": 16, "temporal": "segment_sample"}
    film = {key: value for key, value in CONFIG.items() if key not in ("layout", "padding")}
    film |= {**shown, "network": network}
    crops = moving_squares.in_memory({"test": 2})
    # of the same clips
    clips = [make_clip(name, 8, seed=n) for n, name in enumerate(crops.index["clip_id"])]
    made = {"layout": layout22.name, "joints": 22, **STREAM}
    parts = [
        saved(tmp_path, "film", film, SimpleNamespace(as_dict=lambda: None), crops.metadata),
        saved(tmp_path, "one", {**CONFIG, "variant": "one"}, layout22, made),
    ]
    sources = [open_input(parts[0].config, None, crops)]
    sources += [prepared_input(parts[1], prepare_for(parts[1], clips)[0])]
    for one in sources:
        one.records.index["split"] = "test"
    tokens = [tokens_in_memory(*pair, token_step()) for pair in zip(parts, sources, strict=True)]
    config = {**CONFIG, "variant": "both", "model": "token_fusion", "temporal": "views"}
    config |= {"length": 1, "sources": ["film", "one"], "network": {"width": 8, "heads": 2}}
    fused = saved(tmp_path, "both", config, layout22, TokenInput(tokens).records.metadata)
    assert read_video([fused])
    # what an export without prepared clips is compared on: figures beside made-up pictures
    flags = drawn(fused)[:, :2]
    assert flags.shape == (EXAMPLES, 2) and flags.all()
    for order in (1, -1):  # whichever source comes first
        sources = fused.metadata["preparation"]["sources"][::order]
        turned = made_trained(
            fused.path, fused.model, None, {**fused.metadata, "preparation": {"sources": sources}}
        )
        with pytest.raises(InputError, match=r"film.*reads video \(mvit\); expected a model"):
            _ = turned.layout

    path = write_video(tmp_path / "ann.mp4", stripes(12))
    dark = write_video(tmp_path / "dark" / "ann.mp4", [np.zeros((48, 64, 3), np.uint8)] * 12)
    points = make_clip("ann", 12).points
    still = points[[0] * 12]

    def said(video, skeletons):
        rows = predicted(video, fused, skeletons={"ann": tmp_path}, read=lambda folder: skeletons)
        (window,) = rows
        assert (window.start, window.end) == (0, 11)
        return window.probabilities

    one, without_picture, without_motion = said(path, points), said(dark, points), said(path, still)
    assert one.sum() == pytest.approx(1)
    assert np.abs(one - without_picture).max() > 1e-4
    assert np.abs(one - without_motion).max() > 1e-4
    with pytest.raises(InputError, match=r"has 12 frames, but .* 20; give the skeletons"):
        said(path, make_clip("ann", 20).points)

    # points and crops are damaged each by itself, and a source is what it is of the other
    write_store(tmp_path / "s.parquet", [replace(c, split="test") for c in clips], CLASSES, "test")
    tests = labelled_tests(tmp_path / "s.parquet", fused)
    asked = RobustnessStep(drop=[0.5], video={"darken": [0.9]}, seed=0, testing=ONCE)
    rows = [*measure(Probed(fused, tmp_path / "s.parquet", tests, crops), asked)]
    assert [row.kind for row in rows] == ["none", "drop", "video_darken"]
    expected, _ = clip_probabilities(fused, clips, ONCE, crops)
    labels = [clip.label for clip in clips]
    assert rows[0].top1 == np.mean(expected.argmax(axis=1) == labels)
