"""List what became of a mail."""

from collections.abc import AsyncIterator, Collection

from placet.cli.codes import Code
from placet.cli.console import as_json, say, table
from placet.cli.times import second
from placet.connections import open_ledger
from placet.domain.delivery import DeliveryRow, DeliveryStatus, MailingRow, counts_text
from placet.ports import Deliveries
from placet.settings import Settings


async def list_deliveries(case: str, *, statuses: Collection[DeliveryStatus], json: bool) -> int:
    """Print the recipients of a case's mail in order, and how many there are of each kind.

    Returns:
        The exit code: that of "not found" when the case has sent no mail.
    """
    async with open_ledger(Settings.from_environment()) as ledger:
        book = ledger.deliveries
        mailings = await book.mailings(request=case)
        if not mailings:
            say(f"{case} has sent no mail; see how far it is: placet show {case}")
            return Code.NOT_FOUND
        for mailing in mailings:
            rows = [row async for row in _rows(book, mailing, statuses)]
            if json:
                for row in rows:
                    as_json(row.model_dump(mode="json"))
                continue
            _print(rows)
            say(_summary(mailing, counts_text(await book.counts(mailing.permit_id))))
    return Code.OK


async def _rows(
    book: Deliveries, mailing: MailingRow, statuses: Collection[DeliveryStatus]
) -> AsyncIterator[DeliveryRow]:
    after = 0
    while page := await book.rows(mailing.permit_id, statuses=statuses, after=after):
        for row in page:
            yield row
        after = page[-1].place


def _print(rows: Collection[DeliveryRow]) -> None:
    table(
        ("RECIPIENT", "STATUS", "TRIED", "THE SERVER SAID", "AT (UTC)"),
        (
            (
                row.address,
                row.status.value,
                str(row.attempts),
                " ".join(part for part in (str(row.code or ""), row.reply or "") if part),
                second(row.changed_at),
            )
            for row in rows
        ),
    )


def _summary(mailing: MailingRow, counts: str) -> str:
    if mailing.ended_at is None:
        return f"{counts}, under way since {second(mailing.began_at)} UTC"
    return f"{counts}, {mailing.ending} at {second(mailing.ended_at)} UTC"
