"""Classification by the nearest training clips, against counting votes by hand."""

import numpy as np
import pytest
import torch

from microgesture.data.clip_file import Records
from microgesture.inference.build import load_trained
from microgesture.inference.checkpoints import save_checkpoint
from microgesture.inference.predict import predict
from microgesture.inputs.geometry import full_frame
from microgesture.inputs.points import PointInput
from microgesture.models.neighbours import LEAST, TEMPERATURE, NeighbourHead
from microgesture.training.neighbours import features_of, remember
from tests.small_training import CLASSES, CONFIG, STREAM, write_source
from tests.steps import new_model, step

NETWORK = {"patch": 4, "width": 8, "depth": 1, "heads": 2, "hidden": 0}
PLAIN = {**CONFIG, "model": "skeleton_transformer", "network": NETWORK}
NEAREST = {**PLAIN, "neighbours": 5}


@pytest.fixture(scope="module")
def source(tmp_path_factory, layout22):
    _, path = write_source(tmp_path_factory.mktemp("neighbours"), layout22)
    return PointInput(Records(path), layout22, 0.25)


def slow_shares(feature, bank, classes, neighbours, count):
    """Shares of all votes, one neighbour after the other."""
    cosines = [float(feature @ one / feature.norm() / one.norm()) for one in bank]
    nearest = sorted(range(len(bank)), key=lambda number: -cosines[number])[:neighbours]
    votes = np.zeros(count)
    for number in nearest:
        votes[int(classes[number])] += np.exp(cosines[number] / TEMPERATURE)
    return votes / votes.sum()


@pytest.mark.parametrize("neighbours", [1, 3, 50])
def test_votes_are_those_that_counting_gives(neighbours):
    drawn = torch.Generator().manual_seed(0)
    bank, classes = torch.randn(12, 6, generator=drawn), torch.arange(12) % 3
    features = torch.randn(5, 6, generator=drawn)
    head = NeighbourHead(6, 4, neighbours)
    head.remember(bank, classes)
    shares = torch.exp(head(features)).numpy()
    for found, feature in zip(shares, features, strict=True):
        expected = slow_shares(feature, bank, classes, neighbours, 4)
        np.testing.assert_allclose(found, np.maximum(expected, LEAST), rtol=1e-4)


def test_training_clips_and_their_mirror_images_are_remembered(source, layout22, tmp_path):
    config = step({**NEAREST, "augment": {"crop_area": [0.8, 1.0], "flip": 0.5}})
    torch.manual_seed(0)
    model = new_model(PLAIN, layout22, 2, None)
    before = {k: v.clone() for k, v in model.backbone.state_dict().items()}
    state, history = remember(model, source, config, seed=0)
    index = source.records.index
    train = np.flatnonzero(index["split"] == "train")
    samples = torch.from_numpy(np.stack([source.sample(row, np.arange(8)) for row in train]))
    shown = source.assemble(samples, full_frame(len(train), mirrored=True), training=False)
    with torch.no_grad():
        expected = model.features(shown)
    found = state["cls_head.features"]
    assert found.shape == (2 * len(train), model.backbone.num_features)
    assert torch.allclose(found[len(train) :], torch.nn.functional.normalize(expected), atol=1e-6)
    assert state["cls_head.classes"].tolist() == 2 * index["label"].to_numpy()[train].tolist()
    assert all(torch.equal(before[k], v) for k, v in model.backbone.state_dict().items())

    # each training clip by all others, and never by its own mirror image
    (entry,) = history["epochs"]
    plain = features_of(model, source, train, config, mirrored=False)
    labels = index["label"].to_numpy()[train]
    right = []
    for number, feature in enumerate(plain):
        others = np.arange(2 * len(train)) % len(train) != number
        shares = slow_shares(feature, found[others], np.tile(labels, 2)[others], 5, 2)
        right.append(shares.argmax() == labels[number])
    assert entry["train_top1"] == np.mean(right)
    assert {"val_loss", "val_top1", "train_loss", "learning_rate"} <= entry.keys()

    # a checkpoint comes back with as many clips as it has
    path = tmp_path / "model.safetensors"
    about = {"classes": CLASSES, "embedding_size": None, "layout": layout22.as_dict()}
    made = {"layout": layout22.name, "joints": 22, **STREAM}
    save_checkpoint(path, state, {**about, "config": NEAREST, "preparation": made})
    loaded = load_trained(path).model
    options = {"temporal": "align", "length": 8, "views": 1, "flip": True, "batch": 5}
    rows = np.flatnonzero(index["split"] == "test")
    first, again = (predict(one, source, rows, **options) for one in (model, loaded))
    assert np.array_equal(first, again)


def test_a_share_of_the_labels_is_all_that_is_remembered(source, layout22):
    config = replace_share(step(NEAREST), 0.25)
    state, _ = remember(new_model(PLAIN, layout22, 2, None), source, config, seed=0)
    assert len(state["cls_head.classes"]) == 16


def replace_share(config, share):
    return config.model_copy(update={"label_share": share})
