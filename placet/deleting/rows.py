"""What a deletion asks of the table that its rows are in."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from placet.deleting.keys import Key
from placet.domain.catalogue import Entry
from placet.domain.errors import PlacetError, UnavailableError
from placet.domain.filters import Filter


class Act(StrEnum):
    """What is done to a row, and to which: the others with the same key are left alone."""

    DELETE = "delete"
    """Delete it, if it still fits the filters."""
    MARK = "mark"
    """Mark it, if it still fits the filters and bears no mark."""
    UNMARK = "unmark"
    """Take this deletion's mark away."""
    PURGE = "purge"
    """Delete it, if it bears this deletion's mark."""


class Census(NamedTuple):
    """What is there of some approved rows, in one instant.

    Attributes:
        existing: How many are there.
        fitting: How many of these would be deleted or marked.
        marked: How many of these bear this deletion's mark.
    """

    existing: int = 0
    fitting: int = 0
    marked: int = 0

    def plus(self, other: "Census") -> "Census":
        """Return both together."""
        return Census(*(mine + its for mine, its in zip(self, other, strict=True)))

    def standing(self, act: Act) -> int:
        """Return how many rows an act would touch."""
        return self.fitting if act in {Act.DELETE, Act.MARK} else self.marked


class BlockedError(PlacetError):
    """Some of the rows cannot be touched: others refer to them, or a rule forbids it."""

    code = "blocked-rows"


class TooSlowError(PlacetError):
    """The statement took longer than it may; nothing of it was done."""

    code = "too-slow"


class BusyError(UnavailableError):
    """Somebody else holds a lock on some of the rows, or on all; nothing of it was done."""

    code = "rows-busy"


class ForbiddenError(PlacetError):
    """The role that deletes may not do this; the message says what to grant."""

    code = "not-allowed"


class Rows(Protocol):
    """The rows of one approved deletion, while this attempt alone may touch them."""

    async def selected(self) -> int:
        """Return how many rows of the whole table fit the filters."""
        ...

    async def census(self, keys: Sequence[Key], *, patient: bool = False) -> Census:
        """Return what is there of these rows.

        Raises:
            TooSlowError: It took longer than a second; not with ``patient``.
            BusyError: Somebody else holds a lock on the table.
            InvalidInputError: The table does not take a filter, or a key, any more.
        """
        ...

    async def standing(self, act: Act, keys: Sequence[Key]) -> list[Key]:
        """Return those of these rows that an act would touch."""
        ...

    async def touch(self, act: Act, keys: Sequence[Key], *, patient: bool = False) -> None:
        """Do an act to these rows, in one transaction.

        Raises:
            BlockedError: Some of them cannot be touched; none was.
            TooSlowError: It took longer than a second; not with ``patient``.
            BusyError: Somebody else holds a lock on some.
            UnavailableError: The source is away, or its role may not do it any more.
        """
        ...


class Deleter(Protocol):
    """Opens the tables that rows are deleted from, by a role that may do so."""

    def open(
        self, entry: Entry, filters: Sequence[Filter], permit: str, mark: datetime
    ) -> AbstractAsyncContextManager[Rows]:
        """Open the rows of a deletion, for one attempt at a time.

        Args:
            entry: The data set, as it was approved.
            filters: The approved ones.
            permit: The deletion's permit (64 hex).
            mark: What a row is marked with, where the data set says so.

        Raises:
            UnavailableError: The source is away, or another attempt still holds the rows.
            ForbiddenError: The role may do too little, or everything.
            InvalidInputError: The table lacks what the entry names.
        """
        ...
