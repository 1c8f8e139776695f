"""Records of a network on the tokens or labels of others: which settings have to fit which."""

from pathlib import Path

import pytest

from microgesture.provenance.verify import _config_findings

CHAIN = {
    "prepared/a": ("prepare.py", {"layout": "openpose41"}, [], "a.arrow"),
    "train/a": ("train.py", {"variant": "a", "layout": "openpose41"}, ["a.arrow"], "a.model"),
    "tokens/a": ("tokens.py", {"variant": "a"}, ["a.model", "a.arrow"], "a.tokens"),
    "train/f": ("train.py", {"variant": "f", "length": 1}, ["a.tokens"], "f.model"),
    "predict/f": ("predict.py", {"variant": "f"}, ["f.model", "a.tokens"], "f.parquet"),
    "train/j": (
        "train.py",
        {"variant": "j", "length": 1, "networks": [{"variant": "a", "layout": "openpose41"}]},
        ["a.model", "a.arrow"],
        "j.model",
    ),
    "predict/j": ("predict.py", {"variant": "j"}, ["j.model", "a.arrow"], "j.parquet"),
    "pseudo_labels/s": ("pseudo_labels.py", {"precision": 0.9}, ["a.model", "a.arrow"], "s.csv"),
    "train/s": ("train.py", {"variant": "s", "layout": "openpose22"}, ["s.csv"], "s.model"),
}


def findings(name, **changes):
    records = {
        step: {
            "script": script,
            "config": {**config, **changes.get(step, {})},
            "seed": 0,
            "artifacts": dict.fromkeys(read),
            "outputs": {written: None},
        }
        for step, (script, config, read, written) in CHAIN.items()
    }
    owners = {file: step for step, record in records.items() for file in record["outputs"]}
    return [one.line for one in _config_findings(name, records, owners, Path("results"))]


@pytest.mark.parametrize("name", CHAIN)
def test_a_network_is_another_variant_than_those_it_learns_from(name):
    assert findings(name) == []


def test_on_each_side_of_the_tokens_settings_have_to_fit():
    (line,) = findings("predict/f", **{"train/f": {"variant": "g"}})
    assert "config.variant" in line and "variant 'g', as in train/f" in line
    (line,) = findings("predict/j", **{"train/j": {"variant": "g"}})
    assert "variant 'g', as in train/j" in line
    (line,) = findings("train/j", **{"train/a": {"layout": "openpose22"}})
    assert "layout 'openpose22', as in train/a" in line
    (line,) = findings("tokens/a", **{"train/a": {"variant": "b"}})
    assert "variant 'b', as in train/a" in line
    (line,) = findings("train/a", **{"prepared/a": {"layout": "openpose22"}})
    assert "layout 'openpose22', as in prepared/a" in line
