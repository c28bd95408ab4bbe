"""Data: exported for a print shop, encrypted to its key, and deleted when its time is over."""

import json
import sys
from pathlib import Path
from typing import Any, LiteralString

import pyrage  # type: ignore[import-untyped]

from placet.demo.theatre import DemoError, Theatre
from placet.domain.vocabulary import EffectState, Kind

if sys.version_info >= (3, 14):
    from compression.zstd import decompress
else:
    from backports.zstd import decompress

READERS: LiteralString = (
    "select count(*) from shop.customer where country = 'DE' and newsletter and deleted_at is null"
)


async def for_the_print_shop(t: Theatre) -> None:
    """An export is approved, made, encrypted, opened by its recipient, and gone in time."""
    identity = pyrage.x25519.Identity.generate()
    t.say("The print shop needs the German readers. It has sent its public key; so they are")
    t.say("encrypted to it. Whose data it is, and a second person, see what would go out.")
    key = str(identity.to_public())
    case = await t.submit(t.company.export("export-customers", key), "export")
    await t.expect(case, Kind.STAGE_OPENED)
    await t.placet("preview", case, "--out", str(t.company.home / "export.html"))
    await t.placet("approve", case, "--as", "erin@example.com", "--reason", "for the letter")
    await t.placet("approve", case, "--as", "heidi@example.com", "--reason", "encrypted; fine")
    row = await t.stands(case, EffectState.IN_FORCE)
    await t.placet("exports", show=True)
    made = t.company.home / "exports" / case
    count = _opened(made, identity)
    if count != await t.in_shop(READERS):
        raise DemoError(f"the file has {count} rows, the shop has {await t.in_shop(READERS)}")
    t.say(f"The print shop opens it with its own key: {count} rows, as many as the shop has.")
    if row.due is None:
        raise DemoError("nobody knows when the file is to be deleted")
    await t.let_pass_until(case, "its three days are over", row.due)
    await t.outcome(case, "approved by people")
    if made.exists():
        raise DemoError("the file is still there")


def _opened(made: Path, identity: Any) -> int:
    """Decrypt a file as its recipient does; return how many rows it has.

    Raises:
        DemoError: A formula has come through.
    """
    manifest = json.loads((made / "manifest.json").read_text(encoding="utf-8"))
    sealed = (made / manifest["file"]).read_bytes()
    lines = decompress(pyrage.decrypt(sealed, [identity])).decode().splitlines()
    if any(cell.startswith("=") for line in lines for cell in line.split(",")):
        raise DemoError("a cell begins like a formula")
    return len(lines) - 1


SCENES = (("Customers go to a print shop, encrypted, for three days", for_the_print_shop),)
