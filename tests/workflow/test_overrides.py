import pytest
import yaml

from microgesture.utils.errors import InputError
from microgesture.workflow.checks import check_config
from microgesture.workflow.overrides import nested, overridden
from tests.conftest import REPOSITORY
from tests.project import Project


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["-n", "--config", "seeds=[1]"], ["-n", "--config", "seeds=[1]"]),
        (["--config", "a.b=3", "c.d.e=x y"], ["--config", 'a={"b": 3}', 'c={"d": {"e": "x y"}}']),
        (["-C", "a.b=1e-3", "--cores", "2"], ["-C", 'a={"b": 0.001}', "--cores", "2"]),
        (["--config=a.b=[1, 2]"], ['--config={"b": [1, 2]}'.replace("{", "a={", 1)]),
        (["--config", "a.b=null", "a.c="], ["--config", 'a={"b": null}', 'a={"c": null}']),
        (["--set-threads", "a.b=3"], ["--set-threads", "a.b=3"]),
        (["--config", "path=a.b=c"], ["--config", "path=a.b=c"]),
        (["--config", "a.b=2020-01-01"], ["--config", 'a={"b": "2020-01-01"}']),
    ],
)
def test_keys_with_dots_become_nested(given, meant):
    assert nested(given) == meant


@pytest.mark.parametrize(
    ("entry", "place", "value"),
    [
        ("models={stgcn: {training: {epochs: 3}}}", ("models", "stgcn", "training", "epochs"), 3),
        ("models={'stgcn': {'length': 12}}", ("models", "stgcn", "length"), 12),
        ("align={max_gap: 1e1}", ("align", "max_gap"), 10.0),
        ("seeds=[4, 5]", ("seeds",), [4, 5]),
        ("folds=null", ("folds",), None),
        ("submission=", ("submission",), None),
        ("testing={flip: false}", ("testing", "flip"), False),
        ("results=results/{a", ("results",), "results/{a"),
    ],
)
def test_values_are_read_as_in_a_config_file_and_mappings_are_merged(entry, place, value):
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    if entry.startswith("results"):
        config["results"] = "results/{a"  # as Snakemake takes what is not YAML
    merged = overridden(config, [entry])
    found = merged
    for key in place:
        found = found[key]
    assert found == value and type(found) is type(value)
    here = config
    for key in place[:-1]:
        assert here.keys() == merged.keys()  # what is beside it is left
        here, merged = here[key], merged[key]
    assert {**merged, place[-1]: 0} == {**here, place[-1]: 0}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            "models.stgcn.trainin.epochs=3",
            "models.stgcn: unknown key 'trainin'; did you mean 'training'?",
        ),
        ("moddels.stgcn.length=8", "top level: unknown key 'moddels'; did you mean 'models'?"),
        ("models.stgcn.length=eight", "models.stgcn.length is 'eight'; expected a whole number"),
        ("explain.clips=3", "top level: explain is called occlusion now; rename the key"),
    ],
)
def test_a_wrong_key_or_value_is_refused_as_in_a_config_file(entry, said, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    with pytest.raises(InputError) as caught:
        check_config(overridden(config, nested(["--config", entry])[1:]), "mine with --config")
    assert str(caught.value).startswith(f"mine with --config: {said}")


def test_the_workflow_takes_keys_with_dots(tmp_path):
    project = Project(tmp_path / "project")
    model = "results/train/stgcn22_crop_pad/seed3/model.safetensors"
    changes = ("--config", "models.stgcn.training.epochs=7", "box={padding: 0.5}")
    shown = project.snakemake("-n", "-p", model, *changes)
    assert '"epochs": 7, "batch": 16' in shown.stdout and '"padding": 0.5' in shown.stdout
    refused = project.snakemake("-n", model, "--config", "models.stgcn.training.epochz=7")
    assert "unknown key 'epochz'; did you mean 'epochs'?" in refused.stdout + refused.stderr
