"""The explanation of a plan, as people read it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from textwrap import dedent
from typing import Any

from placet.domain.base import Model
from placet.domain.finding import Finding
from placet.pipelines.expense import FACTS
from placet.pipelines.pipeline import Prepared
from placet.policy.explain import explain
from placet.policy.service import make_plan, open_stage
from tests.policy.example import TEXT, bent, company, facts, snapshot

NOW = datetime(2026, 5, 11, 8, tzinfo=UTC)


def explained(
    who: str = "alice", prepared: Mapping[str, Any] | None = None, text: str = TEXT, **changes: Any
) -> str:
    people = company(
        bob={"absences": [{"from": "2026-05-11", "until": "2026-05-12"}]},
        carol={"delegations": [{"to": "grace", "from": "2026-05-11", "until": "2026-05-12"}]},
    )
    plan = make_plan(
        snapshot(text),
        Prepared(
            request=Model(),
            requester=who,
            title="New laptops",
            amount="5000.00 EUR",
            facts=facts(**changes),
            **(prepared or {}),
        ),
        FACTS,
        requester=people.require(who).ref(),
        policy_digest="ab" * 32,
    )
    openings = [open_stage(snapshot(), plan, i, people, NOW) for i in range(len(plan.stages))]
    return explain("expense", plan, openings, time_zone="Europe/Berlin")


def test_a_plan_is_explained_with_its_people_and_its_times() -> None:
    assert explained(total=5000.0) == dedent("""\
        New laptops, 5000.00 EUR
          asked by  Alice <alice@example.com>
          policy    expense version 3 (abababababab)
          route     large
          because   total > 1000 (total = 5000.00)
          changes   at most 2 times, each answered within 10 days

        Stage 1 of 2: manager
          manager: 1 of 1 must approve; 1 of 1 can reject it
              Bob <bob@example.com>, away
          when nobody can decide it: escalate
          Tue 2026-05-12 10:00 CEST  reminder
          Wed 2026-05-13 10:00 CEST  reminder
          Wed 2026-05-13 10:00 CEST  escalation: deputy may decide too
              Carol <carol@example.com>; for them Grace <grace@example.com>
          Mon 2026-05-18 10:00 CEST  reminder
          Mon 2026-05-18 10:00 CEST  deadline: it escalates to the next level
          Thu 2026-05-21 10:00 CEST  last deadline: it is rejected
          when stuck or escalated  board decides instead
              Grace <grace@example.com>

        Stage 2 of 2: finance
          (people and times as if it opened now)
          finance: 2 of 3 must approve; 3 of 3 can reject it
              Bob <bob@example.com>, away
              Carol <carol@example.com>; for them Grace <grace@example.com>
              Dan <dan@example.com>
          each decision must be verified by a login or a signature
          by other people than manager
          when nobody can decide it: escalate
          Wed 2026-05-13 10:00 CEST  deadline: it expires
        """)


def test_what_was_found_what_is_touched_and_who_may_edit_is_explained() -> None:
    told = explained(
        total=100.0,
        text=bent(("at_most: 2,", "at_most: 2, edits: with_author,")),
        prepared={
            "findings": (Finding(kind="broken-link", where="a.md:1", message="It is dead."),),
            "scope": {"slug": "news", "replaces": None, "targets": {"site": "directory www"}},
            "effect_at": datetime(2026, 6, 1, 8, tzinfo=UTC),
        },
    )
    assert (
        "  waits     until Mon 2026-06-01 10:00 CEST\n"
        "  touches   slug: news\n"
        "  touches   targets: site directory www\n"
        "  found     a.md:1: It is dead. (broken-link)\n"
        "  changes   at most 2 times, each answered within 10 days\n"
        "  edits     a reviewer may propose a change, which the requester has to take over\n"
    ) in told


def test_a_decision_by_rule_is_explained_in_a_line() -> None:
    assert explained(total=12.0).endswith(
        "  because   total <= 50 && all_receipts (total = 12.00, all_receipts = true)\n"
        "  result    approved by rule: Small and with receipts.\n"
    )


def test_a_stage_for_which_there_is_nobody_says_so() -> None:
    text = explained("grace")
    assert "manager: 1 of 0 must approve; 1 of 0 can reject it\n      nobody\n" in text
    assert "board decides instead\n      nobody\n" in text
