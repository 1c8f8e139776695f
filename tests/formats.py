"""Writers of every documented form, each giving back the `data` section that reads it."""

import csv
import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from microgesture.data.classes import UNKNOWN
from microgesture.data.keypoint_formats import named_format
from microgesture.data.store import SCHEMA, Clip
from microgesture.readers.common import POINTS22
from tests.videos import textures, write_video

SIZE = {"fps": 25.0, "height": 720, "width": 1280}
BODY_SIZES = {
    75: list(range(25)),
    # OpenPose's COCO order of 18 points, as BODY_25 numbers
    54: [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18],
}


def some_clips(missing=True, frames=(5, 3, 4)):
    """One clip a split, of different lengths; some points were not found."""
    clips = []
    for number, (split, count) in enumerate(zip(("train", "val", "test"), frames, strict=True)):
        rng = np.random.default_rng(number)
        points = rng.uniform(0.05, 1, (count, 137, 3)).astype(np.float32)
        points[..., :2] *= (1280, 720)
        if missing:
            points[rng.random((count, 137)) < 0.2] = 0
        # what other tests look at is always there
        points[:, [1, 2, 5], 2] = 0.5
        video = f"000{number}"
        clips.append(Clip(f"{video}_0", number, video, split, 25.0, 720, 1280, points))
    return clips


def class_name(clip, names):
    """What a file holds for a clip's label."""
    return None if clip.label == UNKNOWN else names[clip.label]


def person(points, body=75, version=1.3):
    """One entry of `people`, (137, 3), as OpenPose writes it."""
    parts = {
        "pose_keypoints_2d": points[BODY_SIZES[body]],
        "face_keypoints_2d": points[25:95],
        "hand_left_keypoints_2d": points[95:116],
        "hand_right_keypoints_2d": points[116:137],
    }
    entry = {key: part.ravel().tolist() for key, part in parts.items()}
    return {**({"person_id": [-1]} if version > 1.2 else {}), **entry, "pose_keypoints_3d": []}


def write_frame(path, people, version=1.3):
    path.write_text(json.dumps({"version": version, "people": people}), encoding="utf-8")


def write_frames(folder, points, name="clip", **how):
    folder.mkdir(parents=True)
    for number, frame in enumerate(points):
        version = how.get("version", 1.3)
        write_frame(
            folder / f"{name}_{number:012d}_keypoints.json", [person(frame, **how)], version
        )


def write_openpose_json(root, clips, names):
    with open(root / "labels.csv", "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["folder", "label", "subject", "split"])
        for clip in clips:
            write_frames(root / "json" / clip.clip_id, clip.points)
            writer.writerow([clip.clip_id, class_name(clip, names), clip.subject, clip.split])
    places = {"root": str(root / "json"), "labels": str(root / "labels.csv")}
    return {"format": "openpose_json", **places, **SIZE}


def write_miga2025(root, clips):
    folders = {
        "train": "imigue_data_phase1/datasets/imigue_skeleton_train",
        "val": "imigue_data_phase1/datasets/imigue_skeleton_validate",
        "test": "imigue_data_phase2/imigue_skeleton_test",
    }
    for raw, clip in enumerate(clips, 1):
        folder = root / folders[clip.split] / clip.subject
        write_points_sheet(folder / f"{clip.subject}_openpose.xlsx", clip.points)
        labels = f"{raw},0,{len(clip.points) - 1}\n"
        (folder / f"{clip.subject}_label.csv").write_text(labels)
    return {"format": "miga2025", "root": str(root), "test_labels": "real"}


def write_points_sheet(path, points):
    """A spreadsheet of a row a frame, (T, 137, 3) as 411 columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    for frame, row in enumerate(points.reshape(len(points), -1).tolist()):
        sheet.write_row(frame, 0, row)
    book.close()


def write_imigue2021(root, clips):
    """The licensed release: a spreadsheet a video, one table, the videos' folders by split."""
    folders = {
        "train": "iMiGUE_RGB_Phase1/imigue_rgb_train",
        "val": "iMiGUE_RGB_Phase1/imigue_rgb_validate",
        "test": "iMiGUE_RGB_Phase2/imigue_rgb_test",
    }
    rows = ["video_id,subject_id,class,start_frame,end_frame,win_or_lose"]
    for raw, clip in enumerate(clips, 1):
        video = clip.clip_id.partition("_")[0]
        write_points_sheet(root / "mg_skeleton_only" / video / f"{video}_2.xlsx", clip.points)
        (root / folders[clip.split] / video).mkdir(parents=True)
        (root / folders[clip.split] / video / f"{video}.mp4").write_bytes(b"")
        rows.append(f"{int(video)},{clip.subject},{raw},0,{len(clip.points) - 1},Win")
    (root / "Label").mkdir()
    (root / "Label" / "labels_20200831.csv").write_text("\n".join(rows) + "\n")
    return {"format": "imigue2021", "root": str(root)}


def write_release2023(root, clips, labels=None):
    for split, name in (("train", "train"), ("val", "valid"), ("test", "test")):
        of_split = [clip for clip in clips if clip.split == split]
        array = np.zeros((len(of_split), 3, 90, 22, 1), np.float32)
        for row, clip in enumerate(of_split):
            array[row, :, : len(clip.points), :, 0] = clip.points[:, POINTS22].transpose(2, 0, 1)
        np.save(root / f"{name}_data.npy", array)
        ids = [clip.clip_id for clip in of_split]
        raw = labels or [clip.label for clip in of_split]
        (root / f"{name}_label.pkl").write_bytes(pickle.dumps((ids, raw)))
    return {"format": "release2023", "root": str(root), **SIZE}


def annotations(clips, numbers=range(137), scores=True):
    """PySKL's list of annotations, with the points `numbers`."""
    made = []
    for clip in clips:
        points = clip.points[None][:, :, list(numbers)]
        made.append(
            {
                "frame_dir": clip.clip_id,
                "label": clip.label,
                "img_shape": (clip.height, clip.width),
                "original_shape": (clip.height, clip.width),
                "total_frames": len(clip.points),
                "keypoint": points[..., :2],
                **({"keypoint_score": points[..., 2]} if scores else {}),
            }
        )
    return made


def write_pyskl(root, clips, protocol=pickle.DEFAULT_PROTOCOL, **how):
    splits = {s: [c.clip_id for c in clips if c.split == s] for s in ("train", "val", "test")}
    content = {"split": splits, "annotations": annotations(clips, **how)}
    (root / "clips.pkl").write_bytes(pickle.dumps(content, protocol))
    return {"format": "pyskl", "path": str(root / "clips.pkl"), "fps": 25.0}


def dump_pickle(path, clips, entries):
    """A pickle of annotations with the clips' splits."""
    splits = {s: [c.clip_id for c in clips if c.split == s] for s in ("train", "val", "test")}
    path.write_bytes(pickle.dumps({"split": splits, "annotations": entries}))


def write_smg(root, clips):
    """The 2-D points 0 to 24 of each clip, in a sample of its own."""
    folders = {"train": "smg_skeleton_train", "val": "smg_skeleton_validate"}
    for clip in clips:
        folder = root / folders.get(clip.split, "smg_skeleton_test") / clip.subject
        folder.mkdir(parents=True)
        table = np.full((len(clip.points), 25, 11), 9.0)
        table[..., 7:9] = clip.points[:, :25, :2]
        rows = [",".join(map(repr, row)) for row in table.reshape(len(table), -1).tolist()]
        (folder / f"{clip.subject}_skeleton.csv").write_text("\n".join(rows) + "\n")
        (folder / f"{clip.subject}_data.csv").write_text(f"{len(table)},25,4096\n")
        labels = f"{clip.label + 1},0,{len(table) - 1}\n"
        (folder / f"{clip.subject}_finelabels.csv").write_text(labels)
    return {"format": "smg", "root": str(root), "height": 720, "width": 1280}


def write_parquet(root, clips, names):
    columns = {
        name: [getattr(clip, name) for clip in clips]
        for name in SCHEMA.names
        if name not in ("points", "num_frames")
    }
    columns["label"] = [class_name(clip, names) for clip in clips]
    columns["num_frames"] = [len(clip.points) for clip in clips]
    columns["points"] = [clip.points.ravel() for clip in clips]
    table = pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)
    pq.write_table(table, root / "clips.parquet")
    return {"format": "parquet", "path": str(root / "clips.parquet")}


def write_csv(root, clips, names):
    with open(root / "points.csv", "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        head = ["clip_id", "label", "subject", "split", "fps", "height", "width"]
        writer.writerow([*head, "frame", "point", "x", "y", "score"])
        for clip in clips:
            of_clip = [getattr(clip, name) for name in head]
            of_clip[1] = class_name(clip, names)
            found = clip.points[..., 2] > 0
            # the last frame is told by a row, also where nothing was found in it
            found[-1, 0] = True
            for frame, point in np.argwhere(found).tolist():
                values = clip.points[frame, point].tolist()
                writer.writerow([*of_clip, frame, point, *values])
    return {"format": "csv", "path": str(root / "points.csv")}


def write_segments(root, clips, names):
    """A table that names each clip as the whole of a recording of the subject's name."""
    rows = [[one.subject, class_name(one, names), 0, len(one.points) - 1] for one in clips]
    with open(root / "segments.csv", "w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([["recording_id", "label", "start", "end"], *rows])
    return str(root / "segments.csv")


def write_videos(root, clips, names):
    """A video of textures for each clip; nobody is seen in it."""
    for clip in clips:
        write_video(root / "videos" / f"{clip.subject}.mp4", textures(len(clip.points)))
    segments = write_segments(root, clips, names)
    return {"format": "video", "root": str(root / "videos"), "segments": segments}


def write_detections(root, clips, names):
    """A file of each clip as MMPose writes it, with the 133 points of COCO-WholeBody."""
    numbers = named_format("coco_wholebody133")
    (root / "found").mkdir()
    for clip in clips:
        given = clip.points[:, [0 if n is None else n for n in numbers]].tolist()
        frames = [
            {
                "instances": [
                    {
                        "keypoints": [point[:2] for point in frame],
                        "keypoint_scores": [point[2] for point in frame],
                    }
                ]
            }
            for frame in given
        ]
        (root / "found" / f"{clip.subject}.json").write_text(json.dumps(frames))
    segments = write_segments(root, clips, names)
    return {"format": "detections", "root": str(root / "found"), "segments": segments, **SIZE}


def make_points(seed, frames):
    points = np.random.default_rng(seed).uniform(0.05, 1, (frames, 137, 3))
    points[..., :2] *= (1280, 720)
    return points.round(3)


def write_recordings(root, recordings, segments):
    """The plain form of long recordings; `segments` are rows (recording, label, start, end)."""
    kept = [name for name in SCHEMA.names if name not in ("clip_id", "label", "num_frames")]
    columns = {name: [getattr(one, name) for one in recordings] for name in kept}
    columns["points"] = [one.points.ravel() for one in recordings]
    columns["recording_id"] = [one.clip_id for one in recordings]
    columns["num_frames"] = [len(one.points) for one in recordings]
    types = {name: SCHEMA.field(name).type for name in kept}
    types |= {"recording_id": pa.string(), "num_frames": pa.int32()}
    pq.write_table(pa.table(columns, schema=pa.schema(types)), root / "recordings.parquet")
    with open(root / "segments.csv", "w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([["recording_id", "label", "start", "end"], *segments])
    paths = {"path": str(root / "recordings.parquet"), "segments": str(root / "segments.csv")}
    return {"format": "recordings", **paths}
