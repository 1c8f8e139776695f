"""What the data report is told of a config."""

from pydantic import Field

from microgesture.settings.base import Entry
from microgesture.settings.preparation import PersonRule


class DataReportStep(Entry):
    """Name and format of the data, and what cleaning would empty."""

    nullable = frozenset({"folds"})
    data_name: str | None = None
    data_format: str | None = None
    folds: int | None = None
    cleaning: dict[str, PersonRule] = Field(default={})
