import asyncio
import contextlib
from collections.abc import AsyncIterator

import psycopg
import pytest

from placet.domain.errors import UnavailableError
from placet.proof.note import Note, parse_checkpoint, parse_note
from placet.sealing.sealer import Pace, Sealer
from placet.sealing.session import open_session
from tests.ledger.raw import append_raw
from tests.ledger.stories import event
from tests.sealing.sealed import PACE, SealedLedger
from tests.support.waiting import PATIENCE_SECONDS, eventually


@contextlib.asynccontextmanager
async def running(*sealers: Sealer) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Let sealers work until the end of the block."""
    tasks = [asyncio.create_task(sealer.run()) for sealer in sealers]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.rule(number=11)
async def test_what_is_appended_is_sealed_in_order_signed_and_published(
    sealed_ledger: SealedLedger,
) -> None:
    sealed_ledger.append(120)

    assert await sealed_ledger.sealer().once() == 120

    sealed_ledger.assert_whole(sealed=120)
    (newest,) = sealed_ledger.notes()
    assert parse_checkpoint(parse_note(newest).text).size == 120
    assert (sealed_ledger.published / "latest").read_text() == newest


@pytest.mark.rule(number=11)
async def test_a_tree_goes_on_where_it_ended(sealed_ledger: SealedLedger) -> None:
    for count in (1, 2, 60, 3):
        sealed_ledger.append(count)
        assert await sealed_ledger.sealer().once() == count
    assert await sealed_ledger.sealer().once() == 0
    sealed_ledger.assert_whole(sealed=66)
    sizes = [parse_checkpoint(parse_note(text).text).size for text in sealed_ledger.notes()]
    assert sizes == [1, 3, 63, 66]


async def test_nothing_is_signed_before_the_first_event(sealed_ledger: SealedLedger) -> None:
    assert await sealed_ledger.sealer().once() == 0
    assert not sealed_ledger.published.exists()


async def test_a_sealer_that_runs_seals_what_comes(sealed_ledger: SealedLedger) -> None:
    async with running(sealed_ledger.sealer()):
        for count in range(1, 4):
            sealed_ledger.append(1)
            await sealed_ledger.until_sealed(count)
        await eventually(lambda: f"\n{count}\n" in sealed_ledger.notes()[-1], "the last note")
    sealed_ledger.assert_whole(sealed=3)


@pytest.mark.rule(number=11)
async def test_an_open_transaction_is_waited_for_and_what_began_before_it_is_not(
    sealed_ledger: SealedLedger,
) -> None:
    sealed_ledger.append(5)
    with psycopg.connect(sealed_ledger.admin_url) as slow:
        append_raw(slow, [event(request="slow")])
        sealed_ledger.append(5, "after")
        assert await sealed_ledger.sealer().once() == 5
        assert [place[3] for place in sealed_ledger.places()] == ["expense-1"] * 5
    assert await sealed_ledger.sealer().once() == 6
    sealed_ledger.assert_whole(sealed=11)


@pytest.mark.rule(number=11)
async def test_what_is_undone_leaves_no_place(sealed_ledger: SealedLedger) -> None:
    with psycopg.connect(sealed_ledger.admin_url) as undone:
        append_raw(undone, [event()])
        undone.rollback()
    sealed_ledger.append(2)
    assert await sealed_ledger.sealer().once() == 2
    sealed_ledger.assert_whole(sealed=2)


@pytest.mark.rule(number=11)
async def test_transactions_are_in_the_order_of_numbers_not_of_letters(
    sealed_ledger: SealedLedger,
) -> None:
    numbers = [9, 10, 11, 99, 100]
    with psycopg.connect(sealed_ledger.admin_url) as admin:
        for seq, xid in enumerate(reversed(numbers), 1):
            admin.execute(
                "insert into audit.leaf (seq, xid, leaf, recorded)"
                " values (%s, %s::text::xid8, sha256('x'), now())",
                [seq, xid],
            )
    await sealed_ledger.sealer(pace=PACE._replace(batch=2)).once()
    with psycopg.connect(sealed_ledger.admin_url) as admin:
        found = admin.execute(
            "select l.xid::text::int from audit.sealed join audit.leaf l using (seq)"
            " order by position"
        ).fetchall()
    assert [xid for (xid,) in found] == numbers


async def test_a_checkpoint_is_committed_durably_whatever_the_role_is_set_to(
    sealed_ledger: SealedLedger,
) -> None:
    with psycopg.connect(sealed_ledger.admin_url, autocommit=True) as admin:
        admin.execute("alter role placet_app_sealer set synchronous_commit = off")
        admin.execute(
            "create function audit.told() returns trigger language plpgsql as $$ begin"
            " raise exception 'it is %', current_setting('synchronous_commit'); end $$"
        )
        admin.execute(
            "create trigger told before insert on audit.checkpoint"
            " for each row execute function audit.told()"
        )
        try:
            sealed_ledger.append(1)
            with pytest.raises(UnavailableError) as told:
                await sealed_ledger.sealer().once()
        finally:
            admin.execute("alter role placet_app_sealer reset synchronous_commit")
    assert "it is on" in str(told.value.__cause__)


async def test_sealing_goes_on_while_a_place_is_down(sealed_ledger: SealedLedger) -> None:
    class Down:
        name = "down"
        tells_all = True

        async def newest(self, enough: int = 0) -> Note | None:  # noqa: ARG002
            raise UnavailableError("down")

        async def publish(self, note: Note) -> None:
            raise UnavailableError(str(note))

    class Up:
        name = "up"
        tells_all = True
        got: Note | None = None

        async def newest(self, enough: int = 0) -> Note | None:  # noqa: ARG002
            return self.got

        async def publish(self, note: Note) -> None:
            self.got = note

    sealed_ledger.append(1)
    up = Up()
    async with running(sealed_ledger.sealer(Down(), up)):
        await eventually(lambda: up.got is not None, "the other place to have it")
    with pytest.raises(UnavailableError, match="a place did not take"):
        await sealed_ledger.sealer(Down(), up).once()
    with pytest.raises(UnavailableError, match="no place of checkpoints can say"):
        await sealed_ledger.sealer(Down()).once()


async def test_only_one_of_many_works(sealed_ledger: SealedLedger) -> None:
    sealers = [sealed_ledger.sealer(pace=PACE) for _ in range(4)]
    async with running(*sealers):
        for size in range(1, 11):
            sealed_ledger.append(1)
            await sealed_ledger.until_sealed(size)
    sealed_ledger.assert_whole(sealed=10)


async def test_sealing_once_takes_over_soon_however_seldom_it_would_seal(
    sealed_ledger: SealedLedger,
) -> None:
    sealed_ledger.append(2)
    once = sealed_ledger.sealer(pace=Pace(seconds=3600.0)).once
    async with open_session(sealed_ledger.url, PATIENCE_SECONDS) as other:
        assert await other.elect()
        sealing = asyncio.create_task(once())
        await eventually(sealed_ledger.is_waited_for, "it to stand by")
    assert await asyncio.wait_for(sealing, PATIENCE_SECONDS) == 2
