"""Options whose form is checked when they are read."""

import argparse
from pathlib import Path

import pytest

from microgesture.utils.cli import named_file


def test_a_file_with_a_name():
    assert named_file("mvit=train/a=b.safetensors") == ("mvit", Path("train/a=b.safetensors"))
    for text in ("mvit", "=file", "mvit="):
        with pytest.raises(argparse.ArgumentTypeError, match="expected NAME=FILE"):
            named_file(text)
