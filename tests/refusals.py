"""How the tests of bad input look at a reader's messages: one line that names everything."""

import pytest

from microgesture.data.store import BadClip
from microgesture.utils.errors import InputError
from tests.sections import read_clips

NAMES = ["wave", "nod", "rest"]


def read(data, **settings):
    return list(read_clips({**data, **settings}, NAMES))


def fails(data, *words, **settings):
    """Reading must end, even under skip, with one line that holds all words."""
    for policy in ("stop", "skip"):
        with pytest.raises(InputError) as caught:
            read(data, on_bad_clip=policy, **settings)
        check(str(caught.value), words)


def bad(data, *words, number=0, **settings):
    """One clip must be bad, in one line with all words, and the others must be good."""
    items = read(data, on_bad_clip="skip", **settings)
    assert [type(item) for item in items].count(BadClip) == 1
    assert isinstance(items[number], BadClip)
    check(items[number].message, [*words, "on_bad_clip: skip"])
    return items


def check(message, words):
    assert "\n" not in message
    for word in words:
        assert str(word) in message, f"{word!r} is not in {message!r}"
