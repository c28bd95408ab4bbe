"""Pay what was approved: one payment file, once.

Idempotent by the permit: the file is staged where nobody looks, one transaction consumes the permit
and records the payment, and one atomic rename hands the file over. A run that dies between any two
of these is completed by the next.
"""

import asyncio
import hashlib

from pydantic import JsonValue
from temporalio import activity

from activities.errors import permanent
from placet.domain.errors import ConflictError
from placet.domain.expense import ExpenseRequest, payable
from placet.domain.ledger_rows import PaymentEntry
from placet.domain.orders import EffectOrder, EffectResult
from placet.payments.order import PaymentOrder
from placet.payments.spool import Spool, StagedFile
from placet.policy.service import KeptPolicies
from placet.ports import Ledger


class PaymentActivities:
    """Writes payment files for the bank."""

    def __init__(self, ledger: Ledger, spool: Spool) -> None:
        """Record in ``ledger`` and hand files over in ``spool``."""
        self._ledger = ledger
        self._spool = spool
        self._kept = KeptPolicies(ledger.get_content)

    @activity.defn(name="payment.pay")
    async def pay(self, order: EffectOrder) -> EffectResult:
        """Pay an approved expense.

        Raises:
            ApplicationError: The content is not what was approved, the permit is for something
                else, or the order cannot be written as a valid payment file.
        """
        with permanent():
            payment = await self._payment(order)
            known = await self._ledger.payments(permit_id=order.permit)
            if known:
                staged = StagedFile(name=known[0].file_name, sha256=known[0].file_sha256)
            else:
                staged = await asyncio.to_thread(self._spool.stage, payment)
            entry = _entry(payment, staged)
            # Also when it is known: the database says whether the permit is for this at all.
            events = [order.consumed, order.done.telling(_facts(entry))]
            paid = await self._ledger.pay(entry, events)
            await asyncio.to_thread(self._spool.release, staged)
            return EffectResult(
                summary=f"{payment.amount} to {payment.creditor_name}, file {staged.name}",
                facts={"file": staged.name, "sha256": staged.sha256},
                receipt=max(paid.receipts, key=lambda receipt: receipt.seq, default=None),
            )

    async def _payment(self, order: EffectOrder) -> PaymentOrder:
        """Make the payment of exactly the content that was approved (rule 4)."""
        content = await self._ledger.get_content(order.digest)
        found = hashlib.sha256(content).hexdigest()
        if found != order.digest:
            raise ConflictError(
                f"the stored request has digest {found}, approved was {order.digest}; "
                "restore the content store from a backup"
            )
        request = ExpenseRequest.model_validate_json(content)
        snapshot = await self._kept.get(order.plan.policy.digest)
        amount = payable(request, snapshot.rates)
        if str(amount) != order.plan.amount:
            raise ConflictError(
                f"{amount} is to be paid, {order.plan.amount} was approved; "
                "this is a fault in Placet, report it"
            )
        return PaymentOrder(
            permit_id=order.permit,
            request_id=order.request_id,
            digest=order.digest,
            amount=amount,
            creditor_name=request.payee.name,
            creditor_iban=request.payee.iban,
            creditor_bic=request.payee.bic,
            remittance=order.request_id,
            requested_execution_date=order.approved.date(),
            created=order.approved,
        )


def _entry(payment: PaymentOrder, staged: StagedFile) -> PaymentEntry:
    return PaymentEntry(
        payment_id=payment.reference,
        permit_id=payment.permit_id,
        request=payment.request_id,
        digest=payment.digest,
        msg_id=payment.reference,
        end_to_end_id=payment.reference,
        amount=payment.amount.amount,
        currency=payment.amount.currency,
        creditor_name=payment.creditor_name,
        creditor_iban=payment.creditor_iban,
        file_name=staged.name,
        file_sha256=staged.sha256,
    )


def _facts(entry: PaymentEntry) -> dict[str, JsonValue]:
    """Return what the ledger says of a payment; the account number stays out of it."""
    amount = f"{entry.amount} {entry.currency}"
    return {
        "summary": f"ordered the payment of {amount} in {entry.file_name}",
        "amount": amount,
        "payment": entry.payment_id,
        "file": entry.file_name,
        "sha256": entry.file_sha256,
    }
