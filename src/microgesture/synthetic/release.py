"""Writes the embedded data set as the MiGA 2025 release lies on an entrant's disk."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.settings.generate import Generate
from microgesture.synthetic.body import Person, sample_person
from microgesture.synthetic.feelings import Mood, deal, sample_moods
from microgesture.synthetic.gestures import CLASSES, FREQUENCY
from microgesture.synthetic.recording import Recording, record
from microgesture.synthetic.xlsx import write_points
from microgesture.utils.errors import InputError
from microgesture.utils.files import atomic_path, sha256, write_json, write_text
from microgesture.utils.packages import need_video_packages
from microgesture.utils.process_pool import process_pool

FOLDERS = {
    "train": "imigue_data_phase1/datasets/imigue_skeleton_train",
    "val": "imigue_data_phase1/datasets/imigue_skeleton_validate",
    "test": "imigue_data_phase2/imigue_skeleton_test",
}
VIDEO_FOLDERS = {
    "train": "imigue_rgb_phase1/train_data",
    "val": "imigue_rgb_phase1/validation_data",
    "test": "imigue_rgb_phase2",
}
SPLITS = tuple(FOLDERS)
OUTCOMES = {"train": "train_label.csv", "val": "validation_label.csv", "test": "test_label.csv"}
"""Tables of won and lost recordings, where there are outcomes."""
MARK = "GENERATED.txt"
CLIPS_PER_VIDEO = 35
# What a random stream is for: seeds of different uses never meet.
_PLAN, _SUBJECT, _VIDEO, _LOOK, _SETTING, _MOOD = range(6)


@dataclass(frozen=True)
class Video:
    """One recording to make: its number, whose it is, and the classes acted out in order.

    ``mood`` is what its outcome does, where there are outcomes.
    """

    number: int
    split: str
    subject: int
    labels: tuple[int, ...]
    mood: Mood | None = None


def _stream(seed: int, use: int, number: int = 0) -> np.random.Generator:
    """A random stream that depends on nothing but its key."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(use, number)))


def class_counts(total: int, minimum: int) -> np.ndarray:
    """Clips of each class (K,): at least ``minimum``, the rest by iMiGUE's long tail.

    The sum is ``total``, or the sum of the minima where that is more.
    """
    spare = max(0, total - minimum * len(FREQUENCY))
    share = spare * FREQUENCY / FREQUENCY.sum()
    counts = np.floor(share).astype(int)
    # Largest remainders get the clips that rounding down left over.
    order = np.argsort(-(share - counts), kind="stable")
    counts[order[: spare - counts.sum()]] += 1
    return counts + minimum


def plan_videos(config: Generate) -> list[Video]:
    """Deal the clips of each split to subjects and videos, at random, blind to their class."""
    if config.emotion is not None:
        return _plan_outcomes(config)
    rng = _stream(config.seed, _PLAN)
    drafts: list[tuple[str, int, tuple[int, ...]]] = []
    subject = 0
    for split in SPLITS:
        counts = class_counts(config.clips.of(split), config.class_minimum.of(split))
        labels = rng.permutation(np.repeat(np.arange(len(CLASSES)), counts))
        people = config.subjects.of(split)
        busy = rng.dirichlet(np.full(people, 12.0))
        cuts = np.rint(np.cumsum(busy)[:-1] * len(labels)).astype(int)
        for share in np.split(labels, cuts):
            subject += 1
            pieces = max(1, round(len(share) / CLIPS_PER_VIDEO))
            for piece in np.array_split(share, pieces):
                if len(piece):
                    drafts.append((split, subject, tuple(int(label) for label in piece)))
    numbers = rng.permutation(len(drafts)) + 1
    videos = [Video(int(n), *draft) for n, draft in zip(numbers, drafts, strict=True)]
    return sorted(videos, key=lambda video: video.number)


def _plan_outcomes(config: Generate) -> list[Video]:
    """Deal the clips of each split to the recordings of its subjects, as their moods ask for."""
    assert config.emotion is not None
    rng, of_moods = _stream(config.seed, _PLAN), _stream(config.seed, _MOOD)
    drafts: list[tuple[str, int, tuple[int, ...], Mood]] = []
    subject = 0
    for split in SPLITS:
        counts = class_counts(config.clips.of(split), config.class_minimum.of(split))
        labels = rng.permutation(np.repeat(np.arange(len(CLASSES)), counts))
        people, wins = config.subjects.of(split), config.emotion.wins.of(split)
        moods = sample_moods(of_moods, people, config.emotion, float(wins))
        every = [mood for mine in moods for mood in mine]
        dealt = iter(deal(rng, labels, every))
        for mine in moods:
            subject += 1
            drafts += [(split, subject, next(dealt), mood) for mood in mine]
    drafts = [draft for draft in drafts if draft[2]]
    numbers = rng.permutation(len(drafts)) + 1
    videos = [Video(int(n), *draft) for n, draft in zip(numbers, drafts, strict=True)]
    return sorted(videos, key=lambda video: video.number)


def _write_outcomes(videos: list[Video], out: Path) -> list[str]:
    """Write the tables of won and lost recordings; their names."""
    for split, name in OUTCOMES.items():
        mine = [(v.number, v.mood.won) for v in videos if v.split == split and v.mood]
        lines = [f"{number:04d},{'Win' if won else 'Lose'}\n" for number, won in mine]
        write_text(out / name, "video_id,label\n" + "".join(lines))
    return list(OUTCOMES.values())


def _write_video(video: Video, config: Generate, out: Path) -> dict[str, Any]:
    """Record and write one video; what the manifest says of it."""
    person = sample_person(_stream(config.seed, _SUBJECT, video.subject), len(CLASSES))
    rng = _stream(config.seed, _VIDEO, video.number)
    zoom = float(config.emotion.zoom) if config.emotion else 1.0
    recording = record(rng, person, video.labels, config, video.mood, zoom)
    name = f"{video.number:04d}"
    table = f"{FOLDERS[video.split]}/{name}/{name}_openpose.xlsx"
    rows = f"{FOLDERS[video.split]}/{name}/{name}_label.csv"
    write_points(out / table, recording.points)
    raw = [(99 if c == len(CLASSES) - 1 else c + 1, a, b) for c, a, b in recording.clips]
    write_text(out / rows, "".join(f"{c},{a},{b}\n" for c, a, b in raw))
    written = [table, rows]
    if config.video is not None:
        film = f"{VIDEO_FOLDERS[video.split]}/{name}/{name}.mp4"
        _write_film(video, config, person, recording, out / film)
        written.append(film)
    return {
        "frames": len(recording.points),
        "files": {path: sha256(out / path) for path in written},
    }


def _write_film(
    video: Video, config: Generate, person: Person, recording: Recording, path: Path
) -> None:
    """Render what was recorded; looks come from streams of their own, blind to the classes."""
    # with packages of the extra `video`
    from microgesture.synthetic.rendering.film import render_frames, write_mp4
    from microgesture.synthetic.rendering.look import sample_look, sample_setting

    assert config.video is not None
    of_subject = _stream(config.seed, _LOOK, video.subject)
    of_video = _stream(config.seed, _SETTING, video.number)
    look, setting = sample_look(of_subject), sample_setting(of_video)
    pictures = render_frames(person, look, setting, recording, config, of_subject, of_video)
    with atomic_path(path) as temporary:
        write_mp4(temporary, pictures, config.video, float(config.fps), setting.crf_shift)


def _job(task: tuple[Video, Generate, str]) -> dict[str, Any]:
    """`_write_video` for a worker process."""
    video, config, out = task
    return _write_video(video, config, Path(out))


def _clear(out: Path) -> None:
    """Remove what was generated before: of another config, other videos would stay."""
    folders = [*FOLDERS.values(), *VIDEO_FOLDERS.values()]
    phases = sorted({out / Path(folder).parts[0] for folder in folders})
    held = [phase for phase in phases if phase.exists()]
    if held and not (out / MARK).is_file():
        raise InputError(
            f"{held[0]}: was not generated here (there is no {out / MARK}), and would be "
            "overwritten; give another folder, or remove it"
        )
    # what is not whole has no manifest
    (out / "manifest.json").unlink(missing_ok=True)
    for phase in held:
        shutil.rmtree(phase)
    if (out / MARK).is_file():
        for name in OUTCOMES.values():
            (out / name).unlink(missing_ok=True)
    write_text(out / MARK, "Generated data: all of it is replaced when it is generated again.\n")


def generate(config: Generate, out: Path, workers: int = 1) -> dict[str, Any]:
    """Write the synthetic data set.

    Parameters
    ----------
    config : Generate
    out : Path
        Folder to write into; what was generated there before is removed.
    workers : int
        Processes. The files do not depend on it.

    Returns
    -------
    dict
        What ``out/manifest.json`` holds: ``config``, ``counts`` by split, ``files`` with SHA-256.

    Raises
    ------
    InputError
        When ``out`` holds a data set that was not generated there, or packages are missing that
        video needs.

    """
    if config.video is not None:
        need_video_packages("data.generate.video")
    _clear(out)
    videos = plan_videos(config)
    tasks = [(video, config, str(out)) for video in videos]
    if workers > 1:
        with process_pool(workers) as pool:
            written = list(pool.map(_job, tasks))
    else:
        written = [_job(task) for task in tasks]
    lines = [f"{video.number:04d},S{video.subject:02d}\n" for video in videos]
    write_text(out / "subjects.csv", "video,subject\n" + "".join(lines))
    files = {path: digest for one in written for path, digest in one["files"].items()}
    files["subjects.csv"] = sha256(out / "subjects.csv")
    if config.emotion is not None:
        files |= {name: sha256(out / name) for name in _write_outcomes(videos, out)}
    counts = {}
    for split in SPLITS:
        mine = [index for index, video in enumerate(videos) if video.split == split]
        labels = [label for index in mine for label in videos[index].labels]
        counts[split] = {
            "subjects": len({videos[index].subject for index in mine}),
            "videos": len(mine),
            "clips": len(labels),
            "frames": sum(written[index]["frames"] for index in mine),
            "clips_by_class": np.bincount(labels, minlength=len(CLASSES)).tolist(),
        }
    manifest = {"config": config.given(), "counts": counts, "files": files}
    write_json(out / "manifest.json", manifest)
    return manifest
