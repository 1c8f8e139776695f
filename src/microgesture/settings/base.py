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
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError


def as_written(value: float, check: ValidatorFunctionWrapHandler) -> float:
    """Keep a whole number as it is written: what is recorded of a config reads as the config."""
    check(value)
    return value


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Positive = Annotated[float, Field(gt=0), WrapValidator(as_written)]
NotNegative = Annotated[float, Field(ge=0), WrapValidator(as_written)]
Share = Annotated[float, Field(gt=0, le=1), WrapValidator(as_written)]
UpToOne = Annotated[float, Field(ge=0, le=1), WrapValidator(as_written)]
Probability = Annotated[float, Field(ge=0, lt=1), WrapValidator(as_written)]
Count = Annotated[int, Field(ge=1)]


def _odd(value: Any) -> Any:
    if isinstance(value, int) and value % 2 == 0:
        raise PydanticCustomError("odd", "odd")
    return value


Odd = Annotated[int, BeforeValidator(_odd)]


def unique(values: list[Any]) -> list[Any]:
    """Refuse a list that holds something twice; a validator."""
    if len({repr(one) for one in values}) < len(values):
        raise PydanticCustomError("unique", "unique")
    return values


def one_or_list(value: Any) -> str:
    """Which of two forms a value has, for a union of something and a list."""
    return "list" if isinstance(value, list) else "one"


Texts = Annotated[
    Annotated[str, Tag("one")] | Annotated[list[str], Field(min_length=1), Tag("list")],
    Discriminator(one_or_list),
]
"""A list of texts, or one text for a list of one."""


def listed(texts: str | list[str] | None) -> list[str]:
    """`Texts` as a list."""
    if texts is None:
        return []
    return [texts] if isinstance(texts, str) else texts


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

    def given(self) -> dict[str, Any]:
        """What was given of it, without defaults, as it stands in a config or record."""
        fields = [key for key in type(self).model_fields if key in self.model_fields_set]
        return {key: _plain(getattr(self, key)) for key in fields}


def _plain(value: Any) -> Any:
    if isinstance(value, Entry):
        return value.given()
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
