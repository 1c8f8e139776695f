import copy
import importlib.util
import os
from pathlib import Path

import pytest
import yaml

from microgesture.settings.config import Config
from microgesture.utils.errors import InputError
from microgesture.utils.files import write_json
from microgesture.workflow import config as settings
from microgesture.workflow import preflight
from microgesture.workflow.checks import check_config
from tests.conftest import REPOSITORY


@pytest.fixture
def config(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    return yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())


def check_contents(config, source):
    preflight.check_contents(Config.model_validate(config), source)


def training_clips(config):
    return preflight.training_clips(Config.model_validate(config))


def test_a_checkout_whose_path_holds_a_brace_is_refused(tmp_path, monkeypatch):
    preflight.check_checkout("/home/me/micro gesture")
    with pytest.raises(InputError, match=r"^/a\{b\}/c: the path of this checkout holds a brace"):
        preflight.check_checkout("/a{b}/c")
    (tmp_path / "a}").mkdir()
    monkeypatch.chdir(tmp_path / "a}")
    with pytest.raises(InputError, match=r"a\}: the path of this checkout holds a brace"):
        preflight.check_checkout("/home/me")


def test_another_working_folder_than_the_checkout_is_refused(tmp_path, monkeypatch):
    checkout, link = tmp_path / "my checkout", tmp_path / "link"
    checkout.mkdir()
    link.symlink_to(checkout)
    monkeypatch.chdir(link)
    preflight.check_working_folder(str(checkout))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        preflight.check_working_folder(str(checkout))
    assert str(caught.value) == (
        f"{tmp_path}: the workflow runs in its checkout alone; cd '{checkout}', "
        f"or give --directory '{checkout}'"
    )


def test_video_needs_its_packages(config, monkeypatch):
    config["video"] = {"side": 32}
    check_contents(config, "mine.yaml")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "cv2" else name)
    with pytest.raises(InputError, match=r"mine.yaml: video needs cv2, which .*microgesture\[vid"):
        check_contents(config, "mine.yaml")


def test_a_key_that_occurs_twice_is_named_with_its_line(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("a: {b: 1}\nc:\n  - b: 2\n  - d: 3\n    e: 4\n    d: 5\n")
    with pytest.raises(InputError, match=r"config.yaml, line 6: d occurs twice"):
        preflight.check_syntax(path)
    path.write_text("a: &x {b: 1}\nc: {<<: *x, b: 2}\nd: &y [1]\ne: [*y, *y]\n")
    preflight.check_syntax(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"a: 1\nb: [1, 2\nc: 3\n",
            r", line 3, column 2: is not YAML: .*that began in line 2; mend",
        ),
        (b"a: 1\n\tb: 2\n", r", line 2, column 1: is not YAML: found character '\\t'"),
        (b"a: b: c\n", r", line 1, column 5: is not YAML: mapping values are not allowed here"),
        (b"a: 'x\n", r", line 2, column 1: is not YAML: found unexpected end of stream"),
        (b"a: *b\n", r", line 1, column 4: is not YAML: found undefined alias 'b'"),
        (b"a: !!python/name:os.system\n", r", line 1, column 4: is not YAML: could not determine"),
        (b"a: [1]\nb: {[1]: 2}\n", r", line 2, column 5: is not YAML: found unhashable key"),
        (b"a: 2024-13-01\n", r": cannot be read as YAML: month must be in 1..12; mend"),
        (b"a: \xff\n", r": cannot be read as YAML: .*utf-8.*; mend the file"),
        (b"a: \x00\n", r": cannot be read as YAML: unacceptable character #x0000"),
        (b"just text\n", r": holds no config, expected 'key: value' lines"),
        (b"", r": holds no config"),
    ],
)
def test_a_file_that_is_not_yaml_is_named_with_the_line(tmp_path, capsys, content, said):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^{path}{said}") as caught:
        preflight.check_syntax(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(SystemExit) as ended:
        preflight.check_command_line(["--cores", "2", "--configfile", str(path), "-n"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"{caught.value}\n"


@pytest.mark.parametrize("option", ["--configfile", "--configfiles"])
def test_a_target_that_configfile_swallowed_is_told(tmp_path, capsys, option):
    config, target = REPOSITORY / "config/config.yaml", tmp_path / "table.md"
    for _ in range(2):  # not there, and there
        with pytest.raises(SystemExit) as ended:
            preflight.check_command_line(["-n", option, str(config), str(target), "--cores", "2"])
        assert ended.value.code == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert str(target) in said and "put it before --configfile" in said
        target.write_text("# Ablation\n\n| a | b |\n")
    preflight.check_command_line(["-n", str(target), option, str(config)])
    preflight.check_command_line(["-n", str(target), f"{option}={config}"])
    preflight.check_command_line(["-n", str(target)])
    preflight.check_command_line(["--mode", "remote", "--configfiles", str(target)])


def test_a_pipe_as_config_file_is_refused(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", tmp_path):
        with pytest.raises(SystemExit) as ended:
            preflight.check_command_line(["-n", "--configfile", str(place)])
        assert ended.value.code == 2
        said = capsys.readouterr().err
        assert f"{place} is no file, and a pipe can be read only once" in said


@pytest.mark.parametrize("place", ["results", "results/mine"])
def test_results_that_are_no_folder_are_told(config, tmp_path, place):
    config["results"] = str(tmp_path / place)
    (tmp_path / "results").write_text("")
    said = r"mine.yaml: results is .*, but .*/results is no folder"
    with pytest.raises(InputError, match=said):
        check_contents(config, "mine.yaml")
    (tmp_path / "results").unlink()
    (tmp_path / "results").symlink_to("nowhere")
    with pytest.raises(InputError, match=said):
        check_contents(config, "mine.yaml")
    (tmp_path / "nowhere").mkdir()
    check_contents(config, "mine.yaml")


def test_home_and_variables_are_filled_in_wherever_a_path_stands(config, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("SETS", "/big/sets")
    config |= {"results": "~/results", "classes": "${SETS}/classes.yaml"}
    config["data"] = {"root": "$SETS/imigue", "labels": "~/labels.csv", "subjects": None}
    config["data"] |= {"path": "data/a~$SETS"}
    config["semantic"] = {"source": "glove", "path": "$SETS/glove.txt", "weight": 20}
    config["variants"]["joint22_align"]["pretrained"] = "~/weights.pth"
    before = copy.deepcopy(config)
    found = preflight.with_paths(config, "mine.yaml")
    assert config == before
    assert found["results"] == "/home/me/results"
    assert found["classes"] == "/big/sets/classes.yaml"
    assert found["data"] == {
        "root": "/big/sets/imigue",
        "labels": "/home/me/labels.csv",
        "subjects": None,
        "path": "data/a~/big/sets",
    }
    assert found["semantic"]["path"] == "/big/sets/glove.txt"
    assert found["variants"]["joint22_align"]["pretrained"] == "/home/me/weights.pth"
    assert preflight.with_paths(found, "mine.yaml") == found
    del before["variants"]["joint22_align"]["pretrained"]
    del found["variants"]["joint22_align"]["pretrained"]
    assert found["variants"] == before["variants"]


def test_paths_in_lists_and_for_each_split_are_filled_in(config, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    config["data"] = {"paths": {"train": ["~/a.pkl", "b.pkl"], "val": "~/c.pkl"}, "path": ["~/d"]}
    config["data"]["video_splits"] = "~/splits.csv"
    assert preflight.with_paths(config, "mine.yaml")["data"] == {
        "paths": {"train": ["/home/me/a.pkl", "b.pkl"], "val": "/home/me/c.pkl"},
        "path": ["/home/me/d"],
        "video_splits": "/home/me/splits.csv",
    }
    config["data"]["paths"]["val"] = "~no_such_user/c.pkl"
    with pytest.raises(InputError, match=r"data.paths.val is .*no such home"):
        preflight.with_paths(config, "mine.yaml")


def test_data_among_the_results_are_refused(config, tmp_path):
    config["results"] = str(tmp_path / "results")
    config["data"] = {"name": "a", "format": "pyskl", "fps": 25, "on_bad_clip": "stop"}
    config["data"]["paths"] = {"train": str(tmp_path / "a.pkl")}
    check_contents(config, "mine.yaml")
    config["data"]["paths"]["val"] = [str(tmp_path / "results/b.pkl")]
    said = r"mine.yaml: data.paths: .*/results/b.pkl lies in the results folder"
    with pytest.raises(InputError, match=said):
        check_contents(config, "mine.yaml")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (["data", "root"], "$NO_SUCH/a", r"data.root is '\$NO_SUCH/a', but \$NO_SUCH is not set"),
        (["data", "root"], "${NO_SUCH}", r"data.root is '\${NO_SUCH}', but \${NO_SUCH} is not set"),
        (["results"], "~nobody_here/x", "results is '~nobody_here/x', but there is no such home"),
        (["data", "root"], "data/{set}", "data.root: data/{set} holds a brace; rename"),
        (["classes"], "{a}.yaml", "classes: {a}.yaml holds a brace; rename"),
        (["data", "path"], "a.csv\n", r"data.path: 'a.csv\\n' holds a line break"),
        (["results"], "results\n", r"results: 'results\\n' holds a line break"),
    ],
)
def test_a_path_that_cannot_be_used_is_explained(config, monkeypatch, place, value, said):
    monkeypatch.delenv("NO_SUCH", raising=False)
    here = config
    for key in place[:-1]:
        here = here[key]
    here[place[-1]] = value
    with pytest.raises(InputError, match=f"^mine.yaml: {said}") as caught:
        preflight.with_paths(config, "mine.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("results", "results"),
        ("results/mine/", "results/mine"),
        ("/scratch/me/x y", "/scratch/me/x y"),
        ("/scratch//x/", "/scratch/x"),
        ("{here}/results/mine", "results/mine"),
    ],
)
def test_results_lie_in_results_or_anywhere_else_by_an_absolute_path(
    config, tmp_path, monkeypatch, given, found
):
    monkeypatch.chdir(tmp_path)
    config["results"] = given.replace("{here}", str(Path.cwd()))
    assert preflight.with_paths(config, "mine.yaml")["results"] == found


@pytest.mark.parametrize(
    "given",
    [
        "out/mine",
        "../elsewhere",
        "results/..",
        "results/.git",
        "",
        "/",
        "/scratch/../x",
        "{here}/src",
    ],
)
def test_results_anywhere_else_are_refused_in_words(config, tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    config["results"] = given.replace("{here}", str(Path.cwd()))
    said = r"^mine.yaml: results is '.*'; expected results, a plain folder below it such as"
    with pytest.raises(InputError, match=said):
        preflight.with_paths(config, "mine.yaml")


def test_class_names_and_layouts_are_checked_before_anything_is_planned(
    config, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    layouts = tmp_path / "config/layouts"
    layouts.mkdir(parents=True)
    for path in (REPOSITORY / "config/layouts").glob("*.yaml"):
        (layouts / path.name).write_text(path.read_text())
    (tmp_path / "classes.yaml").write_text("classes: [yes, no]\n")
    with pytest.raises(InputError, match=r"^classes.yaml: class 0 is True, .*put it in quotes"):
        check_contents({**config, "classes": "classes.yaml"}, "mine.yaml")
    (tmp_path / "classes.yaml").write_text("classes: ['yes', 'no']\n")
    check_contents({**config, "classes": "classes.yaml"}, "mine.yaml")
    path = layouts / "openpose41.yaml"
    path.write_text(path.read_text().replace("- [neck, nose]", "- [neck, no]"))
    with pytest.raises(InputError, match=r"openpose41.yaml: edges\[0\] names the joint False"):
        check_contents({**config, "classes": "classes.yaml"}, "mine.yaml")


def batches(config, **sizes):
    for name, size in sizes.items():
        config["models"][name]["training"]["batch"] = size
    return config


def test_a_batch_larger_than_the_generated_training_set_is_refused(config):
    config["results"] = "results/none"  # not what a run of this checkout has read
    config["data"]["generate"]["clips"] = {"train": 900, "val": 200, "test": 400}
    check_contents(batches(config, posec3d=900), "mine.yaml")
    said = (
        r"mine.yaml: variants.joint22_segment_sample: training.batch is 901, but there are at most "
        r"900 clips to train on; lower it"
    )
    with pytest.raises(InputError, match=said):
        check_contents(batches(config, posec3d=901), "mine.yaml")
    config["data"]["generate"]["class_minimum"]["train"] = 100  # of 32 classes
    check_contents(config, "mine.yaml")
    config["data"]["generate"]["class_minimum"]["train"] = 1
    config["folds"] = 3
    check_contents(batches(config, posec3d=1500), "mine.yaml")
    with pytest.raises(InputError, match="batch is 1501, but there are at most 1500 clips"):
        check_contents(batches(config, posec3d=1501), "mine.yaml")


def test_a_batch_is_compared_with_what_was_read_where_it_was(config, tmp_path):
    config |= {"results": str(tmp_path), "classes": str(REPOSITORY / config["classes"])}
    config["data"] = {"name": "mine", "format": "csv", "path": "a.csv", "on_bad_clip": "stop"}
    assert training_clips(config) is None
    counts = {"train": {"a": 40, "b": 20, "c": 20}, "val": {"a": 5}, "test": {"a": 1, "b": 0}}
    splits = {split: {"clips_per_class": one} for split, one in counts.items()}
    splits["val"]["clips_per_class"] |= {"b": 0, "c": 0}
    splits["test"]["clips_per_class"]["c"] = 3
    write_json(tmp_path / "skeletons/summary.json", {"splits": splits})
    assert training_clips(config) is None
    record = {"config": settings.reader_step(Config.model_validate(config)).reading()}
    write_json(tmp_path / "provenance/skeletons.json", record)
    assert training_clips(config) == 80
    assert training_clips(config | {"imbalance": 4.0}) == 40 + 20 + 10
    assert training_clips(config | {"folds": 3, "submission": None}) == 89
    said = f"at most 80 clips to train on; lower it, or delete {tmp_path}/skeletons/summary.json if"
    with pytest.raises(InputError, match=said):
        check_contents(batches(config, stgcn=81), "mine.yaml")
    other = copy.deepcopy(config)
    other["data"]["path"] = "b.csv"  # nothing is known of it
    check_contents(other, "mine.yaml")


def test_parts_that_the_layout_lacks_are_refused(config, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    config["results"] = "results/none"
    config["variants"]["joint22_align"]["parts"] = ["body", "hands"]
    check_contents(config, "mine.yaml")
    config["variants"]["joint22_align"]["parts"] = ["body", "left_hand"]
    with pytest.raises(InputError, match=r"variants\.joint22_align: parts: left_hand is there"):
        check_contents(config, "mine.yaml")
    config["variants"]["stgcn22_align"] |= {"stream": "bone", "relative": True}
    with pytest.raises(InputError, match=r"stgcn22_align: relative is for the stream joint"):
        check_config(config, "mine.yaml")
