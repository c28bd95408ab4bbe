"""What keeps the sealer from sealing until somebody has looked."""

from placet.domain.errors import ConflictError, UnavailableError

KEEP_ALL = "Stop what writes, keep all as it is, and see docs/sealing.md"


class SealingRefusedError(ConflictError):
    """Sealing would sign what contradicts something signed; the message says what to do."""

    code = "sealing-refused"


class AlarmError(UnavailableError):
    """Somebody outside does not accept a checkpoint; sealing goes on, and somebody has to look."""

    code = "seal-alarm"


class PlaceLostError(AlarmError):
    """A place holds less than it is known to have held; nothing is published there meanwhile."""

    code = "seal-place-lost"

    def __init__(self, place: str, held: int, found: int) -> None:
        """Say what ``place`` has lost.

        Args:
            place: Its name.
            held: The size of the largest checkpoint that it is known to have held.
            found: The size of the largest that it holds now; 0 for none.
        """
        super().__init__(
            f"{place} held checkpoints of up to {held:,} events, and now holds "
            f"{f'none beyond {found}' if found else 'none'}: it was emptied, or is not mounted. "
            "Bring back what it held. If it is gone for good and you know why, say so with "
            f"`placet audit accept {place}`; nothing is published there before"
        )
