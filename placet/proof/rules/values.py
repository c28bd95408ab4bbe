"""What somebody else wrote, read as what it has to be."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def whole(told: object) -> int:
    """Return a number that somebody else wrote.

    Raises:
        TypeError: It is no whole number. A text would be repeated where it is multiplied.
    """
    if type(told) is not int:
        message = f"{type(told).__name__} is no whole number"
        raise TypeError(message)
    return told


def instant(told: str) -> int:
    """Read an ISO 8601 instant as microseconds since 1970.

    Raises:
        ValueError: It is none, or has no time zone.
    """
    return (datetime.fromisoformat(told) - _EPOCH) // timedelta(microseconds=1)
