import pickle

import numpy as np
import pytest

from microgesture.data.clip_file import Records, prepared_points, write_records
from microgesture.heatmaps.cache import cached_frames
from microgesture.heatmaps.draw import draw_reference
from microgesture.heatmaps.grid import clip_box, to_grid
from microgesture.utils.errors import InputError
from tests.conftest import make_clip
from tests.sections import prepare_clips
from tests.steps import build_cache

HEATMAPS = {"size": 20, "sigma": 0.6, "padding": 0.25}
CLEANING = {"min_score": 0.05, "max_jump": 1.5}


def row(number, blobs):
    return {
        "clip_id": f"c{number}",
        "label": number if number % 2 else -1,
        "subject": "s",
        "split": "train",
        "num_frames": len(blobs),
        "blobs": blobs,
    }


def test_blobs_come_back_by_row_and_number_over_batches(tmp_path):
    content = [[bytes([i, j]) * (j + 1) for j in range(i % 3 + 1)] for i in range(23)]
    with write_records(tmp_path / "r.arrow", {"a": 1}, batch=5) as writer:
        for number, blobs in enumerate(content):
            writer.append(row(number, blobs))
    records = Records(tmp_path / "r.arrow")
    for opened in (records, pickle.loads(pickle.dumps(records))):
        assert opened.metadata == {"a": 1}
        found = [
            [opened.blob(i, j).to_pybytes() for j in range(len(b))] for i, b in enumerate(content)
        ]
        assert found == content
    assert records.index["label"].tolist() == [i if i % 2 else -1 for i in range(23)]


def test_nothing_is_left_when_writing_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), write_records(tmp_path / "r.arrow", {}) as writer:
        writer.append(row(0, [b"x"]))
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "r.arrow"
    with write_records(path, {}) as writer:
        writer.append(row(0, [b"x" * 1000]))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"r.arrow: not a readable record file"):
        Records(path)


def stream(tmp_path, layout, clips, length=None):
    config = {"cleaning": CLEANING, "length": length, "max_gap": 3, "on_bad_clip": "stop"}
    path = tmp_path / "s.arrow"
    manifest = prepare_clips(clips, layout, config, path)
    return path, manifest


def test_a_native_stream_holds_the_layouts_points(tmp_path, layout22):
    clips = [make_clip("a", 5), make_clip("b", 8, "right", "test", 1)]
    path, manifest = stream(tmp_path, layout22, clips)
    records = Records(path)
    assert (manifest["clips"], manifest["frames"]) == (2, 13)
    assert records.index["label"].tolist() == [0, 1]
    for number, clip in enumerate(clips):
        assert np.array_equal(prepared_points(records, number), clip.points[:, layout22.points])


def test_an_aligned_stream_has_the_target_length(tmp_path, layout22):
    path, _ = stream(tmp_path, layout22, [make_clip("a", 5), make_clip("b", 40)], length=12)
    records = Records(path)
    assert [prepared_points(records, i).shape for i in (0, 1)] == [(12, 22, 3)] * 2


def test_a_clip_with_no_visible_point_of_the_layout_is_named(tmp_path, layout22):
    clip = make_clip("0007_3")
    clip.points[:, layout22.points] = 0
    with pytest.raises(InputError, match="clip 0007_3: none of the 22 points of layout openpose22"):
        stream(tmp_path, layout22, [clip])
    assert list(tmp_path.iterdir()) == []


def test_a_clip_with_no_visible_point_is_kept_empty_where_bad_clips_are_skipped(tmp_path, layout22):
    clip = make_clip("0007_3")
    clip.points[:] = 0
    config = {"cleaning": CLEANING, "length": None, "max_gap": 3, "on_bad_clip": "skip"}
    clips = [clip, make_clip("0007_4")]
    manifest = prepare_clips(clips, layout22, config, tmp_path / "s.arrow")
    assert manifest["empty"] == ["0007_3"] and manifest["clips"] == 2
    build_cache(tmp_path / "s.arrow", layout22, "joint", HEATMAPS, tmp_path / "h.arrow")
    cache = Records(tmp_path / "h.arrow")
    assert cached_frames(cache, 0, np.arange(9)).max() == 0
    assert cached_frames(cache, 1, np.arange(9)).max() > 0


@pytest.mark.parametrize("kind", ["joint", "limb"])
def test_the_cache_holds_what_the_reference_draws(tmp_path, layout22, kind):
    path, _ = stream(tmp_path, layout22, [make_clip("a", 5), make_clip("b", 8, "right")])
    manifest = build_cache(path, layout22, kind, HEATMAPS, tmp_path / "h.arrow")
    cache, points = Records(tmp_path / "h.arrow"), prepared_points(Records(path), 1)
    grid = to_grid(points, clip_box(points, 0.25), 20)[None]
    expected = draw_reference(grid, kind, layout22.edges, 0.6, (20, 20)).swapaxes(0, 1)
    volume = cached_frames(cache, 1, np.arange(8))
    assert volume.dtype == np.uint8
    assert np.abs(volume / 255 - expected).max() <= 0.5 / 255 + 1e-6
    assert manifest["dense_bytes"] == 13 * layout22.channels(kind) * 400


def test_frames_of_the_cache_come_in_the_order_asked(tmp_path, layout22):
    path, _ = stream(tmp_path, layout22, [make_clip("a", 5)])
    build_cache(path, layout22, "joint", HEATMAPS, tmp_path / "h.arrow")
    cache = Records(tmp_path / "h.arrow")
    volume = cached_frames(cache, 0, np.arange(5))
    chosen = cached_frames(cache, 0, np.array([3, 3, -1, 0]))
    assert np.array_equal(chosen[:, :2], volume[:, [3, 3]]) and np.array_equal(
        chosen[:, 3], volume[:, 0]
    )
    assert chosen[:, 2].max() == 0


def test_the_cache_does_not_depend_on_the_number_of_threads(tmp_path, layout22):
    path, _ = stream(tmp_path, layout22, [make_clip(f"c{i}", 4 + i, seed=i) for i in range(9)])
    hashes = {
        build_cache(path, layout22, "limb", HEATMAPS, tmp_path / "h.arrow", threads)["sha256"]
        for threads in (1, 3)
    }
    assert len(hashes) == 1
