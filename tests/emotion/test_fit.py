"""Rows of a fold: what can be learned is, shuffled outcomes are at chance, and nothing leaks."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from microgesture.emotion import networks
from microgesture.emotion.encode import Tokens, learned_from, read_tokens, write_tokens
from microgesture.emotion.fit import fit_all
from microgesture.emotion.folds import dealt
from microgesture.emotion.interviews import Interview
from microgesture.emotion.results import check_leak, judge
from microgesture.emotion.rows import ROWS
from microgesture.settings.emotion import EvaluateStep
from microgesture.settings.parse import parse

MODEL = {"width": 8, "heads": 2, "epochs": 8, "batch": 8, "learning_rate": 0.02, "dropout": 0.1}
CONFIG = {"protocol": "subject", "inner_folds": 2, "seeds": [0], "model": MODEL}
STEP: EvaluateStep = parse(EvaluateStep, CONFIG, "emotion")
WINDOWS = 4


def made(seed, strength, people=30):
    """Interviews of people with two recordings each; tokens and statistics tell the outcome."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(2 * people) % 2)
    interviews = [
        Interview(f"r{n}", f"r{n}", f"p{n // 2}", "train", int(one)) for n, one in enumerate(labels)
    ]
    sign = strength * np.where(labels, 1, -1)
    rows = np.repeat(np.arange(len(labels)), WINDOWS)
    face, context = rng.normal(size=(2, len(rows), 2, 5))
    face[..., 0] += sign[rows][:, None]
    context[..., 1] += sign[rows][:, None]
    seen = rng.uniform(size=(len(rows), 2)) < 0.8
    start = np.tile(np.arange(WINDOWS) * 10, len(labels))
    tokens = Tokens(face.astype(np.float16), seen, context.astype(np.float16), rows, start)
    numbers = rng.normal(size=(len(labels), 3))
    numbers[:, 0] += sign
    return dealt(interviews, "subject", 3, seed), tokens, numbers


def fits_of(interviews, tokens, numbers):
    """Every fold's rows, and those of all, which tell nobody here."""
    names = [one.recording for one in interviews]
    fold = np.array([one.fold for one in interviews])
    told = {}
    for number in range(3):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        data = networks.recording_tokens(tokens, interviews, names, train, torch.device("cpu"))
        told[f"fold{number}"] = fit_all(interviews, train, test, data, numbers, STEP)[0]
    return told


def test_every_row_learns_what_there_is_and_shuffled_outcomes_are_at_chance():
    interviews, tokens, numbers = made(0, 0.8)
    judged = judge(fits_of(interviews, tokens, numbers), interviews, "x", 0.5, 200)
    for row in ROWS:
        assert judged.scores[row]["balanced_prior"] > 0.7, row
        assert judged.p[row] < 0.05, row
    interviews, tokens, numbers = made(1, 0.0)
    judged = judge(fits_of(interviews, tokens, numbers), interviews, "x", 0.5, 200)
    reached = [judged.scores[row]["balanced_prior"] for row in ROWS]
    assert 0.35 < np.mean(reached) < 0.62
    assert min(judged.p.values()) > 0.005
    assert not check_leak(interviews).warns


def test_the_outcome_of_those_tested_has_no_part_in_what_is_told():
    interviews, tokens, numbers = made(2, 0.8, people=16)
    names = [one.recording for one in interviews]
    fold = np.array([one.fold for one in interviews])
    train, test = np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)

    def told(some):
        data = networks.recording_tokens(tokens, some, names, train, torch.device("cpu"))
        return fit_all(some, train, test, data, numbers, STEP)[0]

    turned = [
        Interview(one.id, one.recording, one.subject, one.split, 1 - one.label, fold=0)
        if one.fold == 0
        else one
        for one in interviews
    ]
    first, second = told(interviews), told(turned)
    assert first == second


def test_small_encoders_learn_from_nobody_who_is_tested():
    interviews, _, _ = made(3, 0.0, people=6)
    interviews = [*interviews, Interview("t", "t", "p9", "test", 1)]

    records = SimpleNamespace(index={"clip_id": [one.recording for one in interviews]})
    rows = learned_from(records, interviews, "fold1")
    tested = {one.subject for one in interviews if one.fold == 1}
    assert rows and not {interviews[row].subject for row in rows} & tested
    assert learned_from(records, interviews, "all") == list(range(12))


def test_windows_are_those_of_the_interview(tmp_path):
    _, tokens, _ = made(4, 0.0, people=3)
    write_tokens(tmp_path / "x.safetensors", tokens)
    again = read_tokens(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(again.face, tokens.face)
    some = [
        Interview("r1_a", "r1", "p", "train", 1, 10, 25),
        Interview("r0", "r0", "p", "train", 0),
    ]
    found = networks.windows_of(again, some, [f"r{n}" for n in range(6)])
    assert [one.tolist() for one in found] == [[5, 6], [0, 1, 2, 3]]


@pytest.mark.parametrize("most", [2, 9])
def test_a_step_sees_at_most_so_many_windows(most):
    drawn = networks._drawn(np.random.default_rng(0), np.arange(5), most)
    assert len(drawn) == min(most, 5) and (np.diff(drawn) > 0).all()
