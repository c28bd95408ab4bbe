"""Show the ledger's partitions, and prune those that are old enough."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time

from placet.cli import world
from placet.cli.codes import Code
from placet.cli.console import as_json, out, say, table
from placet.cli.times import second
from placet.connections import eraser_url, open_ledger
from placet.db import open_pool
from placet.domain.plurals import plural
from placet.holding import Told
from placet.ledger.retention import PostgresPruner
from placet.ports import Ledger
from placet.pruning import Candidate, Pruned, candidates, prune, require_old_enough
from placet.settings import Settings


async def list_partitions(*, json: bool) -> int:
    """Print the partitions that still hold the bodies of events, the oldest first."""
    async with open_ledger(Settings.from_environment()) as ledger:
        rows = await ledger.retention.partitions()
    if json:
        for row in rows:
            as_json(row.model_dump(mode="json"))
        return Code.OK
    table(
        ("PARTITION", "NUMBERS", "EVENTS", "OLDEST (UTC)", "NEWEST (UTC)"),
        (
            (
                row.name,
                f"{row.lower:,} to {row.upper - 1:,}",
                f"{row.events:,}",
                second(row.oldest) if row.oldest else "",
                second(row.newest) if row.newest else "",
            )
            for row in rows
        ),
    )
    return Code.OK


async def prune_before(  # noqa: PLR0913 - each is another option
    before: date, *, reason: str, who: str, yes: bool, wait: float, json: bool
) -> int:
    """Say which partitions can be pruned, and with ``yes`` prune them.

    Args:
        before: What is older than this day, in UTC, may go.
        reason: Why, for the tombstone.
        who: Who wants it.
        yes: Whether to do it.
        wait: How many seconds to wait for the sealer, for each.
        json: Whether to print JSON.

    Returns:
        The exit code: that of a conflict when a tombstone was not sealed in time.
    """
    settings = Settings.from_environment()
    limit = datetime.combine(before, time(), UTC)
    require_old_enough(limit, world.now(), settings.retention_years)
    told = Told(world.person(settings, who), reason, world.now())
    async with open_ledger(settings) as ledger:
        found = await candidates(ledger, limit)
        if not yes:
            return _tell(found, json=json)
        done = [each async for each in _prune_all(settings, ledger, found, limit, told, wait)]
    for each in done:
        if json:
            as_json(each._asdict())
        elif each.gone is None:
            say(f"{each.partition}: its tombstone is not sealed yet; type the same again later")
        else:
            out(f"{each.partition}: {plural(each.gone, 'body is', 'bodies are')} gone")
    if not done:
        _tell(found, json=json)
    return Code.CONFLICT if any(each.gone is None for each in done) else Code.OK


async def _prune_all(  # noqa: PLR0913, PLR0917 - what one pruning needs
    settings: Settings,
    ledger: Ledger,
    found: Sequence[Candidate],
    before: datetime,
    told: Told,
    wait: float,
) -> AsyncIterator[Pruned]:
    # Before a tombstone says what nobody here can do.
    url = eraser_url(settings)

    @asynccontextmanager
    async def pruner() -> AsyncIterator[PostgresPruner]:
        async with open_pool(url) as pool:
            yield PostgresPruner(pool)

    for each in found:
        if not each.why:
            yield await prune(ledger, pruner, each.partition, before, told, wait)


def _tell(found: Sequence[Candidate], *, json: bool) -> int:
    for each in found:
        if json:
            as_json({"partition": each.partition.name, "why_not": list(each.why)})
        elif each.why:
            out(f"{each.partition.name} stays: {'; '.join(each.why)}")
        else:
            out(
                f"{each.partition.name} can go: {plural(each.partition.events, 'event')}; type "
                "the same with --yes to prune it"
            )
    if not found and not json:
        say("the ledger is empty")
    return Code.OK
