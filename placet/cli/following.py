"""Follow a case as its ledger grows: print each event, or wait for the end."""

import asyncio
import time

from placet.cli.codes import Code, StopError
from placet.cli.console import as_json, out, say
from placet.cli.times import second, span
from placet.decisions import how_it_ended
from placet.domain.errors import NotFoundError
from placet.domain.ledger import RecordedEvent
from placet.domain.ledger_rows import RequestRow
from placet.domain.vocabulary import EffectState, Status
from placet.ports import Reader
from placet.timeline import sentence

_LOOK_SECONDS = 0.5
_TO_COME = (EffectState.WAITING.value, EffectState.PENDING.value)


def has_ended(row: RequestRow | None) -> bool:
    """Say whether nothing more is to come: the case is decided and its effect is through."""
    return row is not None and Status(row.status).final and row.effect not in _TO_COME


def state_of(row: RequestRow) -> str:
    """Return where a case stands, and how far its effect has come."""
    return row.status if row.effect is None else f"{row.status}, {row.effect}"


def line(event: RecordedEvent, first: RecordedEvent) -> str:
    """Return an event as one line: when, how long after the first, what."""
    after = f"+{span(event.occurred - first.occurred)}"
    return f"{second(event.occurred)}  {after:>7}  {sentence(event)}"


async def watch(ledger: Reader, request_id: str, *, json: bool, known: bool = False) -> int:
    """Print a case's events as they are recorded, until it ends.

    Args:
        ledger: Where the events are.
        request_id: The case.
        json: Whether to print the whole events.
        known: Whether Temporal has the case, so that its first event may still be to come.

    Raises:
        NotFoundError: There is no such case.
    """
    shown = 0
    while True:
        # The row first: what it says is in the timeline that is read after it.
        row = await ledger.request(request_id)
        events = await ledger.timeline(request_id)
        if row is None and not known:
            raise unknown(request_id)
        for event in events[shown:]:
            if json:
                as_json(event.model_dump(mode="json"))
            else:
                out(line(event, events[0]).replace("\n", " "))
        shown = len(events)
        if row is not None and has_ended(row):
            return _verdict(row)
        await asyncio.sleep(_LOOK_SECONDS)


async def follow_to_end(
    ledger: Reader, request_id: str, patience: float, *, json: bool, known: bool = True
) -> int:
    """Wait for a case's end, say how it ended, and return the exit code.

    Args:
        ledger: Where the case's state is.
        request_id: The case.
        patience: Seconds to wait at most.
        json: Whether to print the state as JSON.
        known: Whether Temporal has the case.

    Raises:
        StopError: It is still open after that time.
        NotFoundError: There is no such case.
    """
    give_up = time.monotonic() + patience
    while True:
        row = await ledger.request(request_id)
        if row is None and not known:
            raise unknown(request_id)
        if row is not None and has_ended(row):
            if json:
                as_json(row.model_dump(mode="json"))
            return _verdict(row)
        if time.monotonic() >= give_up:
            state = state_of(row) if row else "not planned yet: no worker has taken it"
            raise StopError(
                f"{request_id} is still open ({state}); look: placet show {request_id}",
                Code.STILL_OPEN,
            )
        await asyncio.sleep(_LOOK_SECONDS)


def unknown(request_id: str) -> NotFoundError:
    """Return the error for a case nobody knows."""
    return NotFoundError(f"there is no case {request_id}; see those there are: placet list")


def _verdict(row: RequestRow) -> int:
    effect = f"; its effect: {row.effect}" if row.effect else ""
    say(f"{how_it_ended(row)}{effect}")
    good = row.status == Status.APPROVED.value and row.effect in {None, EffectState.DONE.value}
    return Code.OK if good else Code.NOT_APPROVED
