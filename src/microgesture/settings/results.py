"""What the table, the figures and the page of results show of a config."""

from typing import Annotated, Literal

from pydantic import Field

from microgesture.settings.base import Entry, NotNegative
from microgesture.settings.probing import Occlusion, Robustness
from microgesture.settings.rows import ClaimEntry, Fusion


class ShownVariant(Entry):
    """What is said of a variant."""

    title: str
    model: str
    source: Literal["drawn", "cached"] | None = None
    pretrained: str | None = None


class Shown(Entry):
    """What is shown of every row."""

    nullable = frozenset({"folds", "imbalance", "submission", "robustness", "occlusion"})
    seeds: Annotated[list[int], Field(min_length=1)]
    folds: int | None = None
    imbalance: NotNegative | None = None
    variants: Annotated[dict[str, ShownVariant], Field(min_length=1)]
    fusions: dict[str, Fusion] = Field(default={})


class FiguresStep(Shown):
    """What the figures beside the table show; one is of the submitted row."""

    data_format: str
    submission: str | None = None


class TableStep(Shown):
    """What the ablation table shows."""

    claims: list[ClaimEntry] = Field(default=[])
    submission: str | None = None
    """The row that the first sentence is about."""
    data_name: str
    data_format: str

    @property
    def generated(self) -> bool:
        """Whether the data are made up."""
        return self.data_format == "synthetic"


class PageStep(TableStep):
    """What the page of results shows."""

    robustness: Robustness | None = None
    occlusion: Occlusion | None = None
