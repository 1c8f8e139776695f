"""What the table, the figures and the page of results show of a config."""

from typing import Annotated, Literal

from pydantic import Field

from microgesture.settings.base import Entry, NotNegative
from microgesture.settings.probing import Occlusion, Robustness
from microgesture.settings.rows import ClaimEntry, Fusion
from microgesture.settings.streams import Backbones


class ShownVariant(Entry):
    """What is said of a variant."""

    title: str
    model: str
    source: Literal["drawn", "cached"] | None = None
    pretrained: str | None = None
    """Where it starts from, unless that was pre-trained here."""
    unlabelled: list[Literal["train", "val", "test"]] = Field(default=[])
    """Whose recordings it was pre-trained on here, without labels."""
    sources: list[str] | None = None
    backbones: Backbones = "frozen"


class Trained(Entry):
    """What is said of the trained models."""

    nullable = frozenset(
        {"folds", "imbalance", "submission", "robustness", "occlusion", "data_licence"}
    )
    seeds: Annotated[list[int], Field(min_length=1)]
    folds: int | None = None
    imbalance: NotNegative | None = None
    variants: Annotated[dict[str, ShownVariant], Field(min_length=1)]
    data_format: str

    @property
    def generated(self) -> bool:
        """Whether the data are made up."""
        return self.data_format == "synthetic"


class CardsStep(Trained):
    """What the cards of the trained models say."""

    data_name: str
    data_licence: str | None = None
    robustness: Robustness | None


class Shown(Trained):
    """What is shown of every row."""

    fusions: dict[str, Fusion] = Field(default={})
    submission: str | None = None
    """The row that is looked at closely."""


class FiguresStep(Shown):
    """What the figures beside the table show."""


class TableStep(Shown):
    """What the ablation table shows."""

    claims: list[ClaimEntry] = Field(default=[])
    data_name: str
    submission_seeds: Literal["best", "ensemble"] = "best"


class PageStep(TableStep):
    """What the page of results shows."""

    robustness: Robustness | None = None
    occlusion: Occlusion | None = None
