"""Faces and frames of whole recordings: which frames, what is masked, and missing video."""

import numpy as np
import pytest

from microgesture.data.clip_file import Records
from microgesture.data.store import Clip, write_store
from microgesture.emotion import pictures
from microgesture.emotion.encode import encode, learn
from microgesture.emotion.pictures import make_pictures
from microgesture.emotion.windows import spread, window_starts
from microgesture.settings.emotion import EncodeStep, PicturesStep, Windows
from microgesture.settings.parse import parse
from microgesture.utils.errors import InputError
from microgesture.video.pictures import BODY, pictures_of, told_of, warnings
from tests.video.test_faces import person
from tests.videos import write_video

WINDOWS = {"seconds": 0.4, "step": 0.4, "faces": 2, "frames": 4}
STEP = {"windows": WINDOWS, "face": {"side": 28, "min_detail": 0}, "context": {"side": 32}}


def step(root, on_bad_clip="stop", **face):
    video = {"root": str(root), "side": 16, "on_bad_clip": on_bad_clip}
    given = {**STEP, "video": video, "face": {**STEP["face"], **face}}
    return parse(PicturesStep, given, "emotion")


def make(folder, config, path, workers=1):
    """Pictures of the recordings of a folder, and their manifest."""
    store = folder / "recordings.parquet"
    return make_pictures(store, config, path, path.with_suffix(".parts"), {}, workers)


def recording(name, frames=25):
    """A face that fills the middle of a frame of 640 x 480."""
    points = person(frames, zoom=1.5, shift=(250, 120)).astype(np.float32)
    return Clip(name, -1, f"p{name}", "train", 25.0, 480, 640, points)


def film(path, frames=25):
    """Frame n is grey of brightness 5 n."""
    write_video(path, [np.full((480, 640, 3), 5 * number, np.uint8) for number in range(frames)])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    clips = [recording("0001"), recording("0002")]
    points = clips[1].points.copy()
    points[:9, 25:95] = points[:9, 15:19] = points[:9, 0:1] = 0
    clips[1] = Clip("0002", -1, "q", "val", 25.0, 480, 640, points)
    write_store(folder / "recordings.parquet", clips, ["a", "b"], "test")
    film(folder / "films/0001.mp4")
    film(folder / "films/0002.mp4")
    return folder


def test_windows_and_their_frames():
    windows: Windows = parse(Windows, WINDOWS, "windows")
    starts, length = window_starts(25, 25.0, windows)
    assert starts.tolist() == [0, 10] and length == 10
    assert spread(starts, length, 2).tolist() == [[2, 7], [12, 17]]
    starts, length = window_starts(7, 25.0, windows)
    assert starts.tolist() == [0] and length == 7 and spread(starts, 7, 4).max() < 7


def test_pictures_are_of_the_frames_that_were_asked_for(made):
    manifest = make(made, step(made / "films"), made / "x.arrow")
    records = Records(made / "x.arrow")
    for window, frames in enumerate(([2, 7], [12, 17])):
        faces = pictures_of(records, 0, "face", window)
        assert faces.shape == (2, 28, 28, 3)
        np.testing.assert_allclose(
            np.quantile(faces, 0.1, axis=(1, 2, 3)), np.multiply(5, frames), atol=9
        )
    shown = pictures_of(records, 0, "context", 1)
    assert shown.shape == (4, 32, 32, 3) and (np.diff(shown.mean(axis=(1, 2, 3))) > 0).all()
    told = told_of(records, 0)
    assert told.there and told.seen.all() and told.start.tolist() == [0, 10]
    np.testing.assert_allclose(told.face[0, 0, 30, :2] * 112, [56.03, 71.74], atol=0.1)
    assert told.body.shape == (2, 4, len(BODY), 3) and 0 < told.body[0, 0, 1, 0] < 1
    hidden = told_of(records, 1)
    assert hidden.seen.tolist() == [[0, 0], [1, 1]]
    assert manifest["recordings"]["0002"]["faces"] == 2
    again = make(made, step(made / "films"), made / "y.arrow", 2)
    assert again == manifest


def test_small_faces_are_masked_in_pixels_of_the_video(made):
    make(made, step(made / "films", min_side=200), made / "s.arrow")
    assert not told_of(Records(made / "s.arrow"), 0).seen.any()


def test_a_recording_without_video_stops_or_is_masked(made, tmp_path):
    film(tmp_path / "0001.mp4")
    with pytest.raises(InputError, match="recording 0002: there is no video of it; mend it"):
        make(made, step(tmp_path), tmp_path / "x.arrow")
    skipped = step(tmp_path, "skip")
    manifest = make(made, skipped, tmp_path / "x.arrow")
    told = told_of(Records(tmp_path / "x.arrow"), 1)
    assert not told.there and not told.seen.any()
    assert any("1 recordings have no pictures, such as 0002" in line for line in warnings(manifest))
    film(tmp_path / "0002.mp4", frames=20)
    with pytest.raises(InputError, match=r"0002\.mp4: recording 0002: .*20 frames"):
        make(made, step(tmp_path), tmp_path / "y.arrow")


def test_small_encoders_learn_from_keypoints_and_give_tokens_of_every_window(made):
    import torch

    make(made, step(made / "films"), made / "e.arrow")
    training = {"epochs": 1, "batch": 2, "learning_rate": 0.001}
    face = {"patch": 2, "embed": 4, "depths": [1, 1], "heads": [1, 2], "embedding": 6}
    context = {"embed": 4, "depths": [1, 1], "key_stride": 2}
    config = {
        "face_encoder": {"network": face, "training": training},
        "context_encoder": {"network": context, "training": training},
        "seed": 0,
    }
    said = []
    records, device = Records(made / "e.arrow"), torch.device("cpu")
    own: EncodeStep = parse(EncodeStep, config, "emotion")
    made = [learn(records, [0], own, device, said.append) for _ in range(2)]
    tokens, again = (encode(records, one, device) for one in made)
    assert tokens.face.shape == (4, 2, 6) and tokens.context.shape == (4, 2, 8)
    assert tokens.recording.tolist() == [0, 0, 1, 1] and tokens.start.tolist() == [0, 10, 0, 10]
    np.testing.assert_array_equal(tokens.seen, [[1, 1], [1, 1], [0, 0], [1, 1]])
    np.testing.assert_array_equal(tokens.face, again.face)
    np.testing.assert_array_equal(tokens.context, again.context)


def test_a_killed_step_goes_on_with_the_recordings_that_are_cut(
    made, tmp_path, monkeypatch, capsys
):
    config, whole = step(made / "films"), tmp_path / "whole.arrow"
    wanted = make(made, config, whole)
    cut, names = pictures.cut_recording, []

    def dying(job):
        names.append(job.clip.clip_id)
        if len(names) == 2:
            raise KeyboardInterrupt
        return cut(job)

    monkeypatch.setattr(pictures, "cut_recording", dying)
    path = tmp_path / "x.arrow"
    with pytest.raises(KeyboardInterrupt):
        make(made, config, path)
    assert not path.exists() and len(list(tmp_path.glob("x.parts/*.arrow"))) == 1
    assert make(made, config, path) == wanted and path.read_bytes() == whole.read_bytes()
    assert names == ["0001", "0002", "0002"] and not (tmp_path / "x.parts").exists()
    assert "1 recordings of an earlier run are kept" in capsys.readouterr().err


def test_parts_of_other_settings_code_or_damaged_ones_are_not_used(made, tmp_path, monkeypatch):
    names = []

    def noted(job):
        names.append(job.clip.clip_id)
        return cut(job)

    cut = pictures.cut_recording
    monkeypatch.setattr(pictures, "cut_recording", noted)
    monkeypatch.setattr(pictures.shutil, "rmtree", lambda *_, **__: None)  # as after a kill
    path, store = tmp_path / "x.arrow", made / "recordings.parquet"
    first, other = step(made / "films"), step(made / "films", min_side=30)
    for config, code, again in (
        (first, {}, 2),
        (first, {}, 0),
        (other, {}, 2),
        (first, {"a": 1}, 2),
    ):
        names.clear()
        make_pictures(store, config, path, tmp_path / "parts", code)
        assert len(names) == again
    for part in (tmp_path / "parts").glob("*.arrow"):
        part.write_bytes(part.read_bytes()[:-300])
    names.clear()
    make_pictures(store, first, path, tmp_path / "parts", {})
    assert len(names) == 2
