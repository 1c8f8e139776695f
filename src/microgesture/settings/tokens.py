"""What a config says about the tokens of trained networks, of which others are fused."""

from typing import Annotated, Literal

from pydantic import Field

from microgesture.settings.base import Entry
from microgesture.settings.heatmaps import Augment
from microgesture.settings.probing import Testing


class Tokens(Entry):
    """Tokens of trained networks, written once for all fusions of them."""

    pool: Literal["places", "time"] = "places"
    """What is averaged: ``places``, so that a token is a step of time, or ``time``, so that it is a
    joint or a cell of the feature map."""
    augmented: Annotated[int, Field(ge=0)] = 4
    """Random views of each training clip, besides the clip itself and its mirror image."""


class TokenStep(Tokens):
    """What a trained network's tokens depend on, besides the network and its clips."""

    augment: Augment
    testing: Testing
    """The views of clips that are not trained on."""
