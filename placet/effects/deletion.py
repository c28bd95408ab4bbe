"""Puts the deleting of rows together."""

from collections.abc import Callable, Sequence
from typing import Any

from activities.deletion import DeletionActivities
from placet.ports import Ledger
from placet.settings import Settings
from placet.sources.catalogue import CatalogueFolder
from placet.sources.deleting import PostgresDeleter


def activities(settings: Settings, ledger: Ledger) -> Sequence[Callable[..., Any]]:
    """Return the activities that delete rows, and undo that.

    Raises:
        FileError: The catalogue has mistakes; the message names each place.
    """
    found = DeletionActivities(ledger, PostgresDeleter(), CatalogueFolder(settings.policies).get)
    return [found.delete, found.end]
