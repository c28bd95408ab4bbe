"""How far the ledger is sealed, and how far each place outside has come."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from placet.db import Pool
from placet.domain.errors import PlacetError
from placet.domain.plurals import plural
from placet.proof.note import NoteError
from placet.sealing.archive import Archive, Sealed
from placet.sealing.backlog import Backlog, look
from placet.sealing.config import SealList, Spec
from placet.sealing.keys import LogKeys
from placet.sealing.opening import open_place
from placet.sealing.places import agreed_size, require_kept, require_own

LATE_SECONDS = 60.0
"""What is sealed or published later than this is worth a look."""

_PLACE_SECONDS = 30.0


class PlaceState(NamedTuple):
    """How far one place has come.

    Attributes:
        name: The place.
        size: The size of the newest checkpoint that it holds; None when it cannot be known.
        behind: For how many seconds it has lacked a newer one; 0 when it has the newest.
        problem: What somebody has to look at.
    """

    name: str
    size: int | None
    behind: float
    problem: str | None


class Status(NamedTuple):
    """The state of the sealing.

    Attributes:
        newest: The newest checkpoint; None before the first.
        backlog: What waits to be sealed.
        places: In the order of the list.
    """

    newest: Sealed | None
    backlog: Backlog
    places: list[PlaceState]

    @property
    def problems(self) -> list[str]:
        """Return what somebody has to look at."""
        found = [f"{place.problem}" for place in self.places if place.problem]
        if self.backlog.age > LATE_SECONDS:
            held = self.backlog.holding
            why = (
                f"; {held} may hold them up"
                if held
                else "; look whether a sealer runs, and what its log says"
            )
            found.insert(
                0,
                f"{plural(self.backlog.events, 'event is', 'events are')} not sealed, the oldest "
                f"for {self.backlog.age:.0f} s{why}",
            )
        return found


async def status(
    pool: Pool, listed: SealList, secrets: Mapping[str, str], keys: LogKeys | None
) -> Status:
    """Look at everything, as ``placet_app``.

    Args:
        pool: The database.
        listed: The places.
        secrets: The environment, where those of the places are.
        keys: By which what a place holds has to be signed; None where they are not at hand.

    Raises:
        UnavailableError: The database does not answer.
    """
    archive = Archive(pool)
    newest = await archive.newest()
    backlog = await look(pool)
    places = await asyncio.gather(
        *(
            _state(name, spec, _Means(listed, archive, secrets, keys))
            for name, spec in listed.specs.items()
        )
    )
    return Status(newest, backlog, list(places))


class _Means(NamedTuple):
    """What it takes to look at any place."""

    listed: SealList
    archive: Archive
    secrets: Mapping[str, str]
    keys: LogKeys | None


async def _state(name: str, spec: Spec, means: _Means) -> PlaceState:
    listed, archive, secrets, keys = means
    try:
        async with asyncio.timeout(_PLACE_SECONDS):
            place = open_place(name, spec, listed, archive, secrets)
            told = await place.newest()
            if told and keys:
                require_own(name, told, keys)
            size = await agreed_size(name, told, archive) if told else 0
            held = await archive.held_by(name)
            require_kept(place, size, held)
            if told is None:
                # A witness need not tell what it has signed; what came of it is here.
                size = held
    except (PlacetError, NoteError) as error:
        return PlaceState(name, None, 0.0, str(error))
    except TimeoutError:
        late = f"{name} does not answer within {_PLACE_SECONDS:.0f} s; check that it runs"
        return PlaceState(name, None, 0.0, late)
    since = await archive.waiting_since(size)
    behind = max(0.0, (datetime.now(UTC) - since).total_seconds()) if since else 0.0
    problem = None
    if since and behind > spec.every_seconds + LATE_SECONDS:
        # Whether it has forgotten that shows only when it is asked to sign.
        silent = f", and does not tell that it had one of {plural(held, 'event')}"
        problem = (
            f"{name} has lacked a newer checkpoint for {behind:.0f} s"
            f"{silent if told is None and held else ''}; look at the sealer's log, and start it "
            "anew if seal.yaml was changed"
        )
    return PlaceState(name, size, behind, problem)
