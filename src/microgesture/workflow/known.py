"""Names that a config gives: each must be that of something that there is."""

from collections.abc import Iterable
from pathlib import Path

from microgesture.settings.config import Config
from microgesture.utils.errors import InputError
from microgesture.workflow.variants import layout_file


def need_known(source: str, place: str, name: str, names: Iterable[str]) -> None:
    """Refuse a name that is none of some."""
    if name not in names:
        raise InputError(f"{source}: {place} names {name!r}; expected one of {', '.join(names)}")


def need_files(place: str, paths: Iterable[str | None]) -> None:
    """Refuse a file that is not there; None is no file."""
    for path in paths:
        if path is not None and not Path(path).is_file():
            raise InputError(f"{place}: there is no file {path}")


def need_layout(place: str, layout: str) -> None:
    """Refuse a layout without a file."""
    need_files(place, [layout_file(layout)])


def need_cleaning(place: str, cleaning: str, config: Config) -> None:
    """Refuse a way to clean that the config does not have."""
    if cleaning not in config.cleaning:
        known = ", ".join(config.cleaning)
        raise InputError(f"{place}: cleaning is {cleaning!r}; expected one of {known}")
