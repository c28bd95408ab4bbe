"""A selection of a data set: which columns and which rows, held against the catalogue."""

from collections.abc import Iterator, Sequence

from pydantic import Field

from placet.domain.base import Stored
from placet.domain.catalogue import Dataset
from placet.domain.filters import Filter
from placet.domain.ledger import Hex64
from placet.domain.problems import Problem, suggestion

SAMPLE_ROWS = 5


class Survey(Stored):
    """What a source says of a selection, in one instant.

    Attributes:
        rows: How many rows it selects.
        total: How many rows the data set has; the catalogue's own conditions apply to both.
        columns: The selected columns, in order; JSON in its canonical form keeps none of keys.
        types: Each one's type, as Postgres writes it.
        sample: Up to five rows, a text for each column and None for null; personal columns are
            masked and hold none of their characters.
        shape: SHA-256 of what the columns are, besides their names: types, and a view's query.
    """

    rows: int = Field(ge=0)
    total: int = Field(ge=0)
    columns: tuple[str, ...]
    types: dict[str, str]
    sample: tuple[tuple[str | None, ...], ...] = ()
    shape: Hex64 | None = None

    @property
    def everything(self) -> bool:
        """Say whether it selects every row there is."""
        return self.rows == self.total


def column_problems(
    dataset: Dataset, columns: Sequence[str], at: tuple[str | int, ...] = ("columns",)
) -> Iterator[Problem]:
    """Yield what is wrong with the columns of a request, with its place in it."""
    for place, name in enumerate(columns):
        if name not in dataset.columns:
            near = suggestion(name, dataset.columns)
            yield Problem((*at, place), f"there is no column '{name}' in this data set{near}")
        elif name in columns[:place]:
            yield Problem((*at, place), f"'{name}' is written twice; keep one")


def filter_problems(
    dataset: Dataset, filters: Sequence[Filter], at: tuple[str | int, ...] = ("filters",)
) -> Iterator[Problem]:
    """Yield what is wrong with the filters of a request, with its place in it."""
    allowed = dataset.filterable
    for place, each in enumerate(filters):
        if each.column in allowed:
            continue
        if each.column in dataset.columns:
            may = f"select by {', '.join(allowed)}" if allowed else "nothing can be selected by"
            text = f"this data set is not filtered by '{each.column}'; {may}"
        else:
            text = f"there is no column '{each.column}'{suggestion(each.column, allowed)}"
        yield Problem((*at, place, "column"), text)
