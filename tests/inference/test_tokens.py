"""Token files: their views, how they are joined, and prediction from the sources' checkpoints."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from torch import nn

from microgesture.data.clip_file import MemoryRecords, Records
from microgesture.inference.build import load_trained, new_model, open_prepared
from microgesture.inference.checkpoints import save_checkpoint
from microgesture.inference.clips import clip_probabilities
from microgesture.inference.onnx import drawn, export_onnx
from microgesture.inference.predict import predict
from microgesture.inference.recordings import check_models
from microgesture.inference.tokens import TokenViews, tokens_in_memory, write_tokens
from microgesture.inputs.geometry import Geometry, full_frame
from microgesture.inputs.tokens import TokenInput, index_rows, token_shapes
from microgesture.probing.missing_sources import COLUMNS, measure, write_measured
from microgesture.settings import probing
from microgesture.settings.parse import parse
from microgesture.settings.tokens import TokenStep
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_json
from tests.conftest import make_clip
from tests.sections import prepare_clips
from tests.small_training import CLASSES, CONFIG, STREAM, write_source
from tests.steps import step as training_step

AUGMENT = {"crop_area": [0.6, 1.0], "flip": 0.5}
TESTING = {"views": 3, "flip": True}
TESTED = probing.Testing(**TESTING)
SOURCES = {
    "one": {"stream": "joint"},
    "two": {"stream": "bone", "temporal": "segment_sample"},
}
FUSED = {"token_fusion": {"width": 8, "heads": 2}, "concat_mlp": {"width": 8}}


def token_step(**changes):
    given = {"augmented": 2, "augment": AUGMENT, "testing": TESTING, **changes}
    return parse(TokenStep, given, "tokens")


def saved(folder, name, config, layout, made, classes=CLASSES):
    """A checkpoint as a training writes it, with random weights."""
    torch.manual_seed(len(name))
    model = new_model(training_step(config), layout, len(classes), None, made)
    nn.init.normal_(model.cls_head.fc_cls.weight)  # so that clips differ
    metadata = {
        "config": config,
        "seed": 0,
        "classes": classes,
        "embedding_size": None,
        "layout": layout.as_dict(),
        "preparation": made,
    }
    path = folder / "train" / name / "seed0/model.safetensors"
    save_checkpoint(path, model.state_dict(), metadata)
    return load_trained(path)


@pytest.fixture(scope="module")
def world(tmp_path_factory, layout22):
    """Two trained sources with their token files, and two networks on these."""
    folder = tmp_path_factory.mktemp("tokens")
    write_source(folder, layout22, train=6)
    native = folder / "native.arrow"
    clips = [
        make_clip(f"c{i}", 5 + i % 9, CLASSES[i % 2], split, seed=i)
        for i, split in enumerate(["train"] * 6 + ["val"] * 8 + ["test"] * 8)
    ]
    prepare_clips(clips, layout22, {"cleaning": STREAM["cleaning"], "length": None}, native)
    trained, manifests = {}, []
    for name, own in SOURCES.items():
        records = Records(native if name == "two" else folder / "stream.arrow")
        config = {**CONFIG, **own, "variant": name}
        one = saved(folder, name, config, layout22, records.metadata)
        write_json(records.path.with_suffix(".json"), {"sha256": ""})
        source = open_prepared(one.config, layout22, [records.path.with_suffix(".json")])
        path = folder / f"tokens/{name}.arrow"
        manifest = write_tokens(one, source, token_step(), path)
        write_json(path.with_suffix(".json"), manifest)
        trained[name] = (one, source)
        manifests.append(path.with_suffix(".json"))
    made = TokenInput([Records(m.with_suffix(".arrow")) for m in manifests]).records.metadata
    for name, network in FUSED.items():
        config = {**CONFIG, "variant": name, "model": name, "temporal": "views", "length": 1}
        config |= {"sources": [*SOURCES], "network": network}
        trained[name] = (saved(folder, name, config, layout22, made), None)
    return folder, trained, manifests, clips


def test_each_view_is_the_networks_tokens_of_a_clip_seen_that_way(world):
    folder, trained, _manifests, _ = world
    for name in SOURCES:
        one, source = trained[name]
        records = Records(folder / f"tokens/{name}.arrow")
        views = TokenViews(one, source, token_step())
        for row in (0, 3, 8):
            for number in range(views.count(row)):
                view = views.view(row, number)
                sample = torch.from_numpy(np.array(source.sample(row, view.frames)))[None]
                with torch.inference_mode():
                    inputs = source.assemble(sample, view.geometry, training=False)
                    tokens = one.model.backbone.tokens(inputs)[0].mean(dim=1)
                found = np.frombuffer(records.blob(row, number), np.float16)
                shape = records.metadata["shape"]
                assert np.allclose(found.reshape(shape), tokens, rtol=2e-3, atol=1e-5)


def test_training_clips_have_random_views_and_others_those_of_testing(world):
    folder, trained, _, _ = world
    one, two = (Records(folder / f"tokens/{name}.arrow").index for name in SOURCES)
    assert one["num_frames"].tolist() == [4] * 6 + [1] * 16  # itself, mirrored, two at random
    assert two["num_frames"].tolist() == [4] * 6 + [3] * 16
    for name, temporal in (("one", 1), ("two", 3)):
        views = TokenViews(*trained[name], token_step())
        turned = [bool(views.view(9, n).geometry.mirrored[0]) for n in range(views.count(9))]
        assert turned == [False] * temporal + [True] * temporal
        turned = [bool(views.view(0, n).geometry.mirrored[0]) for n in range(2)]
        assert turned == [False, True]
    unturned = token_step(augment={"crop_area": [0.6, 1.0], "flip": 0.0})
    views = TokenViews(*trained["one"], unturned)
    assert views.count(0) == 3
    assert not any(views.view(0, n).geometry.mirrored[0] for n in range(3))


def test_random_views_are_the_same_for_all_networks_and_others_for_other_clips(world):
    _, trained, _, _ = world
    one, two = (TokenViews(*trained[name], token_step()) for name in SOURCES)
    windows = [one.view(row, n).geometry.windows[0] for row in range(6) for n in (2, 3)]
    same = [two.view(row, n).geometry.windows[0] for row in range(6) for n in (2, 3)]
    assert np.array_equal(windows, same)
    assert len(np.unique(windows, axis=0)) > 8


def test_pooling_over_time_leaves_a_token_for_each_joint(world):
    _, trained, _, _ = world
    one, source = trained["one"]
    over_time = tokens_in_memory(one, source, token_step(pool="time"))
    over_places = tokens_in_memory(one, source, token_step())
    assert over_time.metadata["shape"] == [22, 8] and over_places.metadata["shape"] == [8, 8]
    means = [
        np.frombuffer(records.blob(0, 0), np.float16).reshape(-1, 8).astype(float).mean(axis=0)
        for records in (over_time, over_places)
    ]
    assert np.allclose(*means, atol=2e-3)


def test_features_beyond_float16_are_refused(world):
    _, trained, _, _ = world
    one, source = trained["one"]
    for block in one.model.backbone.gcn:
        block.tcn.bn.weight.data.mul_(1e4)
    with pytest.raises(InputError, match="clip c0: features of one are not finite, or above"):
        tokens_in_memory(one, source, token_step())
    for block in one.model.backbone.gcn:
        block.tcn.bn.weight.data.div_(1e4)


def test_joined_tokens_stand_behind_their_flags(world):
    folder, _, _, _ = world
    files = [Records(folder / f"tokens/{name}.arrow") for name in SOURCES]
    source = TokenInput(files)
    assert token_shapes(source.records.metadata) == [(8, 8, "places"), (8, 8, "places")]

    def blobs(row, *views):
        parts = [
            np.frombuffer(one.blob(row, v), np.float16) for one, v in zip(files, views, strict=True)
        ]
        return np.concatenate(parts).astype(np.float32)

    def assembled(row, view, training, mirrored=False):
        sample = torch.from_numpy(source.sample(row, np.array([view])))[None]
        return source.assemble(sample, full_frame(1, mirrored), training)[0].numpy()

    assert np.array_equal(assembled(2, 3, training=True), [1, 1, *blobs(2, 3, 3)])
    # in training the geometry that is drawn has no meaning: the view has its own
    assert np.array_equal(assembled(2, 3, training=True, mirrored=True), [1, 1, *blobs(2, 3, 3)])
    # the first source has one temporal view in testing and its mirror image, the other three
    assert np.array_equal(assembled(9, 2, training=False), [1, 1, *blobs(9, 0, 2)])
    assert np.array_equal(assembled(9, 2, training=False, mirrored=True), [1, 1, *blobs(9, 1, 5)])
    without = TokenInput(files, missing=[1])
    sample = torch.from_numpy(without.sample(9, np.array([0])))[None]
    both = Geometry(*map(np.array, ([[0, 0, 1, 1]], [False])))
    assert without.assemble(sample, both, training=False)[0, :2].tolist() == [1, 0]
    assert source.records.index["num_frames"].tolist() == [4] * 6 + [3] * 16


def test_files_of_other_clips_or_views_are_refused(world):
    folder, trained, _, _ = world
    one, source = trained["one"]
    first = Records(folder / "tokens/one.arrow")
    fewer = tokens_in_memory(one, source, token_step(augmented=1))
    with pytest.raises(InputError, match="holds other views of training clips than"):
        TokenInput([first, fewer])
    other = tokens_in_memory(one, source, token_step())
    other.index["clip_id"] = other.index["clip_id"].tolist()[::-1]
    with pytest.raises(
        InputError, match=r"holds other clips than .*one.arrow, or in another order"
    ):
        TokenInput([first, other])
    plain = tokens_in_memory(one, source, token_step(testing={"views": 1, "flip": False}))
    unturned = TokenInput([plain, plain])
    sample = torch.from_numpy(unturned.sample(9, np.array([0])))[None]
    with pytest.raises(InputError, match="holds no mirror images"):
        unturned.assemble(sample, full_frame(1, mirrored=True), training=False)


def test_manifests_of_other_variants_are_refused(world, layout22):
    _, trained, manifests, _ = world
    fused = trained["token_fusion"][0].config
    with pytest.raises(InputError, match="holds tokens of two, one; token_fusion fuses those of"):
        open_prepared(fused, layout22, manifests[::-1])
    with pytest.raises(InputError, match="2 manifests; one reads a single one"):
        open_prepared(trained["one"][0].config, layout22, manifests)


@pytest.mark.parametrize("name", FUSED)
def test_clips_are_predicted_from_the_sources_checkpoints_as_from_token_files(
    world, layout22, name
):
    _, trained, manifests, clips = world
    fused = trained[name][0]
    source = open_prepared(fused.config, layout22, manifests)
    rows = np.flatnonzero(source.records.index["split"] == "test")
    settings = {"temporal": "views", "length": 1, "batch": 5}
    expected = predict(fused.model, source, rows, views=3, flip=True, **settings)
    tests = [clip for clip in clips if clip.split == "test"]
    found, empty = clip_probabilities(fused, tests, TESTED)
    assert np.allclose(np.log(found), np.log(expected), atol=1e-3) and empty == []
    assert np.log(expected).std(axis=0).max() > 0.01
    # of whatever split they are
    again, _ = clip_probabilities(fused, [clips[0]], TESTED)
    assert again.shape == (1, 2)


def test_a_fused_network_is_exported_from_its_tokens(world, tmp_path):
    _, trained, manifests, _ = world
    fused = trained["token_fusion"][0]
    assert drawn(fused).shape == (8, 2 + 2 * 8 * 8)  # made-up figures through the sources
    assert export_onnx(fused, tmp_path / "tokens.onnx", manifests).small
    without = onnxruntime.InferenceSession(tmp_path / "tokens.onnx")
    source = TokenInput([Records(m.with_suffix(".arrow")) for m in manifests], missing=[1])
    sample = torch.from_numpy(source.sample(9, np.array([0])))[None]
    clip = source.assemble(sample, full_frame(1), training=False)
    with torch.inference_mode():
        expected = fused.model(clip).numpy()
    found = without.run(None, {"clip": clip.numpy()})[0]
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_fused_network_reads_what_its_sources_read(world):
    _, trained, _, _ = world
    fused = trained["concat_mlp"][0]
    assert fused.parts is fused.sources and fused.layout.name == "openpose22"
    check_models([fused, trained["one"][0]])


def test_sources_that_are_missing_or_others_are_named(world, tmp_path):
    folder, trained, _, clips = world
    fused = trained["token_fusion"][0]
    for name in ("token_fusion", "one"):
        path = tmp_path / "train" / name / "seed0/model.safetensors"
        path.parent.mkdir(parents=True)
        path.write_bytes((folder / path.relative_to(tmp_path)).read_bytes())
    moved = load_trained(tmp_path / "train/token_fusion/seed0/model.safetensors")
    with pytest.raises(InputError, match=r"tokens of two, but .*model.safetensors is missing"):
        clip_probabilities(moved, clips[-1:], TESTED)
    other = tmp_path / "train/two/seed0/model.safetensors"
    other.parent.mkdir(parents=True)
    other.write_bytes(path.read_bytes())
    moved = load_trained(moved.path)
    with pytest.raises(InputError, match=r"tokens of two, but .*model.safetensors is another"):
        clip_probabilities(moved, clips[-1:], TESTED)
    assert [one.config.variant for one in fused.sources] == [*SOURCES]


def test_accuracy_without_each_source_is_that_of_masked_tokens(world, layout22, tmp_path):
    _, trained, manifests, _ = world
    fused = trained["token_fusion"][0]
    rows = [*measure(fused, manifests, TESTED)]
    assert [(row.missing, row.clips) for row in rows] == [("", 8), ("one", 8), ("two", 8)]
    files = [Records(manifest.with_suffix(".arrow")) for manifest in manifests]
    for row, missing in zip(rows, [(), (0,), (1,)], strict=True):
        source = TokenInput(files, missing)
        tested = np.flatnonzero(source.records.index["split"] == "test")
        settings = {"temporal": "views", "length": 1, "batch": 8, "views": 3, "flip": True}
        probabilities = predict(fused.model, source, tested, **settings)
        right = probabilities.argmax(axis=1) == source.records.index["label"].to_numpy()[tested]
        assert row.top1 == right.mean()
    write_measured(tmp_path / "missing.csv", rows)
    table = pd.read_csv(tmp_path / "missing.csv", keep_default_na=False)
    assert tuple(table.columns) == COLUMNS and table["missing"].tolist() == ["", "one", "two"]
    with pytest.raises(InputError, match="takes no tokens"):
        [*measure(trained["one"][0], manifests, TESTED)]
    with pytest.raises(InputError, match="--input: holds tokens of two, one; token_fusion fuses"):
        [*measure(fused, manifests[::-1], TESTED)]


def test_a_source_without_video_of_a_clip_is_missing_there(world):
    folder, _, _, _ = world
    files = [Records(folder / f"tokens/{name}.arrow") for name in SOURCES]
    ids = files[0].index["clip_id"].tolist()
    absent = [ids[9], ids[10]]
    seen = [
        MemoryRecords({**one.metadata, **more}, with_blobs(one))
        for one, more in zip(files, ({"absent": absent}, {"absent": absent[1:]}), strict=True)
    ]
    source = TokenInput(seen)

    def flags(row, **more):
        sample = torch.from_numpy(TokenInput(seen, **more).sample(row, np.array([0])))[None]
        return source.assemble(sample, full_frame(1), training=False)[0, :2].tolist()

    assert flags(8) == [1, 1] and flags(9) == [0, 1]
    assert flags(10) == [1, 1]  # shown as it is where there is nothing else
    assert flags(9, missing=[1]) == [1, 0]
    assert flags(8, missing=[0]) == [0, 1]


def with_blobs(records):
    for row, entry in enumerate(index_rows(records.index)):
        count = 2 * entry["num_frames"] if entry["split"] != "train" else entry["num_frames"]
        yield {**entry, "blobs": [bytes(records.blob(row, view)) for view in range(count)]}
