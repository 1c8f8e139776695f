"""A first config for a new data set, of each format, and what is said of an unknown folder."""

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from microgesture.cli.main import main
from microgesture.data.classes import load_classes
from microgesture.data.layouts import load_layout
from microgesture.readers.look_common import Look
from microgesture.utils.resources import resource_file
from microgesture.workflow.new_config import choose_layout
from tests import formats
from tests.conftest import REPOSITORY
from tests.formats import some_clips
from tests.project import Project
from tests.videos import textures, write_video

NAMES = load_classes(resource_file("classes", "imigue"))
SMG = load_classes(resource_file("classes", "smg"))
WRITERS = {
    "openpose_json": lambda root: formats.write_openpose_json(root, some_clips(), NAMES),
    "miga2025": lambda root: formats.write_miga2025(root, some_clips()),
    "imigue2021": lambda root: formats.write_imigue2021(root, some_clips()),
    "release2023": lambda root: formats.write_release2023(root, some_clips()),
    "pyskl": lambda root: formats.write_pyskl(root, some_clips()),
    "smg": lambda root: formats.write_smg(root, some_clips()),
    "parquet": lambda root: formats.write_parquet(root, some_clips(), NAMES),
    "csv": lambda root: formats.write_csv(root, some_clips(), NAMES),
    "video": lambda root: formats.write_videos(root, some_clips(), NAMES),
    "detections": lambda root: formats.write_detections(root, some_clips(), NAMES),
    "recordings": lambda root: formats.write_recordings(
        root,
        [replace(clip, clip_id=clip.subject) for clip in some_clips()],
        [[clip.subject, NAMES[clip.label], 0, 2] for clip in some_clips()],
    ),
}
LAYOUTS = {"smg": "kinect25", "release2023": "openpose22"}


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """What the two subcommands need of a checkout, as the working folder."""
    folder = tmp_path / "checkout"
    (folder / "config").mkdir(parents=True)
    (folder / "Snakefile").touch()
    shutil.copy(REPOSITORY / "config/config.yaml", folder / "config")
    for kind in ("layouts", "classes"):
        shutil.copytree(REPOSITORY / "config" / kind, folder / "config" / kind)
    monkeypatch.chdir(folder)
    return folder


def refused(capsys, *words):
    """The one line that a subcommand ends with."""
    with pytest.raises(SystemExit) as ended:
        main([*map(str, words)])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1, error
    return error


@pytest.mark.parametrize("kind", WRITERS)
def test_a_folder_of_each_format_gives_a_config_that_passes(kind, checkout, capsys):
    root = checkout / "data/mine"
    root.mkdir(parents=True)
    expected = WRITERS[kind](root)
    main(["new-config", "data/mine", "--out", "config/mine.yaml"])
    assert capsys.readouterr().out.startswith(f"config/mine.yaml: {kind}, ")
    config = yaml.safe_load((checkout / "config/mine.yaml").read_text())
    assert config["data"]["format"] == kind and config["results"] == "results/mine"
    for key in ("root", "path", "labels", "segments"):
        if key in expected:
            place = checkout / config["data"][key]
            assert place == Path(expected[key]) or (kind == "pyskl" and place == root)
    for key in {"fps", "height", "width"} & set(expected) & set(config["data"]):
        if kind not in ("smg", "pyskl"):  # whose files do not say it, and whose defaults are others
            assert config["data"][key] == expected[key]
    layouts = {variant["layout"] for variant in config["variants"].values()}
    assert layouts == {LAYOUTS.get(kind, "openpose41")}
    main(["check-config", "config/mine.yaml"])
    assert "config/mine.yaml: fine; 3 variants with 2 seeds" in capsys.readouterr().out


@pytest.mark.parametrize("kind", sorted({*WRITERS} - {"detections", "recordings"}))
def test_what_it_writes_dry_runs(kind, tmp_path):
    project = Project(tmp_path / "copy")
    root = tmp_path / "data"
    root.mkdir()
    WRITERS[kind](root)
    words = ["new-config", str(root), "--out", "config/mine.yaml"]
    done = project.run("python", "-m", "microgesture", *words)
    assert done.returncode == 0, done.stderr
    planned = project.planned("--configfile", "config/mine.yaml")
    folds = yaml.safe_load((project.folder / "config/mine.yaml").read_text())["folds"]
    assert planned["train"] == 6 * (folds or 1) and planned["skeletons"] == 1
    assert planned.get("pose") == (1 if kind == "video" else None)


def test_an_unknown_folder_is_told_what_was_looked_for(checkout, capsys):
    (checkout / "notes").mkdir()
    (checkout / "notes/a.txt").touch()
    error = refused(capsys, "new-config", "notes", "--out", "config/mine.yaml")
    for looked in ("0001_openpose.xlsx (miga2025)", "_keypoints.json (openpose_json)", ".parquet"):
        assert looked in error
    assert not (checkout / "config/mine.yaml").exists()


def test_frames_without_a_table_of_clips_are_told_its_columns(checkout, capsys):
    formats.write_frames(checkout / "data/a", some_clips()[0].points)
    error = refused(capsys, "new-config", "data", "--out", "config/mine.yaml")
    assert "looked for a CSV file with the header folder,label,subject,split" in error


TABLE = "recording_id,label,start,end\n"
ROWS = "".join(f"{who},{label},0,2\n" for who, label in zip("abc", "xyx", strict=True))


def recordings_of(kind, folder):
    """Three recordings a, b and c of a kind, which are no more than told by their names."""
    folder.mkdir(parents=True)
    for who in "abc":
        if kind == "video":
            write_video(folder / f"{who}.mp4", textures(3))
        else:
            shares = np.full((3, 33, 4), 0.5)
            shares[:, ::2, :2] = 0.25
            np.save(folder / f"{who}.npy", shares)


@pytest.mark.parametrize("kind", ["video", "detections"])
def test_recordings_need_a_table_whose_names_are_there(kind, checkout, capsys):
    recordings_of(kind, checkout / "data/mine/raw")
    words = ["new-config", "data/mine", "--out", "config/mine.yaml"]
    looked = "no table of clips; looked for a CSV file with the header recording_id,label,start,end"
    error = refused(capsys, *words)
    assert looked in error and ("microgesture pose" in error) == (kind == "video")
    (checkout / "data/mine/clips.csv").write_text(f"{TABLE}{ROWS}d,x,0,2\n")
    error = refused(capsys, *words)
    assert "clips.csv, row 5: names recording 'd', which data/mine/raw does not have" in error
    assert "it has a, b, c: name one of those" in error
    (checkout / "data/mine/clips.csv").write_text(f"{TABLE}a,x,0,2\nb,y,0,2\n")
    assert "has 2 subjects; at least 3" in refused(capsys, *words)
    (checkout / "data/mine/clips.csv").write_text(TABLE + ROWS)
    (checkout / "data/mine/subjects.csv").write_text("video,subject\na,ann\nb,ben\n")
    assert "subjects.csv: has no row for video c" in refused(capsys, *words)
    (checkout / "data/mine/subjects.csv").write_text("video,subject\na,ann\nb,ben\nc,cy\n")
    main(words)
    data = yaml.safe_load((checkout / "config/mine.yaml").read_text())["data"]
    assert data["root"] == "data/mine/raw" and data["subjects"] == "data/mine/subjects.csv"
    assert data["split"] == {"by": "subject", "val": ["ben"], "test": ["cy"]}
    # of shares of the picture, its size is not told by the largest
    assert kind == "video" or (data["height"], data["width"]) == (720, 1280)


def test_people_of_one_file_are_recordings_if_the_table_names_them(checkout):
    (checkout / "data").mkdir()
    one = {"keypoints": [[9.0, 9.0]] * 17, "keypoint_scores": [0.9] * 17}
    frames = [{"instances": [one, one, one]}] * 3
    (checkout / "data/talk.json").write_text(json.dumps(frames))
    rows = "".join(f"talk_p{n},{label},0,2\n" for n, label in enumerate("xyx"))
    (checkout / "data/clips.csv").write_text(TABLE + rows)
    main(["new-config", "data", "--out", "config/mine.yaml", "--height", "480", "--width", "640"])
    data = yaml.safe_load((checkout / "config/mine.yaml").read_text())["data"]
    assert data["people"] == "all" and data["height"] == 480
    assert data["split"]["val"] == ["talk_p1"]


def test_videos_that_cannot_be_read_are_told(checkout, capsys):
    recordings_of("video", checkout / "data")
    (checkout / "data/clips.csv").write_text(TABLE + ROWS)
    words = ["new-config", "data", "--out", "config/mine.yaml"]
    (checkout / "data/b.mp4").write_bytes(b"nothing")
    main(words)
    assert "note: data/b.mp4: cannot be read as video" in capsys.readouterr().err
    assert yaml.safe_load(Path("config/mine.yaml").read_text())["data"]["on_bad_clip"] == "skip"
    Path("config/mine.yaml").unlink()
    Path("config/mine_classes.yaml").unlink()
    for who in "ac":
        (checkout / f"data/{who}.mp4").write_bytes(b"nothing")
    assert "none of the first 3 videos can be read; data/a.mp4" in refused(capsys, *words)
    assert "is one video; give the folder" in refused(capsys, words[0], "data/a.mp4", *words[2:])
    np.save(checkout / "data/a.npy", np.zeros((3, 33, 4)))
    assert "holds videos (data/a.mp4) and files that may be" in refused(capsys, *words)


OWN = ["nod", "wave"]
"""Classes that no list of the package has."""


def clips_of(subjects):
    """A clip for each subject, of the classes `OWN`."""
    points = some_clips()[0].points
    return [
        formats.Clip(f"{who}_0", n % len(OWN), who, "train", 25.0, 720, 1280, points)
        for n, who in enumerate(subjects)
    ]


@pytest.mark.parametrize(("count", "folds"), [(3, 3), (7, 5), (20, None)])
def test_subjects_are_dealt_out_where_no_file_says_a_split(count, folds, checkout):
    subjects = [f"s{number:02d}" for number in range(count)]
    formats.write_parquet(checkout, clips_of(subjects), OWN)
    without_split(checkout / "clips.parquet")
    main(["new-config", "clips.parquet", "--out", "config/mine.yaml", "--name", "words"])
    config = yaml.safe_load((checkout / "config/mine.yaml").read_text())
    split = config["data"]["split"]
    assert set(split["val"]) < set(subjects) and not set(split["val"]) & set(split["test"])
    assert config["folds"] == folds and config["data"]["name"] == "words"
    assert load_classes(config["classes"]) == ["nod", "wave"]
    assert config["classes"] == "config/mine_classes.yaml"


def without_split(path):
    pq.write_table(pq.read_table(path).drop_columns(["split"]), path)


def test_two_subjects_and_no_split_are_refused(checkout, capsys):
    formats.write_parquet(checkout, clips_of(["a", "b"]), OWN)
    without_split(checkout / "clips.parquet")
    error = refused(capsys, "new-config", "clips.parquet", "--out", "config/mine.yaml")
    assert "has 2 subjects; at least 3 are needed" in error
    assert list((checkout / "config").glob("mine*")) == []


def test_a_table_without_validation_clips_is_refused(checkout, capsys):
    formats.write_csv(checkout, clips_of(["a", "b", "c"]), OWN)
    error = refused(capsys, "new-config", "points.csv", "--out", "config/mine.yaml")
    assert "has no clip of the split val" in error


def test_splits_of_a_pickle_are_chosen_by_their_names(checkout):
    clips = some_clips()
    entries = formats.annotations(clips)
    ids = [clip.clip_id for clip in clips]
    names = {"xsub_train": ids[:1], "xsub_val": ids[1:], "xset_train": ids[:2], "xset_val": ids[2:]}
    (checkout / "ntu.pkl").write_bytes(pickle.dumps({"split": names, "annotations": entries}))
    main(["new-config", "ntu.pkl", "--out", "config/mine.yaml", "--fps", "30"])
    config = yaml.safe_load((checkout / "config/mine.yaml").read_text())
    assert config["data"]["splits"] == {"xsub_train": "train", "xsub_val": "val"}
    assert config["data"]["fps"] == 30


def test_the_layout_is_the_largest_whose_joints_are_there():
    def chosen(points):
        seen = np.zeros(137)
        seen[points] = 1
        return choose_layout(Look({}, seen=seen, source="openpose137-v1"))

    layouts = {n: load_layout(resource_file("layouts", f"openpose{n}")) for n in (22, 30, 41)}
    for layout in layouts.values():
        found, missing = chosen(layout.points)
        assert (found.name, missing) == (layout.name, [])
    found, missing = chosen(layouts[22].points[1:])
    assert found.name == "openpose22" and missing == [layouts[22].joints[0]]


def test_nothing_is_written_over(checkout, capsys):
    error = refused(capsys, "new-config", "x", "--out", "config/config.yaml")
    assert "config/config.yaml is there already; give another name" in error


def test_outside_a_checkout_it_says_where_it_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for words in (["new-config", "x", "--out", "a.yaml"], ["check-config", "a.yaml"]):
        assert "holds no Snakefile" in refused(capsys, *words)


def test_a_wrong_key_is_told_as_the_dry_run_tells_it(checkout, capsys):
    text = (checkout / "config/config.yaml").read_text()
    (checkout / "config/wrong.yaml").write_text(text.replace("epochs:", "epoch:", 1))
    error = refused(capsys, "check-config", "config/wrong.yaml")
    assert "config/wrong.yaml: models" in error and "did you mean 'epochs'?" in error
    (checkout / "config/wrong.yaml").write_text(f"{text}\nseeds: [1]\n")
    assert "seeds occurs twice" in refused(capsys, "check-config", "config/wrong.yaml")
