"""All that is checked of a config before anything is planned, for a dry run and for the command."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from microgesture.readers.sources import with_format
from microgesture.utils.errors import InputError
from microgesture.workflow.checks import check_config
from microgesture.workflow.named_files import check_files
from microgesture.workflow.preflight import check_contents, check_syntax, with_paths


def need_checkout() -> None:
    """Refuse a folder without the Snakefile, from which relative paths of a config start."""
    if not Path("Snakefile").is_file():
        raise InputError(
            f"{Path.cwd()}: holds no Snakefile; the workflow runs in its checkout alone, and paths "
            "of a config start there: change into it"
        )


def read_checked(path: Path) -> dict[str, Any]:
    """Read a config file and check all of it, see `checked`.

    Raises
    ------
    InputError

    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give a config")
    check_syntax(path)
    return checked(yaml.safe_load(path.read_text(encoding="utf-8")), str(path))


def check_text(text: str, source: str) -> dict[str, Any]:
    """Check a config that is not written yet, see `checked`."""
    return checked(yaml.safe_load(text), source)


def checked(given: Mapping[str, Any], source: str) -> dict[str, Any]:
    """A config with its paths filled in and its format known, and found to be usable.

    Parameters
    ----------
    given : mapping
        What the file holds.
    source : str
        Its name, for messages.

    Raises
    ------
    InputError

    """
    config = with_format(with_paths(given, source))
    typed = check_config(config, source)
    check_files(typed, source)
    check_contents(typed, source)
    return config
