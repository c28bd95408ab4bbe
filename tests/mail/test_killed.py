from collections import Counter
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.sending import SendingActivities
from placet.domain.orders import EffectResult
from placet.ledger import PostgresLedger, open_pool
from tests.mail.approved import PERMIT, REQUEST, approved
from tests.mail.mortal import Orders, send
from tests.mail.test_sending import to_list
from tests.support.mailserver import mail_server
from tests.support.mortal import KILLED, Death, done_by_a_process
from tests.support.postgres import Cluster

PEOPLE = ["one@example.com", "two@example.com", "three@example.com"]
LIST = "\n".join(PEOPLE).encode()
# From the claim on nobody else may send, and until the answer is recorded nobody else knows it.
DOUBTFUL = {"after claim", "before the mail", "after the mail", "answered 250", "before record"}


async def die(postgres: Cluster, trace: Path, death: Death | None) -> list[str]:
    """Let a process send a mail and die; let another one go on, and see that all is well."""
    with postgres.database() as name:
        url = postgres.url(name, "placet_app")
        async with open_pool(url) as pool, mail_server() as server:
            ledger = PostgresLedger(pool)
            order = await approved(ledger, to_list(LIST), LIST)
            settings = server.settings(connections=1)
            steps = await done_by_a_process(send, Orders(url, settings, order, trace, death))
            activities = SendingActivities(ledger, settings)
            result: EffectResult = await ActivityEnvironment().run(activities.send, order)

            rows = {row.address: row.status.value for row in await ledger.deliveries.rows(PERMIT)}
            counted = Counter(rows.values())
            assert set(server.copies().values()) == {1}, death
            assert set(counted) <= {"sent", "in_doubt"}, death
            in_doubt = {person for person, status in rows.items() if status == "in_doubt"}
            assert set(PEOPLE) - in_doubt <= set(server.reached()), death
            assert len(in_doubt) <= 1, death
            if in_doubt:
                assert death is not None
                assert death[0] in DOUBTFUL
            kinds = [event.kind for event in await ledger.timeline(REQUEST)]
            assert kinds[-2:] == ["effect:permit:consumed", "effect:run:done"], death
            assert kinds.count("effect:run:done") == 1
            expected = {"sent": counted["sent"], "in_doubt": counted["in_doubt"]}
            assert {key: result.facts.get(key, 0) for key in expected} == expected
            return steps


@pytest.mark.rule(number=5)
async def test_a_worker_killed_anywhere_sends_to_nobody_twice(
    postgres: Cluster, tmp_path: Path
) -> None:
    undisturbed = await die(postgres, tmp_path / "undisturbed", None)
    passed: Counter[str] = Counter()
    deaths: list[Death] = []
    for step in undisturbed:
        passed[step] += 1
        deaths.append((step, passed[step]))
    assert set(passed) >= DOUBTFUL

    for number, death in enumerate(deaths):
        steps = await die(postgres, tmp_path / str(number), death)
        assert steps[-1] == KILLED, f"it never came to {death}"
    assert len(deaths) > 40
