"""Puts the exporting of data together."""

from collections.abc import Callable, Sequence
from typing import Any

from activities.export import ExportActivities
from placet.exports.store import ExportStore
from placet.ports import Ledger
from placet.settings import Settings
from placet.sources.catalogue import CatalogueFolder
from placet.sources.postgres import PostgresSources


def activities(settings: Settings, ledger: Ledger) -> Sequence[Callable[..., Any]]:
    """Return the activities that make files of data, and delete them.

    Raises:
        FileError: The catalogue has mistakes; the message names each place.
    """
    made = ExportActivities(
        ledger,
        PostgresSources(),
        CatalogueFolder(settings.policies).get,
        ExportStore(settings.exports),
    )
    return [made.export, made.expire]
