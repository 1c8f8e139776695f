"""The skeleton store: what is written is what is read, as a stream, and bad clips never get in."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from microgesture.data.store import (
    BadClip,
    Clip,
    Written,
    check_clip,
    clean_points,
    iter_store,
    read_index,
    read_metadata,
    write_store,
)
from microgesture.data.summary import summarise, warnings
from microgesture.utils.errors import InputError
from tests.sections import by_video

NAMES = ["wave", "nod"]


def make_clip(number, frames=3, **changes):
    points = np.random.default_rng(number).random((frames, 137, 3), np.float32)
    points[..., :2] *= (1280, 720)
    clip = Clip(f"v_{number}", 0, "anna", "train", 25.0, 720, 1280, clean_points(points))
    return replace(clip, **changes)


def test_round_trip(tmp_path):
    clips = [
        make_clip(0, 1),
        make_clip(1, 5, label=-1, split="test", subject="bo", fps=29.97),
        make_clip(2, 2, label=1, split="val", height=1920, width=1080),
    ]
    path = tmp_path / "clips.parquet"
    written = write_store(path, iter(clips), NAMES, "made")
    assert written.skipped == []
    back = list(iter_store(path))
    for a, b in zip(clips, back, strict=True):
        assert replace(b, points=None, fps=0) == replace(a, points=None, fps=0)
        assert b.fps == pytest.approx(a.fps, rel=1e-6)
        assert b.points.dtype == np.float32
        np.testing.assert_array_equal(b.points, a.points)
        b.points[0] = 1  # each clip owns its points
    assert read_metadata(path)["classes"] == NAMES
    index = read_index(path)
    assert list(index.num_frames) == [1, 5, 2]
    assert "points" not in index
    assert [*index.label.fillna("null")] == ["wave", "null", "nod"]  # names and nulls


def test_row_groups_hold_at_most_64_clips_and_bytes_are_the_same(tmp_path):
    clips = [make_clip(i, 1) for i in range(130)]
    for name in ("a", "b"):
        write_store(tmp_path / name, clips, NAMES, "made")
    metadata = pq.ParquetFile(tmp_path / "a").metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [64, 64, 2]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert [c.clip_id for c in iter_store(tmp_path / "a")] == [c.clip_id for c in clips]


def test_the_writer_takes_clips_as_they_come(tmp_path):
    alive = []

    def clips():
        for i in range(200):
            rows = tmp_path.glob(".*partial*")
            alive.append((i, sum(path.stat().st_size for path in rows)))
            yield make_clip(i, 1)

    write_store(tmp_path / "a", clips(), NAMES, "made")
    # the first row group is on disk, at least in part, long before the last clip is asked for
    assert alive[-1][1] > alive[1][1]


def test_a_failure_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "clips.parquet"
    write_store(path, [make_clip(0)], NAMES, "made")
    before = path.read_bytes()

    def broken():
        yield make_clip(1)
        raise RuntimeError("cut off")

    with pytest.raises(RuntimeError):
        write_store(path, broken(), NAMES, "made")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["clips.parquet"]


def test_points_not_found_are_zeroed_and_scores_clipped():
    points = np.array([[[5, 6, 1.05], [7, 8, 0], [9, 10, -0.1], [-3, 4, 0.5]]])
    cleaned = clean_points(points)
    expected = [[[5, 6, 1], [0, 0, 0], [0, 0, 0], [-3, 4, 0.5]]]
    np.testing.assert_array_equal(cleaned, np.array(expected, np.float32))
    assert points[0, 1, 0] == 7  # the input is not touched


def with_value(value, frame=1, point=5):
    points = make_clip(0).points.astype(np.float64)
    points[frame, point, 0] = value
    return points


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"points": np.zeros((37, 137, 3), np.float32)}, ["no visible point", "37 frames"]),
        ({"points": np.zeros((1, 137, 3), np.float32)}, ["no visible point", "its only frame"]),
        ({"points": np.zeros((0, 137, 3), np.float32)}, ["no frames"]),
        ({"points": np.zeros((4, 22, 3), np.float32)}, ["(4, 22, 3)", "137"]),
        ({"points": with_value(np.nan)}, ["frame 1, point 5", "nan", "finite"]),
        ({"points": with_value(np.inf)}, ["frame 1, point 5", "inf"]),
        ({"points": with_value(1e39)}, ["frame 1, point 5", "1e+39"]),
        ({"label": 2}, ["label is 2", "expected 0..1", "-1"]),
        ({"label": -2}, ["label is -2"]),
        ({"split": "dev"}, ["'dev'", "train, val, test"]),
        ({"height": 0}, ["height 0"]),
        ({"fps": float("nan")}, ["fps nan"]),
    ],
)
def test_a_bad_clip_stops_or_is_skipped(tmp_path, changes, words):
    bad = make_clip(0, **changes)
    found = check_clip(bad, "some.csv, row 7", NAMES)
    assert isinstance(found, BadClip)
    for word in ["some.csv, row 7", "v_0", "on_bad_clip: skip", *words]:
        assert word in found.message
    path = tmp_path / "clips.parquet"
    with pytest.raises(InputError, match="v_0"):
        write_store(path, [found, make_clip(1)], NAMES, "made")
    assert not path.exists()
    written = write_store(path, [found, make_clip(1), found], NAMES, "made", "skip")
    assert [c.clip_id for c in iter_store(path)] == ["v_1"]
    assert [b.clip_id for b in written.skipped] == ["v_0", "v_0"]


def test_an_id_that_occurs_twice_is_an_error_even_under_skip(tmp_path):
    with pytest.raises(InputError, match="'v_1' occurs twice"):
        write_store(tmp_path / "a", [make_clip(1), make_clip(1)], NAMES, "made", "skip")


def test_nothing_left_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no clip is left"):
        write_store(tmp_path / "a", [], NAMES, "made")
    bad = BadClip("v_0", "train", "a.csv, row 1", "it is upside down")
    with pytest.raises(InputError, match=r"all 1 were skipped.*upside down"):
        write_store(tmp_path / "a", [bad], NAMES, "made", "skip")


def test_other_files_are_not_taken_for_a_store(tmp_path):
    with pytest.raises(InputError, match=r"none\.parquet: does not exist"):
        read_index(tmp_path / "none.parquet")
    text = tmp_path / "text.parquet"
    text.write_text("no")
    with pytest.raises(InputError, match=r"text\.parquet: cannot be read as a Parquet"):
        read_index(text)
    write_store(tmp_path / "a.parquet", [make_clip(0)], NAMES, "made")
    table = pq.read_table(tmp_path / "a.parquet")
    pq.write_table(table.replace_schema_metadata(None), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"b\.parquet: is not a skeleton store"):
        next(iter_store(tmp_path / "b.parquet"))
    other = {b"microgesture": b'{"points": "kinect25"}'}
    pq.write_table(table.replace_schema_metadata(other), tmp_path / "c.parquet")
    with pytest.raises(InputError, match="kinect25"):
        read_metadata(tmp_path / "c.parquet")


def summary_of(tmp_path, clips, on_bad_clip="stop"):
    written = write_store(tmp_path / "a", clips, NAMES, "made", on_bad_clip)
    return summarise(read_index(tmp_path / "a"), written, NAMES)


def test_summary_counts_by_hand(tmp_path):
    summary = summary_of(
        tmp_path,
        [
            make_clip(0, 2),
            make_clip(1, 4, label=1),
            make_clip(2, 1, split="val", subject="bo", label=-1),
            make_clip(3, 1, split="val", label=0),
            BadClip("v_4", "test", "a.csv, row 1", "gone"),
        ],
        "skip",
    )
    assert summary["clips"] == 4
    assert summary["frames"] == 8
    assert summary["splits"]["train"] == {
        "clips": 2,
        "frames": 6,
        "mean_frames": 3.0,
        "subjects": ["anna"],
        "labelled_share": 1.0,
        "clips_per_class": {"wave": 1, "nod": 1},
    }
    assert summary["splits"]["val"]["labelled_share"] == 0.5
    assert summary["splits"]["test"]["clips"] == 0
    assert summary["subject_overlap"] == {"train+val": ["anna"]}
    assert summary["skipped"] == [
        {"clip_id": "v_4", "split": "test", "place": "a.csv, row 1", "reason": "gone"}
    ]
    notes = " | ".join(warnings(summary))
    for words in ("train+val: anna", "no clip is in split test", "1 clips were skipped"):
        assert words in notes
    assert "swapped" not in notes


def test_swapped_height_and_width_are_noticed(tmp_path):
    right = [make_clip(i, split=s) for i, s in enumerate(("train", "val", "test"))]
    swapped = [replace(clip, height=clip.width, width=clip.height) for clip in right]
    assert "swapped" not in " ".join(warnings(summary_of(tmp_path, right)))
    assert "swapped" in " ".join(warnings(summary_of(tmp_path, swapped)))


def test_subjects_that_are_only_video_names_are_pointed_out(tmp_path):
    clips = [make_clip(i, subject="v", split=s) for i, s in enumerate(("train", "val", "test"))]
    # clips may be named after the person: only the format knows
    assert not any("data.subjects" in note for note in warnings(summary_of(tmp_path, clips)))
    summary = summarise(read_index(tmp_path / "a"), Written(), NAMES, by_video=True)
    assert any("data.subjects" in note for note in warnings(summary))
    assert by_video({"format": "smg", "subjects": None})
    assert not by_video({"format": "smg", "subjects": "s.csv"})
    assert not by_video({"format": "parquet"})
    clips = [make_clip(i, split=s) for i, s in enumerate(("train", "val", "test"))]
    assert not any("data.subjects" in note for note in warnings(summary_of(tmp_path, clips)))


SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.parametrize(("name", "clips"), [("ksl13", 2470), ("holistic3", 447)])
def test_recorded_sets_have_the_plain_form(name, clips):
    path = SHARED / name / "clips.parquet"
    if not path.exists():
        pytest.skip("recordings by other people, not part of the repository")
    from tests.sections import read_clips

    labels = set(pq.read_table(path, columns=["label"])["label"].to_pylist())
    assert pq.ParquetFile(path).metadata.num_rows == clips
    reader = read_clips({"format": "parquet", "path": str(path)}, sorted(labels))
    first = [next(reader) for _ in range(64)]
    assert all(isinstance(clip, Clip) and clip.points.shape == (30, 137, 3) for clip in first)
