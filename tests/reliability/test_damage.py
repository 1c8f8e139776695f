"""One flipped bit in any file that we write and read is refused, or the data are still the same."""

import random
import re
from itertools import count

import numpy as np
import pytest
import torch

from microgesture.data.clip_file import Records
from microgesture.data.store import iter_store, read_index, read_metadata, write_store
from microgesture.evaluation.predictions import read_predictions, write_predictions
from microgesture.heatmaps.cache import cached_frames
from microgesture.inference.checkpoints import load_checkpoint, save_checkpoint
from microgesture.models.label_embeddings import read_label_embeddings
from microgesture.utils.errors import InputError
from tests.conftest import make_clip
from tests.sections import prepare_clips
from tests.steps import build_cache

CLEANING = {"min_score": 0.05, "max_jump": 1.5}
STREAM = {"cleaning": CLEANING, "length": None, "max_gap": 3, "on_bad_clip": "stop"}


def records(path):
    opened = Records(path)
    blobs = [list(blobs_of(opened, row)) for row in range(len(opened))]
    return opened.metadata, opened.index.to_dict(), blobs


def blobs_of(opened, row):
    for number in count():
        try:
            yield opened.blob(row, number).to_pybytes()
        except IndexError:
            return


def store(path):
    clips = [(clip.clip_id, clip.label, clip.points.tobytes()) for clip in iter_store(path)]
    return read_metadata(path), read_index(path).to_dict(), clips


def predictions(path):
    read = read_predictions(path)
    return read.clip_ids, read.labels.tolist(), read.probabilities.tobytes(), read.metadata


def checkpoint(path):
    state, about = load_checkpoint(path)
    return sorted((name, str(v.dtype), v.tolist()) for name, v in state.items()), about


def vectors(path):
    return read_label_embeddings(path, 5).tolist()


READERS = {
    "s.arrow": records,
    "h.arrow": records,
    "c.parquet": store,
    "p.parquet": predictions,
    "m.safetensors": checkpoint,
    "v.npz": vectors,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory, layout22):
    folder = tmp_path_factory.mktemp("whole")
    clips = [make_clip(f"c{i}", 2, ["left", "right"][i % 2], seed=i) for i in range(4)]
    write_store(folder / "c.parquet", clips, ["left", "right"], "made")
    prepare_clips(clips, layout22, STREAM, folder / "s.arrow")
    heatmaps = {"size": 8, "sigma": 0.6, "padding": 0.25}
    build_cache(folder / "s.arrow", layout22, "joint", heatmaps, folder / "h.arrow")
    shares = np.random.default_rng(0).dirichlet(np.ones(5), 7)
    names, labels = [f"c{i}" for i in range(7)], [0, 1, 2, 3, 4, None, 1]
    write_predictions(folder / "p.parquet", names, labels, ["s"] * 7, shares, {"seed": 1})
    state = {"w": torch.arange(12.0).reshape(3, 4), "n": torch.tensor(3), "h": torch.ones(2).half()}
    save_checkpoint(folder / "m.safetensors", state, {"classes": ["a", "b"]})
    np.savez(folder / "v.npz", embeddings=shares[:5].astype(np.float32))
    return folder


@pytest.mark.parametrize("name", READERS)
def test_no_flipped_bit_is_read_as_data(written, tmp_path, name):
    content, read = (written / name).read_bytes(), READERS[name]
    whole, damaged = read(written / name), tmp_path / name
    rng = random.Random(7)
    end = range(max(0, len(content) - 150), len(content))
    places = {*rng.sample(range(len(content)), min(len(content), 250)), *end}
    refused = 0
    for place in sorted(places):
        changed = bytearray(content)
        changed[place] ^= 1 << rng.randrange(8)
        damaged.write_bytes(changed)
        try:
            assert read(damaged) == whole, f"bit in byte {place}"
        except InputError as error:
            assert str(error).startswith(f"{damaged}: "), error
            refused += 1
    assert refused > len(places) / 2


@pytest.mark.parametrize("name", READERS)
def test_no_shortened_file_is_read_as_data(written, tmp_path, name):
    content, damaged = (written / name).read_bytes(), tmp_path / name
    for length in [0, 1, 7, len(content) // 2, len(content) - 9, len(content) - 1]:
        damaged.write_bytes(content[:length])
        with pytest.raises(InputError, match=re.escape(str(damaged))):
            READERS[name](damaged)


def test_a_damaged_clip_of_a_cache_is_named_and_others_are_still_read(written, tmp_path):
    whole = Records(written / "h.arrow")
    blob = whole.blob(2, 0).to_pybytes()
    content = (written / "h.arrow").read_bytes()
    assert content.count(blob) == 1
    path = tmp_path / "h.arrow"
    place = content.index(blob) + len(blob) // 2
    path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
    damaged = Records(path)
    frames = np.arange(2)
    assert np.array_equal(cached_frames(damaged, 1, frames), cached_frames(whole, 1, frames))
    with pytest.raises(
        InputError,
        match=r"h\.arrow: damaged, clip c2 \(row 2\) does not fit its checksum; delete it and",
    ):
        damaged.blob(2, 0)


def test_checkpoints_are_the_same_bytes_again(written, tmp_path):
    state, about = load_checkpoint(written / "m.safetensors")
    for _ in range(5):
        save_checkpoint(tmp_path / "m.safetensors", state, about)
        again = (tmp_path / "m.safetensors").read_bytes()
        assert again == (written / "m.safetensors").read_bytes()
