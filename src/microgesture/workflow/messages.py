"""One line for what is wrong in a config, in the words of the config file."""

import difflib
import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import ValidationError

EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "keys with values",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "int_type": "a whole number",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "list_type": "a list",
    "literal_error": "one of {expected}",
    "model_attributes_type": "keys with values",
    "model_type": "keys with values",
    "odd": "an odd number",
    "string_pattern_mismatch": "letters, digits and _ alone",
    "string_too_short": "some text",
    "string_type": "text",
    "too_long": "at most {max_length} in it",
    "too_short": "at least {min_length} in it",
    "unique": "no entry twice",
}
"""What was expected, by pydantic's name of the error."""


def explain(error: ValidationError, config: Any) -> str:
    """The first thing that is wrong, with its place: what was found, what was expected."""
    found = sorted(
        error.errors(), key=lambda one: (one["loc"][-1:] != ("[key]",), list(map(str, one["loc"])))
    )
    return _line(found[0], config)


def _line(error: Mapping[str, Any], config: Any) -> str:
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    place, last = _place(error["loc"], config)
    if kind == "unknown_key":
        return f"{place or 'top level'}: unknown key {context['key']!r}; {_nearest(**context)}"
    if kind == "missing_key":
        says = f" ({context['says'].rstrip('.')})" if context["says"] else ""
        return f"{place or 'top level'}: {context['key']!r} is missing{says}"
    if kind == "renamed":
        now = f"{context['key']} is called {context['now']} now; rename the key"
        return f"{place or 'top level'}: {now}"
    if kind == "empty":
        return f"{place or 'top level'}: {context['key']} is empty; give it a value or remove it"
    if kind == "union_tag_not_found":
        return f"{place}: {context['discriminator']} is missing"
    if kind == "union_tag_invalid":
        key = context["discriminator"].strip("'")
        kinds = context["expected_tags"].replace("'", "")
        return f"{place}.{key} is {context['tag']!r}; expected one of {kinds}"
    if last == "[key]":
        return f"{place} has the name {value!r}; expected {EXPECTED[kind]}"
    if _is_unquoted(kind, value):
        return f"{place} is {value!s}; put it in quotes{why_unquoted(value)}"
    if kind in EXPECTED:
        quoted = {k: v.replace("'", "") if isinstance(v, str) else v for k, v in context.items()}
        expected = EXPECTED[kind].format(**quoted)
        if kind == "literal_error" and not {",", " "} & set(quoted["expected"]):
            expected = quoted["expected"]  # the only choice
        return f"{place} is {value!r}; expected {expected}{_hint(value)}"
    return f"{place} is {value!r}; {error['msg']}"


def _place(location: Sequence[str | int], config: Any) -> tuple[str, str]:
    """Where in the file an error lies, as ``variants.a.training``; names of unions left out."""
    place, last, here = "", "", config
    for step in location:
        if isinstance(here, Mapping) and step in here:
            place, here = f"{place}.{step}", here[step]
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            place, here = f"{place}[{step}]", here[step]
        else:
            last = str(step)
    if last == "[key]":
        place = place.removesuffix(f".{location[-2]}")
    return place.removeprefix("."), last


def _nearest(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(key), known, n=1)
    asked = f"did you mean {close[0]!r}? " if close else ""
    return f"{asked}known keys: {', '.join(known)}"


def _is_unquoted(kind: str, value: Any) -> bool:
    """Whether text is expected where YAML found a number, a truth value or a date."""
    return kind in ("string_type", "literal_error") and isinstance(value, bool | int | float | date)


def why_unquoted(value: Any) -> str:
    """Why YAML gives this where text was written."""
    if isinstance(value, bool):
        return ", since YAML takes yes, no, on and off for true and false"
    if isinstance(value, int):
        return ", since YAML takes digits for a number, an octal one after a leading 0"
    return ""


def _hint(value: Any) -> str:
    try:
        is_power = isinstance(value, str) and "e" in value.lower() and math.isfinite(float(value))
    except ValueError:
        return ""
    return "; YAML takes it for text: write it with a point, such as 1.0e-3" if is_power else ""
