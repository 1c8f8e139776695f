"""Readers on mutated files: an answer or the project's own error, and soon, whatever the bytes are.

The examples are the same in every run. `fuzz_atheris.py` looks further, led by coverage.
"""

import signal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reliability.targets import make_targets

SECONDS = 5
EXAMPLES = {"xlsx": 60, "sheet": 100, "npy": 100, "parquet": 150, "plain csv": 120}
NUMBERS = ["0", "-1", "1e400", "nan", "inf", "9" * 400, "", '"', "\n", ",", "\0", "true", "[", "{"]


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    return make_targets(tmp_path_factory.mktemp("targets") / "sets")


@st.composite
def mutations(draw, size):
    """A few edits as (kind, place, payload); places are shares of the file, so that all are hit."""
    kinds = st.sampled_from(["flip", "cut", "remove", "insert", "repeat", "number"])
    place = st.integers(0, size)
    payload = st.binary(max_size=12) | st.sampled_from(NUMBERS).map(str.encode)
    return draw(st.lists(st.tuples(kinds, place, payload), min_size=1, max_size=4))


def mutated(content, edits):
    for kind, place, payload in edits:
        before, after = content[:place], content[place:]
        if kind == "flip" and payload and after:
            content = before + bytes([after[0] ^ (payload[0] or 1)]) + after[1:]
        elif kind == "cut":
            content = before
        elif kind == "remove":
            content = before + after[len(payload) + 1 :]
        elif kind == "insert":
            content = before + payload + after
        elif kind == "repeat":
            content = before + after[:40] * 3 + after
        elif kind == "number":
            content = before + payload + after[len(payload) :]
    return content


def too_long(number, frame):
    raise AssertionError(f"a reader took more than {SECONDS} seconds")


NAMES = [
    *("json", "label table", "plain csv", "parquet", "pickle", "label pickle", "npy", "xlsx"),
    *("sheet", "miga labels", "kinect csv", "kinect labels"),
]


@pytest.mark.parametrize("name", NAMES)
def test_only_the_projects_own_error_leaves_a_reader(targets, name):
    target = targets[name]
    assert target(target.valid)

    @settings(
        derandomize=True,
        max_examples=EXAMPLES.get(name, 200),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(edits=mutations(len(target.valid)))
    def run(edits):
        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(SECONDS)
        try:
            target(mutated(target.valid, edits))
        finally:
            signal.alarm(0)

    run()


def test_every_target_is_tried(targets):
    assert sorted(targets) == sorted(NAMES)
