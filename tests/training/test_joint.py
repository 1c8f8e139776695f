"""Fusions that hold the networks of their sources: fed, trained, stopped, exported and used."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from microgesture.data.clip_file import Records
from microgesture.data.store import write_store
from microgesture.inference import joint
from microgesture.inference.build import load_trained, open_prepared
from microgesture.inference.clips import clip_probabilities
from microgesture.inference.onnx import EXAMPLES, drawn, export_onnx
from microgesture.inference.predict import predict
from microgesture.inference.recordings import read_video
from microgesture.inference.tokens import write_tokens
from microgesture.inference.videos import predict_videos
from microgesture.inputs.base import CPU
from microgesture.inputs.geometry import Geometry, full_frame
from microgesture.inputs.joint import JoinedSource, JointInput
from microgesture.inputs.loader import TrainingClips
from microgesture.inputs.tokens import TokenInput
from microgesture.preprocessing.temporal import inference_views
from microgesture.probing import missing_sources, robustness
from microgesture.probing.test_clips import Probed, labelled_tests
from microgesture.settings.probing import RobustnessStep, Testing
from microgesture.training import trainer
from microgesture.training.distributed import ALONE
from microgesture.training.optimization import rate_scales
from microgesture.training.resume import Keeper, Stopped
from microgesture.training.run import TrainingFiles, first_model, open_files, run_training
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_json
from microgesture.video.sources import find_videos
from tests import moving_squares
from tests.conftest import make_clip
from tests.inference.test_tokens import token_step
from tests.sections import prepare_clips
from tests.small_training import CONFIG, LAYOUT, STREAM, config_with
from tests.steps import step, with_signal
from tests.videos import stripes, write_video

WAYS = ["left", "right", "up", "down"]
COUNTS = {"train": 16, "val": 8, "test": 8}
TRAINING = {"epochs": 2, "batch": 8, "optimizer": "adamw", "learning_rate": 0.01}
FILM = {
    "variant": "film",
    "model": "mvit",
    "stream": "motion",
    "temporal": "segment_sample",
    "length": 4,
    "input_size": 16,
    "jitter": 0.5,
    "network": {"embed": 8, "depths": [1], "key_stride": 1, "dropout": 0.0, "drop_path": 0.0},
}
OWN = ("layout", "padding", "temporal", "length", "network", "model", "variant")
POINTS = {key: CONFIG[key] for key in OWN} | {"variant": "points"}
OF_FILM = {key: one for key, one in CONFIG.items() if key not in OWN} | FILM
SOURCES = {"film": OF_FILM, "points": config_with(TRAINING, variant="points")}
FUSED = {
    "model": "token_fusion",
    "length": 1,
    "sources": ["film", "points"],
    "network": {"width": 8, "heads": 2, "dropout": 0.0},
}
BOTH = {key: one for key, one in config_with(TRAINING).items() if key not in OWN} | FUSED
ONCE = Testing(views=1, flip=False)
TESTING = Testing(views=3, flip=True)


def joint_step(backbones="finetuned", **training):
    """The step of a fusion that holds its sources' networks."""
    whole = BOTH | {"variant": "both", "temporal": "sources", "backbones": backbones}
    recipe = BOTH["training"] | training
    return step(whole | {"networks": [FILM, POINTS], "training": recipe})


class World:
    """Clips with video and skeletons, and trainings on them."""

    def __init__(self, folder, layout):
        self.folder, self.layout = folder, layout
        self.crops, self.skeletons = folder / "crops.json", folder / "points.json"
        moving_squares.write(self.crops.with_suffix(".arrow"), COUNTS)
        rows = [*moving_squares.rows(COUNTS)]
        self.clips = [
            replace(
                make_clip(row["clip_id"], 6 + n % 4, WAYS[n % 2], row["split"], seed=n),
                label=row["label"],
                subject=row["subject"],
            )
            for n, row in enumerate(rows)
        ]
        path = self.skeletons.with_suffix(".arrow")
        prepare_clips(self.clips, layout, STREAM, path)
        for manifest in (self.crops, self.skeletons):
            write_json(manifest, {"sha256": "0" * 64})
        self.classes = folder / "classes.yaml"
        self.classes.write_text(yaml.safe_dump({"classes": WAYS}))

    def files(self, *manifests, backbones=()):
        layouts = (LAYOUT,) if self.skeletons in manifests else ()
        started = {name: self.model(name) for name in backbones}
        return TrainingFiles(manifests, layouts, self.classes, backbones=started)

    def both(self, backbones=("film", "points")):
        return self.files(self.crops, self.skeletons, backbones=backbones)

    def model(self, name):
        return self.folder / "train" / name / "seed0/model.safetensors"

    def train(self, config, files):
        run_training(
            config,
            files,
            self.model(config.variant).parent,
            seed=0,
            fold=None,
            processes=ALONE,
            device=CPU,
            threads=1,
            resuming=None,
            code_version={},
        )
        return load_trained(self.model(config.variant))

    def started(self, config, files):
        """The network before its first step, and its input."""
        opened = open_files(config, files, 0, None)
        return first_model(config, files, opened, 0, CPU, lambda line: None), opened.source


@pytest.fixture(scope="module")
def world(tmp_path_factory, layout22):
    torch.set_num_threads(1)
    world = World(tmp_path_factory.mktemp("joint"), layout22)
    world.train(step(SOURCES["film"]), world.files(world.crops))
    world.train(step(SOURCES["points"]), world.files(world.skeletons))
    world.trained = world.train(joint_step(backbone_rate=0.1), world.both())
    return world


def test_it_tells_what_a_fusion_of_its_sources_tokens_tells(world, tmp_path):
    """Before it is trained, with the same weights, up to the rounding of stored tokens."""
    config = joint_step()
    model, source = world.started(config, world.both())
    manifests = {"film": world.crops, "points": world.skeletons}
    files = []
    for name, manifest in manifests.items():
        one = load_trained(world.model(name))
        path = tmp_path / f"{name}.arrow"
        opened = open_prepared(one.config, one.skeleton, [manifest])
        write_tokens(one, opened, token_step(testing=TESTING.model_dump()), path)
        files.append(Records(path))
    rows = np.flatnonzero(source.records.index["split"] == "test")
    settings = {"length": 1, "batch": 5, "views": 3, "flip": True}
    for missing in ((), (0,), (1,)):
        shown = joint.open_joint(config, [None, world.layout], [*manifests.values()], missing)
        found = predict(model, shown, rows, temporal="sources", **settings)
        fusion = model.backbone
        model.backbone = fusion.fusion
        wanted = predict(model, TokenInput(files, missing), rows, temporal="views", **settings)
        model.backbone = fusion
        assert np.allclose(found, wanted, atol=2e-4) and np.ptp(found, axis=0).max() > 1e-3


def test_networks_start_as_they_are_asked_to(world):
    tuned, _ = world.started(joint_step(), world.both())
    fresh, _ = world.started(joint_step("joint"), world.both(()))
    published, _ = world.started(joint_step("joint"), world.both(["film"]))
    again, _ = world.started(joint_step("joint"), world.both(()))
    for n, name in enumerate(("film", "points")):
        own = load_trained(world.model(name)).model.backbone.state_dict()

        def same(model, n=n, own=own):
            inside = model.backbone.networks[n].state_dict()
            return all(torch.equal(inside[key], own[key]) for key in own)

        assert same(tuned) and not same(fresh)
        assert same(published) == (name == "film")
    pairs = zip(fresh.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    stated = load_trained(world.model("both")).metadata
    assert sorted(stated["backbones"]) == ["film", "points"] and len(stated["data"]) == 2


def test_every_number_is_trained(world):
    model, source = world.started(joint_step(), world.both())
    clips = TrainingClips(source, "sources", 1, seed=0)
    batch = torch.stack([clips[row, 1, row][0] for row in range(8)])
    inputs = source.assemble(batch, full_frame(8), training=True)
    torch.nn.functional.cross_entropy(model.train()(inputs), torch.arange(8) % 4).backward()
    assert [name for name, one in model.named_parameters() if one.grad is None] == []


def test_the_networks_learn_at_their_own_rate(world):
    model, _ = world.started(joint_step(), world.both())
    scales = rate_scales(model, 1.0, 0.1)
    names = [name for name, _ in model.named_parameters()]
    inside = [name.startswith("backbone.networks.") for name in names]
    assert scales == [0.1 if one else 1.0 for one in inside] and 0 < sum(inside) < len(inside)
    # the first step of AdamW moves each number by about its rate
    before = {name: one.clone() for name, one in model.named_parameters()}
    state, _ = trained_from(world, joint_step(backbone_rate=0.1, epochs=1, batch=16))
    moved = {name: float((state[name] - one.detach()).abs().max()) for name, one in before.items()}
    rest = max(moved[name] for name in names if not name.startswith("backbone.networks."))
    most = max(moved[name] for name in names if name.startswith("backbone.networks."))
    assert 0 < most <= 0.0011 < 0.005 < rest <= 0.011


def test_each_source_is_shown_what_its_own_training_shows(world):
    """One seed draws frames and moves points of every source; all are cropped alike."""
    film = open_prepared(step(OF_FILM), None, [world.crops])
    points = open_prepared(step(SOURCES["points"]), world.layout, [world.skeletons])
    first, second = joint_step().networks
    moving = second.model_copy(
        update={"augment_points": second.augment_points.model_copy(update={"rotate": 30.0})}
    )
    plain, moved = (
        JointInput([JoinedSource(first, None, film), JoinedSource(one, world.layout, points)])
        for one in (second, moving)
    )
    geometry = Geometry(np.array([[0.1, 0.2, 0.5, 0.6]]), np.array([True]), np.ones((1, 2)))

    def parts(source, seed, training=True):
        batch = torch.from_numpy(source.sample(3, np.array(seed)))[None]
        made = source.assemble(batch, geometry, training=training)[:, 2:]
        shapes = [tuple(one["shape"]) for one in source.records.metadata["inputs"]]
        split = made.split([int(np.prod(shape)) for shape in shapes], dim=1)
        return [one.unflatten(1, shape) for one, shape in zip(split, shapes, strict=True)]

    tested, lit = parts(plain, [0, 1], False), parts(plain, [0, 1])
    assert not torch.equal(tested[0], lit[0]) and torch.equal(tested[1], lit[1])
    frames = inference_views("segment_sample", 8, 4, 1)[0]
    for made, own, chosen in ((tested[0], film, frames), (tested[1], points, np.arange(8))):
        sample = torch.from_numpy(np.array(own.sample(3, chosen)))[None]
        assert torch.equal(made, own.assemble(sample, geometry, training=False))
    one, other, turned = parts(plain, [7]), parts(plain, [8]), parts(moved, [7])
    assert not torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])
    assert torch.equal(one[0], turned[0]) and not torch.equal(one[1], turned[1])
    assert torch.equal(turned[1], parts(moved, [7])[1])


def trained_from(world, config, folder=None, at=0):
    """A training with a signal at a batch, as `run_training` calls it."""
    model, source = world.started(config, world.both())
    source = with_signal(source, at)
    if folder is None:
        return trainer.train(model, source, config, seed=0)
    with Keeper(folder, "both", "seed0", "0" * 16, every=0, say=lambda line: None) as keeper:
        return trainer.train(model, source, config, seed=0, keeper=keeper)


def test_a_stopped_training_goes_on_bit_for_bit(world, tmp_path):
    config = joint_step(ema=0.5)
    with pytest.raises(Stopped):
        trained_from(world, config, tmp_path, at=3)
    state, history = trained_from(world, config, tmp_path)
    expected, course = trained_from(world, config)
    assert history["spent"]["resumed"] == 1 and history["epochs"] == course["epochs"]
    assert all(torch.equal(value, expected[name]) for name, value in state.items())


@pytest.mark.parametrize(
    ("backbones", "says"),
    [
        (["film"], "--backbones: film; expected one for each of film, points"),
        (["film", "points", "both"], "expected one for each of film, points"),
    ],
)
def test_missing_and_unknown_checkpoints_are_refused(world, backbones, says):
    with pytest.raises(InputError, match=says):
        world.started(joint_step(), world.both(backbones))


def test_checkpoints_of_something_else_are_refused(world):
    wrong = replace(world.both(), backbones={n: world.model("film") for n in ("film", "points")})
    with pytest.raises(InputError, match="its variant is film; expected points, with which it is"):
        world.started(joint_step(), wrong)
    opened = open_files(joint_step(), world.both(), 1, None)
    with pytest.raises(InputError, match="its seed is 0; expected 1, with which it is fused"):
        first_model(joint_step(), world.both(), opened, 1, CPU, print)
    with pytest.raises(InputError, match="1 manifests; both reads one for each of film, points"):
        joint.open_joint(joint_step(), [None, None], [world.crops])
    with pytest.raises(InputError, match="--layout: openpose22 is missing, which both reads"):
        open_files(joint_step(), replace(world.both(), layouts=()), 0, None)


def test_a_trained_one_is_used_like_any_other(world, tmp_path):
    trained, manifests = world.trained, [world.crops, world.skeletons]
    source = joint.open_trained(trained, manifests)
    assert source.preparation == trained.metadata["preparation"]
    assert [part.skeleton is None for part in trained.parts] == [True, False]
    assert read_video([trained]) and trained.sources == []
    with pytest.raises(InputError, match=r"reads video \(mvit\); expected a model"):
        _ = trained.layout
    rows = np.arange(16, 32)
    expected = predict(
        trained.model, source, rows, temporal="sources", length=1, views=3, flip=True, batch=8
    )
    clips = [replace(clip, split="test") for clip in world.clips[16:]]
    crops = moving_squares.in_memory(COUNTS)
    some = type(crops)(crops.metadata, [*moving_squares.rows(COUNTS)][16:])
    found, empty = clip_probabilities(trained, clips, TESTING, some)
    assert np.allclose(found, expected, atol=1e-6) and empty == []

    rows = [*missing_sources.measure(trained, manifests, TESTING)]
    assert [(row.missing, row.clips) for row in rows] == [("", 8), ("film", 8), ("points", 8)]
    right = expected[8:].argmax(axis=1) == source.records.index["label"].to_numpy()[24:]
    assert rows[0].top1 == right.mean()

    store = tmp_path / "s.parquet"
    write_store(store, world.clips, WAYS, "test")
    tests = labelled_tests(store, trained)
    asked = RobustnessStep(drop=[0.5], video={"darken": [0.9]}, seed=0, testing=ONCE)
    measured = [*robustness.measure(Probed(trained, store, tests, crops), asked)]
    assert [row.kind for row in measured] == ["none", "drop", "video_darken"]

    path = write_video(tmp_path / "ann.mp4", stripes(12))
    points = make_clip("ann", 12).points
    (window,) = predict_videos(
        [trained],
        find_videos(path),
        testing=ONCE,
        skeletons={"ann": tmp_path},
        read=lambda folder: points,
    )
    assert window.probabilities.sum() == pytest.approx(1)


def test_it_is_exported_whole(world, tmp_path):
    found = export_onnx(world.trained, tmp_path / "m.onnx", [world.crops, world.skeletons])
    assert found.small
    # without prepared clips, by figures beside pictures of random colours
    made_up = drawn(world.trained)
    with torch.no_grad():
        logits = world.trained.model(made_up)
    assert made_up.shape[0] == EXAMPLES and logits.std(dim=0).min() > 0
