"""Outcomes of generated recordings: what they move, how they overlap, and that they are written."""

import csv

import numpy as np
import pytest

from microgesture.settings.generate import Feelings, Generate
from microgesture.settings.parse import parse
from microgesture.synthetic import release
from microgesture.synthetic.body import sample_person
from microgesture.synthetic.feelings import FEWEST, Mood, deal, sample_moods
from microgesture.synthetic.recording import act
from tests.synthetic.test_release import CONFIG

WINS = {"train": 0.75, "val": 0.5, "test": 0.5}
FEELINGS: Feelings = parse(Feelings, {"recordings": 2, "wins": WINS}, "emotion")


def test_levels_follow_the_outcome_and_overlap():
    moods = sample_moods(np.random.default_rng(0), 400, FEELINGS, 0.75)
    assert {len(mine) for mine in moods} == {2}
    every = [mood for mine in moods for mood in mine]
    won = np.array([mood.won for mood in every])
    assert won.sum() == 600
    levels = np.array([[mood.face, mood.posture, mood.gestures] for mood in every])
    for level in levels.T:
        right = 0.5 * ((level[won] > 0).mean() + (level[~won] < 0).mean())
        assert 0.75 < right < 0.9
    together = levels.mean(axis=1) > 0
    assert 0.5 * (together[won].mean() + (~together[~won]).mean()) > 0.93
    mixed = [len({mood.won for mood in mine}) for mine in moods]
    assert 1.2 < np.mean(mixed) < 1.6  # people win and lose


def test_without_strength_nothing_tells_the_outcome():
    still = FEELINGS.model_copy(update={"strength": 0})
    moods = sample_moods(np.random.default_rng(1), 400, still, 0.5)
    every = [mood for mine in moods for mood in mine]
    won = np.array([mood.won for mood in every])
    levels = np.array([mood.face for mood in every])
    assert abs(levels[won].mean() - levels[~won].mean()) < 0.2


def test_gestures_go_where_the_mood_asks_for_them():
    moods = [Mood(True, 0, 0, 2.0), Mood(False, 0, 0, -2.0)]
    labels = np.random.default_rng(2).permutation(np.repeat([7, 30], 300))
    winner, loser = deal(np.random.default_rng(3), labels, moods)
    assert sorted(winner + loser) == sorted(labels)
    assert loser.count(7) > 2 * winner.count(7) and winner.count(30) > 2 * loser.count(30)
    few = deal(np.random.default_rng(4), np.array([7] * 8), moods * 2)
    assert min(map(len, few)) == FEWEST


def test_a_mood_lifts_mouth_corners_brows_and_neck():
    def acted(level):
        rng = np.random.default_rng(5)
        person = sample_person(rng, 32)
        mood = Mood(level > 0, level, level, level)
        return act(rng, person, [], 60, 25.0, mood=mood).truth

    up, down = acted(2.0), acted(-2.0)

    def above(truth, points, base):
        return np.median(truth[:, base, 1].mean(axis=1) - truth[:, points, 1].mean(axis=1))

    corners, lips, brows, eyes = [73, 79], [76, 82], list(range(42, 52)), [93, 94]
    assert above(up, corners, lips) > above(down, corners, lips) + 0.3
    assert above(up, brows, eyes) > above(down, brows, eyes) + 0.4
    assert above(up, [1], [8]) > above(down, [1], [8]) + 0.7


def test_the_release_states_outcomes_and_forgets_them(tmp_path):
    people = {"train": 2, "val": 1, "test": 1}
    small = {**CONFIG, "subjects": people, "clips": people, "emotion": FEELINGS.given()}
    config: Generate = parse(Generate, small, "generate")
    planned = release.plan_videos(config)
    assert planned == release.plan_videos(config)
    names = release._write_outcomes(planned, tmp_path)
    rows = [row for name in names for row in csv.DictReader((tmp_path / name).open())]
    assert sorted(row["video_id"] for row in rows) == [f"{v.number:04d}" for v in planned]
    assert {row["label"] for row in rows} == {"Win", "Lose"}
    (tmp_path / release.MARK).write_text("")
    release._clear(tmp_path)
    assert not list(tmp_path.glob("*_label.csv"))


@pytest.mark.parametrize("people", [1, 3])
def test_everybody_has_as_many_recordings(people):
    moods = sample_moods(np.random.default_rng(6), people, FEELINGS, 0.5)
    assert [len(mine) for mine in moods] == [2] * people
