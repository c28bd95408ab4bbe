from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from placet.domain.grants import GrantState
from placet.domain.orders import EffectOrder
from placet.ledger import PostgresLedger, open_pool
from tests.access.approved import UNTIL, Desk, approved, effects_told, end_of
from tests.access.listed import VARIABLE, policies_for
from tests.access.mortal import Orders, work
from tests.access.staff import Staff
from tests.support.mortal import KILLED, Death, done_by_a_process
from tests.support.postgres import Cluster

GRANTED = ["effect:permit:consumed", "effect:run:done"]

Die = Callable[[str, Death | None], Awaitable[list[str]]]
"""Lets a process die at a step, lets another go on and looks; returns the steps."""


async def every_death(die: Die) -> Counter[str]:
    """Let a process die at every step that one passes undisturbed."""
    passed: Counter[str] = Counter()
    deaths: list[Death] = []
    for step in await die("undisturbed", None):
        passed[step] += 1
        deaths.append((step, passed[step]))
    for number, death in enumerate(deaths):
        steps = await die(str(number), death)
        assert steps[-1] == KILLED, f"it never came to {death}"
    return passed


def told(postgres: Cluster, name: str, staff: Staff, folder: Path, order: EffectOrder) -> Orders:
    """Return what a process is told that grants."""
    return Orders(
        database_url=postgres.url(name, "placet_app"),
        policies=folder,
        environment={VARIABLE: staff.granter_url},
        order=order,
        trace=folder.parent / f"{folder.name}.trace",
        dies_at=None,
    )


@pytest.mark.rule(number=5)
async def test_a_worker_killed_anywhere_grants_once(
    postgres: Cluster, staff: Staff, tmp_path: Path
) -> None:
    async def die(run: str, death: Death | None) -> list[str]:
        with postgres.database() as name:
            async with open_pool(postgres.url(name, "placet_app")) as pool:
                ledger = PostgresLedger(pool)
                folder = policies_for(staff, tmp_path / run)
                order = await approved(ledger, folder)
                orders = told(postgres, name, staff, folder, order)
                steps = await done_by_a_process(work, replace(orders, dies_at=death))
                result = await Desk(ledger, folder, orders.environment).grant(order)

                assert result.until == UNTIL, death
                assert staff.has(staff.alice), death
                (grant,) = await ledger.grants.rows()
                assert (grant.state, grant.was_member) == (GrantState.IN_FORCE, False), death
                assert await effects_told(ledger) == GRANTED, death
                staff.take_away(staff.alice)
                return steps

    passed = await every_death(die)
    assert set(passed) >= {"after begin", "before grant", "after grant", "before hold"}


@pytest.mark.rule(number=5)
async def test_a_worker_killed_anywhere_takes_away_once(
    postgres: Cluster, staff: Staff, tmp_path: Path
) -> None:
    async def die(run: str, death: Death | None) -> list[str]:
        with postgres.database() as name:
            async with open_pool(postgres.url(name, "placet_app")) as pool:
                ledger = PostgresLedger(pool)
                folder = policies_for(staff, tmp_path / run)
                order = await approved(ledger, folder)
                orders = told(postgres, name, staff, folder, order)
                desk = Desk(ledger, folder, orders.environment)
                await desk.grant(order)
                assert staff.has(staff.alice)
                steps = await done_by_a_process(
                    work, replace(orders, order=end_of(order), dies_at=death)
                )
                result = await desk.revoke(end_of(order))

                assert not staff.has(staff.alice), death
                assert ": expired" in result.summary, death
                (grant,) = await ledger.grants.rows()
                assert (grant.state, grant.ended_why) == (GrantState.ENDED, "expired"), death
                assert await effects_told(ledger) == [*GRANTED, "effect:run:ended"], death
                return steps

    passed = await every_death(die)
    assert set(passed) >= {"after release", "before revoke", "after revoke", "before end"}


@pytest.mark.rule(number=5)
async def test_a_worker_killed_while_it_grants_leaves_nothing_when_it_is_stopped_then(
    postgres: Cluster, staff: Staff, tmp_path: Path
) -> None:
    async def die(run: str, death: Death | None) -> list[str]:
        with postgres.database() as name:
            async with open_pool(postgres.url(name, "placet_app")) as pool:
                ledger = PostgresLedger(pool)
                folder = policies_for(staff, tmp_path / run)
                order = await approved(ledger, folder)
                orders = told(postgres, name, staff, folder, order)
                steps = await done_by_a_process(work, replace(orders, dies_at=death))
                desk = Desk(ledger, folder, orders.environment)
                stop = order.model_copy(update={"stop": True})
                result, again = await desk.grant(stop), await desk.grant(stop)

                assert (result.stopped, result.until) == (again.stopped, again.until), death
                assert result.receipt == again.receipt, death
                # What was in force already stays, and says so; everything else is gone.
                assert staff.has(staff.alice) is not result.stopped, death
                ending = "effect:run:stopped" if result.stopped else "effect:run:done"
                assert await effects_told(ledger) == ["effect:permit:consumed", ending], death
                if not result.stopped:
                    staff.take_away(staff.alice)
                return steps

    await every_death(die)
