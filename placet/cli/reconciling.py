"""Reconcile from the command line: findings as they come, how far it is, and a summary."""

import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta

from placet.cli import world
from placet.cli.codes import Code
from placet.cli.console import as_json, out, pairs, safe, say
from placet.cli.times import instant
from placet.connections import connect_temporal, database_url
from placet.db.connections import open_pool
from placet.domain.errors import InvalidInputError, NotFoundError
from placet.domain.plurals import plural
from placet.ledger.reconciling import PostgresReconciling
from placet.reconciling.facts import Counts, Terms
from placet.reconciling.finding import Finding
from placet.reconciling.histories import Histories
from placet.reconciling.run import Reconciliation
from placet.reconciling.spool import SpoolFiles
from placet.registry import PIPELINES
from placet.settings import Settings

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}

_NAMES = {
    "requests": "requests",
    "events": "events in the ledger",
    "workflows": "workflows",
    "runs": "runs of them",
    "leaves": "leaves that Temporal holds",
    "messages": "signals and updates",
    "permits": "permits",
    "effects": "payments and other effects",
    "files": "payment files",
    "by_program": "events without a workflow",
    "pruned": "events whose body was pruned",
    "in_flight": "under way, not judged yet",
    "beyond_retention": "events that Temporal has forgotten",
}

Advance = Callable[[int], None]


async def reconcile_all(
    *, since: datetime | None, request: str | None, grace: str, json: bool
) -> int:
    """Print what differs, and a summary.

    Args:
        since: Only requests in which something has happened after this instant (aware).
        request: Only this one.
        grace: How young what is under way may be, as ``30s``, ``5m`` or ``1h``.
        json: Whether to print JSON.

    Returns:
        The exit code: its own when something differs.

    Raises:
        InvalidInputError: ``grace`` is no time, or ``since`` is still to come.
        NotFoundError: Nobody knows the request.
        UnavailableError: Postgres, Temporal or the spool cannot be read.
    """
    young, settings, number = _time(grace), Settings.from_environment(), 0
    if since is not None and since > world.now():
        raise InvalidInputError(
            f"--since {instant(since)} is still to come, so nothing would be compared; name a day "
            "that has begun"
        )
    client = await connect_temporal(settings)
    histories = Histories(client, [pipeline.name for pipeline in PIPELINES])
    terms = Terms(client.namespace, await histories.retention(), young)
    spool = SpoolFiles(settings.spool)
    files = spool if spool.reachable else None
    async with open_pool(database_url(settings)) as pool:
        books = PostgresReconciling(pool)
        looking = Reconciliation(books, histories, files, terms)
        with _progress(0 if request else await books.count()) as advance:
            found: AsyncIterator[Finding] = (
                looking.one(request) if request else looking.everything(since, advance)
            )
            async for finding in found:
                number += 1
                tell(finding, json=json)
    if request and not (number or looking.counts.requests or looking.counts.workflows):
        raise NotFoundError(
            f"neither the ledger nor Temporal knows {request[:100]!r}; look at: placet list"
        )
    _summarise(looking.counts, number, json=json)
    if files is None:
        say(f"payment files were not looked at: there are none in {settings.spool}")
    return Code.DIFFERS if number else Code.OK


def _time(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([smh])", text)
    if found is None:
        raise InvalidInputError(f"--grace {text[:20]!r} is no time; write it as 30s, 5m or 1h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def tell(finding: Finding, *, json: bool) -> None:
    """Print one finding, as one line or as one document."""
    if json:
        as_json(asdict(finding))
    else:
        # One finding is one line, whatever a request is called.
        out(safe(finding.line))


def _summarise(counts: Counts, found: int, *, json: bool) -> None:
    if json:
        as_json({"summary": {"findings": found, **asdict(counts)}})
        return
    numbers = asdict(counts)
    pairs((text, f"{numbers[name]:,}") for name, text in _NAMES.items())
    say(plural(found, "difference") if found else "everything agrees")


@contextmanager
def _progress(total: int) -> Iterator[Advance]:
    """Show how far it is, on a terminal only."""
    if not (total and sys.stderr.isatty()):
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import Progress  # noqa: PLC0415 - the same

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("requests", total=total)
        yield lambda done: bar.advance(task, done)
