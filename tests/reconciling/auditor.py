"""Somebody who reconciles in tests, and a hand that may change what nobody may."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg

from placet.db.connections import open_pool
from placet.ledger.reconciling import PostgresReconciling
from placet.reconciling.facts import Counts, Terms
from placet.reconciling.finding import Finding
from placet.reconciling.histories import Histories
from placet.reconciling.run import Reconciliation
from placet.reconciling.spool import SpoolFiles
from placet.registry import PIPELINES
from tests.conftest import Database
from tests.workflows.office import Office

PAUSE = 0.2
TYPES = tuple(pipeline.name for pipeline in PIPELINES)


@dataclass
class Auditor:
    """Reconciles what an office has done.

    Attributes:
        grace: How young what is under way may be.
        retention: Instead of what Temporal says.
        counts: What was looked at the last time.
    """

    office: Office
    database: Database
    grace: timedelta = timedelta()
    retention: timedelta | None = None
    counts: Counts = field(default_factory=Counts)

    async def findings(self, *requests: str) -> list[Finding]:
        """Reconcile everything, or only these requests."""
        histories = Histories(self.office.client, TYPES)
        retention = await histories.retention() if self.retention is None else self.retention
        terms = Terms(histories.namespace, retention, self.grace)
        spool = SpoolFiles(self.office.settings.spool)
        async with open_pool(self.database.app_url) as pool:
            books = PostgresReconciling(pool)
            looking = Reconciliation(books, histories, spool, terms, pause=PAUSE)
            if requests:
                found = [each for name in requests async for each in looking.one(name)]
            else:
                found = [each async for each in looking.everything(None)]
        self.counts = looking.counts
        return found

    async def codes(self, *requests: str) -> list[str]:
        """Reconcile, and return the codes of what was found."""
        return [finding.code.value for finding in await self.findings(*requests)]

    async def forge(self, statement: str, *values: Any) -> None:
        """Change the database as its administrator, with every trigger off."""
        async with await psycopg.AsyncConnection.connect(self.database.admin_url) as connection:
            await connection.execute("set session_replication_role = replica")
            tables = await connection.execute(
                "select format('%I.%I', n.nspname, c.relname) from pg_class c"
                " join pg_namespace n on n.oid = c.relnamespace"
                " join pg_trigger t on t.tgrelid = c.oid"
                " where not t.tgisinternal and t.tgenabled = 'A' group by 1"
            )
            names = [name for (name,) in await tables.fetchall()]
            for name in names:
                await connection.execute(f"alter table {name} disable trigger user".encode())
            changed = await connection.execute(statement.encode(), values)
            assert changed.rowcount > 0, "the forgery has changed nothing"
