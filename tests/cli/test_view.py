"""Drawing a recording of OpenPose as an animation, with the joints and heatmaps of a model."""

import numpy as np
import pytest
from PIL import Image

from microgesture.cli.main import main
from microgesture.viz import animation
from tests.formats import write_frames
from tests.people import film
from tests.watcher import FRAMES, save_untrained


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
    model = save_untrained(tmp_path / "model.safetensors", layout22)
    points = clips[0].points[:6]
    for name in ("one", "two"):
        write_frames(tmp_path / "in" / name, points)
    words = ["view", "--input", str(tmp_path / "in"), "--out", str(tmp_path / "a.gif")]
    words += ["--clip", "two", "--frames", "2-4", "--fps", "10"]
    main([*words, "--model", str(model), "--sigma", "0.9"])
    ((clip, layout, drawing),) = drawn
    assert clip.clip_id == "two" and clip.fps == 10 and layout.name == "openpose22"
    np.testing.assert_allclose(clip.points[..., :2], points[2:5, :, :2], atol=1e-3)
    assert (drawing["stream"], drawing["size"], drawing["sigma"]) == ("joint", 16, 0.9)
    assert len(drawing["prepared"]) == FRAMES
    said = capsys.readouterr().out
    assert said.startswith(f"{tmp_path}/a.gif: {FRAMES} frames, as joint is shown it: cleaned")
    assert said.endswith("drawn otherwise than for it: sigma\n")
    main(words)
    assert "3 frames, as in the store: not cleaned" in capsys.readouterr().out
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 3 and image.info["duration"] == 100


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([], "holds 2 recordings; name one in --clip: one, two"),
        (["--clip", "tow"], "has no recording 'tow' among its 2; did you mean 'two'"),
        (["--clip", "two", "--frames", "1-9"], "has 3 frames; expected at most 0-2"),
        (["--clip", "two", "--layout", "openpose14"], "did you mean openpose41?"),
        (["--clip", "two", "--layout", "openpose41", "--model", "m"], "leave one out"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(more, expected, clips, tmp_path, capsys):
    for name in ("one", "two"):
        write_frames(tmp_path / "in" / name, clips[0].points[:3])
    with pytest.raises(SystemExit) as ended:
        main(["view", "--input", str(tmp_path / "in"), "--out", str(tmp_path / "a.gif"), *more])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1 and expected in error
