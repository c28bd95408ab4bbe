"""A database with events from before anything was signed or sealed is brought up to date."""

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from placet.connections import app_url
from placet.db import migrate, open_pool, packaged_migrations
from placet.ledger import PostgresLedger
from placet.ledger.encoding import Encoder
from placet.personal.vault import open_vault
from tests.ledger.raw import append_raw
from tests.ledger.stories import event, submitted
from tests.sealing.sealed import SealedLedger
from tests.support.postgres import Cluster

BEFORE = 13
"""The last migration of a ledger that could not be proved."""

OLD = [event(request="expense-1", step=f"old {number}", reason="dear") for number in range(5)]


@pytest.fixture
async def upgraded(postgres: Cluster, tmp_path: Path) -> AsyncIterator[SealedLedger]:
    with postgres.database(template="template1") as name:
        url = postgres.url(name)
        migrate(url, migrations=[step for step in packaged_migrations() if step.version <= BEFORE])
        with psycopg.connect(url, autocommit=True) as connection:
            for told in OLD:
                append_raw(connection, [told])
        migrate(url)
        yield SealedLedger(url, tmp_path)


@pytest.mark.rule(number=11)
async def test_old_events_are_sealed_before_new_ones(upgraded: SealedLedger) -> None:
    upgraded.append(2)
    upgraded.append(1, "expense-2")
    assert await upgraded.sealer().once() == len(OLD) + 3
    upgraded.assert_whole(sealed=len(OLD) + 3)


async def test_old_events_are_read_and_repeated_as_before(upgraded: SealedLedger) -> None:
    async with open_pool(app_url(upgraded.admin_url)) as pool:
        ledger = PostgresLedger(pool)
        before = await ledger.append(OLD)
        vaulted = PostgresLedger(pool, Encoder(vault=open_vault(upgraded.folder / "keys")))
        await vaulted.append([submitted("expense-2")])
        told = await vaulted.timeline("expense-1")
    assert [each.body["reason"] for each in told] == ["dear"] * len(OLD)
    assert [each.seq for each in told] == [each.seq for each in before]
