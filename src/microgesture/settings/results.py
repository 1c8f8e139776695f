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


class _Shown(Entry):
    nullable = frozenset({"folds", "imbalance", "submission", "robustness", "occlusion"})
    seeds: Annotated[list[int], Field(min_length=1)]
    folds: int | None = None
    imbalance: NotNegative | None = None
    variants: Annotated[dict[str, ShownVariant], Field(min_length=1)]
    fusions: dict[str, Fusion] = Field(default={})
    data_format: str

    @property
    def generated(self) -> bool:
        """Whether the data are made up."""
        return self.data_format == "synthetic"


class FiguresStep(_Shown):
    """What the figures beside the table show; one is of the submitted row."""

    submission: str | None


class TableStep(_Shown):
    """What the ablation table shows."""

    claims: list[ClaimEntry] = Field(default=[])
    data_name: str


class PageStep(TableStep):
    """What the page of results shows."""

    submission: str | None
    robustness: Robustness | None
    occlusion: Occlusion | None
