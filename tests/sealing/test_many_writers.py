import asyncio
import random
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg
import pytest

from tests.ledger.raw import arrays
from tests.ledger.stories import event
from tests.sealing.mortal import STEPS, Orders
from tests.sealing.sealed import PACE, SealedLedger
from tests.sealing.test_sealing import running
from tests.support.postgres import Cluster
from tests.support.waiting import eventually

WRITERS = 32
EVENTS_EACH = 24
STREAMS = 10
SEALERS = 2
APPEND = "select audit.append(%s::bytea[], %s::text[], %s::text[], %s::timestamptz[], %s::bytea[])"


async def write(ledger: SealedLedger, number: int) -> None:
    """Append events; undo some, append some again, and lose the connection now and then."""
    luck = random.Random(number)  # noqa: S311 - only to make a mess
    left = [
        event(request=f"expense-{luck.randrange(STREAMS)}", step=(number, turn))
        for turn in range(EVENTS_EACH)
    ]
    while left:
        try:
            async with await psycopg.AsyncConnection.connect(ledger.admin_url) as connection:
                while left:
                    batch = left[: luck.randint(1, 3)]
                    await connection.execute(APPEND, arrays(batch))
                    await asyncio.sleep(luck.random() / 50)
                    fate = luck.random()
                    if fate < 0.15:
                        await connection.rollback()
                        continue
                    if fate < 0.2:
                        await connection.close()
                        break
                    await connection.commit()
                    if fate < 0.8:
                        del left[: len(batch)]
        except psycopg.OperationalError:
            continue


def _over(process: BaseProcess, otherwise: asyncio.Event | None = None) -> Callable[[], bool]:
    return lambda: process.exitcode is not None or bool(otherwise and otherwise.is_set())


@pytest.mark.rule(number=11)
async def test_no_event_is_missed_or_sealed_twice_while_sealers_are_killed(
    sealed_ledger: SealedLedger, tmp_path: Path
) -> None:
    luck = random.Random(11)  # noqa: S311 - the same
    over = asyncio.Event()
    deaths = 0

    async def keep_sealing(number: int) -> None:
        """Run sealers that die after a while, one after the other."""
        nonlocal deaths
        turn = 0
        while not over.is_set():
            turn += 1
            orders = Orders(
                sealed_ledger,
                tmp_path / f"trace-{number}-{turn}",
                (luck.choice(STEPS), luck.randint(1, 12)),
                for_ever=True,
                pace=PACE._replace(batch=20),
            )
            process = orders.start()
            try:
                await eventually(_over(process, over), "a sealer to die")
            finally:
                process.kill()
            await eventually(_over(process), "its end")
            assert process.exitcode == -signal.SIGKILL
            deaths += not over.is_set()

    sealers = [asyncio.create_task(keep_sealing(number)) for number in range(SEALERS)]
    await asyncio.gather(*(write(sealed_ledger, number) for number in range(WRITERS)))
    over.set()
    await asyncio.gather(*sealers)
    async with asyncio.timeout(60):
        await sealed_ledger.sealer().once()

    assert deaths > SEALERS
    assert len(sealed_ledger.notes()) > SEALERS
    sealed_ledger.assert_whole(sealed=WRITERS * EVENTS_EACH)


@pytest.mark.rule(number=11)
async def test_sealing_goes_on_after_postgres_was_restarted(
    postgres: Cluster, sealed_ledger: SealedLedger
) -> None:
    sealed_ledger.append(2)
    async with running(sealed_ledger.sealer()):
        await eventually(lambda: sealed_ledger.size() == 2, "a checkpoint")
        await asyncio.to_thread(postgres.restart)
        sealed_ledger.append(2)
        await eventually(lambda: sealed_ledger.size() == 4, "another")
    sealed_ledger.assert_whole(sealed=4)
