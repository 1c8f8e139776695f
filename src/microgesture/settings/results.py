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


class _Trained(Entry):
    nullable = frozenset({"folds", "imbalance", "submission", "robustness", "occlusion"})
    seeds: Annotated[list[int], Field(min_length=1)]
    folds: int | None = None
    imbalance: NotNegative | None = None
    variants: Annotated[dict[str, ShownVariant], Field(min_length=1)]
    data_format: str

    @property
    def generated(self) -> bool:
        """Whether the data are made up."""
        return self.data_format == "synthetic"


class CardsStep(_Trained):
    """What the cards of the trained models say."""

    nullable = _Trained.nullable | {"data_licence"}
    data_name: str
    data_licence: str | None = None
    robustness: Robustness | None


class _Shown(_Trained):
    fusions: dict[str, Fusion] = Field(default={})
    submission: str | None = None
    """The row that is looked at closely."""


class FiguresStep(_Shown):
    """What the figures beside the table show."""


class TableStep(_Shown):
    """What the ablation table shows."""

    claims: list[ClaimEntry] = Field(default=[])
    data_name: str


class PageStep(TableStep):
    """What the page of results shows."""

    robustness: Robustness | None
    occlusion: Occlusion | None
