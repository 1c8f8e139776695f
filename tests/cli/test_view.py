"""Drawing a recording of OpenPose as an animation, with the joints and heatmaps of a model."""

import numpy as np
import pytest
from PIL import Image

from microgesture.cli.main import main
from microgesture.inference.build import load_trained
from microgesture.inference.shown import shown_to
from microgesture.viz import animation
from tests.formats import write_frames
from tests.people import film
from tests.watcher import save_untrained


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


def test_a_recording_is_drawn_as_it_was_found(clips, tmp_path, drawn, capsys):
    points = clips[0].points[:6]
    for name in ("one", "two"):
        write_frames(tmp_path / "in" / name, points)
    words = ["view", "--input", str(tmp_path / "in"), "--out", str(tmp_path / "a.gif")]
    main([*words, "--clip", "two", "--frames", "2-4", "--fps", "10", "--stream", "limb"])
    assert capsys.readouterr().out.startswith(f"{tmp_path}/a.gif: 3 frames, as in the store")
    ((clip, layout, drawing),) = drawn
    assert drawing["stream"] == "limb" and layout.name == "openpose41"
    assert clip.clip_id == "two" and clip.fps == 10
    np.testing.assert_allclose(clip.points[..., :2], points[2:5, :, :2], atol=1e-3)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 3 and image.info["duration"] == 100


def test_a_model_is_shown_it_cleaned_and_at_its_own_resolution(
    clips, layout22, tmp_path, drawn, capsys
):
    model = save_untrained(tmp_path / "model.safetensors", layout22)
    write_frames(tmp_path / "in", clips[0].points[:20])
    words = ["view", "--input", str(tmp_path / "in"), "--out", str(tmp_path / "a.gif")]
    main([*words, "--model", str(model), "--sigma", "0.9"])
    ((clip, layout, drawing),) = drawn
    expected = shown_to(load_trained(model), clip)
    np.testing.assert_array_equal(drawing["prepared"], expected.points)
    assert layout.name == "openpose22" and drawing["size"] == 16 and drawing["sigma"] == 0.9
    assert "cleaned" in drawing["note"] and "drawn otherwise than for it: sigma" in drawing["note"]
    assert drawing["note"] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([], "holds 2 recordings; name one in --clip: one, two"),
        (["--clip", "tow"], "has no recording 'tow' among its 2; did you mean 'two'"),
        (["--clip", "two", "--frames", "1-9"], "has 3 frames; expected at most 0-2"),
        (["--clip", "two", "--layout", "openpose14"], "did you mean openpose54?"),
        (["--clip", "two", "--layout", "a", "--model", "b"], "give --model or --layout, and not"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(more, expected, clips, tmp_path, capsys):
    for name in ("one", "two"):
        write_frames(tmp_path / "in" / name, clips[0].points[:3])
    with pytest.raises(SystemExit) as ended:
        main(["view", "--input", str(tmp_path / "in"), "--out", str(tmp_path / "a.gif"), *more])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1 and expected in error
