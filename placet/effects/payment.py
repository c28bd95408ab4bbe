"""Puts the payment of expenses together."""

from collections.abc import Callable, Sequence
from typing import Any

from activities.payment import PaymentActivities
from placet.payments.spool import Spool
from placet.ports import Ledger
from placet.settings import Settings


def activities(settings: Settings, ledger: Ledger) -> Sequence[Callable[..., Any]]:
    """Return the activities that pay.

    Raises:
        UnavailableError: The directory for payment files cannot be used.
    """
    return [PaymentActivities(ledger, Spool(settings.spool, settings.debtor)).pay]
