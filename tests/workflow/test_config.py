import copy
import re

import pytest
import yaml

from microgesture.settings.config import Config
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_json
from microgesture.workflow import config as settings
from microgesture.workflow import variants
from microgesture.workflow.checks import check_config
from microgesture.workflow.named_files import check_files
from microgesture.workflow.reference import editor_schema, reference
from tests.conftest import REPOSITORY
from tests.project import edited

CONFIGS = sorted((REPOSITORY / "config").glob("*.yaml"))
SPLIT = {"by": "subject", "val": ["a"], "test": ["b"]}


@pytest.fixture
def config():
    return yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_that_comes_with_the_project_is_valid(path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    check_config(yaml.safe_load(path.read_text()), str(path))


@pytest.mark.parametrize(
    ("section", "changes", "said"),
    [
        (
            "data",
            {"format": "parquet", "path": "missing.parquet"},
            "data.path: there is no missing.parquet",
        ),
        (
            "data",
            {"format": "smg", "root": ".", "subjects": "none.csv", "height": 1, "width": 1},
            "data.subjects: there is no none.csv",
        ),
        (
            "data",
            {"format": "smg", "root": "data/mine", "height": 1, "width": 1},
            "data.root: there is no data/mine",
        ),
        (
            "data",
            {"format": "video", "root": "films", "segments": "clips.csv", "split": SPLIT},
            "data.root: there is no films",
        ),
        (
            "semantic",
            {"source": "glove", "path": "words.txt"},
            "semantic.path: there is no words.txt",
        ),
        ("video", {"side": 32, "root": "films"}, "video.root: there is no films"),
        ("video", {"side": 32, "table": "films.csv"}, "video.table: there is no films.csv"),
    ],
)
def test_a_missing_file_is_refused_unless_the_results_are_its_own(
    config, tmp_path, monkeypatch, section, changes, said
):
    monkeypatch.chdir(tmp_path)
    if section == "data":
        config["data"] = {"name": "mine", "on_bad_clip": "stop"}
    config[section] = {**config.get(section, {}), **changes}
    typed = Config.model_validate(config)
    with pytest.raises(InputError, match=f"mine.yaml: {said}"):
        check_files(typed, "mine.yaml")
    records = tmp_path / "results/provenance"
    read, words = settings.reader_step(typed).reading(), settings.words_step(typed).given()
    write_json(records / "skeletons.json", {"config": read})
    write_json(records / "label_embeddings.json", {"config": words})
    for name, step in (("crops", settings.crops_step(typed)), ("pose", settings.pose_step(typed))):
        if step is not None:
            write_json(records / f"{name}.json", {"config": step.given()})
    check_files(typed, "mine.yaml")
    for name in ("skeletons", "label_embeddings", "crops", "pose"):
        write_json(records / f"{name}.json", {"config": {"format": "csv", "source": "other"}})
    with pytest.raises(InputError, match=said):
        check_files(typed, "mine.yaml")


def test_no_two_configs_share_their_results():
    results = [yaml.safe_load(path.read_text())["results"] for path in CONFIGS]
    assert len(set(results)) == len(results)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (["sigma"], 1, "top level: unknown key 'sigma'; known keys: results"),
        (
            ["heatmaps", "sgima"],
            1,
            "heatmaps: unknown key 'sgima'; did you mean 'sigma'\\? known keys: size, sigma",
        ),
        (
            ["heatmaps", "short_limbs"],
            "max",
            "heatmaps.short_limbs is 'max'; expected one of min or start",
        ),
        (["heatmaps", "sigma"], "wide", "heatmaps.sigma is 'wide'; expected a number"),
        (["seeds"], [], r"seeds is \[\]; expected at least 1 in it"),
        (["seeds"], [0.0, 1], r"seeds\[0\] is 0.0; expected a whole number"),
        (["testing", "views"], True, "testing.views is True; expected a whole number"),
        (["heatmaps", "sigma"], float("inf"), "heatmaps.sigma is inf; expected a finite number"),
        (
            ["heatmaps", "sigma"],
            "1e-1",
            "expected a number; YAML takes it for text: write it with a point",
        ),
        (["variants", 2024], {}, "variants has the name 2024; put it in quotes"),
        (["claims", 0, "claim"], "", r"claims\[0\].claim is ''; expected some text"),
        (["claims", 0, "worse"], ["stgcn22_align"], "stgcn22_align with itself"),
        (["models", "posec3d", "input_size"], 64, "input_size 64 is larger than heatmaps.size"),
        (["seeds"], [0, -1], r"seeds\[1\] is -1; expected at least 0"),
        (["data", "formt"], "x", "data: unknown key 'formt'"),
        (["data", "format"], "numpy", "data"),
        (
            ["data", "generate", "clips", "test"],
            0,
            "data.generate.clips.test is 0; expected at least 1",
        ),
        (["variants", "joint22_align", "lr"], 1, "variants.joint22_align: unknown key 'lr'"),
        (
            ["variants", "joint22_align", "training"],
            {"lr": 1},
            "unknown key 'lr'; known keys: epochs",
        ),
        (
            ["variants", "joint22_align", "temporal"],
            "pad",
            "temporal is 'pad'; expected one of align, crop_pad or segment_sample",
        ),
        (["variants", "joint22_align", "layout"], "openpose23", "openpose23.yaml"),
        (
            ["variants", "joint22_align"],
            {"title": "t", "model": "posec3d", "stream": "joint", "layout": "openpose22"}
            | {"temporal": "align", "source": "cached", "input_size": 99},
            "input_size 99 is larger than heatmaps",
        ),
        (["models", "posec3d", "network", "inflate"], [True], "inflate has 1 entries; expected 3"),
        (
            ["cleaning", "standard", "smooth"],
            {"method": "savgol", "frames": 5, "order": 5},
            "cleaning.standard.smooth: order is 5; expected one below the 5 frames",
        ),
        (
            ["cleaning", "standard", "smooth"],
            {"method": "savgol", "frames": 4, "order": 2},
            "cleaning.standard.smooth.frames is 4; expected an odd number",
        ),
        (
            ["cleaning", "standard", "smooth"],
            {"frames": 5, "order": 2},
            "cleaning.standard.smooth: 'method' is missing",
        ),
        (["data"], {"name": "n", "path": "clips.csv"}, "data: 'format' is missing"),
        (
            ["data"],
            {"name": "n", "format": "csv", "path": "clips.csv", "on_bad_clip": "stop"}
            | {"split": {"by": "video", "val": ["a"], "test": []}},
            "data.split.by is 'video'; expected subject",
        ),
        (["fusions", "fused_fitted", "weights"], "equal", "is 'equal'; expected validation"),
        (["folds"], 5, "set one of both to null"),
        (["augment", "crop_area"], [1, 0.56], r"crop_area is \[1, 0.56\]; expected the smaller"),
        (
            ["fusions", "fused", "title"],
            "ST-GCN, 22 points, align",
            "stgcn22_align and fused have the same title",
        ),
        (["variants", "joint22_align", "cleaning"], "none", "expected one of standard"),
        (
            ["variants", "stgcn22_align", "stream"],
            "limb",
            "stream is 'limb'; expected one of joint, bone",
        ),
        (["fusions", "fused", "weights"], "validation", "give every member a weight, or list"),
        (["models", "posec3d", "network", "stem_kernel"], 4, "stem_kernel"),
        (
            ["fusions", "fused", "members"],
            {"joint22_align": 1, "limb": 1},
            "names 'limb'; expected",
        ),
        (["claims", 0, "better"], "nobody", r"claims\[0\] names 'nobody'; expected one of"),
        (["submission"], "nobody", "submission names 'nobody'"),
        (["semantic", "source"], "bert", "semantic"),
        (
            ["variants", "joint22_align", "layout"],
            "openpose22\n",
            "expected letters, digits and _ alone",
        ),
        (["variants", "joint22\n"], {}, "expected letters, digits and _ alone"),
        (["fusions", "fused\n"], {}, "expected letters, digits and _ alone"),
        (["cleaning", "smooth\n"], {}, "expected letters, digits and _ alone"),
        (
            ["models", "stgcn", "network", "inflate_stages"],
            [3, 7],
            r"variants.stgcn22_crop_pad: network.inflate_stages is \[3, 7\], but there is no"
            " stage 7; num_stages is 4",
        ),
        (
            ["variants", "stgcn22_align", "network"],
            {"num_stages": 2},
            r"stgcn22_align: network.inflate_stages is \[2, 3\], but there is no stage 3;"
            " num_stages is 2",
        ),
        (
            ["models", "stgcn", "network"],
            {"num_stages": 6, "inflate_stages": [3]},
            r"down_stages is \[5, 8\], which it is unless given, but there is no stage 8",
        ),
        (["models", "posec3d", "network"], {"inflate": [True]}, "1 entries; expected 3"),
        (
            ["variants", "joint22_align", "training"],
            {"augment_points": {"rotate": 10}},
            "joint22_align: training.augment_points moves points, but source is cached",
        ),
    ],
)
def test_a_wrong_entry_is_named_with_its_file(config, place, value, said, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    with pytest.raises(InputError, match=said) as caught:
        check_config(edited(config, place, value), "config/mine.yaml")
    assert str(caught.value).startswith("config/mine.yaml: ")
    assert "\n" not in str(caught.value)


QUOTED = "put it in quotes, since YAML takes digits for a number, an octal one after a leading 0"
CSV = "data: {name: n, format: csv, path: clips.csv, on_bad_clip: stop, split: {by: subject,"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{CSV} val: [0002], test: []}}}}", f"data.split.val[0] is 2; {QUOTED}"),
        (f"{CSV} val: [], test: ['1', 0010]}}}}", f"data.split.test[1] is 8; {QUOTED}"),
        (f"{CSV} val: 0010, test: []}}}}", "data.split.val is 8; expected a list"),
        (
            "data: {name: 2023, format: csv, path: a, on_bad_clip: stop}",
            f"data.name is 2023; {QUOTED}",
        ),
        ("occlusion: {variants: [0010], clips: 1}", f"occlusion.variants[0] is 8; {QUOTED}"),
        ("submission: 0010", f"submission is 8; {QUOTED}"),
        ("classes: 2024-01-02", "classes is 2024-01-02; put it in quotes"),
        ("results: 1.5", "results is 1.5; put it in quotes"),
        ("claims: [{claim: a, better: 0010, worse: b}]", f"claims[0].better is 8; {QUOTED}"),
        ("claims: [{claim: a, better: b, worse: 0010}]", f"claims[0].worse is 8; {QUOTED}"),
        ("claims: [{claim: a, better: b, worse: [0010]}]", f"claims[0].worse[0] is 8; {QUOTED}"),
        ("fusions: {f: {title: f, members: [a, no]}}", "fusions.f.members[1] is False; put it"),
        ("fusions: {f: {title: f, members: {0010: 1, b: 1}}}", "fusions.f.members has the name 8"),
        (
            "fusions: {on: {title: f, members: [a, b]}}",
            "fusions has the name True; put it in quotes",
        ),
        (
            "variants: {a: {title: 22, model: stgcn, layout: a, temporal: align}}",
            "title is 22; put",
        ),
        (
            "variants: {a: {title: a, model: stgcn, layout: 22, temporal: align}}",
            "layout is 22; put",
        ),
        ("data: {name: n, format: pyskl, path: a, fps: 1, splits: {01: train}}", "the name 1; put"),
    ],
)
def test_text_that_yaml_takes_for_something_else_is_to_be_quoted(config, text, said):
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        check_config({**config, **yaml.safe_load(text)}, "mine.yaml")
    assert "\n" not in str(caught.value)


def test_the_reference_and_the_schema_for_editors_are_those_of_the_models():
    remedy = "run: python scripts/config_reference.py"
    assert (REPOSITORY / "docs/config.md").read_text() == reference(), remedy
    assert (REPOSITORY / "config/schema.json").read_text() == editor_schema(), remedy


def test_every_config_key_is_in_the_reference():
    page, schema = reference(), Config.model_json_schema()
    sections = [schema, *schema["$defs"].values()]
    assert len(sections) > 30
    for section in sections:
        assert all(f"| `{key}`" in page for key in section["properties"])


def test_video_wants_its_section(config, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    recipe = config["models"]["stgcn"]["training"]
    config["models"]["mvit"] = {"length": 8, "input_size": 64, "network": {}, "training": recipe}
    config["variants"]["video"] = {"title": "MViT", "model": "mvit"}
    config.pop("video", None)
    said = r"variants\.video: model is mvit, which reads video; expected a section video"
    with pytest.raises(InputError, match=said):
        check_config(config, "c")
    own = variants.whole_variant(Config.model_validate(config), "video")
    assert (own.own.temporal, own.input_size, own.jitter) == ("segment_sample", 64, 0.0)
    parts = Config.model_validate(config)
    assert variants.manifest_names(parts, "video", "seed0") == ["video/crops.json"]
    assert "layout" not in settings.training_step(parts, "video").given()
    config["variants"]["video"]["temporal"] = "align"
    with pytest.raises(InputError, match="temporal is 'align'; expected"):
        check_config(config, "c")
    config["variants"]["video"] |= {"temporal": "crop_pad", "stream": "motion"}
    config["video"] = {"root": "films", "side": 48}
    with pytest.raises(InputError, match=r"input_size 64 is larger than video\.side 48"):
        check_config(config, "c")
    config["video"]["side"] = 64
    with pytest.raises(InputError, match="black frames after a clip's end would count as motion"):
        check_config(config, "c")


def test_video_says_where_it_lies(config, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    config["video"] = {"side": 32}
    with pytest.raises(InputError, match=r"c: video: data\.generate\.video is not set, so none is"):
        check_config(config, "c")
    config["data"]["generate"]["video"] = {"height": 36, "width": 64, "crf": 23}
    step = settings.crops_step(check_config(config, "c"))
    # generated video lies in the generated release, at the size that the config says
    assert (step.root, step.resolution) == (f"{config['results']}/release", "scale")
    config["data"] = {"name": "m", "format": "parquet", "path": "x", "on_bad_clip": "skip"}
    with pytest.raises(InputError, match="c: video: expected root or table, which say where"):
        check_config(config, "c")
    config["video"]["root"] = "films"
    step = settings.crops_step(check_config(config, "c"))
    assert step.given() == {"root": "films", "side": 32, "on_bad_clip": "skip"}
    config["video"]["side"] = 8
    with pytest.raises(InputError, match=r"video\.side"):
        check_config(config, "c")


def test_a_stream_is_for_posec3d_only(config, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    without = copy.deepcopy(config)
    del without["variants"]["joint22_align"]["stream"]
    with pytest.raises(InputError, match=r"variants\.joint22_align"):
        check_config(without, "c")


def test_a_variants_own_settings_win(config):
    config["variants"]["joint22_align"]["training"] = {"learning_rate": 0.5}
    config["variants"]["joint22_align"]["network"] = {"dropout": 0.25}
    merged = variants.whole_variant(Config.model_validate(config), "joint22_align")
    shared = config["models"]["posec3d"]
    plain = {
        "optimizer": "sgd",
        "schedule": "cosine",
        "warm_up": 0.3,
        "layer_decay": 1.0,
        "backbone_rate": 1.0,
        "frozen_blocks": 0,
        "frozen": False,
        "ema": 0.0,
        "validate_from": 0.0,
        "sampling": "natural",
        "label_smoothing": 0.0,
        "logit_adjustment": 0.0,
        "balanced_head_epochs": 0,
        "augment_points": {"rotate": 0.0, "offset": 0.0, "drop": 0.0, "drop_parts": 0.0},
        "frame_span": 1.0,
        "mixup": 0.0,
    }
    training = {**plain, **shared["training"], "learning_rate": 0.5}
    assert merged.training.given() == training
    assert merged.network.given() == {**shared["network"], "dropout": 0.25}
    assert merged.length == shared["length"] and merged.own.stream == "joint"


def test_a_step_depends_on_its_own_slice_only(config):
    """An edit moves the slices named here; the workflow reruns exactly their steps."""
    config["models"]["posec3d"]["source"] = "drawn"
    config["variants"]["joint41_align"]["source"] = "cached"
    posec3d = [name for name, v in config["variants"].items() if v["model"] == "posec3d"]
    drawn = {f"train {name}" for name in posec3d if name != "joint41_align"}
    limbs = {name for name in drawn if config["variants"][name[6:]]["stream"] == "limb"}
    edits = {
        ("variants", "joint22_align", "training"): {"train joint22_align"},
        ("variants", "joint22_align", "title"): {"table", "figures", "page", "cards"},
        ("heatmaps", "sigma"): {"heatmaps", "limb heatmaps", *drawn},
        ("heatmaps", "short_limbs"): {"limb heatmaps", *limbs},
        ("cleaning", "standard", "min_score"): {"prepare"},
        ("data", "name"): {"table", "page", "cards"},
        ("data", "licence"): {"cards"},
        ("robustness", "drop"): {"page", "cards"},
        ("occlusion", "clips"): {"page"},
        ("submission",): {"table", "figures", "page"},
        ("claims",): {"table", "page"},
    }
    values = {
        "training": {"learning_rate": 0.5},
        "title": "another",
        "licence": "another",
        "name": "another",
        "short_limbs": "start",
        "drop": [0.123],
        "clips": 123,
        "submission": "another",
        "claims": [],
    }
    for place, moved in edits.items():
        value = values.get(place[-1], 0.123)
        assert differing(slices(config), slices(edited(config, place, value))) == moved, place


@pytest.mark.parametrize(
    "data",
    [
        {"format": "release2023", "root": "r", "height": 720, "width": 1280},
        {"format": "pyskl", "path": "a.pkl"},
    ],
)
def test_test_labels_reach_the_reader(config, data, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    data = {**data, "name": "x", "fps": 25, "on_bad_clip": "stop", "test_labels": "placeholder"}
    changed = {**config, "data": data}
    check_config(changed, "c.yaml")
    assert settings.reader_step(Config.model_validate(changed)).test_labels == "placeholder"


def test_key_points_of_videos_are_read_as_recordings(config):
    data = {"name": "x", "format": "video", "root": "films", "segments": "c.csv", "split": SPLIT}
    changed = {**config, "data": {**data, "on_bad_clip": "skip"}}
    typed = Config.model_validate(changed)
    told = settings.pose_step(typed).given()
    assert told == {"root": "films", "on_bad_clip": "skip"}
    read = settings.reader_step(typed)
    assert (read.format, read.path) == (
        "recordings",
        f"{config['results']}/pose/recordings.parquet",
    )
    assert read.segments == "c.csv" and read.split.val == ["a"]
    changed["data"]["segments"] = "other.csv"
    assert settings.pose_step(Config.model_validate(changed)).given() == told


def _learning(config, name):
    trees = config.variants[name].model == "trees"
    return (settings.trees_step if trees else settings.training_step)(config, name)


def test_trees_need_no_section_of_their_own(config, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    check_config(config, "c.yaml")
    assert "trees" not in config["models"]
    step = settings.trees_step(Config.model_validate(config), "trees")
    assert (step.length, step.network, step.mirror) == (24, {}, True)
    config["models"]["trees"] = {"length": 30, "network": {"trees": 50, "smallest_leaf": 2}}
    config["variants"]["trees"]["network"] = {"trees": 70}
    step = settings.trees_step(Config.model_validate(config), "trees")
    assert (step.length, step.network) == (30, {"trees": 70, "smallest_leaf": 2})
    config["variants"]["trees"]["semantic"] = True
    with pytest.raises(InputError, match=r"variants\.trees.*semantic"):
        check_config(config, "c.yaml")


def slices(given):
    config = Config.model_validate(given)
    parts = {
        "prepare": settings.preparation_step(config, "standard", "align16"),
        "heatmaps": settings.heatmap_step(config, "joint"),
        "limb heatmaps": settings.heatmap_step(config, "limb"),
        "table": settings.table_step(config),
        "figures": settings.figures_step(config),
        "page": settings.page_step(config),
        "cards": settings.cards_step(config),
        **{f"train {name}": _learning(config, name) for name in config.variants},
    }
    told = {name: part.given() for name, part in parts.items()}
    return {"reader": settings.reader_step(config).reading(), **told}


def differing(one, other):
    return {name for name in one if one[name] != other[name]}


POINTS = {"name": "mine", "format": "pyskl", "path": "a.pkl", "fps": 25, "on_bad_clip": "stop"}


@pytest.mark.parametrize("points", ["body25b", [0, None, 2, None], "mine.yaml"])
def test_points_are_a_format_a_file_or_a_list_and_reach_the_reader_as_numbers(
    config, tmp_path, monkeypatch, points
):
    if points == "mine.yaml":
        (tmp_path / points).write_text("points: [3, null]\n")
        points = str(tmp_path / points)
    monkeypatch.chdir(REPOSITORY)
    changed = {**config, "data": {**POINTS, "points": points}}
    check_config(changed, "mine.yaml")
    told = settings.reader_step(Config.model_validate(changed)).points
    assert told[:2] in ([0, 16], [0, None], [3, None])


@pytest.mark.parametrize(
    ("points", "said"),
    [("body25c", "is no file and none of body18"), ([0, 0], "different numbers"), ([137], "137")],
)
def test_wrong_points_are_named_before_anything_is_read(config, monkeypatch, points, said):
    monkeypatch.chdir(REPOSITORY)
    with pytest.raises(InputError, match=f"mine.yaml: .*{said}"):
        check_config({**config, "data": {**POINTS, "points": points}}, "mine.yaml")
