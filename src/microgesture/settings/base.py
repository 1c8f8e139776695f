"""The types that all sections of a config are made of.

What is wrong is raised as a kind with its context; `microgesture.workflow.messages` puts it into
words, so that steps, which import this module, do not depend on the words.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]
Probability = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


def _odd(value: Any) -> Any:
    if isinstance(value, int) and value % 2 == 0:
        raise PydanticCustomError("odd", "odd")
    return value


Odd = Annotated[int, BeforeValidator(_odd)]


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def unique(values: list[Any]) -> list[Any]:
    """Refuse a list that holds something twice; a validator."""
    if len({repr(one) for one in values}) < len(values):
        raise PydanticCustomError("unique", "unique")
    return values


TEXTS_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
    ]
}
Texts = Annotated[
    list[str], Field(min_length=1), BeforeValidator(_listed), WithJsonSchema(TEXTS_SCHEMA)
]
"""A list of texts, or one text for a list of one."""


class Entry(BaseModel):
    """A part of a config; numbers are not taken for text, nor text for numbers."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
    renamed: ClassVar[Mapping[str, str]] = {}
    """Keys of older versions, and what they are called now."""
    nullable: ClassVar[frozenset[str]] = frozenset({"subjects"})
    """Keys that may be left out, or be null as well."""

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, given: Any) -> Any:
        """Refuse unknown, renamed and empty keys, and missing ones."""
        if not isinstance(given, Mapping):
            return given
        fields = cls.model_fields
        for key in given:
            if key in cls.renamed:
                raise PydanticCustomError(
                    "renamed", "renamed", {"key": key, "now": cls.renamed[key]}
                )
            if key not in fields:
                raise PydanticCustomError(
                    "unknown_key", "unknown", {"key": key, "known": list(fields)}
                )
            optional = not fields[key].is_required() and key not in cls.nullable
            if given[key] is None and optional:
                raise PydanticCustomError("empty", "empty", {"key": key})
        missing = [key for key, field in fields.items() if field.is_required() and key not in given]
        if missing:
            raise PydanticCustomError(
                "missing_key",
                "missing",
                {"key": missing[0], "says": fields[missing[0]].description or ""},
            )
        return given
