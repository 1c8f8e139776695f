"""Drawing a recording of OpenPose as an animation, with the joints and heatmaps of a model."""

import numpy as np
import pytest
import torch
from PIL import Image

from microgesture.cli.main import main
from microgesture.inference.checkpoints import save_checkpoint
from microgesture.viz import animation
from tests.formats import write_frames
from tests.people import film


@pytest.fixture(scope="module")
def clips():
    return film(0)


@pytest.fixture
def drawn(monkeypatch):
    """What the command draws, beside drawing it."""
    seen, write = [], animation.write_animation

    def noted(clip, layout, path, **drawing):
        seen.append((clip, layout, drawing))
        return write(clip, layout, path, **drawing)

    monkeypatch.setattr(animation, "write_animation", noted)
    return seen


def test_a_recording_is_drawn_as_the_model_sees_it(clips, layout22, tmp_path, drawn, capsys):
    model = tmp_path / "model.safetensors"
    heatmaps = {"size": 24, "sigma": 0.7, "padding": 0.5}
    config = {"model": "posec3d", "stream": "limb", "heatmaps": heatmaps}
    about = {"layout": layout22.as_dict(), "config": config, "preparation": {"length": 8}}
    save_checkpoint(model, {"weight": torch.zeros(1)}, about)
    points = clips[0].points[:6]
    for name in ("one", "two"):
        write_frames(tmp_path / "in" / name, points)
    words = ["view", "--input", str(tmp_path / "in"), "--model", str(model)]
    words += ["--out", str(tmp_path / "a.gif")]
    main([*words, "--clip", "two", "--frames", "2-4", "--fps", "10"])
    assert capsys.readouterr().out == f"{tmp_path}/a.gif: 3 frames\n"
    ((clip, layout, drawing),) = drawn
    assert drawing == {"stream": "limb", **heatmaps}
    assert clip.clip_id == "two" and clip.fps == 10 and layout.name == "openpose22"
    np.testing.assert_allclose(clip.points[..., :2], points[2:5, :, :2], atol=1e-3)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 3 and image.info["duration"] == 100


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([], "holds 2 recordings; name one in --clip: one, two"),
        (["--clip", "tow"], "has no recording 'tow' among its 2; did you mean 'two'"),
        (["--clip", "two", "--frames", "1-9"], "has 3 frames; expected at most 0-2"),
        (["--clip", "two", "--layout", "openpose14"], "did you mean openpose41?"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(more, expected, clips, tmp_path, capsys):
    for name in ("one", "two"):
        write_frames(tmp_path / "in" / name, clips[0].points[:3])
    with pytest.raises(SystemExit) as ended:
        main(["view", "--input", str(tmp_path / "in"), "--out", str(tmp_path / "a.gif"), *more])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1 and expected in error
