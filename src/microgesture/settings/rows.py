"""What a config says about fusions and about the claims that rows are compared for."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from microgesture.settings.base import Entry, Positive, Text, Texts, listed, unique


def _how_given(members: Any) -> str:
    return "names" if isinstance(members, list) else "weights"


class FusionRecipe(Entry):
    """A weighted mean of the probabilities of several variants."""

    members: Annotated[
        Annotated[dict[str, Positive], Field(min_length=2), Tag("weights")]
        | Annotated[list[str], Field(min_length=2), BeforeValidator(unique), Tag("names")],
        Discriminator(_how_given),
    ]
    """Variants with their weights, or a list of them where ``weights`` are fitted."""
    weights: Literal["validation"] | None = None
    """``validation``: found on the validation clips."""
    temperature: bool = False
    """Whether each member is calibrated on the validation clips first."""


class _Titled(Entry):
    title: Text
    """Its row's name in tables and figures."""


class Fusion(FusionRecipe, _Titled):
    """A weighted mean of the probabilities of several variants."""


class ClaimEntry(Entry):
    """A claim that one row beats others."""

    claim: Text
    """The claim in words."""
    better: str
    """The row that should be better."""
    worse: Texts
    """The row, or rows, that it should beat."""
    metric: Literal["top1", "mean_class", "macro_f1"] = "top1"

    @property
    def beaten(self) -> list[str]:
        """``worse`` as a list."""
        return listed(self.worse)
