"""Orders and an account for the tests of paying."""

from typing import Any

from placet.payments.order import Debtor, PaymentOrder

DEBTOR = Debtor(name="Acme & Söhne GmbH", iban="DE89370400440532013000", bic="COBADEFFXXX")


def an_order(**changes: Any) -> PaymentOrder:
    """A good order, with some values changed."""
    return PaymentOrder.model_validate(
        {
            "permit_id": "ab" * 32,
            "request_id": "expense-1",
            "digest": "cd" * 32,
            "amount": "184.60 EUR",
            "creditor_name": "Zoë Müller",
            "creditor_iban": "FR76 3000 6000 0112 3456 7890 189",
            "creditor_bic": "AGRIFRPPXXX",
            "remittance": "Team dinner",
            "requested_execution_date": "2026-03-10",
            "created": "2026-03-09T10:00:00+01:00",
            **changes,
        }
    )
