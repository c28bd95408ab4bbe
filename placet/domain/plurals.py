"""Say how many there are of something."""


def plural(count: int, one: str, many: str = "") -> str:
    """Return a number with what it counts: ``1 event``, ``1,200 events``.

    Args:
        count: How many.
        one: What follows a 1.
        many: What follows any other number; ``one`` and an s when it is not given.
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
