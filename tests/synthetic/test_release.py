"""The embedded data set: its files, its anatomy, and that only the movement tells the class."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from python_calamine import CalamineWorkbook

from microgesture.settings.generate import Generate, PerSplit
from microgesture.settings.parse import parse
from microgesture.synthetic import gestures, release
from microgesture.synthetic.body import sample_person
from microgesture.synthetic.cues import HABIT, Cue
from microgesture.synthetic.detector import bursts, disturb
from microgesture.synthetic.face import LOWER_OUTER, UPPER_OUTER
from microgesture.synthetic.hands import hand_points
from microgesture.synthetic.kinematics import rotation, two_bone, wander
from microgesture.synthetic.recording import LONGEST, SHORTEST, act, plan, record
from microgesture.synthetic.xlsx import round_points, write_points
from microgesture.utils.errors import InputError

CONFIG = {
    "seed": 7,
    "fps": 25,
    "height": 720,
    "width": 1280,
    "subjects": {"train": 2, "val": 1, "test": 1},
    "clips": {"train": 75, "val": 33, "test": 34},
    "class_minimum": {"train": 1, "val": 1, "test": 1},
    "mean_seconds": 0.7,
    "noise": 0.012,
}
GENERATE: Generate = parse(Generate, CONFIG, "generate")
SMALL = GENERATE.model_copy(update={"clips": PerSplit(train=1, val=1, test=1)})
HEAD, FOREHEAD, COVER, FACE, EARS, JAW, NECK = 3, 4, 5, 7, 8, 10, 11
TORSO, FOLDED, RUB, CROSS, HEAD_UP, LIPS, SHRUG, TALK = 19, 16, 22, 23, 27, 28, 30, 31


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("release")
    return out, release.generate(GENERATE, out, workers=1)


def table(path: Path) -> np.ndarray:
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    return np.array(rows, dtype=float)


def videos(out: Path) -> list[tuple[str, Path]]:
    return [(s, d) for s, f in release.FOLDERS.items() for d in sorted((out / f).iterdir())]


def labels(folder: Path) -> list[tuple[int, int, int]]:
    with open(folder / f"{folder.name}_label.csv", newline="") as handle:
        return [(int(c), int(a), int(b)) for c, a, b in csv.reader(handle)]


def acted(label: int, seed: int) -> np.ndarray:
    """True points of the middle third of one clip, centimetres."""
    rng = np.random.default_rng([seed, label])
    person = sample_person(rng, 32)
    start, end, total = 20, 70, 90
    truth = act(rng, person, [(label, start, end)], total, 25.0).truth
    return truth[start + 17 : end - 16]


def tip_distance(truth: np.ndarray, *joints: int) -> float:
    """From the nearer hand's nearest fingertip to a place, median over time, cm."""
    spot = truth[:, list(joints)].mean(axis=1)
    tips = truth[:, [99, 103, 107, 111, 115, 120, 124, 128, 132, 136]]
    return float(np.median(np.linalg.norm(tips - spot[:, None], axis=-1).min(axis=1)))


def typical(label: int, measure, count: int = 15) -> float:
    return float(np.median([measure(acted(label, seed)) for seed in range(count)]))


# --- files


def test_the_layout_on_disk_is_the_release(made) -> None:
    out, manifest = made
    listed = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert listed == set(manifest["files"]) | {"manifest.json", release.MARK}
    assert "subjects.csv" in listed
    assert manifest["config"] == CONFIG
    numbers = sorted(int(folder.name) for _, folder in videos(out))
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(len(folder.name) == 4 for _, folder in videos(out))


def test_tables_have_411_columns_and_scores_mark_missing_points(made) -> None:
    out, _ = made
    for _, folder in videos(out):
        values = table(folder / f"{folder.name}_openpose.xlsx")
        assert values.shape[1] == 411
        points = values.reshape(-1, 137, 3)
        missing = points[..., 2] == 0
        assert (points[missing] == 0).all()
        assert (points[~missing] >= 0).all() and points[..., 2].max() <= 1
        assert points[..., 0].max() < 1280 and points[..., 1].max() < 720
        # A hand is found as a whole or not at all.
        for first in (95, 116):
            found = (~missing[:, first : first + 21]).sum(axis=1)
            assert set(found.tolist()) <= {0, 21}


def test_clips_lie_inside_their_video_in_order_and_show_somebody(made) -> None:
    out, _ = made
    for _, folder in videos(out):
        points = table(folder / f"{folder.name}_openpose.xlsx").reshape(-1, 137, 3)
        last = -1
        for raw, start, end in labels(folder):
            assert raw == 99 or 1 <= raw <= 31
            assert last < start <= end < len(points)
            assert (points[start : end + 1, :, 2] > 0).any()
            last = end


def test_counts_and_class_minimum(made) -> None:
    out, manifest = made
    for split in release.SPLITS:
        raw = [c for s, d in videos(out) if s == split for c, _, _ in labels(d)]
        ids = [31 if c == 99 else c - 1 for c in raw]
        count = np.bincount(ids, minlength=32)
        assert count.tolist() == manifest["counts"][split]["clips_by_class"]
        assert count.sum() == CONFIG["clips"][split]
        assert count.min() >= CONFIG["class_minimum"][split]


def test_subjects_belong_to_one_split(made) -> None:
    out, _ = made
    with open(out / "subjects.csv", newline="") as handle:
        subject = {row["video"]: row["subject"] for row in csv.DictReader(handle)}
    where: dict[str, set[str]] = {}
    for split, folder in videos(out):
        where.setdefault(subject[folder.name], set()).add(split)
    assert len(where) == 4
    assert all(len(splits) == 1 for splits in where.values())


def test_the_files_do_not_depend_on_the_number_of_workers(made, tmp_path: Path) -> None:
    _, manifest = made
    assert release.generate(GENERATE, tmp_path, workers=2) == manifest
    one, two = (root / "manifest.json" for root in (made[0], tmp_path))
    assert one.read_bytes() == two.read_bytes()


def test_another_seed_gives_another_data_set(made, tmp_path: Path) -> None:
    first = release.generate(SMALL, tmp_path / "a")
    second = release.generate(SMALL.model_copy(update={"seed": 8}), tmp_path / "b")
    assert not set(first["files"].values()) & set(second["files"].values())


def test_what_was_generated_before_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    release.generate(
        SMALL.model_copy(update={"clips": PerSplit(train=120, val=1, test=1)}), tmp_path
    )
    again = release.generate(SMALL.model_copy(update={"seed": 8}), tmp_path)
    listed = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert listed == set(again["files"]) | {"manifest.json", release.MARK}
    (tmp_path / release.MARK).unlink()
    with pytest.raises(InputError, match=r"was not generated here .* give another folder"):
        release.generate(SMALL, tmp_path)
    assert listed - {release.MARK} == {
        str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()
    }


def test_class_counts_keep_the_long_tail() -> None:
    counts = release.class_counts(900, 4)
    assert counts.sum() == 900 and counts.min() == 4
    assert counts.argmax() == TALK
    order = np.argsort(gestures.FREQUENCY, kind="stable")
    assert (np.diff(counts[order]) >= 0).all()
    assert release.class_counts(10, 2).tolist() == [2] * 32
    assert gestures.FREQUENCY.sum() == 13_670


def test_spreadsheets_read_the_same_everywhere(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 1280, (5, 137, 3))
    points[..., 2] = rng.uniform(0, 1, (5, 137))
    points[2] = 0
    points[3, 4] = [10, 1279.96, 1]
    write_points(tmp_path / "a.xlsx", points)
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    slow = np.array([[cell.value for cell in row] for row in sheet.iter_rows()], dtype=float)
    assert slow.shape == (5, 411)
    np.testing.assert_array_equal(slow, table(tmp_path / "a.xlsx"))
    np.testing.assert_array_equal(slow.reshape(points.shape), round_points(points))
    np.testing.assert_allclose(slow.reshape(points.shape)[..., :2], points[..., :2], atol=0.0501)


# --- anatomy

COORDINATE = st.floats(-100, 100).map(lambda value: round(value, 3))


@settings(max_examples=150, deadline=None)
@given(arrays(float, (3, 3), elements=COORDINATE), st.floats(15, 40), st.floats(15, 40))
def test_arms_keep_their_lengths_and_reach_what_can_be_reached(vectors, upper, lower) -> None:
    shoulder, target, pole = vectors[:, None]
    elbow, wrist = two_bone(shoulder, target, pole, upper, lower)
    assert np.linalg.norm(elbow - shoulder) == pytest.approx(upper, abs=1e-3)
    assert np.linalg.norm(wrist - elbow) == pytest.approx(lower, abs=1e-3)
    distance = np.linalg.norm(target - shoulder)
    if abs(upper - lower) + 1e-3 < distance < upper + lower - 1e-3:
        np.testing.assert_allclose(wrist, target, atol=1e-6)
    elif distance > upper + lower:
        # As far as it goes, in the target's direction.
        gap = np.linalg.norm(target - wrist)
        assert gap == pytest.approx(distance - upper - lower, abs=1e-3)


def test_a_hand_worked_arm() -> None:
    # 3-4-5: shoulder at the origin, wrist 5 to the right, elbow towards +y.
    vectors = np.array([[[0.0, 0, 0]], [[5.0, 0, 0]], [[0.0, 1, 0]]])
    elbow, wrist = two_bone(*vectors, upper=3.0, lower=4.0)
    np.testing.assert_allclose(elbow[0], [1.8, 2.4, 0], atol=1e-9)
    np.testing.assert_allclose(wrist[0], [5, 0, 0], atol=1e-9)


def test_rotations_turn_as_documented() -> None:
    zero, right = np.zeros(1), np.full(1, np.pi / 2)
    nose, top = np.array([0, 0, 1.0]), np.array([0, -1.0, 0])
    np.testing.assert_allclose(rotation(right, zero, zero)[0] @ nose, [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation(zero, right, zero)[0] @ nose, [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(rotation(zero, zero, right)[0] @ top, [1, 0, 0], atol=1e-12)


def test_fingers_keep_their_lengths_whatever_the_pose() -> None:
    rng = np.random.default_rng(0)
    hand = hand_points(rng.uniform(0, 1, (50, 5)), rng.uniform(0, 1, 50), 1.0, np.ones(5))
    bones = np.linalg.norm(np.diff(hand[:, 1:].reshape(50, 5, 4, 3), axis=2), axis=-1)
    np.testing.assert_allclose(bones, np.repeat(bones[:1], 50, axis=0), atol=1e-9)


def test_bones_of_the_body_keep_their_lengths_through_a_recording() -> None:
    rng = np.random.default_rng(3)
    person = sample_person(rng, 32)
    clips, total = plan(rng, range(32), 25.0, 1.0)
    truth = act(rng, person, clips, total, 25.0).truth
    for a, b, length in ((2, 3, person.upper_arm), (6, 7, person.forearm)):
        bone = np.linalg.norm(truth[:, a] - truth[:, b], axis=-1)
        np.testing.assert_allclose(bone, length, rtol=1e-6)
    np.testing.assert_allclose(truth[:, 4], truth[:, 116], atol=1e-9)
    np.testing.assert_allclose(truth[:, 7], truth[:, 95], atol=1e-9)
    # Nothing jumps: 20 cm a frame is 5 m/s, quick for a wrist.
    step = np.linalg.norm(np.diff(truth[:, [0, 1, 4, 7]], axis=0), axis=-1)
    assert step.max() < 25


def test_left_and_right_are_the_persons_own() -> None:
    rng = np.random.default_rng(5)
    truth = acted(LIPS, 0)
    assert (truth[:, 2, 0] < truth[:, 5, 0]).all() and (truth[:, 17, 0] < truth[:, 18, 0]).all()
    assert (truth[:, 25, 0] < truth[:, 41, 0]).all()  # jaw from the image's left to its right
    points = record(rng, sample_person(rng, 32), [TALK] * 8, GENERATE).points
    both = (points[:, [4, 7, 99, 120], 2] > 0).all(axis=1)
    assert both.mean() > 0.3
    for tips, own, other in (([99, 103, 107, 111, 115], 7, 4), ([120, 124, 128, 132, 136], 4, 7)):
        middle = points[both][:, tips, :2].mean(axis=1)
        near, far = (np.linalg.norm(middle - points[both, j, :2], axis=-1) for j in (own, other))
        assert np.mean(near < far) > 0.9


# --- what tells the class, and what does not


def test_lengths_are_drawn_without_looking_at_the_class() -> None:
    quiet = plan(np.random.default_rng(0), [LIPS] * 400, 25.0, 1.3)
    busy = plan(np.random.default_rng(0), [TALK] * 400, 25.0, 1.3)
    assert [clip[1:] for clip in quiet[0]] == [clip[1:] for clip in busy[0]]
    seconds = np.array([end - start + 1 for _, start, end in quiet[0]]) / 25
    assert seconds.mean() == pytest.approx(1.3, rel=0.1)
    assert seconds.min() >= SHORTEST and seconds.max() <= LONGEST
    assert np.median(seconds) < 0.95 * seconds.mean()  # skewed to the right


def test_classes_are_dealt_to_subjects_and_places_at_random() -> None:
    sizes = {"subjects": 4, "clips": 2000}
    many = {key: PerSplit(train=n, val=n, test=n) for key, n in sizes.items()}
    dealt = [v for v in release.plan_videos(GENERATE.model_copy(update=many)) if v.split == "train"]
    place = [(c, i / len(v.labels)) for v in dealt for i, c in enumerate(v.labels)]
    for label in (LIPS, SHRUG, TALK):
        assert np.mean([p for c, p in place if c == label]) == pytest.approx(0.49, abs=0.07)
    share = [
        np.mean([c == TALK for v in dealt if v.subject == s for c in v.labels])
        for s in {v.subject for v in dealt}
    ]
    assert max(share) - min(share) < 0.12


@pytest.mark.parametrize(
    ("label", "joints", "limit"),
    [
        (HEAD, (17, 18), 17),
        (FOREHEAD, (15, 16), 11),
        (COVER, (0,), 11),
        (FACE, (0,), 10),
        (JAW, (25 + 8,), 9),
        (NECK, (0, 1), 16),
    ],
)
def test_a_touch_touches(label: int, joints: tuple[int, ...], limit: float) -> None:
    near = typical(label, lambda truth: tip_distance(truth, *joints))
    assert near < limit
    assert typical(LIPS, lambda truth: tip_distance(truth, *joints)) > 2 * limit


def test_ears_are_touched_at_the_ear() -> None:
    def nearer(truth: np.ndarray) -> float:
        return min(tip_distance(truth, 17), tip_distance(truth, 18))

    assert typical(EARS, nearer) < 6


def test_hands_meet_when_they_are_rubbed_or_crossed() -> None:
    def palms(truth: np.ndarray) -> float:
        left, right = truth[:, [95, 100, 104, 112]], truth[:, [116, 121, 125, 133]]
        return float(np.median(np.linalg.norm(left.mean(1) - right.mean(1), axis=-1)))

    assert typical(RUB, palms) < 8 and typical(CROSS, palms) < 11
    assert typical(LIPS, palms) > 16

    def crossed(truth: np.ndarray) -> float:
        return float(np.median(truth[:, 7, 0] - truth[:, 4, 0]))  # left wrist minus right

    assert typical(FOLDED, crossed) < -5 < 5 < typical(LIPS, crossed)


def test_lips_head_and_shoulders_move_as_named() -> None:
    def lips(truth: np.ndarray) -> float:
        face = truth[:, 25:95]
        return float(np.median(face[:, LOWER_OUTER, 1].mean(1) - face[:, UPPER_OUTER, 1].mean(1)))

    assert typical(LIPS, lips) < 0.6 * typical(SHRUG, lips) < typical(TALK, lips)

    def shrug(truth: np.ndarray) -> float:
        height = truth[:, [2, 5], 1].mean(axis=1) - truth[:, 1, 1]
        return float(np.ptp(height))

    assert typical(SHRUG, shrug) > 1.3 * typical(LIPS, shrug)

    def nose_over_ears(truth: np.ndarray) -> float:
        return float(np.median(truth[:, 0, 1] - truth[:, [17, 18], 1].mean(axis=1)))

    assert typical(HEAD_UP, nose_over_ears) < typical(LIPS, nose_over_ears) - 1


# --- detector


def test_bursts_begin_at_the_rate_and_last_as_long_as_asked() -> None:
    hit = bursts(np.random.default_rng(0), 20_000, 0.002, 5.0, 20)
    begins = (np.diff(hit.astype(int), axis=0) == 1).sum()
    assert begins / hit.size == pytest.approx(0.002, rel=0.1)
    assert hit.sum() / begins == pytest.approx(5.0, rel=0.1)


def test_wander_is_smooth_and_of_unit_spread() -> None:
    path = wander(np.random.default_rng(0), 4000, 20.0, 10)
    assert path.std() == pytest.approx(1.0, abs=0.1)
    assert np.abs(np.diff(path, axis=0)).max() < 0.5


def test_noise_and_loss_are_a_detectors() -> None:
    rng = np.random.default_rng(2)
    person = sample_person(rng, 32)
    points = record(rng, person, list(range(32)), GENERATE).points
    seen = (points[..., 2] > 0).mean(axis=0)
    assert seen[[9, 10, 11, 13, 14]].max() < 0.5 and seen[19:25].max() == 0
    assert seen[[0, 1, 2, 5]].min() > 0.9
    assert 0.3 < seen[100] < 0.99 and 0.3 < seen[124] < 0.99
    score = points[..., 2]
    assert score[:, 1][score[:, 1] > 0].mean() > score[:, 124][score[:, 124] > 0].mean()


def test_another_person_takes_at_most_a_fifth_of_a_clip() -> None:
    lengths = np.tile([8, 9, 25, 60], 200)
    busy = np.repeat(np.arange(len(lengths)), lengths)
    points = np.ones((len(busy), 137, 3))
    disturb(np.random.default_rng(0), points, np.full_like(points, 2), busy)
    taken = np.bincount(busy[(points == 2).all(axis=(1, 2))], minlength=len(lengths))
    assert (taken <= lengths // 5).all()
    assert (taken == lengths // 5).sum() > 10  # it happens, and is cut there
    shown = np.bincount(busy[points.any(axis=(1, 2))], minlength=len(lengths))
    assert shown.min() >= 1


def test_a_torso_turns_only_as_far_as_shoulders_are_seen() -> None:
    person = sample_person(np.random.default_rng(3), 32)
    wild = replace(person, amplitude=8.0)
    clips = [(TORSO, start, start + 59) for start in range(10, 2000, 80)]
    truth = act(np.random.default_rng(4), wild, clips, 2100, 25.0).truth
    across = truth[:, 5] - truth[:, 2]
    turn = np.arctan2(np.abs(across[:, 2]), across[:, 0])
    assert 0.6 < turn.max() < 0.9  # 0.7 radians, and a little of leaning and shrugging


def cue(seed: int, variety: float) -> Cue:
    person = replace(sample_person(np.random.default_rng(1), 32), amplitude=1.0, tempo=1.0)
    rng = np.random.default_rng(seed)
    return Cue(rng, person, np.full(8, 0.99), np.arange(30) / 25, 1.2, 25.0, variety)


@pytest.mark.parametrize("variety", [1.0, 0.5, 0.2])
def test_variety_scales_what_differs_between_clips(variety: float) -> None:
    cues = [cue(seed, variety) for seed in range(3000)]
    sizes = np.log([one.size(2.0, 0.3) for one in cues])
    assert sizes.mean() == pytest.approx(np.log(2), abs=0.03)
    assert sizes.std() == pytest.approx(0.3 * variety, rel=0.06)
    assert np.std([one.around(1.5)[0] for one in cues]) == pytest.approx(1.5 * variety, rel=0.06)
    # half of those that are not typical take the habit, which is the last, others any
    first = np.mean([one.pick((0, 1, 2, 3)) == 0 for one in cues])
    assert first == pytest.approx(1 - variety + variety * (1 - HABIT) / 4, abs=0.03)


def test_amplitude_makes_movements_larger() -> None:
    def shrug(amplitude: float) -> float:
        person = sample_person(np.random.default_rng(5), 32)
        changes = {"variety": 0.2, "amplitude": amplitude, "mean_seconds": 2.0}
        truth = record(
            np.random.default_rng(6), person, [SHRUG] * 30, GENERATE.model_copy(update=changes)
        ).truth
        return float(np.ptp(truth[:, 2, 1] - truth[:, 1, 1]))

    assert 1.6 * shrug(1.0) < shrug(2.0) < 2.4 * shrug(1.0)
