"""From videos and a skeleton store to the crops file."""

import numpy as np
import pytest

from microgesture.data.clip_file import Records
from microgesture.data.store import Clip, write_store
from microgesture.settings.video import Crops
from microgesture.utils.errors import InputError
from microgesture.video import make
from microgesture.video.crops import crops_of
from microgesture.video.make import make_crops
from microgesture.video.manifest import warnings
from tests.videos import number_in, stripes, write_video

HEIGHT, WIDTH = 48, 64
FILL = [[0.0, 0.0, 1.0], [WIDTH - 1.0, HEIGHT - 1.0, 1.0], [WIDTH / 2, HEIGHT / 2, 1.0]]


def clip(name, start, frames, total, split="train", number=0, recording=None):
    """A clip of a recording; its points span the whole frame, so that its crop does."""
    points = np.zeros((frames, 137, 3), np.float32)
    points[:, :3] = FILL
    video = recording or name.rpartition("_")[0]
    return Clip(name, number, "s", split, 25.0, HEIGHT, WIDTH, points, video, start, total)


def store_of(folder, clips):
    write_store(folder / "clips.parquet", clips, ["a", "b"], "test")
    return folder / "clips.parquet"


def crops(folder, store, out="crops.arrow", workers=1, **settings):
    base = {"side": 32, "padding": 0.0, "on_bad_clip": "stop", "root": str(folder)}
    config = Crops(**{**base, **settings})
    manifest = make_crops(store, config, folder / out, folder / "parts", {}, workers)
    return manifest, Records(folder / out)


def numbers(records, row):
    """Which frames of the video a clip's crops show."""
    count = int(records.index["num_frames"].iloc[row])
    return [number_in(one) for one in crops_of(records, row, np.arange(count))]


@pytest.fixture
def two_videos(tmp_path):
    for name in ("0001", "0002"):
        write_video(tmp_path / f"phase1/train_data/{name}/{name}.mp4", stripes(40))
    clips = [
        clip("0001_0", 3, 5, 40),
        clip("0001_1", 6, 10, 40, number=1),
        clip("0001_2", 39, 1, 40),
        clip("0002_0", 0, 4, 40, "test", number=-1),
    ]
    return tmp_path, store_of(tmp_path, clips)


def test_every_clip_gets_the_frames_of_its_rows(two_videos):
    folder, store = two_videos
    manifest, records = crops(folder, store)
    assert [numbers(records, row) for row in range(4)] == [
        [3, 4, 5, 6, 7],
        list(range(6, 16)),
        [39],
        [0, 1, 2, 3],
    ]
    index = records.index
    assert index["clip_id"].tolist() == ["0001_0", "0001_1", "0001_2", "0002_0"]
    assert index["label"].tolist() == [0, 1, 0, -1]
    assert index["split"].tolist() == ["train"] * 3 + ["test"]
    assert records.metadata["video"]["side"] == 32 and manifest["frames"] == 20
    # the second video is read no further than its last clip needs
    assert manifest["frames_decoded"] == 44 and manifest["missing"] == {}
    assert warnings(manifest) == [] and not (folder / "parts").exists()


def test_the_file_does_not_depend_on_the_workers(two_videos, monkeypatch):
    folder, store = two_videos
    monkeypatch.setattr(make, "CLIPS", 1)
    for workers in (1, 2):
        crops(folder, store, f"{workers}.arrow", workers)
    assert (folder / "1.arrow").read_bytes() == (folder / "2.arrow").read_bytes()


def test_a_run_goes_on_from_the_videos_that_were_finished(two_videos, monkeypatch, capsys):
    folder, store = two_videos
    whole, _ = crops(folder, store)
    monkeypatch.setattr(make, "CLIPS", 1)
    real = make._cut_part

    def cut_part(job):
        if "0002" in str(job.videos[0][0]):
            raise KeyboardInterrupt
        return real(job)

    monkeypatch.setattr(make, "_cut_part", cut_part)
    with pytest.raises(KeyboardInterrupt):
        crops(folder, store, "later.arrow")
    assert not (folder / "later.arrow").exists()
    cut = []
    monkeypatch.setattr(make, "_cut_part", lambda job: cut.append(job) or real(job))
    again, _ = crops(folder, store, "later.arrow")
    assert [job.videos[0][0].name for job in cut] == ["0002.mp4"]
    assert again == whole and "1 videos of an earlier run are kept" in capsys.readouterr().err
    assert (folder / "later.arrow").read_bytes() == (folder / "crops.arrow").read_bytes()


@pytest.mark.parametrize("change", ["setting", "video", "damage", "no notes"])
def test_parts_of_other_settings_or_videos_are_not_used(two_videos, monkeypatch, change):
    folder, store = two_videos
    monkeypatch.setattr(make, "CLIPS", 1)
    monkeypatch.setattr(make, "_join", lambda *_: pytest.fail("not reached"))
    with pytest.raises(pytest.fail.Exception):
        crops(folder, store)
    video = folder / "phase1/train_data/0001/0001.mp4"
    parts = sorted((folder / "parts").glob("*.arrow"))
    if change == "video":
        write_video(video, stripes(40)[::-1])
    for part in parts if change == "damage" else ():
        part.write_bytes(part.read_bytes()[:-50])
    for part in parts if change == "no notes" else ():
        part.with_suffix(".json").unlink()
    done, real = [], make._cut_part
    monkeypatch.setattr(make, "_cut_part", lambda job: done.append(job) or real(job))
    with pytest.raises(pytest.fail.Exception):
        crops(folder, store, side=24 if change == "setting" else 32)
    assert len(done) == (1 if change == "video" else 2)


def test_clips_cut_to_files_of_their_own_and_a_table(tmp_path):
    for name, first, last in (("0001_0", 3, 7), ("0001_1", 6, 9)):
        write_video(tmp_path / f"cut/{name}.mp4", stripes(40)[first : last + 1])
    write_video(tmp_path / "films/all.mp4", stripes(40))
    clips = [clip("0001_0", 3, 5, 40), clip("0001_1", 6, 4, 40)]
    store = store_of(tmp_path, clips)
    _, records = crops(tmp_path, store, root=str(tmp_path / "cut"))
    wanted = [[3, 4, 5, 6, 7], [6, 7, 8, 9]]
    assert [numbers(records, row) for row in (0, 1)] == wanted
    table = tmp_path / "films/table.csv"
    table.write_text("path,recording\nall.mp4,0001\n")
    _, records = crops(tmp_path, store, table=str(table), root=str(tmp_path / "films"))
    assert [numbers(records, row) for row in (0, 1)] == wanted
    table.write_text("clip_id;path;start;end\n0001_0;films/all.mp4;3;7\n0001_1;films/all.mp4;6;9\n")
    _, records = crops(tmp_path, store, table=str(table))
    assert [numbers(records, row) for row in (0, 1)] == wanted
    # a recording that begins later in its file, and ends before it
    table.write_text("recording,path,start,end\n0001,all.mp4,10,29\n")
    clips = [clip("0001_0", 3, 5, 20), clip("0001_1", 6, 4, 20)]
    store = store_of(tmp_path, clips)
    _, records = crops(tmp_path, store, table=str(table), root=str(tmp_path / "films"))
    assert [numbers(records, row) for row in (0, 1)] == [[13, 14, 15, 16, 17], [16, 17, 18, 19]]


def test_a_clip_without_video_stops_or_is_kept_black(two_videos):
    folder, _ = two_videos
    store = store_of(folder, [clip("0001_0", 3, 5, 40), clip("0003_0", 0, 4, 40)])
    with pytest.raises(InputError, match="clip 0003_0: there is no video of it nor of recording 0"):
        crops(folder, store)
    manifest, records = crops(folder, store, on_bad_clip="skip")
    assert list(manifest["missing"]) == records.metadata["video"]["missing"] == ["0003_0"]
    assert records.index["num_frames"].tolist() == [5, 4]
    assert not crops_of(records, 1, np.arange(4)).any() and crops_of(records, 0, np.arange(5)).any()
    told = warnings(manifest)
    assert told[0].startswith("1 of 2 clips have no crops")
    assert "such as 0003_0: " in told[0]
    assert (
        told[1]
        == f"1 videos have no skeletons, the first is {folder}/phase1/train_data/0002/0002.mp4"
    )
    with pytest.raises(InputError, match="no clip has a video that can be used; the first is 0003"):
        crops(folder, store_of(folder, [clip("0003_0", 0, 4, 40)]), on_bad_clip="skip")
