"""Class files: ids are positions, and each way to get one wrong is told in one sentence."""

from pathlib import Path

import pytest

from microgesture.data.classes import load_classes
from microgesture.utils.errors import InputError

IMIGUE = Path(__file__).parents[2] / "config" / "classes" / "imigue.yaml"


def test_imigue_ids_are_raw_class_minus_one():
    names = load_classes(IMIGUE)
    assert len(names) == 32
    by_id = {
        0: "turtle neck",
        7: "touching or scratching facial parts",
        13: "adjusting button, collar or tie",
        18: "putting arms behind body",
        23: "crossing fingers",
        30: "shaking shoulders",
        31: "illustrative body language (non-micro-gesture)",
    }
    assert {i: names[i] for i in by_id} == by_id


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("classes: [a, b, a]", ["0", "2", "'a'"]),
        ("classes: [a, yes]", ["class 1", "True", "quotes"]),
        ("classes: [a, 7]", ["class 1", "7"]),
        ("classes: [a, '']", ["class 1", "''"]),
        ("classes: [a, ' b']", ["class 1", "' b'"]),
        ("classes: [a]", ["at least 2"]),
        ("classes: a", ["'a'", "list"]),
        ("names: [a, b]", ["names", "classes"]),
        ("{classes: [a, b], extra: 1}", ["extra"]),
        ("[a, b]", ["['a', 'b']", "classes"]),
        ("classes: [a, b", ["not YAML", "line 1"]),
        ("", ["None"]),
    ],
)
def test_a_wrong_file_is_named_with_the_place(tmp_path, text, words):
    path = tmp_path / "classes.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_classes(path)
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.yaml.*No such file"):
        load_classes(tmp_path / "nowhere.yaml")


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "classes.yaml"
    path.write_bytes(b"classes: [a, \xff]")
    with pytest.raises(InputError, match="UTF-8"):
        load_classes(path)
