"""Seal the ledger from the command line, and say how far it is sealed."""

import asyncio
import os
import signal

from placet.cli import world
from placet.cli.codes import Code
from placet.cli.console import as_json, out, pairs, say, table
from placet.cli.times import instant
from placet.connections import database_url, open_ledger, sealer_url
from placet.db import open_pool
from placet.domain.errors import NotFoundError
from placet.domain.plurals import plural
from placet.holding import Told
from placet.logging import configure
from placet.sealing.accepting import accept_loss
from placet.sealing.archive import Archive
from placet.sealing.config import read_places
from placet.sealing.keys import LogKeys, find_log_keys
from placet.sealing.opening import build_sealer, open_place
from placet.sealing.status import PlaceState, Status, status
from placet.settings import Settings
from placet.signing import LOG_FILE, SigningKeyError


async def seal(*, once: bool, level: str, json: bool) -> int:
    """Seal what there is, or until SIGTERM or SIGINT, and return the exit code."""
    configure(level=level)
    sealer = build_sealer(Settings.from_environment())
    if once:
        sealed = await sealer.once()
        if json:
            as_json({"sealed": sealed})
        else:
            say(f"placet: {plural(sealed, 'event')} sealed")
        return Code.OK
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    working = asyncio.create_task(sealer.run())
    stopping = asyncio.create_task(asked.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        await working
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return Code.OK


async def tell_status(*, json: bool) -> int:
    """Print how far the ledger is sealed.

    Returns:
        The exit code: its own when somebody has to look at something.
    """
    settings = Settings.from_environment()
    listed = read_places(settings)
    keys, why = _keys(settings)
    async with open_pool(database_url(settings)) as pool:
        found = await status(pool, listed, os.environ, keys)
    if json:
        document = _document(settings.ledger_name, found)
        as_json({**document, "signatures_checked": keys is not None})
    else:
        _print(settings.ledger_name, found)
        if keys is None:
            say(f"the signatures of what places hold were not checked: {why}")
    return Code.DIFFERS if found.problems else Code.OK


def _keys(settings: Settings) -> tuple[LogKeys | None, str]:
    """Return the log's keys, or why they are not at hand: whoever looks may not read them."""
    try:
        keys = find_log_keys(settings.keys, settings.ledger_name)
    except SigningKeyError as error:
        return None, str(error)
    return keys, f"there is no {LOG_FILE} in {settings.keys}; look from where PLACET_KEYS has it"


async def accept(name: str, *, reason: str, who: str, json: bool) -> int:
    """Let checkpoints be brought again to a place that lacks what it held."""
    settings = Settings.from_environment()
    listed = read_places(settings)
    if name not in listed.specs:
        raise NotFoundError(f"there is no place {name}; there are: {', '.join(listed.specs)}")
    person = world.person(settings, who)
    told = Told(person, reason, world.now())
    async with open_ledger(settings) as ledger, open_pool(sealer_url(settings)) as pool:
        archive = Archive(pool)
        place = open_place(name, listed.specs[name], listed, archive, os.environ)
        held = await accept_loss(ledger, archive, place, told)
    if json:
        as_json({"place": name, "held": held})
    else:
        say(f"placet: that {name} lacks what it held up to {plural(held, 'event')} is accepted")
    return Code.OK


def _document(name: str, found: Status) -> dict[str, object]:
    newest, backlog = found.newest, found.backlog
    return {
        "ledger": name,
        "size": newest.size if newest else 0,
        "sealed_at": newest.at.isoformat() if newest else None,
        "checkpoint": str(newest.note) if newest else None,
        "unsealed": backlog.events,
        "oldest_unsealed_seconds": round(backlog.age, 1),
        "held_up_by": backlog.holding._asdict() if backlog.holding else None,
        "places": [
            {
                "name": place.name,
                "size": place.size,
                "behind_seconds": round(place.behind, 1),
                "problem": place.problem,
            }
            for place in found.places
        ],
        "problems": found.problems,
    }


def _print(name: str, found: Status) -> None:
    newest, backlog = found.newest, found.backlog
    out(name)
    waiting = f"{backlog.events:,}"
    if backlog.events:
        waiting += f", the oldest for {backlog.age:.0f} s"
    pairs(
        [
            ("sealed", plural(newest.size, "event") if newest else "nothing yet"),
            ("newest checkpoint", instant(newest.at) if newest else None),
            ("not sealed yet", waiting),
        ]
    )
    table(("PLACE", "EVENTS", "BEHIND"), map(_cells, found.places))
    for problem in found.problems:
        say(f"placet: {problem}")


def _cells(place: PlaceState) -> tuple[str, ...]:
    size = "unknown" if place.size is None else f"{place.size:,}"
    return (place.name, size, f"{place.behind:.0f} s")
