"""Numbers of a script's command line, refused by argparse where they mean nothing."""

import argparse
import math


def positive(text: str) -> float:
    """A number above 0, for ``type=``."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"is {text}, expected a number above 0")
    return number


def count(text: str) -> int:
    """A whole number of at least 1, for ``type=``."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"is {text}, expected at least 1")
    return number
