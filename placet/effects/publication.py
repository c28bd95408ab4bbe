"""Puts the publishing of pages together."""

from collections.abc import Callable, Sequence
from typing import Any

from activities.publication import PublicationActivities
from placet.ports import Ledger
from placet.publishing.config import read_targets
from placet.publishing.opening import ListedTargets
from placet.settings import Settings


def activities(settings: Settings, ledger: Ledger) -> Sequence[Callable[..., Any]]:
    """Return the activities that publish.

    Raises:
        FileError: The list of targets has mistakes; the message names each place.
    """
    read_targets(settings)
    targets = ListedTargets(lambda: read_targets(settings))
    return [PublicationActivities(ledger, targets).publish]
