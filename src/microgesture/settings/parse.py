"""The settings of a step, read where its script is given them as JSON.

The workflow has checked them with the whole config; here they are only read into their model.
"""

import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json


def parse(model: Any, given: Any, place: str) -> Any:
    """Settings as an object of ``model``, an entry or a union of several.

    Raises
    ------
    InputError
        Naming the key that is wrong.

    """
    try:
        return TypeAdapter(model).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, [place, *first["loc"]]))
        said = {"unknown_key": "unknown key {key}", "missing_key": "{key} is missing"}
        said |= {"empty": "{key} is empty", "renamed": "{key} is called {now} now"}
        text = said.get(first["type"], "").format(**first.get("ctx", {})) or first["msg"]
        raise InputError(f"{where}: {text}") from None


def parse_option(model: Any, text: str, option: str = "--config") -> Any:
    """Settings that an option gives as JSON text, or as the path of a JSON file."""
    return parse(model, json_option(text, option), option)


def json_option(text: str, option: str = "--config") -> Any:
    """What an option gives as JSON text, or as the path of a JSON file."""
    try:
        if text.lstrip().startswith("{"):
            return json.loads(text, object_pairs_hook=_once)
        return read_json(text)
    except (OSError, ValueError) as error:
        raise InputError(f"{option}: neither JSON text nor a JSON file ({error})") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that is given twice, of which JSON would keep the last."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError(f"{', '.join(key for key, _ in pairs)}: a key is named twice")
    return dict(pairs)
