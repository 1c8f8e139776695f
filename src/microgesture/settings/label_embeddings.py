"""What a config says about the word vectors of the semantic loss."""

from typing import Annotated, Literal

from pydantic import Field

from microgesture.settings.base import Entry, Positive


class WordLlamaVectors(Entry):
    """Word vectors that come with the package wordllama."""

    source: Literal["wordllama"]


class GloveVectors(Entry):
    """Word vectors of a GloVe text file."""

    source: Literal["glove"]
    path: str
    """The text file."""


class WordLlama(WordLlamaVectors):
    """Word vectors that come with the package wordllama."""

    weight: Positive
    """Of the semantic loss."""


class Glove(GloveVectors):
    """Word vectors of a GloVe text file."""

    weight: Positive
    """Of the semantic loss."""


WordVectors = Annotated[WordLlamaVectors | GloveVectors, Field(discriminator="source")]
Semantic = Annotated[WordLlama | Glove, Field(discriminator="source")]
