import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from microgesture.inputs.loader import (
    DROPOUT,
    FRAMES,
    GEOMETRY,
    HEAD,
    SAMPLINGS,
    Loader,
    TrainingClips,
    ViewClips,
    epoch_order,
    rng_for,
    seed_torch,
)
from microgesture.preprocessing.temporal import inference_views, segment_sample

ROWS = np.arange(100, 300)
LABELS = np.array([0] * 120 + [3] * 60 + [4] * 18 + [7] * 2)
LABELS = LABELS[np.random.default_rng(0).permutation(200)]


def test_naturally_every_clip_comes_once():
    order = epoch_order(ROWS, LABELS, "natural", rng_for(0, 1))
    assert sorted(order) == ROWS.tolist()
    assert not (order == ROWS).all()


def test_balanced_classes_are_equally_likely_and_so_are_the_clips_of_one():
    """Over 500 epochs; five standard deviations of the binomial counts are allowed."""
    drawn = np.concatenate(
        [epoch_order(ROWS, LABELS, "class_balanced", rng_for(0, e)) for e in range(500)]
    )
    assert len(drawn) == 500 * 200
    counts = np.bincount(drawn, minlength=300)[100:]
    for label in (0, 3, 4, 7):
        own = counts[label == LABELS]
        for found, share in ((own.sum(), 1 / 4), *((one, 1 / 4 / len(own)) for one in own)):
            allowed = 5 * np.sqrt(len(drawn) * share * (1 - share))
            assert abs(found - len(drawn) * share) < allowed


def test_balanced_order_has_as_many_clips_as_there_are_and_repeats_itself():
    orders = [epoch_order(ROWS, LABELS, "class_balanced", rng_for(0, e)) for e in (1, 1, 2)]
    assert all(len(order) == 200 for order in orders)
    assert (orders[0] == orders[1]).all()
    assert (orders[0] != orders[2]).any()


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_only_the_given_rows_are_drawn(sampling):
    order = epoch_order(ROWS[:7], LABELS[:7], sampling, rng_for(0, 1))
    assert len(order) == 7
    assert set(order) <= set(ROWS[:7])


def test_random_numbers_depend_on_purpose_and_place():
    places = [(FRAMES, 0, 1, 2), (GEOMETRY, 0, 1, 2), (FRAMES, 1, 1, 2), (FRAMES, 0, 2, 1)]
    first = {place: rng_for(*place).random() for place in places}
    assert len(set(first.values())) == 4
    assert first == {place: rng_for(*place).random() for place in reversed(places)}


def test_every_seed_epoch_and_place_draws_its_own_frames():
    records = SimpleNamespace(index=pd.DataFrame({"num_frames": [1000]}))
    source = SimpleNamespace(records=records, sample=lambda row, frames: frames)
    drawn = {}
    for seed, *place in np.ndindex(2, 2, 2):
        once, again = (
            TrainingClips(source, "segment_sample", 8, seed)[0, *place] for _ in range(2)
        )
        assert torch.equal(once[0], again[0])
        drawn[seed, *place] = tuple(once[0].tolist())
    assert len(set(drawn.values())) == 8


def test_frames_are_drawn_from_their_own_stream():
    """So that no seed's frames repeat the numbers of another purpose."""
    records = SimpleNamespace(index=pd.DataFrame({"num_frames": [30, 1000]}))
    source = SimpleNamespace(records=records, sample=lambda row, frames: frames + 10_000 * row)
    for seed, row, epoch, place in ((0, 1, 2, 3), (2, 0, 1, 4)):
        samples, of = TrainingClips(source, "segment_sample", 8, seed)[row, epoch, place]
        rng = rng_for(FRAMES, seed, epoch, place)
        expected = segment_sample([30, 1000][row], 8, rng) + 10_000 * row
        assert (samples.tolist(), of) == (expected.tolist(), row)


def test_torchs_random_numbers_depend_on_purpose_and_place_alone():
    def drawn(*place):
        seed_torch(*place)
        return torch.rand(2).tolist()

    places = [
        (DROPOUT, 0, 1, 2),
        (HEAD, 0, 1, 2),
        (DROPOUT, 1, 1, 2),
        (DROPOUT, 0, 2, 1),
        (HEAD, 0),
    ]
    first = [drawn(*place) for place in places]
    assert len(set(map(tuple, first))) == len(places)
    assert [drawn(*place) for place in reversed(places)] == first[::-1]


def test_a_view_is_of_the_clip_and_number_that_is_asked_for():
    records = SimpleNamespace(index=pd.DataFrame({"num_frames": [30, 100]}))
    source = SimpleNamespace(records=records, sample=lambda row, frames: frames + 10_000 * row)
    clips = ViewClips(source, "segment_sample", 8, 3)
    for row, frames in ((0, 30), (1, 100)):
        expected = inference_views("segment_sample", frames, 8, 3)
        assert np.array_equal(clips.views(row), expected)
        for view in range(3):
            samples, of = clips[row, view]
            assert (samples.tolist(), of) == ((expected[view] + 10_000 * row).tolist(), row)


class Squares(torch.utils.data.Dataset):
    def __getitem__(self, key):
        return torch.tensor([key[0] ** 2]), key[0]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_serves_one_epoch_after_another(workers):
    began = time.perf_counter()
    loader = Loader(Squares(), workers, torch.device("cpu"))
    for numbers in ([[1, 2], [3]], [[5]], [[4, 4], [2, 1], [6, 7]]):
        batches = list(loader.batches([[(n,) for n in group] for group in numbers]))
        assert [rows.tolist() for _, rows in batches] == numbers
        assert [s.flatten().tolist() for s, _ in batches] == [[n**2 for n in g] for g in numbers]
    assert 0 < loader.waited < time.perf_counter() - began
    loader.close()
    with pytest.raises(ValueError, match="the loader is closed"):
        next(loader.batches([[(1,)]]))
