"""A config with detectors: what fits together, what each step is told, and what is refused."""

import pytest
import yaml

from microgesture.settings.config import Config
from microgesture.utils.errors import InputError
from microgesture.workflow import online as online_steps
from microgesture.workflow.checks import check_config
from tests.conftest import REPOSITORY
from tests.project import edited


@pytest.fixture
def config(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    return yaml.safe_load((REPOSITORY / "config/online.yaml").read_text())


PYSKL = {"name": "p", "format": "pyskl", "path": "p.pkl", "fps": 25, "on_bad_clip": "stop"}


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (["data"], PYSKL, "windows: data.format is pyskl, whose clips do not say where"),
        (["folds"], 3, r"windows: folds is 3, but detectors go by the data's split"),
        (
            ["detectors", "windows", "classifier"],
            "other",
            "classifier names .other.; expected one of graph",
        ),
        (["detectors", "windows", "lengths"], [], "windows.*lengths"),
        (["detectors", "windows", "window"], 8, "window"),
        (["detectors", "temporal", "layout"], "none", "there is no file config/layouts/none"),
        (["detectors", "temporal", "cleaning"], "other", "cleaning is .other.; expected one of"),
        (["detectors", "temporal", "window"], 100, "window is 100; expected a multiple of 16"),
        (["detectors", "temporal", "title"], "Trained, causal", "has the same title"),
        (
            ["detectors", "temporal", "network"],
            {"delay": 3},
            "network.delay is 3, but the network is not causal",
        ),
        (["segments"], {"columns": {"id": "recordings"}}, "segments.columns"),
    ],
)
def test_what_does_not_fit_is_refused(config, place, value, message):
    with pytest.raises(InputError, match=message):
        check_config(edited(config, place, value), "c")


def test_a_step_is_told_what_it_depends_on_alone(config):
    typed = Config.model_validate(config)
    step = online_steps.detector_step(typed, "temporal_causal").given()
    assert (step["name"], step["flip"], step["network"]["delay"]) == ("temporal_causal", 0.5, 12)
    assert not {"title", "thresholds", "model", "cleaning"} & set(step)
    renamed = Config.model_validate(edited(config, ["detectors", "temporal", "title"], "Other"))
    assert online_steps.detector_step(renamed, "temporal") == online_steps.detector_step(
        typed, "temporal"
    )
    # rows of ablation share the scores, which take the time
    assert {
        online_steps.scored_by(typed, name) for name in config["detectors"] if "win" in name
    } == {"graph-20x40-4"}
    assert online_steps.scores_step(typed, "graph-20x40-4").given() == {
        "lengths": [20, 40], "stride": 4, "flip": True,
    }  # fmt: skip
    told = online_steps.detection_step(typed, "windows_raw")
    assert (told.background, told.smoothing, told.hysteresis) == (True, False, False)
    shown = online_steps.online_table_step(typed)
    assert [*shown.detectors] == [*config["detectors"]] and shown.columns["id"] == "recording"
