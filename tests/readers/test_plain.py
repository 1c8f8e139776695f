"""The plain form, a Parquet file of one row a clip: as others write it, and what is wrong in it."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from microgesture.data.store import SCHEMA, BadClip
from microgesture.utils.errors import InputError
from tests.formats import make_points
from tests.sections import read_clips


def plain_table(**changes):
    points = [make_points(i, i + 1).astype(np.float32).ravel() for i in range(4)]
    columns = {
        "clip_id": ["a", "b", "c", "d"],
        "label": ["wave", None, "nod", "wave"],
        "subject": ["s1", "s1", "s2", "7"],
        "split": ["train", "train", "val", "test"],
        "fps": [25.0, 25.0, 30.0, 30.0],
        "height": [480] * 4,
        "width": [640] * 4,
        "num_frames": [1, 2, 3, 4],
        "points": points,
    }
    columns.update(changes)
    arrays = {
        name: values
        if isinstance(values, pa.Array)
        else pa.array(values, SCHEMA.field(name).type if name in SCHEMA.names else None)
        for name, values in columns.items()
    }
    return pa.table(arrays)


@pytest.fixture
def plain(tmp_path):
    def run(table, **settings):
        path = tmp_path / "own.parquet"
        pq.write_table(table, path)
        data = {"format": "parquet", "path": str(path), **settings}
        return list(read_clips(data, ["wave", "nod"]))

    return run


def test_the_index_of_a_pandas_table_is_no_part_of_it(plain):
    frame = plain_table().to_pandas()
    for table in (frame.set_index("clip_id"), frame[::-1], frame[1:]):
        assert {clip.clip_id for clip in plain(pa.Table.from_pandas(table))} >= {"b", "c", "d"}
    frame.loc[3, "split"] = "Val"
    with pytest.raises(InputError, match="row 1: clip d: split is 'Val'"):
        plain(pa.Table.from_pandas(frame[::-1]))


def test_plain_form_comes_through(plain):
    clips = plain(plain_table(extra=[1, 2, 3, 4]))
    assert [(c.clip_id, c.label, c.split) for c in clips] == [
        ("a", 0, "train"),
        ("b", -1, "train"),
        ("c", 1, "val"),
        ("d", 0, "test"),
    ]
    for i, clip in enumerate(clips):
        np.testing.assert_array_equal(clip.points, make_points(i, i + 1).astype(np.float32))


def test_plain_form_as_other_programs_write_it(plain):
    table = plain_table()
    types = {
        "clip_id": pa.large_string(),
        "label": pa.dictionary(pa.int8(), pa.string()),
        "subject": pa.dictionary(pa.int32(), pa.string()),
        "fps": pa.int64(),
        "height": pa.int64(),
        "num_frames": pa.uint16(),
        "points": pa.large_list(pa.float64()),
    }
    for name, kind in types.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(kind))
    assert [c.subject for c in plain(table)] == ["s1", "s1", "s2", "7"]
    assert [c.points.dtype for c in plain(table)] == [np.float32] * 4
    unlabelled = table.set_column(1, "label", pa.nulls(4))
    assert [c.label for c in plain(unlabelled)] == [-1] * 4


def test_an_empty_label_of_the_plain_form_is_not_known(plain):
    table = plain_table(label=["wave", "", None, "nod"])
    assert [c.label for c in plain(table)] == [0, -1, -1, 1]
    encoded = table.set_column(1, "label", table["label"].dictionary_encode())
    assert [c.label for c in plain(encoded)] == [0, -1, -1, 1]


def test_split_by_subject_overrides_the_column(plain):
    settings = {"split": {"by": "subject", "val": ["s1"], "test": ["7"]}}
    expected = ["val", "val", "train", "test"]
    assert [c.split for c in plain(plain_table(), **settings)] == expected
    without = plain_table().drop_columns(["split"])
    assert [c.split for c in plain(without, **settings)] == expected


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ({"val": ["s9"], "test": []}, ["data.split.val", "'s9'", "s1, s2"]),
        ({"val": ["s1"], "test": ["s1"]}, ["'s1'", "twice"]),
        ({"val": ["s1", "s2"], "test": ["7"]}, ["no subject", "train"]),
    ],
)
def test_a_wrong_split_by_subject(plain, split, words):
    with pytest.raises(InputError) as caught:
        plain(plain_table(), split={"by": "subject", "val": [], "test": [], **split})
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clip_id": ["a", "b", "c", "b"]}, ["row 4", "clip b", "row 2"]),
        ({"clip_id": ["a", "", "c", "d"]}, ["row 2", "clip_id is empty"]),
        ({"subject": ["s1", "s1", None, "s3"]}, ["row 3", "clip c", "subject is empty"]),
        ({"split": ["train", "dev", "val", "test"]}, ["row 2", "'dev'", "train, val, test"]),
        ({"height": [480, 480, 0, 480]}, ["row 3", "clip c", "height is 0"]),
        ({"width": [640, -1, 640, 640]}, ["row 2", "width is -1"]),
        ({"fps": [25, 25, 25, 0]}, ["row 4", "fps is 0"]),
        ({"num_frames": [1, 2, None, 4]}, ["row 3", "num_frames is empty"]),
        ({"label": pa.array([0, 1, 0, 1])}, ["column label", "int64", "string"]),
        ({"height": pa.array(["480"] * 4)}, ["column height", "string", "int32"]),
        ({"points": pa.array([[1], [1], [1], [1]])}, ["column points", "int64", "list<float>"]),
    ],
)
def test_a_bad_column_is_named_even_under_skip(plain, changes, words):
    with pytest.raises(InputError) as caught:
        plain(plain_table(**changes), on_bad_clip="skip")
    for word in ["own.parquet", *words]:
        assert word in str(caught.value)


def test_a_missing_column(plain):
    with pytest.raises(InputError, match=r"own\.parquet: has no column split, fps; it has clip_id"):
        plain(plain_table().drop_columns(["split", "fps"]))


def points_with(row, values):
    points = [make_points(i, i + 1).astype(np.float32).ravel() for i in range(4)]
    points[row] = values(points[row]) if callable(values) else values
    return {"points": points}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_frames": [1, 2, 4, 4]}, ["row 3", "clip c", "num_frames is 4", "1233 numbers"]),
        ({"num_frames": [1, 2, 3, 0]}, ["row 4", "num_frames is 0"]),
        (points_with(2, None), ["row 3", "clip c", "0 numbers"]),
        (points_with(2, lambda p: [*p[:5], None, *p[6:]]), ["row 3", "frame 0, point 1", "nan"]),
        (points_with(2, lambda p: np.r_[p[:-1], np.inf]), ["row 3", "frame 2, point 136", "inf"]),
        (points_with(2, lambda p: p * 0), ["row 3", "no visible point in any of its 3 frames"]),
        ({"label": ["wave", None, "clap", "nod"]}, ["row 3", "'clap'"]),
    ],
)
def test_a_bad_clip_of_the_plain_form_is_handed_on(plain, changes, words):
    items = plain(plain_table(**changes))
    bad = [item for item in items if isinstance(item, BadClip)]
    assert len(items) == 4
    assert len(bad) == 1
    for word in ["own.parquet", *words]:
        assert word in bad[0].message


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.parquet: does not exist"):
        list(read_clips({"format": "parquet", "path": str(tmp_path / "none.parquet")}, ["wave"]))
