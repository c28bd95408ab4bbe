"""The databases that data sets are in."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from placet.domain.catalogue import Entry
from placet.domain.export import Chunk, Format
from placet.domain.filters import Filter
from placet.pipelines.pipeline import Surveyor


class Selected(Protocol):
    """A selection as it is in one instant, about to be copied."""

    @property
    def rows(self) -> int:
        """Return how many rows it has."""
        ...

    @property
    def at(self) -> datetime:
        """Return the instant, by the source's clock."""
        ...

    @property
    def types(self) -> Mapping[str, str]:
        """Return each column's type, as Postgres writes it, in order."""
        ...

    @property
    def shape(self) -> str:
        """Return the SHA-256 of what the columns are, as a survey has it."""
        ...

    def chunks(self) -> Iterator[Chunk]:
        """Copy it, once; for a thread, as this waits.

        Raises:
            UnavailableError: The source has gone away.
        """
        ...


class Sources(Surveyor, Protocol):
    """The databases that data sets are in; Placet's role there can only read."""

    def selected(
        self, entry: Entry, columns: Sequence[str], filters: Sequence[Filter], form: Format
    ) -> AbstractAsyncContextManager[Selected]:
        """Count a selection and hold the instant, to copy exactly what was counted.

        Raises:
            UnavailableError: The source does not answer.
            InvalidInputError: It lacks what the catalogue names, or does not take a filter.
            ConflictError: The role that should only read could write.
        """
        ...

    async def check(self, entry: Entry) -> list[str]:
        """Hold a data set against its source; return what is wrong, empty when nothing is.

        Raises:
            UnavailableError: The source does not answer.
        """
        ...
