"""A policy small enough to read, for tests to bend."""

from datetime import date
from pathlib import Path
from textwrap import dedent
from typing import Any

from placet.domain.money import RateTable
from placet.domain.people import Directory
from placet.domain.policy import Policy, PolicySnapshot
from placet.policy.files import parse
from placet.policy.loader import load_policy, resolve_calendar

SHIPPED = Path(__file__).parents[2] / "policies"
TODAY = date(2026, 5, 4)

TEXT = dedent("""\
    id: expense
    version: 3
    pipeline: expense
    calendar:
      time_zone: Europe/Berlin
      hours: {mon-fri: ["09:00-17:00"]}
      holidays: DE-BE
      closed: {"2026-05-15": Bridge day}
    routes:
      - {name: small, when: total <= 50 && all_receipts, approve: Small and with receipts.}
      - {name: odd, when: '"other" in categories', reject: Say what it is.}
      - {name: large, when: total > 1000, stages: [manager, finance]}
      - {name: rest, when: true, stages: [manager]}
    stages:
      manager:
        groups:
          - {name: manager, reviewers: [{manager_of: requester}]}
        reminders: {first: 1d, every: 1d, at_most: 3}
        escalation:
          - {name: deputy, after: 2d, to: [{deputy_of: reviewers}]}
          - {name: board, to: [{role: executive}], mode: replace, approve: "60%"}
        deadline: {after: 3d, then: escalate, extend_by: 24h, finally: reject}
      finance:
        groups:
          - {name: finance, reviewers: [{group: finance}], approve: 2, reject: all}
        deadline: {after: 48h, then: expire, time: wall}
        distinct_from: [manager]
        assurance: verified
        recheck: 6h
    changes: {at_most: 2, within: 10d}
    """)

RATES = RateTable.model_validate({"base": "EUR", "as_of": TODAY, "rates": {"USD": "1.10"}})


def policy(text: str = TEXT) -> Policy:
    return load_policy(parse(text, "expense.yaml"))


def bent(*changes: tuple[str, str]) -> str:
    """Return the text with each change made exactly once, so that no test bends nothing."""
    text = TEXT
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def snapshot(text: str = TEXT) -> PolicySnapshot:
    document = parse(text, "expense.yaml")
    rules = load_policy(document)
    calendar = resolve_calendar(rules.calendar, document, TODAY.year)
    return PolicySnapshot(policy=rules, calendar=calendar, rates=RATES)


def facts(**changes: Any) -> dict[str, Any]:
    return {
        "total": 120.0,
        "currency": "EUR",
        "currencies": ["EUR"],
        "line_count": 1,
        "largest_line": 120.0,
        "categories": ["meals"],
        "all_receipts": True,
        "missing_receipts": 0,
        "cost_centre": "4711",
        "requester": "alice@example.com",
        "payee_country": "DE",
        "oldest_line_days": 3,
        **changes,
    }


def person(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "name": name.title(), "addresses": [f"{name}@example.com"], **fields}


def company(**changes: dict[str, Any]) -> Directory:
    people = {
        "alice": person("alice", manager="bob"),
        "bob": person("bob", manager="grace", deputy="carol", groups=["finance"]),
        "carol": person("carol", groups=["finance"]),
        "dan": person("dan", groups=["finance"]),
        "grace": person("grace", roles=["executive"]),
    }
    for name, fields in changes.items():
        people[name] = {**people[name], **fields}
    return Directory.model_validate({"time_zone": "Europe/Berlin", "people": list(people.values())})
