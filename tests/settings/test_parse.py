import json
import re

import pytest

from microgesture.settings.data import Csv, PySkl, read_section
from microgesture.settings.label_embeddings import GloveVectors, WordVectors
from microgesture.settings.parse import parse_option
from microgesture.settings.preparation import Preparation
from microgesture.utils.errors import InputError

PREPARATION = {"cleaning": {"min_score": 0.1, "max_jump": None}, "length": None}


def test_an_option_may_be_json_or_a_file_of_it(tmp_path):
    told = {**PREPARATION, "on_bad_clip": "skip"}
    (tmp_path / "told.json").write_text(json.dumps(told))
    read = parse_option(Preparation, json.dumps(told))
    assert read == parse_option(Preparation, str(tmp_path / "told.json"))
    assert read.given() == told and read.cleaning.fill_gaps == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (json.dumps(PREPARATION), "--config: on_bad_clip is missing"),
        (json.dumps({**PREPARATION, "max_gaps": 1}), "--config: unknown key max_gaps"),
        (
            json.dumps({**PREPARATION, "on_bad_clip": "stop", "cleaning": {"min_score": 2}}),
            "--config.cleaning: max_jump is missing",
        ),
        ("{", "--config: neither JSON text nor a JSON file"),
        ("nowhere.json", "--config: neither JSON text nor a JSON file"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(text, said):
    with pytest.raises(InputError, match=f"^{re.escape(said)}") as caught:
        parse_option(Preparation, text)
    assert "\n" not in str(caught.value)


def test_a_section_is_read_into_the_model_that_its_key_names():
    found = parse_option(WordVectors, '{"source": "glove", "path": "words.txt"}')
    assert isinstance(found, GloveVectors) and found.path == "words.txt"


def test_the_reading_step_is_not_told_the_name_of_the_data():
    told = {"format": "csv", "path": "a.csv", "on_bad_clip": "stop"}
    named = Csv(name="mine", **told)
    assert named.reading() == told == read_section(told).reading()
    several = {"format": "pyskl", "fps": 30, "on_bad_clip": "stop", "paths": {"train": "a.pkl"}}
    read = read_section(several)
    assert isinstance(read, PySkl) and read.paths.train == "a.pkl" and read.paths.val is None
    assert json.dumps(read.reading(), sort_keys=True) == json.dumps(several, sort_keys=True)
