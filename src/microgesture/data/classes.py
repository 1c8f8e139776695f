"""The class names of a data set, read from one YAML file: a class's id is its position.

In memory a label is a class id, and `UNKNOWN` where it is not known; files hold names and nulls.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from microgesture.utils.errors import InputError

UNKNOWN = -1
"""Label of a clip whose class is not known."""


def load_classes(path: str | Path) -> list[str]:
    """Read the class names.

    Parameters
    ----------
    path
        A YAML file that holds one list, ``classes: [name, ...]``, in the order of the class ids.

    Returns
    -------
    list of str
        K >= 2 different names; the class id is the position.

    Raises
    ------
    InputError
        If the file is missing, is not YAML, or does not hold such a list.

    """
    path = Path(path)
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"{path}: cannot be read: {reason}; give a classes file") from error
    except yaml.YAMLError as error:
        place = " ".join(str(error).split())
        raise InputError(f"{path}: is not YAML: {place}; mend the file") from error
    if not isinstance(content, dict) or list(content) != ["classes"]:
        found = f"the keys {list(content)}" if isinstance(content, dict) else repr(content)[:60]
        raise InputError(
            f"{path}: holds {found}, expected the one key 'classes' with a list of names"
        )
    return _names(path, content["classes"])


def class_ids(class_names: Sequence[str]) -> dict[str | None, int]:
    """The id of each class by its name, and `UNKNOWN` for None, the null of a file."""
    return {None: UNKNOWN, **{name: number for number, name in enumerate(class_names)}}


def _names(path: Path, names: Any) -> list[str]:
    if not isinstance(names, list) or len(names) < 2:
        raise InputError(
            f"{path}: 'classes' is {repr(names)[:60]}, expected a list of at least 2 names"
        )
    seen: dict[str, int] = {}
    for position, name in enumerate(names):
        if not isinstance(name, str) or name != name.strip() or not name:
            raise InputError(
                f"{path}: class {position} is {name!r}, expected a name; "
                "put it in quotes if YAML takes it for something else"
            )
        if name in seen:
            raise InputError(
                f"{path}: classes {seen[name]} and {position} are both {name!r}; "
                "rename or remove one"
            )
        seen[name] = position
    return names
