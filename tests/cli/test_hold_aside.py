"""A hold is on whom it was meant for, whatever requests are called."""

from pathlib import Path

import pytest

from placet.cli.forgetting import hold
from placet.ledger import PostgresLedger
from tests.conftest import Database
from tests.ledger.stories import opened, submitted
from tests.policy.example import SHIPPED


@pytest.mark.rule(number=11)
@pytest.mark.parametrize("name", ["judy", "judy@example.com"])
async def test_no_request_of_a_persons_name_turns_a_hold_aside(
    database: Database,
    ledger: PostgresLedger,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
) -> None:
    monkeypatch.setenv("PLACET_DATABASE_URL", database.app_url)
    monkeypatch.setenv("PLACET_POLICIES", str(SHIPPED))
    monkeypatch.setenv("PLACET_HOME", str(tmp_path))
    await ledger.append([submitted(name), opened(name)])
    assert await ledger.request(name) is not None
    assert await hold(name, reason="A claim", who="heidi@example.com", json=True) == 0
    (placed,) = await ledger.erasures.holds("judy")
    assert (placed.on_what, placed.target) == ("subject", "judy")
