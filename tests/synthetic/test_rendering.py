"""The embedded videos: frame for frame the motion of the skeletons, blind to the class."""

import importlib.util
from dataclasses import replace
from itertools import islice

import av
import numpy as np
import pytest
from python_calamine import CalamineWorkbook

from microgesture.settings.generate import Generate
from microgesture.settings.parse import parse
from microgesture.synthetic import release
from microgesture.synthetic.body import sample_person
from microgesture.synthetic.recording import record
from microgesture.synthetic.rendering.film import render_frames, screen, write_mp4
from microgesture.synthetic.rendering.look import sample_look, sample_setting
from microgesture.utils.errors import InputError

HEIGHT, WIDTH = 96, 170
CONFIG = {
    "seed": 7,
    "fps": 25,
    "height": 720,
    "width": 1280,
    "subjects": {"train": 1, "val": 1, "test": 1},
    "clips": {"train": 32, "val": 32, "test": 32},
    "class_minimum": {"train": 1, "val": 1, "test": 1},
    "mean_seconds": 0.4,
    "noise": 0.012,
    "amplitude": 1.5,
}
VIDEO = {"height": HEIGHT, "width": WIDTH, "crf": 20}
SMALL: Generate = parse(Generate, CONFIG | {"video": {"height": 32, "width": 58, "crf": 30}}, "g")
GENERATE: Generate = parse(Generate, CONFIG | {"video": VIDEO}, "generate")
FOLDED, OBJECT, LIPS, TALK = 16, 25, 28, 31


def filmed(seed, labels, config=GENERATE, like=None, **changes):
    """A recording and its pictures to come.

    Seen as in the recording ``like``; ``changes`` are made to the recording, look and setting.
    """
    person = sample_person(np.random.default_rng([seed, 0]), 32)
    recording = record(np.random.default_rng([seed, 1]), person, labels, config)
    if like is not None:
        recording = replace(recording, camera=like.camera, edge=like.edge)
    of_subject, of_video = np.random.default_rng([seed, 2]), np.random.default_rng([seed, 3])
    parts = [recording, sample_look(of_subject), sample_setting(of_video)]
    for number, one in enumerate(parts):
        mine = {key: value for key, value in changes.items() if hasattr(one, key)}
        parts[number] = replace(one, **mine)
    recording, look, setting = parts
    return recording, render_frames(person, look, setting, recording, config, of_subject, of_video)


# --- files


PLAN = [
    release.Video(1, "test", 3, (LIPS, 8)),
    release.Video(2, "train", 1, (OBJECT, TALK)),
    release.Video(3, "val", 2, (FOLDED,)),
    release.Video(4, "train", 1, (3,)),
]


@pytest.fixture(scope="module", autouse=True)
def few_videos():
    """A full release has at least 96 clips."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release, "plan_videos", lambda config: PLAN)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("release")
    return out, release.generate(SMALL, out, workers=2)


def test_every_recording_has_an_mp4_of_as_many_frames_as_its_table_has_rows(made):
    out, manifest = made
    films = sorted(str(path.relative_to(out)) for path in out.rglob("*.mp4"))
    assert len(films) == 4 and set(films) < set(manifest["files"])
    for video in PLAN:
        name = f"{video.number:04d}"
        table = out / release.FOLDERS[video.split] / name / f"{name}_openpose.xlsx"
        rows = len(read_rows(table))
        folder = {
            "train": "imigue_rgb_phase1/train_data",
            "val": "imigue_rgb_phase1/validation_data",
            "test": "imigue_rgb_phase2",
        }[video.split]
        with av.open(str(out / folder / name / f"{name}.mp4")) as film:
            stream = film.streams.video[0]
            assert (stream.codec_context.name, stream.average_rate) == ("h264", 25)
            shapes = [frame.to_ndarray(format="rgb24").shape for frame in film.decode(stream)]
        assert shapes == [(32, 58, 3)] * rows


def read_rows(path):
    return CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()


def test_skeletons_are_the_same_without_video_and_films_with_one_worker(made, tmp_path):
    _, manifest = made
    alone = release.generate(SMALL.model_copy(update={"video": None}), tmp_path / "alone")
    films = {path for path in manifest["files"] if path.endswith(".mp4")}
    assert alone["files"] == {k: v for k, v in manifest["files"].items() if k not in films}
    again = release.generate(SMALL, tmp_path / "again")
    assert again["files"] == manifest["files"]


def test_films_of_an_earlier_config_are_removed(tmp_path):
    config = SMALL.model_copy(update={"video": None})
    release.generate(config, tmp_path)
    left = tmp_path / "imigue_rgb_phase2/0009/0009.mp4"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"film")
    (tmp_path / release.MARK).unlink()
    with pytest.raises(InputError, match="was not generated here"):
        release.generate(config, tmp_path)
    (tmp_path / release.MARK).touch()
    release.generate(config, tmp_path)
    assert not left.exists()


def test_a_film_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def broken(*arguments):
        yield np.zeros((32, 58, 3), np.uint8)
        raise RuntimeError("broken")

    monkeypatch.setattr("microgesture.synthetic.rendering.film.render_frames", broken)
    for name in (release.MARK, "manifest.json"):
        (tmp_path / name).write_text("of an earlier one")
    with pytest.raises(RuntimeError, match="broken"):
        release.generate(SMALL, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if "mp4" in path.name]
    assert not (tmp_path / "manifest.json").exists()


def test_video_needs_its_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "av" else name)
    with pytest.raises(InputError, match=r"data.generate.video needs av, .*microgesture\[video\]"):
        release.generate(SMALL, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("key", "value"), [("height", 241), ("width", 16), ("crf", 52)])
def test_sizes_that_cannot_be_encoded_are_refused(key, value):
    with pytest.raises(InputError, match=f"generate.video.{key}"):
        parse(Generate, CONFIG | {"video": VIDEO | {key: value}}, "generate")


# --- pictures


def magenta(pictures):
    """How much of magenta, which nothing else has, is in each pixel (..., H, W)."""
    red, green, blue = (pictures[..., c].astype(float) for c in range(3))
    return np.clip(np.minimum(red, blue) - 1.5 * green, 0, None)


@pytest.fixture(scope="module")
def coloured():
    """A film of hands that talk, with skin of a known colour and all else grey."""
    grey = np.full(3, 120.0)
    changes = {"skin": np.array([220.0, 0, 220]), "lips": grey, "cloth": grey, "under": grey}
    changes |= {"clothes": "sweater", "cap": None, "microphone": None, "tint": np.ones(3)}
    recording, frames = filmed(3, [TALK, 10, 22], edge=8.0, grain=0.5, thing="pen", **changes)
    pictures = np.stack([picture.copy() for picture in frames])
    truth = recording.truth
    seen = screen(recording, GENERATE, GENERATE.video, truth)[0] / 2
    return recording, pictures, seen


def share_on_skin(pictures, places):
    """The share of points (T, V, 2) in pixels that lie on skin."""
    column, row = np.moveaxis(np.floor(places).astype(int), -1, 0)
    inside = (column >= 0) & (column < WIDTH) & (row >= 0) & (row < HEIGHT)
    frame = np.arange(len(places))[:, None].repeat(places.shape[1], 1)
    return (magenta(pictures)[frame[inside], row[inside], column[inside]] > 25).mean()


def test_hands_and_face_are_drawn_where_the_skeleton_has_them(coloured):
    _, pictures, seen = coloured
    hands, face = seen[:, 95:, :2], seen[:, [25 + 8, 30 + 25, 27 + 25, 33 + 25], :2]
    assert len(pictures) == len(seen)
    assert share_on_skin(pictures, hands) > 0.9
    assert share_on_skin(pictures, face) > 0.8
    for shift in ([14, 0], [-14, 0], [0, -14]):
        assert share_on_skin(pictures, hands + shift) < 0.5


def test_frame_for_frame_also_when_it_was_encoded(coloured, tmp_path):
    _, pictures, seen = coloured
    path = tmp_path / "film.mp4"
    assert write_mp4(path, iter(pictures), GENERATE.video, 25.0) == len(pictures)
    with av.open(str(path)) as film:
        read = np.stack([f.to_ndarray(format="rgb24") for f in film.decode(video=0)])
    assert len(read) == len(pictures)
    amount = magenta(read)
    amount[:, :50] = 0  # without the head
    weight = amount.sum(axis=(1, 2))
    high = (amount.sum(axis=2) @ np.arange(HEIGHT)) / weight
    wrists = seen[:, [100, 121], 1].mean(axis=1)
    both = (weight > 0.5 * np.median(weight)) & (seen[:, [4, 7], 1].min(axis=1) > 55)

    def agreement(shift):
        a, b = np.gradient(high), np.gradient(np.roll(wrists, shift))
        return np.corrcoef(a[both][5:-5], b[both][5:-5])[0, 1]

    assert agreement(0) > 0.7
    assert agreement(0) > max(agreement(shift) for shift in (-3, -2, -1, 1, 2, 3))


def lips_area(press, opening):
    """Pixels of lips, green as nothing else, of a face with pressed or parted lips."""
    config = parse(Generate, CONFIG | {"video": {"height": 240, "width": 426, "crf": 20}}, "g")
    recording, _ = filmed(4, [TALK], config)
    performance, total = recording.performance, len(recording.truth)
    still = dict.fromkeys(performance.channels, np.zeros(total))
    still |= {"press": np.full(total, press), "open": np.full(total, opening)}
    truth = performance.truth.copy()
    truth[:, [3, 4, 6, 7, *range(95, 137)]] += [0, 90, 0]  # no hand before the face
    changes = {"lips": np.array([0.0, 230, 0]), "beard": 0.0, "tint": np.ones(3), "grain": 0.1}
    changes |= {"skin": np.full(3, 150.0), "microphone": None}
    moved = replace(performance, channels=still, truth=truth)
    _, frames = filmed(4, [TALK], config, performance=moved, **changes)
    red, green, blue = np.moveaxis(next(frames).astype(float), -1, 0)
    face = screen(recording, config, config.video, truth[:1])[0][0, 25:95, :2] / 2
    (left, top), (right, bottom) = face.min(0).astype(int), face.max(0).astype(int) + 2
    return (green > 1.4 * np.maximum(red, blue))[top:bottom, left:right].sum()


def test_pressed_lips_vanish():
    rest = lips_area(0.0, 0.0)
    assert rest >= 12
    assert lips_area(1.0, 0.0) < 0.6 * rest


def test_what_lies_at_hand_is_taken_when_it_is_played_with():
    blue = {"thing_colour": np.array([0.0, 0, 255]), "thing": "bottle", "microphone": None}
    grey = dict.fromkeys(("skin", "cloth", "under", "wood"), np.full(3, 120.0))
    recording, frames = filmed(5, [LIPS, OBJECT], edge=-9.0, tie=None, cap=None, **blue, **grey)
    (_, start, end), (_, first, last) = recording.clips
    pictures = [picture.copy() for picture in frames]

    def place(frame):
        red, green, other = np.moveaxis(pictures[frame].astype(float), -1, 0)
        row, column = np.nonzero(other > 1.6 * np.maximum(red, green) + 20)
        return np.array([row.mean(), column.mean()])

    held = recording.performance.held.max(axis=1)
    assert held[: first - 15].max() == 0 and held[(first + last) // 2] > 0.9
    still = np.linalg.norm(place((start + end) // 2) - place(0))
    taken = np.linalg.norm(place((first + last) // 2) - place(0))
    assert still < 1 and taken > 4


# --- nothing but the movement tells the class


def test_other_classes_change_no_pixel_beside_the_person():
    first, frames = filmed(6, [LIPS, TALK])
    second, others = filmed(6, [FOLDED, 3], like=first)
    assert len(first.truth) == len(second.truth)
    changed = np.zeros((HEIGHT, WIDTH))
    for one, other in zip(frames, others, strict=True):
        changed += (one != other).any(axis=-1)
    seen = np.concatenate(
        [
            screen(r, GENERATE, GENERATE.video, r.truth)[0][..., :2].reshape(-1, 2) / 2
            for r in (first, second)
        ]
    )
    left, top = np.floor(seen.min(axis=0)).astype(int) - 14
    right = int(seen[:, 0].max()) + 14
    assert changed.sum() > 0
    assert changed[:, : max(0, left)].sum() == changed[:, right:].sum() == 0
    assert changed[: max(0, top)].sum() == 0


def thumbnails(count, config):
    """Small grey pictures of unlike subjects before and in a clip, and beside them; the classes."""
    shown = {"before": [], "inside": [], "background": []}
    labels = np.arange(count) % 32
    for number, label in enumerate(labels):
        recording, frames = filmed(1000 + number, [label], config)
        _, start, end = recording.clips[0]
        inside = np.random.default_rng(number).integers(start, end + 1)
        small = [picture.mean(axis=-1)[::2, ::2] for picture in islice(frames, inside + 1)]
        shown["before"].append(small[0].ravel())
        shown["inside"].append(small[-1].ravel())
        # without all of the middle: the outline of a person would tell the posture
        shown["background"].append(np.delete(small[-1], np.s_[4:25], axis=1).ravel())
    return {name: np.array(pictures) for name, pictures in shown.items()}, labels


def accuracy(pictures, labels):
    """Of the nearest of the classes' mean pictures, learned on one half of the subjects."""
    half = len(labels) // 2
    means = np.stack([pictures[:half][labels[:half] == c].mean(axis=0) for c in range(32)])
    gaps = np.linalg.norm(pictures[half:, None] - means, axis=-1)
    return (gaps.argmin(axis=1) == labels[half:]).mean()


def test_one_picture_and_the_background_tell_nothing():
    config = parse(Generate, CONFIG | {"video": {"height": 32, "width": 58, "crf": 20}}, "g")
    shown, labels = thumbnails(128, config)
    bound = 1 / 32 + 4 * np.sqrt(31 / 32**2 / 64)  # chance and four deviations
    for name, pictures in shown.items():
        assert accuracy(pictures, labels) < bound, name
    # the classifier finds a leak: something in the background that goes with the class
    leak = shown["background"].copy()
    for number, label in enumerate(labels):
        leak[number, 4 * label : 4 * label + 4] = 255
    assert accuracy(leak, labels) > 2 * bound
