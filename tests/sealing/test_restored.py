from collections.abc import Iterator

import psycopg
import pytest

from placet.db import migrate
from placet.local.binaries import PostgresPrograms
from placet.sealing.errors import SealingRefusedError
from tests.ledger.raw import append_raw
from tests.ledger.stories import event
from tests.sealing.sealed import SealedLedger
from tests.support.postgres import Cluster
from tests.support.restoring import dumped, restored


@pytest.fixture(scope="module")
def elsewhere(postgres_programs: PostgresPrograms) -> Iterator[Cluster]:
    """Give another cluster, where transactions are numbered anew."""
    cluster = Cluster(postgres_programs)
    try:
        yield cluster
    finally:
        cluster.remove()


def _use_up_transactions(url: str, beyond: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            row = connection.execute("select pg_current_xact_id()::text::bigint").fetchone()
            if row and row[0] > beyond:
                return


def _restored(ledger: SealedLedger, cluster: Cluster, programs: PostgresPrograms) -> SealedLedger:
    """Dump a ledger and restore it in another cluster."""
    name = f"restored_{ledger.folder.parent.name}_{ledger.folder.name}".replace("-", "_").lower()
    url = restored(dumped(ledger.admin_url, programs), name, cluster, programs)
    return SealedLedger(url, ledger.folder)


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("numbers", ["smaller there", "greater there"])
async def test_a_ledger_that_was_restored_in_another_cluster_goes_on_in_order(
    sealed_ledger: SealedLedger,
    elsewhere: Cluster,
    postgres_programs: PostgresPrograms,
    numbers: str,
) -> None:
    if numbers == "smaller there":
        _use_up_transactions(sealed_ledger.admin_url, 3000)
    sealed_ledger.append(4, "expense-1")
    sealed_ledger.append(2, "expense-2")
    await sealed_ledger.sealer().once()
    # In the dump, and not sealed; one stream was written to by a transaction that began first.
    with psycopg.connect(sealed_ledger.admin_url) as early:
        append_raw(early, [event(request="expense-3")])
        sealed_ledger.append(3, "expense-1")
    there = _restored(sealed_ledger, elsewhere, postgres_programs)
    if numbers == "greater there":
        _use_up_transactions(there.admin_url, 5000)

    with pytest.raises(SealingRefusedError, match="db migrate"):
        await there.sealer().once()
    migrate(there.admin_url, passwords={})
    there.append(2, "expense-1")
    there.append(2, "expense-3")
    assert await there.sealer().once() == 8
    there.append(1, "expense-1")
    assert await there.sealer().once() == 1
    assert await there.sealer().once() == 0

    there.assert_whole(sealed=15)
    before, after = _clusters(there)
    assert before != after


async def test_migrating_again_in_the_same_cluster_notes_nothing(
    sealed_ledger: SealedLedger,
) -> None:
    migrate(sealed_ledger.admin_url, passwords={})
    assert len(_clusters(sealed_ledger)) == 1


@pytest.mark.rule(number=11)
async def test_a_cluster_is_noted_only_when_no_event_is_half_recorded(
    sealed_ledger: SealedLedger,
) -> None:
    """A number given out before must be committed or gone when the boundary is drawn."""
    with psycopg.connect(sealed_ledger.admin_url) as writing:
        append_raw(writing, [event()])
        with psycopg.connect(sealed_ledger.admin_url) as noting:
            noting.execute("alter table audit.cluster disable trigger all")
            noting.execute("update audit.cluster set identifier = 1")
            noting.execute("set local lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                noting.execute("select audit.note_cluster()")
            noting.rollback()


def _clusters(ledger: SealedLedger) -> list[tuple[int, ...]]:
    with psycopg.connect(ledger.admin_url) as connection:
        return connection.execute("select identifier from audit.cluster order by number").fetchall()
