"""Training on tokens: what no source tells alone is learned, and a stop changes no bit."""

from pathlib import Path

import numpy as np
import pytest
import torch

from microgesture.data.clip_file import MemoryRecords
from microgesture.inference.build import new_model
from microgesture.inference.predict import predict
from microgesture.inputs.tokens import TokenInput
from microgesture.training.resume import Keeper, Stopped
from microgesture.training.run import _check_sources
from microgesture.utils.errors import InputError
from tests.small_training import config_with
from tests.steps import step, train, with_signal

SHAPES = {"one": (4, 5), "two": (2, 3)}
NETWORK = {"width": 16, "heads": 2, "positions": 4}
CONFIG = config_with(
    {"epochs": 8, "batch": 32, "optimizer": "adamw", "learning_rate": 0.01, "ema": 0.5},
    variant="fused",
    model="token_fusion",
    temporal="views",
    length=1,
    sources=[*SHAPES],
    network={**NETWORK, "modality_dropout": 0.2, "exchange": True},
)


def token_records(name, shape, bits, splits, seed):
    """Tokens of one source: noise, and one bit of each clip in a feature of every token."""
    rng = np.random.default_rng(seed)
    rows = []
    for number, (bit, split) in enumerate(zip(bits, splits, strict=True)):
        views = 2 if split == "train" else 1
        tokens = rng.normal(0, 0.3, (2, *shape))
        tokens[..., 0] += 2.0 * bit - 1
        rows.append(
            {
                "clip_id": f"c{number}",
                "label": number % 4,
                "subject": "s",
                "split": split,
                "num_frames": views,
                "blobs": [one.astype(np.float16).tobytes() for one in tokens],
            }
        )
    testing = {"views": 1, "flip": True}
    made = {"shape": list(shape), "pool": "places", "testing": testing, "variant": name}
    return MemoryRecords(made, rows)


def files():
    """Two sources, each with one of the two bits of a clip's class."""
    classes = np.arange(256) % 4
    splits = np.repeat(["train", "val"], [192, 64])
    bits = {"one": classes % 2, "two": classes // 2}
    return [
        token_records(name, shape, bits[name], splits, seed)
        for seed, (name, shape) in enumerate(SHAPES.items())
    ]


def fused_model(source):
    torch.manual_seed(0)
    return new_model(step(CONFIG), None, 4, None, source.records.metadata)


def trained(folder=None, at=0):
    source = with_signal(TokenInput(files()), at)
    model = fused_model(source)
    if folder is None:
        return train(model, source, CONFIG, seed=0)
    with Keeper(folder, "fused", "seed0", "0" * 16, every=0, say=lambda line: None) as keeper:
        return train(model, source, CONFIG, seed=0, keeper=keeper)


@pytest.fixture(scope="module")
def undisturbed():
    torch.set_num_threads(1)
    return trained()


def test_the_fusion_learns_what_neither_source_tells(undisturbed):
    state, history = undisturbed
    assert history["epochs"][-1]["val_top1"] == 1
    source = TokenInput(files())
    model = fused_model(source)
    model.load_state_dict(state)
    rows = np.arange(192, 256)
    settings = {"temporal": "views", "length": 1, "views": 1, "flip": False, "batch": 64}
    for missing, known in (([0], 2), ([1], 1)):
        alone = predict(model, TokenInput(files(), missing), rows, **settings)
        bit = (alone.argmax(axis=1) // known) % 2 == (rows % 4 // known) % 2
        assert bit.mean() > 0.95  # of the class, what the other source tells


@pytest.mark.parametrize("at", [1, 29])
def test_a_stopped_training_goes_on_bit_for_bit(undisturbed, tmp_path, at):
    with pytest.raises(Stopped):
        trained(tmp_path, at)
    state, history = trained(tmp_path)
    expected, course = undisturbed
    assert history["spent"]["resumed"] == 1
    assert history["epochs"] == course["epochs"]
    assert all(torch.equal(value, expected[name]) for name, value in state.items())


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"seed": 1}, "trained with seed 1; expected seed 0"),
        ({"seed": 0, "fold": 1, "folds": "f" * 64}, "trained with fold 1 of the folds ffffffff"),
    ],
)
def test_tokens_of_another_seed_or_fold_are_refused(stated, says):
    """Their network has learned from clips that the fusion is validated or tested on."""
    own = {"seed": 0, "fold": 2, "folds": "f" * 64} if "fold" in stated else {"seed": 0}
    used = {key: own[key] for key in own if key != "seed"}
    paths = [Path("one.json"), Path("two.json")]
    _check_sources({"sources": [own, own]}, paths, 0, used)
    with pytest.raises(InputError, match=f"two.json: .*{says}"):
        _check_sources({"sources": [own, stated]}, paths, 0, used)
