"""A role given and taken away by the command line, a real service and the sample database."""

import json
from pathlib import Path

import psycopg

from tests.cli.office import REPOSITORY, Office
from tests.support.waiting import until

CAROL = "carol@example.com"
ALICE = "alice@example.com"


def has(office: Office, account: str, role: str) -> bool:
    """Ask Postgres itself whether an account can do what a role can."""
    with psycopg.connect(office.database_url) as connection:
        row = connection.execute("select pg_has_role(%s, %s, 'member')", (account, role)).fetchone()
    return bool(row and row[0])


def test_a_role_is_given_shown_and_taken_back(office: Office) -> None:
    submitted = office.placet("access", REPOSITORY / "examples" / "access-reporting.json")
    assert submitted.code == 0, submitted.err
    case = submitted.out.strip()
    assert "reporting for Alice Novak, 8 hours" in submitted.err
    office.until_pending(case)
    assert not has(office, "alice_db", "reporting_read")
    assert office.placet("approve", case, "--as", ALICE).code == 4

    said = office.placet("approve", case, "--as", CAROL)
    assert said.code == 0, said.err
    until(lambda: has(office, "alice_db", "reporting_read"), "Alice to have the role")
    until(
        lambda: "in force" in office.placet("grants", case).out,
        "the grant to be in force",
    )
    listed = office.placet("grants", "--json")
    assert [row["request"] for row in listed.documents] == [case]
    shown = office.placet("show", case)
    assert "reporting_read at sample-db for alice_db; until" in shown.out
    checked = office.placet("grants", "--check")
    assert checked.code == 0, checked.err + checked.out
    assert "all is as it was granted: 2 roles and 1 grants" in checked.err

    said = office.placet("withdraw", case, "--as", ALICE, "--reason", "done with it")
    assert said.code == 0, said.err
    ended = office.placet("wait", case, "--timeout", "30")
    assert ended.code == 0, ended.err
    assert not has(office, "alice_db", "reporting_read")
    assert "ended: withdrawn" in office.placet("grants", case).out


def test_a_request_for_what_is_not_listed_is_refused_before_it_is_submitted(
    office: Office, tmp_path: Path
) -> None:
    request = json.loads((REPOSITORY / "examples" / "access-orders.json").read_text())
    path = tmp_path / "request.json"
    path.write_text(json.dumps(request | {"role": "order"}))
    said = office.placet("access", path)
    assert said.code == 2
    assert "role: there is no role 'order' to ask for; did you mean 'orders'?" in said.err
    path.write_text(json.dumps(request | {"person": "heidi@example.com"}))
    said = office.placet("access", path)
    assert said.code == 2
    assert "Heidi Tanaka has no account at sample-db" in said.err


def test_no_command_asks_for_a_review_after_the_fact(office: Office) -> None:
    said = office.placet("access-review", "-", stdin="{}")
    assert said.code == 2
    assert "access-review" not in office.placet("--help").out
