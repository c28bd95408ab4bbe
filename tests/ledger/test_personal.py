"""What is personal in the ledger: sealed in the database, shown to who has the keys."""

import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from pydantic import JsonValue

from placet.domain.errors import ConflictError
from placet.domain.ledger import LedgerStep
from placet.ledger import PostgresLedger, open_pool
from placet.ledger.encoding import Encoder
from placet.personal.keys import FileKeys, SubjectKey, steps_key
from placet.personal.sealing import ERASED, SEALED
from placet.personal.vault import Vault, open_vault
from placet.proof.leaf import leaf_hash
from tests.conftest import Database
from tests.ledger.raw import append_raw
from tests.ledger.stories import event, person, state, submitted
from tests.support.leaves import leaf_event

FAKE = "sealed:" + "ab" * 32


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return open_vault(tmp_path / "keys")


@pytest.fixture
async def sealed(database: Database, vault: Vault) -> AsyncIterator[PostgresLedger]:
    async with open_pool(database.app_url) as pool:
        yield PostgresLedger(pool, Encoder(vault=vault))


async def tell(ledger: PostgresLedger) -> None:
    """Record a request with everything that names somebody."""
    bob: dict[str, JsonValue] = {
        "id": "bob",
        "name": "Bob Birch",
        "address": "bob@example.com",
        "role": FAKE,
    }
    await ledger.append([submitted(step=1)])
    await ledger.append(
        [
            event(step=2, state=state(), waiting_for=[person("bob"), person("carol")]),
            event(
                "reviewer:review:rejected",
                step=3,
                actor=bob,
                reason="too dear",
                decision_id=FAKE,
                state=state(
                    "rejected",
                    outcome={"kind": "rejected", "by": "people", "reason": "Bob says: too dear"},
                ),
                data={"verdict": "reject", "group": "manager"},
            ),
        ]
    )


async def test_whoever_has_the_keys_reads_what_was_told(sealed: PostgresLedger) -> None:
    await tell(sealed)
    row = await sealed.request("expense-1")
    assert row is not None
    assert (row.title, row.requester_name) == ("Team dinner", "Alice Ash")
    assert row.outcome_reason == "Bob says: too dear"
    assert await sealed.requests(requester="alice") == [row]
    assert [each.name for each in await sealed.assignments(["expense-1"])] == [
        person("bob")["name"],
        person("carol")["name"],
    ]
    (review,) = await sealed.reviews("expense-1")
    assert (review.actor_name, review.reason) == ("Bob Birch", "too dear")
    assert (review.decision_id, review.role) == (FAKE, FAKE)
    last = (await sealed.timeline("expense-1"))[-1]
    assert last.body["reason"] == "too dear"


class _Slow(FileKeys):
    """Keys on a disk that takes its time; notes which threads have waited for it."""

    def __init__(self, keys: Path) -> None:
        super().__init__(keys)
        self.waited: list[threading.Thread] = []

    def current(self, subject: str) -> SubjectKey:
        self.waited.append(threading.current_thread())
        return super().current(subject)


async def test_nobody_else_waits_for_the_disk_that_keeps_a_new_key(
    database: Database, tmp_path: Path
) -> None:
    keys = _Slow(tmp_path / "keys")
    vault = Vault(keys, lambda: steps_key(tmp_path / "keys"))
    async with open_pool(database.app_url) as pool:
        ledger = PostgresLedger(pool, Encoder(vault=vault))
        await tell(ledger)
        assert keys.waited
        assert threading.current_thread() not in keys.waited
        keys.waited.clear()
        await ledger.append([event(step=4, reason="once more", state=state())])
    assert not keys.waited


async def test_a_dump_of_the_database_names_nobody(
    sealed: PostgresLedger, database: Database
) -> None:
    await tell(sealed)
    with psycopg.connect(database.admin_url) as connection:
        bodies = connection.execute("select convert_from(body, 'UTF8') from audit.event")
        told = "".join(body for (body,) in bodies)
        for table in ("inbox.request", "inbox.assignment", "inbox.review", "audit.pii"):
            told += "".join(map(str, connection.execute(f"select * from {table}")))  # noqa: S608
    for text in ("Alice", "Bob", "Carol", "dinner", "dear", "@example"):
        assert text not in told
    assert "'bob'" in told


@pytest.mark.rule(number=11)
async def test_leaves_are_of_what_is_recorded_and_not_of_what_is_shown(
    sealed: PostgresLedger,
) -> None:
    await tell(sealed)
    for recorded in await sealed.sealed_timeline("expense-1"):
        assert leaf_hash(leaf_event(recorded)).hex() == recorded.leaf
        assert "dinner" not in json.dumps(recorded.body)


@pytest.mark.rule(number=11)
async def test_what_somebody_else_recorded_is_not_shown_to_who_names_it_in_their_own_request(
    sealed: PostgresLedger, database: Database
) -> None:
    """Whoever has the application's password and no key would else have it opened for them."""
    await tell(sealed)
    with psycopg.connect(database.app_url) as thief:
        rows = thief.execute(
            "select body from audit.known_event where stream = 'expense-1' order by stream_seq"
        ).fetchall()
        for number, (body,) in enumerate(rows):
            told = json.loads(bytes(body))
            own = event(told["kind"], request="stolen", step=number)
            copied = {**told, "request": "stolen", "occurred": own.body["occurred"]}
            append_raw(thief, [own.model_copy(update={"body": copied})])
    row = await sealed.request("stolen")
    assert row is not None
    shown = [
        row,
        *await sealed.requests(requester="alice"),
        *await sealed.assignments(["stolen"]),
        *await sealed.reviews("stolen"),
        *await sealed.timeline("stolen"),
    ]
    told = str([each for each in shown if getattr(each, "request", None) != "expense-1"])
    assert SEALED in told
    for text in ("Alice", "Bob", "Carol", "dinner", "dear", "@example"):
        assert text not in told
    assert "Team dinner" in str(await sealed.request("expense-1"))


async def test_a_repeated_append_is_the_same_event(sealed: PostgresLedger) -> None:
    first = await sealed.append([submitted(step=1)])
    assert await sealed.append([submitted(step=1)]) == first


async def test_the_lists_can_be_made_again_without_any_key(
    sealed: PostgresLedger, database: Database
) -> None:
    await tell(sealed)
    before = await sealed.request("expense-1"), await sealed.reviews("expense-1")
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("select inbox.rebuild()")
    assert (await sealed.request("expense-1"), await sealed.reviews("expense-1")) == before
    assert len(await sealed.assignments(["expense-1"])) == 2


async def test_without_its_key_what_was_said_is_shown_as_sealed(
    sealed: PostgresLedger, ledger: PostgresLedger, vault: Vault
) -> None:
    await tell(sealed)
    assert (await ledger.reviews("expense-1"))[0].reason == SEALED
    assert vault.keys.destroy("bob")
    (review,) = await sealed.reviews("expense-1")
    assert (review.actor_id, review.actor_name, review.reason) == ("bob", SEALED, SEALED)
    row = await sealed.request("expense-1")
    assert row is not None
    assert row.title == "Team dinner"


async def test_without_its_ciphertext_what_was_said_is_shown_as_erased(
    sealed: PostgresLedger, database: Database
) -> None:
    await tell(sealed)
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("delete from audit.pii where subject = 'alice'")
    row = await sealed.request("expense-1")
    assert row is not None
    assert (row.title, row.requester_id, row.requester_name) == (ERASED, "alice", ERASED)


def a_step(outcome: str = '{"case": 1}') -> LedgerStep:
    return LedgerStep(
        stream="expense-1", chain="run-1", number=1, outcome=outcome, events=(submitted(step=1),)
    )


async def test_a_step_comes_back_as_it_was_and_stands_nowhere_in_plain(
    sealed: PostgresLedger, database: Database
) -> None:
    await sealed.append_step(a_step())
    with psycopg.connect(database.admin_url) as connection:
        stored = connection.execute("select outcome from audit.step").fetchone()
    assert (await sealed.append_step(a_step('{"case": 2}'))).known == '{"case": 1}'
    assert stored is not None
    assert b"case" not in stored[0]


async def test_a_step_that_somebody_else_wrote_is_not_taken(
    sealed: PostgresLedger, ledger: PostgresLedger
) -> None:
    await ledger.append_step(a_step('{"forged": true}'))
    with pytest.raises(ConflictError, match="somebody else wrote it"):
        await sealed.append_step(a_step())


@pytest.mark.parametrize("column", ["number = 2", "chain = 'run-2'", "stream = 'expense-2'"])
async def test_a_step_that_was_moved_elsewhere_is_not_taken(
    sealed: PostgresLedger, database: Database, column: str
) -> None:
    await sealed.append_step(a_step())
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(f"update audit.step set {column}")  # noqa: S608
        found = connection.execute("select stream, chain, number from audit.step").fetchone()
    assert found is not None
    moved = a_step().model_copy(update={"stream": found[0], "chain": found[1], "number": found[2]})
    moved = moved.model_copy(update={"events": (submitted(request=found[0], step=2),)})
    with pytest.raises(ConflictError, match="somebody else wrote it"):
        await sealed.append_step(moved)
