"""Options of a script's command line: numbers that mean something, outputs that can be written."""

import argparse
import math
from pathlib import Path

from microgesture.utils.files import check_output


def positive(text: str) -> float:
    """A number above 0, for ``type=``."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"is {text}, expected a number above 0")
    return number


def share(text: str) -> float:
    """A number between 0 and 1, and neither, for ``type=``."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"is {text}, expected a number between 0 and 1")
    return number


def count(text: str) -> int:
    """A whole number of at least 1, for ``type=``."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"is {text}, expected a whole number of at least 1")
    return number


def add_fold_options(parser: argparse.ArgumentParser) -> None:
    """Options ``--folds`` and ``--fold`` of a cross-validation."""
    parser.add_argument("--folds", type=Path, help="file of folds, for cross-validation")
    parser.add_argument("--fold", type=int, help="the fold whose people are tested, from 0")


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """Options ``--device`` and ``--threads`` of what runs a network."""
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=count, default=1, help="threads of torch (1)")


def add_recording_options(parser: argparse.ArgumentParser) -> None:
    """Options that name the two stores of one reading of the data, and its classes."""
    parser.add_argument("--recordings", type=Path, required=True, help="recordings store")
    parser.add_argument("--skeletons", type=Path, required=True, help="skeleton store of clips")
    parser.add_argument("--classes", type=Path, required=True, help="YAML file of class names")


def add_cutting_options(parser: argparse.ArgumentParser) -> None:
    """Options of what cuts pictures out of videos into a record file."""
    parser.add_argument("--out", type=output_file, required=True, help="record file to write")
    parser.add_argument("--manifest", type=output_file, required=True, help="JSON file to write")
    parser.add_argument(
        "--resume", type=output_folder, required=True, help="folder for what a killed run has done"
    )
    parser.add_argument("--workers", type=count, default=1, help="processes that cut")


def named_file(text: str) -> tuple[str, Path]:
    """A name and a file, ``NAME=FILE``, for ``type=``."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"is {text}, expected NAME=FILE")
    return name, Path(path)


def output_file(text: str) -> Path:
    """A file that a script writes, for ``type=``; refused at once where that cannot be."""
    return check_output(Path(text))


def output_folder(text: str) -> Path:
    """A folder that a script writes into, for ``type=``; refused at once where that cannot be."""
    return check_output(Path(text), folder=True)
