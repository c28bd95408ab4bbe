"""Puts the sending of mails together."""

from collections.abc import Callable, Sequence
from typing import Any

from activities.sending import SendingActivities
from placet.ports import Ledger
from placet.settings import Settings


def activities(settings: Settings, ledger: Ledger) -> Sequence[Callable[..., Any]]:
    """Return the activities that send mails."""
    return [SendingActivities(ledger, settings.smtp).send]
