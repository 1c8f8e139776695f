"""Recordings of the plain form and videos, predicted and drawn like folders of frame files."""

import csv
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from microgesture.cli.main import main
from microgesture.data.classes import load_classes
from microgesture.data.store import write_store
from microgesture.inference.stored import find_recorded, rates, read_recorded
from microgesture.inference.window_table import running_labels
from microgesture.utils.errors import InputError
from microgesture.viz import animation
from tests.conftest import REPOSITORY
from tests.formats import write_frames, write_recordings
from tests.people import film
from tests.pose.test_make import program
from tests.videos import stripes, write_video
from tests.watcher import save_untrained


@pytest.fixture(scope="module")
def clips():
    one, other = [clip for clip in film(0) if len(clip.points) > 12][:2]
    return [replace(one, clip_id="a"), replace(other, clip_id="b", fps=12.5)]


@pytest.fixture
def stored(clips, tmp_path):
    """A file that also names a recording that could not be made."""
    write_recordings(tmp_path, clips, [])
    path = tmp_path / "recordings.parquet"
    bad = {"bad": {"c": ["c", "c.mp4: is empty"]}}
    table = pq.read_table(path).replace_schema_metadata({"microgesture": json.dumps(bad)})
    pq.write_table(table, path, row_group_size=1)
    return path


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_the_store_of_the_workflow_is_read_as_well(clips, tmp_path):
    write_store(
        tmp_path / "recordings.parquet",
        clips,
        load_classes(REPOSITORY / "config/classes/imigue.yaml"),
        "test",
    )
    found = find_recorded(tmp_path / "recordings.parquet")
    assert rates(found, None) == {"a": 25, "b": 12.5}
    for clip in clips:
        np.testing.assert_array_equal(read_recorded(found[clip.clip_id]), clip.points)


def test_each_row_is_a_recording_with_its_own_rate(clips, stored):
    found = find_recorded(stored)
    assert list(found) == ["a", "b", "c"] and rates(found, None) == {"a": 25, "b": 12.5}
    assert rates(found, 30.0) == {}
    for clip in clips:
        np.testing.assert_array_equal(read_recorded(found[clip.clip_id]), clip.points)
    with pytest.raises(InputError, match=r"c.mp4: is empty"):
        read_recorded(found["c"])
    pq.write_table(pq.read_table(stored).set_column(
        pq.read_table(stored).schema.get_field_index("num_frames"), "num_frames", pa.array([1, 2])
    ), stored)  # fmt: skip
    with pytest.raises(InputError, match=r"recordings.parquet, row 2: num_frames is 2 and points"):
        read_recorded(find_recorded(stored)["b"])


def test_rows_are_predicted_like_frame_files_and_drawn_with_what_was_said(
    clips, stored, layout22, tmp_path, monkeypatch, capsys
):
    model = save_untrained(tmp_path / "model.safetensors", layout22)
    for clip in clips:
        write_frames(tmp_path / "in" / clip.clip_id, clip.points)
    words = ["predict", "--model", str(model), "--views", "1", "--window", "0.4"]
    main([*words, "--input", str(tmp_path / "in"), "--out", str(tmp_path / "files.csv")])
    with pytest.raises(SystemExit) as ended:
        main([*words, "--input", str(stored), "--out", str(tmp_path / "rows.csv")])
    assert ended.value.code == 1 and "c.mp4: is empty" in capsys.readouterr().err
    files, own = rows(tmp_path / "files.csv"), rows(tmp_path / "rows.csv")
    assert [one for one in own if one["recording"] == "a"] == [
        one for one in files if one["recording"] == "a"
    ]
    slow = [one for one in own if one["recording"] == "b"]
    assert [slow[0][key] for key in ("start_frame", "end_frame", "end_seconds")] == [
        "0",
        "4",
        "0.400",
    ]
    assert own[-1]["warnings"] == "not predicted: c.mp4: is empty"

    labels = running_labels(tmp_path / "rows.csv", "a", len(clips[0].points))
    drawn = []
    write = animation.write_animation
    monkeypatch.setattr(
        animation, "write_animation", lambda *a, **how: drawn.append(how) or write(*a, **how)
    )
    words = ["view", "--input", str(stored), "--clip", "a", "--frames", "3-5"]
    words += ["--predictions", str(tmp_path / "rows.csv")]
    main([*words, "--out", str(tmp_path / "a.gif")])
    assert drawn[0]["running"] == labels[3:6]
    with pytest.raises(InputError, match=r"has no window of 'z'"):
        running_labels(tmp_path / "rows.csv", "z", 3)


def test_a_frame_is_said_what_the_nearest_window_is(tmp_path):
    table = tmp_path / "p.csv"
    head = "recording,start_frame,end_frame,name_1,probability_1\n"
    table.write_text(head + "a,0,3,rest,0.5\na,4,7,wave,0.75\na,8,9,,\nb,0,9,rest,0.5\n")
    rest, wave, none = "rest (0.50)", "wave (0.75)", "no point is found"
    assert running_labels(table, "a", 10) == [rest] * 4 + [wave] * 4 + [none] * 2
    table.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="is not a table of predictions"):
        running_labels(table, "a", 1)


def test_a_video_is_predicted_all_the_way(layout22, tmp_path, capsys):
    (tmp_path / "env/bin").mkdir(parents=True)
    program(tmp_path / "env/bin")
    model = save_untrained(tmp_path / "model.safetensors", layout22)
    video = write_video(tmp_path / "in/talk.mp4", stripes(8), fps=10)
    words = ["predict", "--model", str(model), "--views", "1", "--window", "0.4"]
    words += ["--input", str(video), "--out", str(tmp_path / "p.csv")]
    main([*words, "--env", str(tmp_path / "env")])
    said = capsys.readouterr().err
    assert "key points are those of MediaPipe" in said and "p_skeletons/recordings.parquet" in said
    table = rows(tmp_path / "p.csv")
    assert [one["start_frame"] for one in table] == ["0", "2", "4"]
    assert table[-1]["end_seconds"] == "0.800"
    with pytest.raises(SystemExit) as ended:
        main([*words, "--env", str(tmp_path / "none")])
    assert ended.value.code == 2 and "make pose-env" in capsys.readouterr().err
