"""Roles in Postgres: given for a time, taken away in time, and taken at once when it burns."""

from typing import LiteralString

from placet.demo.theatre import DemoError, Theatre
from placet.domain.vocabulary import EffectState, Kind

HAS_ROLE: LiteralString = "select pg_has_role(%s, %s, 'member')"


async def given_for_a_day(t: Theatre) -> None:
    """A role is granted by Postgres, and gone when its time is over."""
    t.say("Alice needs the figures for eight hours. Carol answers for them.")
    case = await t.submit(t.company.example("access-reporting.json"), "access")
    await t.placet("approve", case, "--as", "alice@example.com", "--reason", "me", exits=4)
    await t.placet("approve", case, "--as", "carol@example.com", "--reason", "for the board")
    row = await t.stands(case, EffectState.IN_FORCE)
    await _has(t, "alice_db", "reporting_read", wanted=True)
    await t.placet("grants", show=True)
    if row.due is None:
        raise DemoError("nobody knows when the role is to go")
    await t.let_pass_until(case, "the role's time is over", row.due)
    await t.outcome(case, "approved by people")
    await _has(t, "alice_db", "reporting_read", wanted=False)


async def broken_glass(t: Theatre) -> None:
    """Somebody on call takes a role at once; the review afterwards takes it away."""
    t.say("At night the shop is down. Bob is on call: he breaks the glass, signed with his key.")
    case = await t.submit(t.company.example("access-orders.json"), "access")
    await t.expect(case, Kind.STAGE_OPENED)
    why = ("--reason", "orders are lost every minute")
    await t.placet("break-glass", case, "--as", "dan@example.com", *why, exits=4)
    key = ("--key", str(t.company.keys["bob"]))
    await t.placet("break-glass", case, "--as", "bob@example.com", *key, *why)
    await t.stands(case, EffectState.IN_FORCE)
    await _has(t, "dan_db", "orders_write", wanted=True)
    t.say("Everybody concerned was alarmed. In the morning Erin reviews it, and says no.")
    review = f"{case}-review"
    await t.expect(review, Kind.STAGE_OPENED)
    await t.placet("reject", review, "--as", "erin@example.com", "--reason", "it could have waited")
    await t.outcome(case, "approved by break-glass")
    await _has(t, "dan_db", "orders_write", wanted=False)


async def _has(t: Theatre, account: str, role: str, *, wanted: bool) -> None:
    """Ask Postgres itself whether an account has a role.

    Raises:
        DemoError: It is not as wanted.
    """
    has = await t.in_shop(HAS_ROLE, account, role)
    if has is not wanted:
        raise DemoError(f"{account} has {role}: {has}; expected {wanted}")
    t.say(f"Postgres says: {account} {'has' if has else 'does not have'} {role}.")


SCENES = (
    ("A role is given for eight hours, and gone when they are over", given_for_a_day),
    ("Break-glass at night, and a review in the morning that says no", broken_glass),
)
