import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from temporalio.testing import ActivityEnvironment

from activities.deletion import DeletionActivities
from placet.domain.errors import UnavailableError
from placet.domain.orders import EffectOrder, EffectResult, EndOrder
from placet.domain.vocabulary import EndReason
from placet.ledger import PostgresLedger
from placet.sources.deleting import PostgresDeleter
from tests.conftest import Database
from tests.deleting.approved import approved, catalogue_of, ending
from tests.deleting.mortal import Orders, carry_out
from tests.deleting.shelf import HARD, SOFT, Shelf, by
from tests.support.mortal import KILLED, Death, done_by_a_process
from tests.support.waiting import eventually

COLUMNS = "id bigint primary key, deleted_at timestamptz, country text"
FILL = "select n, null, 'DE' from generate_series(1, 9) n"
DE = by("country", "eq", "DE")


class Killing(NamedTuple):
    """What is done while a process dies at it, and what has to come of it in the end.

    Attributes:
        delete: How the catalogue has rows deleted.
        why: Why what is in force ends; None where the deletion itself is what dies.
        summary: What is told in the end.
        left: The rows that are there in the end.
        marked: Those of them that are marked.
    """

    delete: dict[str, Any]
    why: EndReason | None
    summary: str
    left: list[int]
    marked: list[int]


CASES = {
    # Row 9 is referred to, and row 7 has changed.
    "hard": Killing(
        HARD,
        None,
        "7 deleted, 1 spared as they had changed, 1 spared as the database refuses it of 9 rows",
        [7, 9],
        [],
    ),
    "soft": Killing(
        SOFT,
        None,
        "8 marked as deleted, 1 spared as they had changed of 9 rows",
        [1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 5, 6, 8, 9],
    ),
    "undo": Killing(
        SOFT,
        EndReason.WITHDRAWN,
        "8 restored, 1 never marked of 9 rows",
        [1, 2, 3, 4, 5, 6, 7, 8, 9],
        [],
    ),
    "purge": Killing(
        SOFT,
        EndReason.EXPIRED,
        "7 deleted for good, 1 still marked, as the database refuses it, 1 never marked of 9 rows",
        [7, 9],
        [9],
    ),
}


@dataclass(frozen=True)
class Ground:
    """Where processes die, one after the other: each deletes rows of its own in its own case."""

    url: str
    ledger: PostgresLedger
    shelf: Shelf
    directory: Path

    async def die(self, what: Killing, number: int, death: Death | None) -> list[str]:
        """Let a process do its work and die; let another one go on, and see that all is well."""
        ledger, shelf, case = self.ledger, self.shelf, f"delete-{number}"
        entry = shelf.put(COLUMNS, FILL, delete=what.delete)
        permit = hashlib.sha256(case.encode()).hexdigest()
        first = await approved(ledger, shelf, entry, DE, case=case, permit=permit, tolerance=50.0)
        shelf.run("create table shop.part (thing bigint references shop.thing)")
        shelf.run("insert into shop.part values (9)")
        shelf.run("update shop.thing set country = 'FR' where id = 7")
        activities = DeletionActivities(
            ledger, PostgresDeleter(shelf.environment), lambda: catalogue_of(entry)
        )
        order: EffectOrder | EndOrder = first
        does: Any = activities.delete
        if what.why is not None:
            await ActivityEnvironment().run(does, first)
            order, does = ending(first, what.why), activities.end
        trace = self.directory / case
        steps = await done_by_a_process(
            carry_out, Orders(self.url, shelf.environment, entry, order, trace, death)
        )
        # The server may still be busy with what the dead one has sent.
        results: list[EffectResult] = []

        async def gone_on() -> bool:
            try:
                results.append(await ActivityEnvironment().run(does, order))
            except UnavailableError:
                return False
            return True

        await eventually(gone_on, "the next worker to go on")
        again: EffectResult = await ActivityEnvironment().run(does, order)
        assert results == [again], death
        assert again.summary == what.summary, death
        assert shelf.left() == what.left, death
        marked = shelf.run("select id from shop.thing where deleted_at is not null order by id")
        assert [row[0] for row in marked] == what.marked, death
        kinds = [event.kind for event in await ledger.timeline(case)]
        assert kinds.count("effect:permit:consumed") == 1
        assert kinds.count("effect:run:done") == 1
        assert kinds.count("effect:run:ended") == (what.why is not None)
        shelf.run("drop table shop.part, shop.thing")
        return steps


@pytest.mark.rule(number=5)
@pytest.mark.parametrize("name", CASES)
async def test_a_worker_killed_anywhere_leaves_nothing_half(
    database: Database, ledger: PostgresLedger, shelf: Shelf, tmp_path: Path, name: str
) -> None:
    ground, what = Ground(database.app_url, ledger, shelf, tmp_path), CASES[name]
    undisturbed = await ground.die(what, 0, None)
    passed: Counter[str] = Counter()
    deaths: list[Death] = []
    for step in undisturbed:
        passed[step] += 1
        deaths.append((step, passed[step]))
    assert set(passed) >= {"before touch", "after touch", "before end", "after end"}
    assert passed["after touch"] > 2

    for number, death in enumerate(deaths, 1):
        steps = await ground.die(what, number, death)
        assert steps[-1] == KILLED, f"it never came to {death}"
