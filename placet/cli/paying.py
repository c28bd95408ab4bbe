"""List payments, and take in what the bank says about them."""

from pathlib import Path

from placet.bank_reports import BankReports, Reported
from placet.cli import world
from placet.cli.codes import Code
from placet.cli.console import as_json, out, safe, say, table
from placet.cli.times import second
from placet.connections import open_ledger
from placet.directory import YamlDirectory
from placet.logging import configure
from placet.notify.files import build_notifier
from placet.payments.pain002 import MAX_BYTES, read_status_report
from placet.settings import Settings


async def list_payments(*, request: str | None, json: bool) -> int:
    """Print the payments that were ordered, oldest first."""
    settings = Settings.from_environment()
    async with open_ledger(settings) as ledger:
        rows = await ledger.payments(request=request)
    if json:
        for row in rows:
            as_json(row.model_dump(mode="json"))
        return 0
    table(
        ("PAYMENT", "CASE", "AMOUNT", "TO", "STATUS", "ORDERED (UTC)", "FILE"),
        (
            (
                row.payment_id,
                row.request,
                f"{row.amount} {row.currency}",
                f"{row.creditor_name}, {row.creditor_iban}",
                row.status.value + (f": {row.status_reason}" if row.status_reason else ""),
                second(row.created_at),
                row.file_name,
            )
            for row in rows
        ),
    )
    if not rows:
        say("there is no such payment")
    return 0


async def report_payments(file: str, *, json: bool) -> int:
    """Record a bank's status report; the same report twice is recorded once.

    Returns:
        The exit code: that of "not found" when the report names a payment nobody knows.
    """
    settings = Settings.from_environment()
    configure(level="WARNING")
    content, _ = world.read_bytes(file, MAX_BYTES)
    statuses = read_status_report(content)
    directory = YamlDirectory(settings.policies / Path(world.DIRECTORY))
    async with open_ledger(settings) as ledger:
        reports = BankReports(ledger, directory, build_notifier(settings))
        taken = await reports.take(statuses, world.now())
    for each in taken:
        if json:
            as_json(_as_json(each))
        else:
            out(safe(_sentence(each)))
    return Code.OK if all(each.payment for each in taken) else Code.NOT_FOUND


def _as_json(each: Reported) -> dict[str, object]:
    return {
        **each.said.model_dump(mode="json"),
        "payment": each.payment.payment_id if each.payment else None,
        "request": each.payment.request if each.payment else None,
        "news": each.first,
    }


def _sentence(each: Reported) -> str:
    said = each.said
    why = " ".join(part for part in (said.reason_code, said.reason) if part)
    word = f"{said.status}{f' ({why})' if why else ''}"
    if each.payment is None:
        named = said.original_end_to_end_id or said.original_message_id
        return f"{named}: {word}, but no payment here has this reference"
    if not (said.rejected or said.settled):
        return f"{each.payment.request}: {word}, which is not final"
    news = "recorded" if each.first else "recorded before"
    return f"{each.payment.request}: {each.payment.status.value}, {word}, {news}"
