"""The prediction file: sorted, complete, the same bytes for the same content."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from microgesture.evaluation.predictions import read_predictions, write_predictions
from microgesture.utils.errors import InputError

IDS = ["b_1", "a_10", "a_2"]
LABELS = [1, None, 0]
SUBJECTS = ["s1", "s0", "s0"]
PROBABILITIES = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]], dtype=np.float32)


def write(path, ids=IDS, labels=LABELS, subjects=SUBJECTS, probabilities=PROBABILITIES, **metadata):
    write_predictions(path, ids, labels, subjects, probabilities, metadata)
    return path


def raw(path, **columns):
    """Write a file past the checks of `write_predictions`."""
    whole = {
        "clip_id": ["a", "b"],
        "label": pa.array([0, 1], pa.int32()),
        "subject": ["s", "s"],
        "probabilities": [[0.5, 0.5], [0.5, 0.5]],
    }
    pq.write_table(pa.table(whole | columns), path)
    return path


def test_reading_gives_back_what_was_written_sorted_by_clip_id(tmp_path):
    read = read_predictions(write(tmp_path / "p.parquet", seed=3, split="test"))
    assert read.clip_ids == ["a_10", "a_2", "b_1"]
    assert read.labels.tolist() == [-1, 0, 1]
    assert read.labels.dtype == np.int32
    assert read.subjects == ["s0", "s0", "s1"]
    assert read.probabilities.dtype == np.float32
    np.testing.assert_array_equal(read.probabilities, PROBABILITIES[[1, 2, 0]])
    assert read.metadata == {"seed": 3, "split": "test"}


def test_the_columns_are_those_of_the_plain_format(tmp_path):
    schema = pq.read_schema(write(tmp_path / "p.parquet"))
    assert dict(zip(schema.names, map(str, schema.types), strict=True)) == {
        "clip_id": "string",
        "label": "int32",
        "subject": "string",
        "probabilities": "list<element: float>",
    }
    assert b"microgesture" in schema.metadata


def test_the_order_of_the_rows_does_not_change_the_bytes(tmp_path):
    first = write(tmp_path / "a.parquet", seed=1, split="val")
    back = slice(None, None, -1)
    second = write(
        tmp_path / "b.parquet", IDS[back], LABELS[back], SUBJECTS[back], PROBABILITIES[back],
        split="val", seed=1,
    )  # fmt: skip
    assert first.read_bytes() == second.read_bytes()


def test_an_empty_split_keeps_its_number_of_classes(tmp_path):
    path = write(tmp_path / "p.parquet", [], [], [], np.zeros((0, 7), np.float32))
    assert read_predictions(path).probabilities.shape == (0, 7)


def test_a_file_of_other_hands_may_be_unsorted_and_of_wider_types(tmp_path):
    path = raw(
        tmp_path / "p.parquet",
        clip_id=["b", "a"],
        label=pa.array([1, None], pa.int64()),
        probabilities=pa.array([[0.25, 0.75], [1.0, 0.0]], pa.large_list(pa.float64())),
    )
    read = read_predictions(path)
    assert read.clip_ids == ["a", "b"]
    assert read.labels.tolist() == [-1, 1]
    np.testing.assert_array_equal(read.probabilities, [[1, 0], [0.25, 0.75]])
    assert read.metadata == {}


@pytest.mark.parametrize(
    ("columns", "clip", "found"),
    [
        ({"clip_id": ["b", "b"]}, "clip b", "occurs twice"),
        ({"probabilities": [[0.5, 0.5], [float("nan"), 1.0]]}, "clip b", "nan"),
        ({"probabilities": [[float("inf"), 0.5], [0.5, 0.5]]}, "clip a", "inf"),
        ({"probabilities": [[0.5, 0.5], [-0.5, 1.5]]}, "clip b", "-0.5"),
        ({"probabilities": [[0.5, 0.5], [0.5, 0.502]]}, "clip b", "1.0020"),
        ({"probabilities": [[0.5, 0.5], [0.2, 0.3, 0.5]]}, "clip b", "3 probabilities"),
        ({"probabilities": [[0.5, 0.5], None]}, "clip b", "0 probabilities"),
        ({"probabilities": [[0.5, 0.5], [None, 1.0]]}, "clip b", "nan"),
        ({"label": pa.array([0, 2], pa.int32())}, "clip b", "label 2"),
        ({"clip_id": ["a", None]}, "row 1", "no clip_id"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_clip(tmp_path, columns, clip, found):
    path = raw(tmp_path / "p.parquet", **columns)
    with pytest.raises(InputError) as caught:
        read_predictions(path)
    assert str(path) in str(caught.value)
    assert clip in str(caught.value)
    assert found in str(caught.value)


def test_a_sum_within_the_tolerance_is_accepted(tmp_path):
    raw(tmp_path / "p.parquet", probabilities=[[0.5, 0.5], [0.5, 0.5009]])
    read_predictions(tmp_path / "p.parquet")


def test_what_would_be_refused_is_not_written(tmp_path):
    path = tmp_path / "p.parquet"
    with pytest.raises(InputError, match="clip b_1 has probability nan"):
        write(path, probabilities=np.array([[np.nan, 1], [0.5, 0.5], [0.5, 0.5]]))
    with pytest.raises(InputError, match="clip a occurs twice"):
        write(path, ids=["a", "b", "a"])
    assert not path.exists()


def test_lists_of_other_lengths_are_a_mistake_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match="2 labels"):
        write(tmp_path / "p.parquet", labels=[0, 1])


def test_no_file_and_no_parquet_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="no such prediction file"):
        read_predictions(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("Id,Target\n")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_predictions(tmp_path / "text.parquet")
    pq.write_table(pa.table({"clip_id": ["a"]}), tmp_path / "less.parquet")
    with pytest.raises(InputError, match="no column label, subject, probabilities"):
        read_predictions(tmp_path / "less.parquet")
