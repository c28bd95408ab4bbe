"""Somebody says that what a place of checkpoints has lost is gone for good, and why."""

from placet.domain.errors import ConflictError, InvalidInputError, NotFoundError
from placet.sealing.archive import Archive
from placet.sealing.places import Place, agreed_size


async def accept_loss(archive: Archive, place: Place, who: str, reason: str) -> int:
    """Let checkpoints be brought again to a place that lacks what it held.

    Args:
        archive: Opened as ``placet_app_sealer``.
        place: The place.
        who: Who says so, by their id.
        reason: Why.

    Returns:
        The size of the checkpoint up to which the place held them.

    Raises:
        NotFoundError: The place is not known to have held any.
        ConflictError: It holds what it held, or what contradicts the database.
        InvalidInputError: No reason is given.
        UnavailableError: The place or the database does not answer.
    """
    if not reason.strip():
        raise InvalidInputError("say why: --reason TEXT; people will read it")
    held = await archive.held_by(place.name)
    if not held:
        raise NotFoundError(
            f"{place.name} is not known to have held a checkpoint, so nothing of it is missed"
        )
    told = await place.newest()
    found = await agreed_size(place.name, told, archive) if told else 0
    if found >= held:
        raise ConflictError(f"{place.name} holds what it held; there is nothing to accept")
    return await archive.accept_loss(place.name, who, reason)
