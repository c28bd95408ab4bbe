"""Nothing that a request says can make a terminal do something (rule 12)."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.cli.console import safe
from placet.ledger import PostgresLedger, open_pool
from tests.cli.office import Office, an_expense
from tests.ledger.stories import event, person, state

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\nforged: line\x00"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@pytest.mark.rule(number=12)
@given(st.text())
def test_safe_text_is_obeyed_by_no_terminal(text: str) -> None:
    shown = safe(text)
    assert not OBEYED.search(shown)
    assert "\n" not in shown
    shown.encode()


@pytest.fixture
async def evil_case(office: Office) -> str:
    """Give a case whose every text is meant for a terminal, as an old version might have let in."""
    case = "expense-evil"
    told = EVIL.replace("\x00", "")
    async with open_pool(office.database_url) as pool:
        await PostgresLedger(pool).append(
            [
                event(
                    "requester:request:submitted",
                    request=case,
                    step="evil",
                    state=state(title=told, amount=told, stage=told),
                    waiting_for=[{**person("bob"), "name": told}],
                    data={"title": told, "amount": told},
                ),
                event(
                    "caller:message:refused",
                    request=case,
                    step="evil refused",
                    actor={"address": told, "name": None},
                    reason=told,
                    data={"refusal": "own_request", "action": told},
                ),
            ]
        )
    return case


@pytest.mark.rule(number=12)
@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "{case}"],
        ["show", "{case}", "--events"],
        ["show", "{case}", "--json"],
        ["list", "--reviewer", "bob"],
        ["list", "--json"],
        ["approve", "{case}", "--as", EVIL.replace("\x00", "")],
    ],
)
def test_a_malicious_case_is_shown_harmlessly(
    office: Office, evil_case: str, arguments: list[str]
) -> None:
    said = office.placet(*(each.format(case=evil_case) for each in arguments))
    for text in (said.out, said.err):
        assert not OBEYED.search(text.replace("\n", "").replace("\t", ""))
    assert not any(line.startswith("forged") for line in said.out.splitlines())
    assert "owned" in said.out + said.err


@pytest.mark.rule(number=12)
def test_a_malicious_request_is_cleaned_at_the_door_and_still_decided(office: Office) -> None:
    evil = json.dumps(an_expense("evil-door", title=EVIL, purpose=EVIL))
    said = office.placet("expense", "-", stdin=evil)
    assert said.code == 0, said.err
    assert not OBEYED.search(said.err.replace("\n", ""))
    case = said.out.strip()
    office.until_pending(case)
    assert office.placet("approve", case, "--as", "bob", "--reason", EVIL[:-1]).code == 0
    assert not OBEYED.search(office.placet("show", case).out.replace("\n", ""))
