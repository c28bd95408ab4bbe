"""List what became of deletions."""

from collections.abc import Sequence

from placet.cli.codes import Code
from placet.cli.console import as_json, out, say, table
from placet.cli.times import second
from placet.connections import open_ledger
from placet.domain.deletion import DeletionRow, DeletionState, outcome_text
from placet.ports import Ledger
from placet.settings import Settings


async def list_deletions(case: str | None, *, keys: bool, json: bool) -> int:
    """Print what became of deletions, the newest first.

    Args:
        case: Only those of this case; all without.
        keys: Print the keys of the rows that the database refused to touch instead.
        json: Whether to print JSON.

    Returns:
        The exit code: that of "not found" when there are none.
    """
    async with open_ledger(Settings.from_environment()) as ledger:
        rows = await ledger.deletions.deletions(request=case)
        if not rows:
            told = f"{case} has deleted nothing; see how far it is: placet show {case}"
            say(told if case else "nothing was deleted by now")
            return Code.NOT_FOUND
        if keys:
            return await _print_keys(ledger, rows)
    if json:
        for row in rows:
            as_json(row.model_dump(mode="json") | {"summary": outcome_text(row)})
        return Code.OK
    table(
        ("CASE", "DATA SET", "STATE", "APPROVED", "WHAT BECAME OF IT", "UNDO UNTIL (UTC)"),
        (
            (
                row.request,
                row.dataset,
                row.state.value,
                f"{row.approved:,}",
                _became(row),
                second(row.until) if row.state is DeletionState.IN_FORCE and row.until else "",
            )
            for row in rows
        ),
    )
    return Code.OK


async def _print_keys(ledger: Ledger, rows: Sequence[DeletionRow]) -> int:
    for row in rows:
        if row.counts.report is None:
            say(f"{row.request}: the database refused nothing")
            continue
        out((await ledger.get_content(row.counts.report)).decode().rstrip("\n"))
    return Code.OK


def _became(row: DeletionRow) -> str:
    if row.state in {DeletionState.RUNNING, DeletionState.STOPPING}:
        return f"under way, at row {row.place:,}"
    if row.state in {DeletionState.UNDOING, DeletionState.PURGING}:
        return f"{row.state.value}, at row {row.place:,}"
    if row.state is DeletionState.DRIFTED:
        return f"nothing: {row.selected or 0:,} rows fit by then"
    return outcome_text(row)
