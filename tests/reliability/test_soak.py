import pytest

from tests.reliability.soak import soak


@pytest.mark.slow
def test_a_workflow_that_is_killed_ends_with_the_bytes_of_one_that_is_not(tmp_path):
    work, _, mismatches = soak(tmp_path, kills=4, seed=1)
    assert work.count >= 4 and work.edits >= 2
    assert mismatches == 0
