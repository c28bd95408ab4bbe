"""Expenses: one request each, from its submission to its end."""

from datetime import UTC, datetime, timedelta

from placet.demo.theatre import Theatre, decision
from placet.domain.vocabulary import Kind

REFUSED = 4
"""The command line's exit code for a refusal."""


async def small_amount(t: Theatre) -> None:
    """A rule approves."""
    t.say("At most 50 EUR with every receipt needs nobody: the policy approves.")
    case = await t.submit(t.company.request("expense-taxi"))
    await t.outcome(case, "approved by rule")


async def manager_by_signal(t: Theatre) -> None:
    """A manager approves with a raw Temporal signal."""
    t.say("Alice's manager Bob decides. Any Temporal client will do: this is Temporal's own.")
    case = await t.submit(t.company.request("expense-team-dinner"))
    await t.expect(case, Kind.STAGE_OPENED)
    await t.placet("list", "--reviewer", "bob@example.com", show=True)
    await t.signal(case, "approve", decision("bob@example.com", "well deserved"))
    await t.outcome(case, "approved by people")


async def rejection(t: Theatre) -> None:
    """A manager rejects."""
    case = await t.submit(t.company.request("expense-team-dinner", title="Champagne"))
    await t.placet("reject", case, "--as", "Bob@Example.com", "--reason", "not on the company")
    await t.outcome(case, "rejected by people")


async def self_approval(t: Theatre) -> None:
    """The requester cannot approve, under any spelling; nonsense does no harm."""
    t.say("Alice approves her own dinner, under another spelling and under her other address.")
    case = await t.submit(t.company.request("expense-team-dinner", title="Dinner for one"))
    for name in ("ALICE+dinner@example.com", "a.novak@example.com"):
        await t.placet("approve", case, "--as", name, "--reason", "yum", exits=REFUSED)
    t.say("And some signals that make no sense. None of them stops the case; each is recorded.")
    await t.signal(case, "approve", None)
    await t.signal(case, "approve", '"bob says yes"')
    await t.signal(case, "aprove", decision("bob@example.com", "a typing mistake"))
    await t.expect(case, Kind.REFUSED, 5)
    await t.placet("reject", case, "--as", "bob@example.com", "--reason", "nice try")
    await t.outcome(case, "rejected by people")


async def absent_manager(t: Theatre) -> None:
    """A reminder, then an escalation to the deputy of a manager who is away."""
    t.say("Bob does not answer. He is reminded after a working day, and then goes on leave.")
    case = await t.submit(t.company.request("expense-team-dinner", title="Taxi for the team"))
    await t.expect(case, Kind.STAGE_OPENED)
    await t.let_pass(case, "the first reminder is due", "reminders")
    await t.expect(case, Kind.REMINDED)
    today = datetime.now(UTC).date()
    t.company.send_on_leave("bob", today, today + timedelta(days=30))
    await t.let_pass(case, "the next look at the directory finds him away", "escalations")
    await t.expect(case, Kind.ESCALATED)
    t.say("Nobody is left who could decide, so the case went to his deputy, Carol, at once.")
    await t.placet("approve", case, "--as", "carol@example.com", "--reason", "for Bob")
    await t.outcome(case, "approved by people")
    t.company.send_on_leave("bob", today - timedelta(days=30), today - timedelta(days=20))


async def nobody_decides(t: Theatre) -> None:
    """The deadline decides."""
    t.say("Nobody decides. The case is escalated twice, and then the policy's deadline ends it.")
    case = await t.submit(t.company.request("expense-team-dinner", title="Karaoke"))
    await t.expect(case, Kind.STAGE_OPENED)
    await t.let_pass(case, "reminders, escalations and the deadline", "final")
    await t.outcome(case, "rejected by timeout")


async def committee(t: Theatre) -> None:
    """Two of three with a conflict, then an executive who signs."""
    t.say("Above 10,000 EUR: the manager, two of three in finance, and an executive who signs.")
    case = await t.submit(t.company.request("expense-laptops"))
    await t.placet("approve", case, "--as", "bob@example.com", "--reason", "they are slow")
    await t.placet("approve", case, "--as", "erin@example.com", "--reason", "in the budget")
    await t.placet("reject", case, "--as", "frank@example.com", "--reason", "next quarter")
    await t.placet("approve", case, "--as", "heidi@example.com", "--reason", "now is cheaper")
    t.say("Two of three agree. Grace's word alone is not enough here; her signature is.")
    await t.placet("approve", case, "--as", "grace@example.com", "--reason", "go", exits=REFUSED)
    key = str(t.company.keys["grace"])
    await t.placet("approve", case, "--as", "grace@example.com", "--reason", "go", "--key", key)
    await t.outcome(case, "approved by people")


async def changes(t: Theatre) -> None:
    """Changes are requested, and the changed request is approved."""
    case = await t.submit(t.company.request("expense-team-dinner", title="Dinner"))
    await t.placet("request-changes", case, "--as", "bob@example.com", "--reason", "who was there?")
    changed = t.company.request("expense-team-dinner", title="Dinner with the portal team")
    t.say("The changed request is a new revision with a new digest; earlier votes are void.")
    await t.placet("resubmit", case, str(changed), "--as", "alice@example.com")
    await t.placet("approve", case, "--as", "bob@example.com", "--reason", "thank you")
    await t.outcome(case, "approved by people")


SCENES = (
    ("A rule approves", small_amount),
    ("A manager approves by a raw signal", manager_by_signal),
    ("A manager rejects", rejection),
    ("Self-approval is refused, and nonsense is survived", self_approval),
    ("A reminder, and the deputy of an absent manager", absent_manager),
    ("Nobody decides: the deadline does", nobody_decides),
    ("Two of three with a conflict, and a signature", committee),
    ("Changes requested and resubmitted", changes),
)
