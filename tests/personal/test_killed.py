from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest
from temporalio.testing import ActivityEnvironment

from placet.domain.erasure import ErasureState
from placet.domain.errors import NotFoundError
from placet.ledger import PostgresLedger, open_pool
from placet.ledger.encoding import Encoder
from placet.personal.sealing import ERASED
from placet.personal.vault import open_vault
from tests.personal.erasable import (
    ALICE,
    BOB,
    RECEIPT,
    REQUEST,
    approved,
    eraser_at,
    erasing,
    sha256,
    tell,
)
from tests.personal.mortal import Orders, carry_out
from tests.support.mortal import KILLED, Death, done_by_a_process
from tests.support.postgres import Cluster


async def die(postgres: Cluster, place: Path, death: Death | None) -> list[str]:
    """Let a process erase and die; let another one go on, and see that all of it is gone."""
    place.mkdir()
    vault = open_vault(place / "keys")
    with postgres.database() as name:
        url, eraser_url = (postgres.url(name, f"placet_app{who}") for who in ("", "_eraser"))
        async with open_pool(url) as pool, eraser_at(eraser_url) as eraser:
            ledger = PostgresLedger(pool, Encoder(vault=vault))
            await tell(ledger, "expense-1", ALICE, RECEIPT)
            await tell(ledger, "expense-2", BOB)
            order = await approved(ledger)
            orders = Orders(url, eraser_url, place / "keys", order, place / "trace", death)
            steps = await done_by_a_process(carry_out, orders)
            result = await ActivityEnvironment().run(
                erasing(ledger, vault.keys, eraser).erase, order
            )
            (row,) = await ledger.erasures.rows()
            assert row.state is ErasureState.DONE, death
            told = (await ledger.timeline(REQUEST))[-3:]
            assert [each.kind for each in told] == [
                "effect:permit:consumed",
                "system:subject:erased",
                "effect:run:done",
            ], death
            data: Any = told[1].body["data"]
            with psycopg.connect(postgres.url(name)) as connection:
                left = connection.execute(
                    "select count(*) from audit.pii where subject in ('alice', 'request:expense-1')"
                ).fetchone()
            assert left == (0,), death
            assert len(data["digests"]) == data["erased"]["texts"] == 2, death
            assert {*data["content"]} >= {sha256(RECEIPT)}, death
            assert data["erased"]["files"] == 2, death
            assert result.facts == {"subject": "alice", "erased": data["erased"]}, death
            with pytest.raises(NotFoundError):
                await ledger.get_content(sha256(RECEIPT))
            shown = await ledger.request("expense-1")
            assert shown is not None
            assert shown.title == ERASED, death
            return steps


@pytest.mark.rule(number=5)
@pytest.mark.rule(number=11)
async def test_a_worker_killed_anywhere_erases_in_the_end_and_tells_all_of_it(
    postgres: Cluster, tmp_path: Path
) -> None:
    undisturbed = await die(postgres, tmp_path / "undisturbed", None)
    passed: Counter[str] = Counter()
    deaths = []
    for step in undisturbed:
        passed[step] += 1
        deaths.append((step, passed[step]))
    wanted = (
        "put_content", "begin", "steps", "unlink", "sync", "personal", "contents",
        "plan_addresses", "addresses", "confirm", "finish", "end",
    )  # fmt: skip
    assert {f"{when} {name}" for name in wanted for when in ("before", "after")} <= {*undisturbed}
    for number, death in enumerate(deaths):
        steps = await die(postgres, tmp_path / str(number), death)
        assert steps[-1] == KILLED, f"it never came to {death}"
