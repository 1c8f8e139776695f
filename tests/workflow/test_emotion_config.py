"""Configs with emotion: what is refused, what each step depends on, and a dry run at full scale."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from microgesture.settings.config import Config
from microgesture.utils.errors import InputError
from microgesture.workflow import emotion as emotion_steps
from microgesture.workflow.checks import check_config
from tests import formats
from tests.conftest import REPOSITORY
from tests.project import copy_repository, edited


@pytest.fixture
def config(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    return yaml.safe_load((REPOSITORY / "config/emotion.yaml").read_text())


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("video", None, "emotion needs a section video"),
        ("data.generate.emotion", None, r"data\.generate\.emotion is not set"),
        ("folds", None, "gestures is 'trees', and folds is null"),
        (
            "emotion.gestures",
            "agcn",
            r"emotion\.gestures names 'agcn'; expected one of labels, trees",
        ),
        ("emotion.face_encoder.training", None, "face_encoder: expected one of weights"),
        ("emotion.context_encoder.weights", "none.pth", "context_encoder: expected one of weights"),
        ("emotion.face.side", 84, r"emotion: face\.side is 84, expected a multiple of 56"),
        ("emotion.prior", 1.0, r"emotion\.prior"),
        ("emotion.submission.row", "best", r"emotion\.submission\.row"),
    ],
)
def test_what_does_not_fit_is_refused(config, place, value, message):
    check_config(config, "c.yaml")
    with pytest.raises(InputError, match=message) as error:
        check_config(edited(config, place.split("."), value), "c.yaml")
    assert str(error.value).startswith("c.yaml: ") and "\n" not in str(error.value)


def test_each_step_depends_on_its_own_part(config):
    def slices(given):
        made = Config.model_validate(given)
        steps = ("interview", "pictures", "encode", "evaluate", "emotion_model", "emotion_report")
        return {name: getattr(emotion_steps, f"{name}_step")(made).given() for name in steps}

    before = slices(config)

    def moved(place, value):
        after = slices(edited(config, place.split("."), value))
        return {name for name in before if before[name] != after[name]}

    assert moved("emotion.prior", 0.6) == {"emotion_model", "emotion_report"}
    assert moved("emotion.model.width", 16) == {"evaluate"}
    assert moved("emotion.face_encoder.training.epochs", 3) == {"encode"}
    assert moved("emotion.face.side", 112) == {"pictures", "emotion_model"}
    assert moved("emotion.folds", 3) == {"interview"}


def test_imigue_at_full_scale_dry_runs_on_a_folder_of_the_releases_form(tmp_path):
    copy_repository(tmp_path)
    root = tmp_path / "data/imigue"
    root.mkdir(parents=True)
    clips = formats.some_clips()
    formats.write_miga2025(root, clips)
    for clip in clips:
        film = root / f"imigue_rgb_phase1/{clip.subject}/{clip.subject}.mp4"
        film.parent.mkdir(parents=True)
        film.write_bytes(b"x")
    for name in ("train_label.csv", "validation_label.csv"):
        (root / name).write_text("video_id,label\n0000,1\n")
    (tmp_path / "weights").mkdir()
    for name in ("swinface.pt", "mvit_v2_s.pth"):
        (tmp_path / "weights" / name).write_bytes(b"x")
    said = subprocess.run(
        ["snakemake", "--cores", "2", "-n", "--configfile", "config/imigue_emotion.yaml"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", said.stdout, re.M))
    expected = {"emotion_pictures": "1", "emotion_tokens": "1", "emotion_fit": "6"}
    assert expected.items() <= jobs.items() and jobs["emotion_report"] == "1"
