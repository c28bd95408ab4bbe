"""Rows: marked as deleted and brought back, asked about again, and gone for good."""

from typing import LiteralString

from placet.demo.theatre import DemoError, Theatre
from placet.domain.vocabulary import EffectState, Kind

CUSTOMERS: LiteralString = (
    "select count(*) from shop.customer "
    "where country = 'PT' and not newsletter and deleted_at is null"
)
MORE_CUSTOMERS: LiteralString = (
    "with more as (insert into shop.customer (id, email, country, newsletter, created) "
    "select 100000 + n, 'new' || n || '@example.org', 'PT', false, now() "
    "from generate_series(1, 10) as n returning 1) select count(*) from more"
)
ALL: LiteralString = "select count(*) from shop.customer where country = 'PT' and not newsletter"


async def undone(t: Theatre) -> None:
    """Two people agree, rows are marked, and somebody brings them back."""
    before = await t.in_shop(CUSTOMERS)
    t.say(f"Alice wants {before} customers deleted. The owner and a second person look at which.")
    case = await t.submit(t.company.example("delete-customers.json"), "delete")
    await _agreed(t, case)
    await t.stands(case, EffectState.IN_FORCE)
    await _count(t, CUSTOMERS, 0)
    t.say("They are marked as deleted. It was the wrong country: Carol takes it back.")
    await t.placet("withdraw", case, "--as", "carol@example.com", "--reason", "it was Poland")
    await t.outcome(case, "approved by people")
    await _count(t, CUSTOMERS, before)


async def asked_again(t: Theatre) -> None:
    """What has grown since people agreed is not deleted before they have agreed to that."""
    marked_before = await t.in_shop(ALL) - await t.in_shop(CUSTOMERS)
    request = t.company.again("delete-customers", "customers-portugal-now")
    case = await t.submit(request, "delete")
    await t.expect(case, Kind.STAGE_OPENED)
    t.say(f"While people look, {await t.in_shop(MORE_CUSTOMERS)} more customers fit.")
    more = await t.in_shop(CUSTOMERS)
    await _agreed(t, case)
    await t.outcome(case, "approved by people")
    await _count(t, CUSTOMERS, more)
    t.say("That is not what people have agreed to: nothing was touched, and they are asked again.")
    again = f"{case}-again"
    await _agreed(t, again)
    row = await t.stands(again, EffectState.IN_FORCE)
    await _count(t, CUSTOMERS, 0)
    if row.due is None:
        raise DemoError("nobody knows until when it can be undone")
    await t.let_pass_until(again, "the week in which it can be undone is over", row.due)
    await t.outcome(again, "approved by people")
    await _count(t, ALL, marked_before)
    await t.placet("deletions", show=True)


async def _agreed(t: Theatre, case: str) -> None:
    """Have the owner of the data and a second person approve."""
    await t.expect(case, Kind.STAGE_OPENED)
    await t.placet("approve", case, "--as", "carol@example.com", "--reason", "these, yes")
    await t.placet("approve", case, "--as", "ivan@example.com", "--reason", "we need not keep them")


async def _count(t: Theatre, question: LiteralString, wanted: int) -> None:
    """Count rows in the shop itself.

    Raises:
        DemoError: They are not as many as wanted.
    """
    found = await t.in_shop(question)
    if found != wanted:
        raise DemoError(f"the shop has {found} of these rows, expected {wanted}")
    t.say(f"The shop has {found} of these rows.")


SCENES = (
    ("Customers are marked as deleted, and brought back", undone),
    ("A selection grows after its approval: people are asked again", asked_again),
)
