"""Follow a case as its ledger grows: print each event, or wait for the end."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from placet.cli.codes import Code, StopError
from placet.cli.console import as_json, out, say
from placet.cli.times import second, span
from placet.decisions import how_it_ended
from placet.domain.errors import NotFoundError
from placet.domain.ledger import RecordedEvent
from placet.domain.ledger_rows import RequestRow
from placet.domain.vocabulary import EffectState, Kind, Status
from placet.ports import Reader
from placet.timeline import sentence

_LOOK_SECONDS = 0.5
_ASK_SECONDS = 2.0
_AT_ONCE = timedelta(minutes=1)
_TO_COME = (EffectState.WAITING.value, EffectState.PENDING.value, EffectState.ENDING.value)
_GOOD = (None, EffectState.DONE.value, EffectState.IN_FORCE.value, EffectState.ENDED.value)
_CAME_OF_IT = (
    Kind.EFFECT_DONE,
    Kind.EFFECT_STOPPED,
    Kind.EFFECT_ENDED,
    Kind.EFFECT_FAILED,
    Kind.REVOKED,
)

Look = Callable[[], Awaitable[str | None]]
"""Asks what keeps a case from going on, or how far its effect has come; None for nothing."""


async def _nothing() -> None:
    return None


class _Teller:
    """Says what is known of a case under way: again when it is something else, not too often."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._said: str | None = None
        self._next = time.monotonic() + _ASK_SECONDS

    async def tell(self) -> None:
        if time.monotonic() < self._next:
            return
        found = await self._look()
        if found is not None and found != self._said:
            say(found)
        self._said = found
        self._next = time.monotonic() + _ASK_SECONDS


def has_ended(row: RequestRow | None) -> bool:
    """Say whether nothing more is to come soon: it is decided, and its effect done or in force."""
    return row is not None and Status(row.status).final and row.effect not in _TO_COME


def state_of(row: RequestRow) -> str:
    """Return where a case stands, and how far its effect has come."""
    return row.status if row.effect is None else f"{row.status}, {effect_text(row.effect)}"


def effect_text(effect: str) -> str:
    """Return how far an effect has come, in words."""
    return effect.replace("_", " ")


def line(event: RecordedEvent, first: RecordedEvent) -> str:
    """Return an event as one line: when, how long after the first, what.

    What took its time, such as a mail that waited for its server, says when it was recorded.
    """
    after = f"+{span(event.occurred - first.occurred)}"
    late = event.recorded - event.occurred > _AT_ONCE
    recorded = f" (recorded {second(event.recorded)})" if late else ""
    return f"{second(event.occurred)}  {after:>7}  {sentence(event)}{recorded}"


async def watch(
    ledger: Reader, request_id: str, *, json: bool, known: bool = False, look: Look = _nothing
) -> int:
    """Print a case's events as they are recorded, until it ends.

    Args:
        ledger: Where the events are.
        request_id: The case.
        json: Whether to print the whole events.
        known: Whether Temporal has the case, so that its first event may still be to come.
        look: Asks how the case is doing.

    Raises:
        NotFoundError: There is no such case.
    """
    shown, teller = 0, _Teller(look)
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
        await teller.tell()
        await asyncio.sleep(_LOOK_SECONDS)


async def follow_to_end(  # noqa: PLR0913 - each is a separate wish
    ledger: Reader,
    request_id: str,
    patience: float,
    *,
    json: bool,
    known: bool = True,
    look: Look = _nothing,
) -> int:
    """Wait for a case's end, say how it ended, and return the exit code.

    Args:
        ledger: Where the case's state is.
        request_id: The case.
        patience: Seconds to wait at most.
        json: Whether to print the state as JSON.
        known: Whether Temporal has the case.
        look: Asks how the case is doing.

    Raises:
        StopError: It is still open after that time.
        NotFoundError: There is no such case.
    """
    give_up, teller = time.monotonic() + patience, _Teller(look)
    while True:
        row = await ledger.request(request_id)
        if row is None and not known:
            raise unknown(request_id)
        if row is not None and has_ended(row):
            if json:
                as_json(row.model_dump(mode="json"))
            code = _verdict(row)
            for event in await ledger.timeline(request_id):
                if event.kind in _CAME_OF_IT:
                    say(sentence(event))
            return code
        if time.monotonic() >= give_up:
            state = state_of(row) if row else "not planned yet: no worker has taken it"
            found = await look()
            held = f", {found}" if found else ""
            raise StopError(
                f"{request_id} is still open ({state}{held}); look: placet show {request_id}",
                Code.STILL_OPEN,
            )
        await teller.tell()
        await asyncio.sleep(_LOOK_SECONDS)


def unknown(request_id: str) -> NotFoundError:
    """Return the error for a case nobody knows."""
    return NotFoundError(f"there is no case {request_id}; see those there are: placet list")


def _verdict(row: RequestRow) -> int:
    effect = f"; its effect: {effect_text(row.effect)}" if row.effect else ""
    say(f"{how_it_ended(row)}{effect}")
    good = row.status == Status.APPROVED.value and row.effect in _GOOD
    return Code.OK if good else Code.NOT_APPROVED
