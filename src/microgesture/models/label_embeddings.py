"""Semantic label embeddings: a class's vector is the mean of its words' vectors (Li et al. 2023).

Names that share words ("touching hat", "touching jaw") get vectors that lie close together.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np

from microgesture.settings import label_embeddings as settings
from microgesture.utils.errors import AGAIN, InputError

# Words that join the others and say nothing about the movement.
STOP_WORDS = frozenset({"a", "an", "and", "of", "or", "the", "to", "with"})

# Mean squared element over all label embeddings of wordllama (see `label_embeddings`).
MEAN_SQUARE = 0.05

WordVectors = dict[str, np.ndarray]


def label_words(name: str) -> list[str]:
    """Split a class name into its words: lower case, cut at non-letters, without stop words."""
    words = re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", name).lower())
    return [word for word in words if word not in STOP_WORDS]


def label_embeddings(class_names: Sequence[str], config: settings.WordVectors) -> np.ndarray:
    """Compute the label embeddings of the semantic loss.

    Those of wordllama are scaled by one factor, so that their mean squared element is
    `MEAN_SQUARE`: it is what the loss starts at and its share in the total follows from it. The
    published weight of 20 was chosen for means of GloVe vectors, whose squares average some 0.05
    to 0.1; the means of wordllama's average 0.25, and its loss would weigh several times more.
    Directions and distances between labels, relative to one another, stay what they are.

    Parameters
    ----------
    class_names
        K names, in the order of the class ids.
    config
        Source wordllama: the model inside the installed package, 256 numbers, no network; a word
        is the mean of its subword tokens. Source glove: a text file with a word and its numbers in
        each line.

    Returns
    -------
    ndarray, float32 (K, D)

    Raises
    ------
    InputError
        For a file that cannot be read, or a class none of whose words is known.

    """
    source = _source(config)
    words = [label_words(name) for name in class_names]
    known = source(frozenset(word for label in words for word in label))
    rows = []
    for name, label in zip(class_names, words, strict=True):
        found = [known[word] for word in label if word in known]
        if not found:
            raise InputError(
                f"class {name!r}: none of its words ({', '.join(label) or 'it has none'}) has a "
                f"vector in {getattr(config, 'path', config.source)}; rename the class or use "
                "another semantic source"
            )
        rows.append(np.mean(found, axis=0, dtype=np.float64))
    vectors = np.array(rows)
    if isinstance(config, settings.WordLlamaVectors):
        vectors *= math.sqrt(MEAN_SQUARE / np.mean(vectors**2))
    return vectors.astype(np.float32)


def read_label_embeddings(path: str | Path, classes: int) -> np.ndarray:
    """Read the array ``embeddings``, float32 (``classes``, D), of an .npz file.

    Raises
    ------
    InputError
        When it is damaged (zip checks each array by its CRC) or has other rows.

    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            vectors = stored["embeddings"]
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        NotImplementedError,  # zip says so of a compression that it does not know
        BadZipFile,
        ZlibError,
    ) as e:
        raise InputError(f"{path}: damaged ({e}); {AGAIN}") from None
    if vectors.ndim != 2 or len(vectors) != classes or vectors.dtype != np.float32:
        raise InputError(
            f"{path}: embeddings are {vectors.dtype} {vectors.shape}, expected float32 "
            f"({classes}, D), one a class; {AGAIN}"
        )
    return vectors


def _source(config: settings.WordVectors) -> Callable[[Collection[str]], WordVectors]:
    """The function that looks words up."""
    if isinstance(config, settings.GloveVectors):
        path = config.path
        return lambda words: glove_vectors(words, path)
    return wordllama_vectors


def wordllama_vectors(words: Collection[str]) -> WordVectors:
    """Vectors of words from the model that the package ``wordllama`` carries.

    Every word has one: a word outside the vocabulary is split into subword tokens.
    """
    # Loading takes seconds, and a run without the semantic loss does without it.
    import wordllama

    folder = Path(wordllama.__file__).parent
    try:
        # Without the folder, the tokenizer would be asked from the network.
        model = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
    except FileNotFoundError as error:
        raise InputError(
            f"{folder}: wordllama's own model is not in it ({error}); reinstall wordllama"
        ) from error
    tokens = {word: model.tokenizer.encode(word, add_special_tokens=False).ids for word in words}
    return {word: model.embedding[ids].mean(axis=0) for word, ids in tokens.items() if ids}


def glove_vectors(words: Collection[str], path: str | Path) -> WordVectors:
    """Vectors of words from a GloVe text file, read line by line; unknown words are left out.

    A word2vec header (two whole numbers) is skipped. Words with blanks in them, which the largest
    GloVe file has, are told from lines with too many numbers.

    Raises
    ------
    InputError
        For a file that cannot be opened, or a malformed line before the last word was found.

    """
    path = Path(path)
    wanted = {word.encode(): word for word in words}
    found: WordVectors = {}
    size = 0
    try:
        # Bytes, since text mode and str.split also cut at blanks that are part of a word.
        with open(path, "rb") as handle:
            for number, raw in enumerate(handle, 1):
                line = raw.rstrip()
                if number == 1:
                    size = _vector_size(line)
                    if re.fullmatch(rb"\d+ \d+", line):
                        continue
                if not line:
                    continue
                if size < 1 or line.count(b" ") < size:
                    raise _malformed(path, number, line, size)
                word = line.split(b" ", 1)[0]
                if word in wanted and wanted[word] not in found:
                    vector = _numbers(line, size)
                    if vector is None:
                        raise _malformed(path, number, line, size)
                    if vector.size:
                        found[wanted[word]] = vector
                        if len(found) == len(wanted):
                            break
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); give the path of a GloVe text file"
        ) from error
    return found


def _vector_size(first_line: bytes) -> int:
    """Numbers in a vector, by the first line of the file: a word2vec header or a word."""
    header = re.fullmatch(rb"\d+ (\d+)", first_line)
    return int(header[1]) if header else first_line.count(b" ")


def _numbers(line: bytes, size: int) -> np.ndarray | None:
    """Give the line's vector, an empty one for a word with blanks, None for a malformed line."""
    fields = line.split(b" ")
    try:
        extra = [float(field) for field in fields[1:-size]]
    except ValueError:
        return np.empty(0, np.float32)
    try:
        vector = np.array([float(field) for field in fields[-size:]], dtype=np.float32)
    except ValueError:
        return None
    return None if extra or not np.isfinite(vector).all() else vector


def _malformed(path: Path, number: int, line: bytes, size: int) -> InputError:
    start = line[:40].decode("utf-8", errors="replace")
    return InputError(
        f"{path}, line {number}: found {start!r} ({line.count(b' ')} fields after the word), "
        f"expected a word and {size or 'some'} finite numbers, split by single blanks; "
        "mend or replace the file"
    )
