"""Puts the granting of roles together."""

from collections.abc import Callable, Sequence
from typing import Any

from activities.access import AccessActivities
from activities.access_check import AccessCheckActivities
from placet.access.config import RoleFolder
from placet.access.opening import ListedAccess
from placet.directory import YamlDirectory
from placet.notify.files import build_notifier
from placet.ports import Ledger
from placet.settings import Settings


def activities(settings: Settings, ledger: Ledger) -> Sequence[Callable[..., Any]]:
    """Return the activities that grant roles, take them away, and look whether all is as granted.

    Raises:
        FileError: The catalogue of roles or the directory has mistakes, each with its place.
    """
    targets = ListedAccess(RoleFolder(settings.policies).get)
    directory = YamlDirectory(settings.policies / "directory.yaml")
    access = AccessActivities(ledger, targets, directory)
    checking = AccessCheckActivities(ledger, targets, directory, build_notifier(settings))
    return [access.grant, access.revoke, checking.check]
