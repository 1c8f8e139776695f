"""What a config says about the word vectors of the semantic loss."""

from typing import Annotated, Literal

from pydantic import Field

from microgesture.settings.base import Entry, Positive


class WordLlama(Entry):
    """Word vectors that come with the package wordllama."""

    source: Literal["wordllama"]
    weight: Positive
    """Of the semantic loss."""


class Glove(Entry):
    """Word vectors of a GloVe text file."""

    source: Literal["glove"]
    path: str
    """The text file."""
    weight: Positive
    """Of the semantic loss."""


Semantic = Annotated[WordLlama | Glove, Field(discriminator="source")]
