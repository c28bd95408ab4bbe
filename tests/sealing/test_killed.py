import asyncio
import os
import signal
from pathlib import Path

import psycopg
import pytest

from placet.proof.note import parse_checkpoint, parse_note
from placet.sealing.sealer import Pace
from tests.sealing.mortal import FROZEN, IN_EACH_ROUND, STEPS, Orders
from tests.sealing.sealed import PACE, SealedLedger
from tests.sealing.test_sealing import running
from tests.support.mortal import KILLED
from tests.support.waiting import eventually

DEATHS = [*((step, 1) for step in STEPS), *((step, 2) for step in STEPS if step in IN_EACH_ROUND)]

FREEZING = [*(step for step in STEPS if step.startswith("before")), "after seal", "after publish"]


def _published(ledger: SealedLedger) -> int:
    latest = ledger.published / "latest"
    return parse_checkpoint(parse_note(latest.read_text()).text).size if latest.exists() else 0


async def test_the_steps_are_all_there_are(sealed_ledger: SealedLedger, tmp_path: Path) -> None:
    sealed_ledger.append(3)
    assert set(await Orders(sealed_ledger, tmp_path / "trace").run()) == set(STEPS)


@pytest.mark.rule(number=11)
@pytest.mark.parametrize(("step", "passing"), DEATHS)
async def test_a_sealer_that_dies_at_any_step_leaves_nothing_out_and_nothing_twice(
    sealed_ledger: SealedLedger, tmp_path: Path, step: str, passing: int
) -> None:
    sealed_ledger.append(70)
    steps = await Orders(sealed_ledger, tmp_path / "trace", (step, passing)).run()
    assert steps[-1] == KILLED

    sealed_ledger.append(3)
    async with asyncio.timeout(30):
        await sealed_ledger.sealer().once()

    sealed_ledger.assert_whole(sealed=73)
    assert _published(sealed_ledger) == 73


@pytest.mark.rule(number=11)
async def test_what_was_committed_and_not_published_is_published_by_the_next(
    sealed_ledger: SealedLedger, tmp_path: Path
) -> None:
    sealed_ledger.append(3)
    await Orders(sealed_ledger, tmp_path / "trace", ("before publish", 1)).run()
    assert sealed_ledger.size() == 3
    assert not sealed_ledger.published.exists()

    assert await sealed_ledger.sealer().once() == 0

    assert _published(sealed_ledger) == 3


async def test_another_sealer_takes_over_when_one_is_killed(
    sealed_ledger: SealedLedger, tmp_path: Path
) -> None:
    first = Orders(sealed_ledger, tmp_path / "trace", ("after seal", 3), for_ever=True).start()
    await eventually(lambda: first.exitcode is not None, "the first to be killed")
    async with running(sealed_ledger.sealer()):
        sealed_ledger.append(4)
        await eventually(lambda: _published(sealed_ledger) == 4, "the second to seal")
    sealed_ledger.assert_whole(sealed=4)


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("step", FREEZING)
async def test_a_frozen_sealer_that_wakes_when_another_works_can_do_no_harm(
    sealed_ledger: SealedLedger, tmp_path: Path, step: str
) -> None:
    """Frozen at any step, it loses its connection, and with it the election and what it wrote."""
    pace = Pace(seconds=0.05, batch=50, patience=1.5)
    sealed_ledger.append(3)
    orders = Orders(
        sealed_ledger, tmp_path / "trace", (step, 1), freezes=True, for_ever=True, pace=pace
    )
    frozen = orders.start()
    assert frozen.pid is not None
    try:
        await eventually(lambda: FROZEN in orders.steps(), "it to freeze")
        async with running(sealed_ledger.sealer(pace=PACE)):
            sealed_ledger.append(2)
            await eventually(lambda: _published(sealed_ledger) == 5, "another to take over")
            os.kill(frozen.pid, signal.SIGCONT)
            sealed_ledger.append(2)
            await eventually(lambda: _published(sealed_ledger) == 7, "the other to go on")
        # Whoever is left seals on.
        sealed_ledger.append(1)
        await eventually(lambda: _published(sealed_ledger) == 8, "the woken one to seal")
    finally:
        os.kill(frozen.pid, signal.SIGKILL)
        frozen.join(10)
    sealed_ledger.assert_whole(sealed=8)


async def test_sealing_goes_on_after_its_connection_was_cut(sealed_ledger: SealedLedger) -> None:
    async with running(sealed_ledger.sealer()):
        for size in range(1, 4):
            sealed_ledger.append(1)
            await sealed_ledger.until_sealed(size)
            with psycopg.connect(sealed_ledger.admin_url, autocommit=True) as admin:
                admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where usename = 'placet_app_sealer'"
                )
    sealed_ledger.assert_whole(sealed=3)
