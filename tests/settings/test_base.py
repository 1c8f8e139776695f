import json

import pytest
import yaml
from pydantic import Field, ValidationError

from microgesture.settings.base import Entry, Positive, Texts, listed
from microgesture.settings.config import Config
from microgesture.settings.heatmaps import Heatmaps
from tests.conftest import REPOSITORY


class Part(Entry):
    number: Positive = 1.5
    several: list[Positive] = Field(default=[])
    inner: Heatmaps | None = None
    texts: Texts = "a"


@pytest.mark.parametrize("path", sorted((REPOSITORY / "config").glob("*.yaml")), ids=str)
def test_what_was_given_is_given_back_to_the_byte(path):
    """Records and checkpoints state a config by this: 40 must not become 40.0."""
    given = yaml.safe_load(path.read_text())
    typed = Config.model_validate(given).given()
    assert json.dumps(typed, sort_keys=True) == json.dumps(given, sort_keys=True)


def test_defaults_are_used_but_not_given_back():
    part = Part(several=[1, 2.0], inner=Heatmaps(size=8, sigma=1), texts=["b"])
    assert part.number == 1.5 and part.inner.short_limbs == "min"
    told = '{"several": [1, 2.0], "inner": {"size": 8, "sigma": 1}, "texts": ["b"]}'
    assert json.dumps(part.given()) == told


@pytest.mark.parametrize("value", [0, -1.0, True, "1", float("nan"), None])
def test_a_number_is_checked_though_it_is_kept_as_written(value):
    with pytest.raises(ValidationError):
        Part(number=value)


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Part().number = 2


def test_one_text_is_a_list_of_one():
    assert listed("a") == ["a"] and listed(["a", "b"]) == ["a", "b"] and listed(None) == []
    assert Part(texts="a").texts == "a"
