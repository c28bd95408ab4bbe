"""What keeps the sealer from sealing until somebody has looked."""

from placet.domain.errors import ConflictError, UnavailableError

KEEP_ALL = "Stop what writes, keep all as it is, and see docs/sealing.md"


class SealingRefusedError(ConflictError):
    """Sealing would sign what contradicts something signed; the message says what to do."""

    code = "sealing-refused"


class AlarmError(UnavailableError):
    """Somebody outside does not accept a checkpoint; sealing goes on, and somebody has to look."""

    code = "seal-alarm"
