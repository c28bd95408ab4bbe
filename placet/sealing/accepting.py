"""Somebody says that what a place of checkpoints has lost is gone for good, and why."""

from pydantic import JsonValue

from placet.domain.errors import ConflictError, NotFoundError
from placet.domain.ledger import LedgerEvent
from placet.domain.plan import utc
from placet.domain.vocabulary import Kind
from placet.holding import Told, program_event
from placet.ports import Ledger
from placet.sealing.archive import Archive
from placet.sealing.places import Place, agreed_size


async def accept_loss(ledger: Ledger, archive: Archive, place: Place, told: Told) -> int:
    """Let checkpoints be brought again to a place that lacks what it held.

    That is an event of the ledger first, so an auditor reads of it. Killed in between, the place
    stays as it was: whoever repeats it says so a second time.

    Args:
        ledger: Where it is recorded.
        archive: Opened as ``placet_app_sealer``.
        place: The place.
        told: Who says so, and why.

    Returns:
        The size of the checkpoint up to which the place held them.

    Raises:
        NotFoundError: The place is not known to have held any.
        ConflictError: It holds what it held, or what contradicts the database.
        InvalidInputError: No reason is given.
        UnavailableError: The place or the database does not answer.
    """
    held = await archive.held_by(place.name)
    if not held:
        raise NotFoundError(
            f"{place.name} is not known to have held a checkpoint, so nothing of it is missed; "
            "see the places with: placet audit status"
        )
    newest = await place.newest()
    found = await agreed_size(place.name, newest, archive) if newest else 0
    if found >= held:
        raise ConflictError(f"{place.name} holds what it held; there is nothing to accept")
    event = loss_accepted(place.name, held, found, told)
    await ledger.append([event])
    return await archive.accept_loss(event.event_id)


def loss_accepted(place: str, held: int, found: int, told: Told) -> LedgerEvent:
    """Return the event that a place held checkpoints up to one size, and now up to another."""
    data: dict[str, JsonValue] = {"place": place, "held": held, "found": found}
    key = f"{held} {utc(told.now)}"
    return program_event(Kind.LOSS_ACCEPTED, f"place:{place}", data, told, key)
