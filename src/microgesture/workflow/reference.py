"""The reference of all config keys as a page, and the schema that editors complete and check by."""

import json
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic.fields import FieldInfo

from microgesture.settings.base import Entry
from microgesture.settings.config import Config
from microgesture.utils.text import markdown_table

INTRODUCTION = """# Config reference

Every key of a config. A key without a default must be there; an unknown one is refused. Settings of
`variants.<name>` win over those of `models.<model>`. This page is made from
`src/microgesture/settings` by `python scripts/config_reference.py`.
"""
CHOOSING = ("format", "model", "method", "source")
"""Keys that choose among several parts."""
LIMITS = {
    Ge: ("at least", "ge"),
    Gt: ("more than", "gt"),
    Le: ("at most", "le"),
    Lt: ("below", "lt"),
}


def reference() -> str:
    """The page, as Markdown: a table for each part of the config."""
    return "\n".join([INTRODUCTION, *_tables(Config, "", {})]).replace("``", "`")


def editor_schema() -> str:
    """JSON Schema of a config."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


def _tables(model: type[Entry], place: str, shown: dict[type[Entry], str]) -> Iterator[str]:
    """A part's table and those of the parts in it; what stands in several places is shown once."""
    shown[model] = place
    said = " ".join((model.__doc__ or "").split())
    yield f"## `{place}`\n\n{said}\n" if place else "## Top level\n"
    rows, inner = [], dict[type[Entry], str]()
    for key, field in model.model_fields.items():
        says, kind = " ".join((field.description or "").split()), _kind(field)
        if not field.is_required() and key not in model.nullable:
            kind = kind.removesuffix(" or null")
        for one, deep in _entries(field.annotation):
            first = shown.get(one) or inner.get(one)
            if first:
                kind = kind.replace("keys, below", f"keys, see `{first}`")
            else:
                inner[one] = f"{place}.{key}{deep}".removeprefix(".")
        rows.append([f"`{key}`", kind, _default(field), says])
    yield markdown_table(["Key", "Value", "Default", "Says"], rows, "llll") + "\n"
    for one, below in inner.items():
        if one not in shown:
            yield from _tables(one, below, shown)


def _entries(kind: Any, deep: str = "") -> Iterator[tuple[type[Entry], str]]:
    """The parts of a config that a key's value may be, with what stands in between."""
    if isinstance(kind, type) and issubclass(kind, Entry):
        chosen = _choice(kind)
        yield kind, f"{deep}{f' ({chosen})' if chosen else ''}"
    elif get_origin(kind) is dict:
        yield from _entries(get_args(kind)[1], f"{deep}.<name>")
    elif get_origin(kind) is list:
        yield from _entries(get_args(kind)[0], f"{deep}[]")
    else:
        for one in get_args(kind):
            yield from _entries(one, deep)


def _choice(model: type[Entry]) -> str:
    """The key that chooses among several parts, and what it is for this one."""
    for key in CHOOSING:
        field = model.model_fields.get(key)
        if field is None or not field.is_required() or get_origin(field.annotation) is not Literal:
            continue
        if key != "source" or len(get_args(field.annotation)) == 1:
            return f"{key}: {' or '.join(map(str, get_args(field.annotation)))}"
    return ""


def _kind(field: FieldInfo) -> str:
    return _named(field.annotation, field.metadata)


def _named(kind: Any, metadata: Any = ()) -> str:
    """A type in words, with its limits."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is typing.Annotated:
        return _named(inner[0], inner[1:])
    if origin is Literal:
        text = ", ".join(f"`{one}`" for one in inner)
    elif origin in (typing.Union, types.UnionType):
        named = list(dict.fromkeys(_named(one) for one in inner if one is not type(None)))
        text = " or ".join([*named, "null"] if type(None) in inner else named)
    elif origin is list:
        text = f"list of {_named(inner[0])}"
    elif origin is dict:
        text = f"names with {_named(inner[1])}"
    elif isinstance(kind, type) and issubclass(kind, Entry):
        text = "keys, below"
    else:
        text = {bool: "true or false", int: "whole number", float: "number", str: "text"}[kind]
    return ", ".join([text, *_limits(metadata)])


def _limits(metadata: Any) -> Iterator[str]:
    for one in metadata:
        for inner in getattr(one, "metadata", [one]):
            if type(inner) in LIMITS:
                word, name = LIMITS[type(inner)]
                yield f"{word} {getattr(inner, name):g}"
            elif isinstance(inner, MinLen) and inner.min_length > 1:
                yield f"at least {inner.min_length} of them"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    unset = field.default is None or isinstance(field.default, Entry)
    return "not set" if unset else f"`{json.dumps(field.default)}`"
