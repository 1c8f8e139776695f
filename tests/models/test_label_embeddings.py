"""Label embeddings: words, sources, scale, and what a broken word-vector file says."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microgesture.models.label_embeddings import (
    MEAN_SQUARE,
    glove_vectors,
    label_words,
    wordllama_vectors,
)
from microgesture.utils.errors import InputError
from tests.sections import label_embeddings

GLOVE = """the 9 9 9
hat 1 0 2
jaw 0 1 -2
touching 2 2 0
"""
SCRIPT = Path(__file__).parents[2] / "scripts" / "label_embeddings.py"
WORDLLAMA = {"source": "wordllama"}


@pytest.fixture
def glove(tmp_path):
    def write(text):
        path = tmp_path / "vectors.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("touching or scratching head", ["touching", "scratching", "head"]),
        ("bulging face / deep breath", ["bulging", "face", "deep", "breath"]),
        ("adjusting button, collar or tie", ["adjusting", "button", "collar", "tie"]),
        (
            "illustrative body language (non-micro-gesture)",
            ["illustrative", "body", "language", "non", "micro", "gesture"],
        ),
        ("Hände_reiben 2x", ["hände", "reiben", "x"]),
        ("Ha\u0308nde", ["hände"]),
        ("摸 鼻子", ["摸", "鼻子"]),
        ("or 12", []),
    ],
)
def test_names_are_cut_into_words(name, words):
    assert label_words(name) == words


def test_a_label_is_the_mean_of_its_known_words(glove):
    config = {"source": "glove", "path": str(glove(GLOVE))}
    found = label_embeddings(["touching hat", "touching the jaw", "hat unheard"], config)
    expected = np.array([[1.5, 1, 1], [1, 1.5, -1], [1, 0, 2]])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_wordllamas_means_are_brought_to_the_scale_of_gloves():
    words = wordllama_vectors({"touching", "hat", "jaw"})
    means = np.array([(words["touching"] + words[other]) / 2 for other in ("hat", "jaw")])
    found = label_embeddings(["touching hat", "touching jaw"], WORDLLAMA)
    assert np.mean(found**2) == pytest.approx(MEAN_SQUARE, rel=1e-5)
    np.testing.assert_allclose(found, means * (found[0, 0] / means[0, 0]), rtol=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "4 3\n" + GLOVE,
        GLOVE.replace("\n", "\r\n"),
        GLOVE.replace("\n", " \n"),
        GLOVE + "\n\n",
        "the hat 7 7 7\n. . . 1 2 3\n".join(["4 3\n", GLOVE]),
        GLOVE + "hat 5 5 5\n",
        b"4 3\n\xff\xfe 1 2 3\n\xc2\xa0 1 2 3\n" + GLOVE.encode(),
    ],
    ids=["header", "crlf", "trailing", "blank", "words with blanks", "doubled", "not utf-8"],
)
def test_glove_dialects_give_the_same_vectors(glove, text):
    found = glove_vectors({"hat", "jaw", "unheard"}, glove(text))
    assert {word: vector.tolist() for word, vector in found.items()} == {
        "hat": [1, 0, 2],
        "jaw": [0, 1, -2],
    }


def test_only_needed_words_are_kept_and_read(glove):
    # The broken numbers belong to a word nobody asked for, the short line comes after the last.
    path = glove("hat 1 2 3\nrubbish x y z\njaw 4 5 6\nshort 1\n")
    assert set(glove_vectors({"hat", "jaw"}, path)) == {"hat", "jaw"}


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("the 1 2 3\nnose 1 2\nhat 1 2 3\n", 2, r"'nose 1 2' \(2 fields after the word\)"),
        ("the 1 2 3\nhat 1 2 x\n", 2, "'hat 1 2 x'"),
        ("the 1 2 3\nhat 1 2 3 4\n", 2, "'hat 1 2 3 4'"),
        ("the 1 2 3\nhat 1 nan 3\n", 2, "'hat 1 nan 3'"),
        ("4 3\nthe 1 2 3\nhat\t1\t2\t3\n", 3, "'hat"),
        ("\x89PNG\n", 1, r"'.*PNG'"),
    ],
)
def test_malformed_lines_are_named(glove, text, line, found):
    path = glove(text)
    with pytest.raises(InputError, match=f"vectors.txt, line {line}: found {found}"):
        glove_vectors({"hat"}, path)


def test_wordllama_needs_no_network_and_averages_subwords(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    found = wordllama_vectors({"touching", "suprasternal", "ʘ"})
    import wordllama

    folder = Path(wordllama.__file__).parent
    model = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
    assert found["suprasternal"].shape == (256,)
    for word, vector in found.items():
        np.testing.assert_allclose(vector, model.embed([word])[0], atol=1e-6)


def test_labels_that_share_words_are_close():
    names = ["touching hat", "touching jaw", "arms akimbo"]
    hat, jaw, akimbo = (v / np.linalg.norm(v) for v in label_embeddings(names, WORDLLAMA))
    assert hat @ jaw > hat @ akimbo + 0.1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "semantic: .*'source'"),
        ({"source": "bert"}, "semantic: .*'bert'.*'wordllama', 'glove'"),
        ({"source": "glove"}, "path is missing"),
        ({"source": "wordllama", "path": "x"}, "unknown key path"),
        ({"source": "glove", "path": "/nowhere.txt"}, "/nowhere.txt: cannot be read"),
    ],
)
def test_config_mistakes_are_named(config, message):
    with pytest.raises(InputError, match=message):
        label_embeddings(["touching hat"], config)


def test_a_label_without_any_known_word_is_an_error(glove):
    config = {"source": "glove", "path": str(glove(GLOVE))}
    with pytest.raises(InputError, match=r"'arms akimbo': none of its words \(arms, akimbo\)"):
        label_embeddings(["touching hat", "arms akimbo"], config)
    with pytest.raises(InputError, match=r"'12': none of its words .it has none.*wordllama"):
        label_embeddings(["12"], WORDLLAMA)


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_script_writes_vectors_without_pickle(tmp_path, suffix):
    classes, out = tmp_path / "classes.yaml", tmp_path / f"vectors{suffix}"
    classes.write_text("classes: [touching hat, touching jaw]\n")
    command = [sys.executable, str(SCRIPT), "--classes", classes]
    subprocess.run([*command, "--config", json.dumps(WORDLLAMA), "--out", out], check=True)
    if suffix == ".npz":
        found = np.load(out, allow_pickle=False)["embeddings"]
    else:
        found = np.array(json.loads(out.read_text())["embeddings"], np.float32)
    np.testing.assert_array_equal(
        found, label_embeddings(["touching hat", "touching jaw"], WORDLLAMA)
    )
    failed = subprocess.run(
        [*command, "--config", "{", "--out", out], capture_output=True, text=True, check=False
    )
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: --config: neither JSON text nor a JSON file")
