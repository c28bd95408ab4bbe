"""The auditor: what stands in the ledger is proved without the ledger, and a change is caught."""

import json
from pathlib import Path
from typing import LiteralString

from placet.demo.theatre import DemoError, Theatre
from placet.domain.vocabulary import Kind

FORGE: LiteralString = """
update audit.event
   set body = convert_to(replace(convert_from(body, 'UTF8'), '120.00 EUR', '920.00 EUR'), 'UTF8')
 where stream = %s and convert_from(body, 'UTF8') like '%%120.00 EUR%%'
"""


async def verified(t: Theatre) -> None:
    """A bundle of files and pinned keys are all that an auditor needs."""
    case = await t.submit(t.company.request("expense-team-dinner", amount="120.00 EUR"))
    await t.expect(case, Kind.STAGE_OPENED)
    await t.placet("approve", case, "--as", "bob@example.com", "--reason", "within budget")
    await t.outcome(case, "approved by people")
    await t.sealed()
    t.say("Whatever stands in the ledger is what Temporal and the payments say, and nothing else.")
    await t.placet("audit", "reconcile", show=True)
    t.say("The auditor pins the ledger's public keys and the witness's once, and keeps them.")
    trust, bundle = t.company.home / "trust.json", t.company.home / "bundle"
    trust.write_text(await t.placet("audit", "trust", "--witness", t.witness), encoding="utf-8")
    t.say("Then a bundle of files is verified without a database, and without trusting anybody.")
    await t.placet("audit", "export", "--out", str(bundle))
    await t.placet("audit", "verify", str(bundle), "--trust", str(trust), show=True)
    t.say("(This demo turns the clock forward: some events are ahead of the database's clock.)")
    t.say("One request alone, for somebody who must not see the others:")
    alone = t.company.home / "bundle-of-one"
    await t.placet("audit", "export", "--out", str(alone), "--request", case)
    await t.placet("audit", "verify", str(alone), "--trust", str(trust), show=True)
    await t.placet("audit", "report", case, "--out", str(t.company.home / "report.pdf"))
    await _tampered_file(t, bundle, trust)
    await _tampered_database(t, case, trust)


async def _tampered_file(t: Theatre, bundle: Path, trust: Path) -> None:
    t.say("Somebody changes one digit in a file of the bundle.")
    events = bundle / "events.jsonl"
    before = events.read_bytes()
    after = before.replace(b"120.00 EUR", b"920.00 EUR", 1)
    if after == before:
        raise DemoError("there is nothing to change in the bundle")
    events.write_bytes(after)
    await _caught(t, bundle, trust)
    events.write_bytes(before)


async def _tampered_database(t: Theatre, case: str, trust: Path) -> None:
    t.say("The database's superuser switches the triggers off and changes what was paid.")
    if not await t.forge(FORGE, case):
        raise DemoError("there is nothing to change in the database")
    forged = t.company.home / "bundle-of-a-forger"
    await t.placet("audit", "export", "--out", str(forged))
    await _caught(t, forged, trust)


async def _caught(t: Theatre, bundle: Path, trust: Path) -> None:
    """Verify what was changed.

    Raises:
        DemoError: It was not found.
    """
    words = ("audit", "verify", str(bundle), "--trust", str(trust))
    await t.placet(*words, exits=11, show=True)
    told = json.loads(await t.placet(*words, "--json", exits=11))
    if not any(each["code"] == "leaf-changed" for each in told["findings"]):
        raise DemoError(f"the change was not found: {told}")


SCENES = (("An auditor verifies the ledger, and finds what was changed", verified),)
