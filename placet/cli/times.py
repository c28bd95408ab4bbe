"""Write instants and spans for people: instants in UTC, spans in their two largest units."""

from datetime import UTC, datetime, timedelta

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def instant(when: datetime) -> str:
    """Return an aware instant as ``2026-03-05 10:00 UTC``."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def second(when: datetime) -> str:
    """Return an aware instant to the second, as ``2026-03-05 10:00:07``, in UTC."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def span(length: timedelta) -> str:
    """Return a span as ``5d3h``, ``2h5m``, ``12s``; a negative one with its sign."""
    seconds = round(abs(length.total_seconds()))
    parts: list[str] = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append(f"{count}{unit}" if count else "")
    text = "".join(parts[:2]) or "0s"
    return f"-{text}" if length < timedelta(0) and text != "0s" else text


def until(when: datetime, now: datetime) -> str:
    """Return an instant and how far away it is."""
    left = when - now
    distance = f"in {span(left)}" if left >= timedelta(0) else f"{span(-left)} ago"
    return f"{instant(when)} ({distance})"
