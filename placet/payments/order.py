"""What is paid on one permit, and who pays it."""

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, field_validator

from placet.domain.base import Model
from placet.domain.expense import MAX_PAYOUT, PAYOUT_CURRENCY, Bic, Iban
from placet.domain.money import Money, PositiveMoney
from placet.domain.text import Line
from placet.payments.iban import check_bic, check_iban

HEX_64 = r"^[0-9a-f]{64}$"

_CheckedIban = Annotated[Iban, AfterValidator(check_iban)]
_CheckedBic = Annotated[Bic, AfterValidator(check_bic)]


class Debtor(Model):
    """The account that pays; a setting of the deployment.

    Attributes:
        name: The company, as its bank knows it.
        iban: The account money is taken from.
        bic: Its bank; the IBAN is enough within SEPA.
    """

    name: Line
    iban: _CheckedIban
    bic: _CheckedBic | None = None


class PaymentOrder(Model):
    """One credit transfer, complete: the same order always gives the same file.

    Attributes:
        permit_id: The permit it consumes, 64 hexadecimal digits.
        request_id: The request that was approved.
        digest: Of the revision that was approved, 64 hexadecimal digits.
        amount: In EUR, above zero, at most MAX_PAYOUT.
        creditor_name: Who is paid.
        creditor_iban: Into this account.
        creditor_bic: At this bank, when given.
        remittance: What the creditor reads on the statement.
        requested_execution_date: The day the bank is asked to pay.
        created: When the permit was issued; kept in UTC to the second. Take it from the permit
            and not from a clock, or a retry makes another file.
    """

    permit_id: str = Field(pattern=HEX_64)
    request_id: Line
    digest: str = Field(pattern=HEX_64)
    amount: PositiveMoney
    creditor_name: Line
    creditor_iban: _CheckedIban
    creditor_bic: _CheckedBic | None = None
    remittance: Line
    requested_execution_date: date
    created: AwareDatetime

    @field_validator("amount")
    @classmethod
    def _is_transferable(cls, amount: Money) -> Money:
        if amount.currency != PAYOUT_CURRENCY:
            raise ValueError(f"{amount} is not in {PAYOUT_CURRENCY}; convert it first")
        if amount > MAX_PAYOUT:
            raise ValueError(f"{amount} is more than one transfer carries ({MAX_PAYOUT})")
        return amount

    @field_validator("created")
    @classmethod
    def _in_whole_seconds(cls, created: datetime) -> datetime:
        return created.astimezone(UTC).replace(microsecond=0)

    @property
    def reference(self) -> str:
        """What the bank knows the payment by, see ``bank_reference``."""
        return bank_reference(self.permit_id)


def bank_reference(permit_id: str) -> str:
    """Name a permit to the bank, in message, payment and end-to-end identification alike.

    ISO 20022 allows 35 characters there, so it is the first 32 of the permit's 64 hexadecimal
    digits: 128 bits, still unique, and found again with a prefix search.
    """
    return permit_id[:32]
