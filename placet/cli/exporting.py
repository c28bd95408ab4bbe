"""List the files that were made of data."""

from placet.cli.codes import Code
from placet.cli.console import as_json, say, table
from placet.cli.times import second
from placet.connections import open_ledger
from placet.domain.export import ExportRow, ExportState
from placet.files import size_text
from placet.settings import Settings


async def list_exports(case: str | None, *, json: bool) -> int:
    """Print the exports of a case, or all of them, the newest first.

    Returns:
        The exit code: that of "not found" when the case has exported nothing.
    """
    settings = Settings.from_environment()
    async with open_ledger(settings) as ledger:
        rows = await ledger.exports.rows(request=case)
    if case is not None and not rows:
        say(f"{case} has exported nothing; see how far it is: placet show {case}")
        return Code.NOT_FOUND
    if json:
        for row in rows:
            as_json(row.model_dump(mode="json"))
        return Code.OK
    table(
        ("CASE", "DATA SET", "STATE", "FILE", "ROWS", "SIZE", "UNTIL (UTC)", "SHA-256"),
        (_told(row) for row in rows),
    )
    if any(row.state is ExportState.READY for row in rows):
        say(f"each lies in a directory of its case's name in the worker's {settings.exports}")
    return Code.OK


def _told(row: ExportRow) -> tuple[str, ...]:
    return (
        row.request,
        row.dataset,
        row.state.value,
        row.name or "",
        "" if row.rows is None else f"{row.rows:,}",
        "" if row.bytes is None else size_text(row.bytes),
        second(row.until) if row.until else "",
        row.sha256 or "",
    )
