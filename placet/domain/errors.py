"""Every error Placet raises on purpose.

The tree::

    PlacetError
    ├── InvalidInputError      what somebody sent cannot be understood or is not allowed
    ├── ConflictError          it contradicts something already recorded
    ├── NotFoundError          what it refers to does not exist
    └── UnavailableError       a part Placet needs does not answer; try again later
"""


class PlacetError(Exception):
    """Something Placet refuses or cannot do; the message says what to do next."""

    code = "placet"


class InvalidInputError(PlacetError):
    """The input cannot be understood or is not allowed."""

    code = "invalid-input"


class ConflictError(PlacetError):
    """The input contradicts something that is already recorded."""

    code = "conflict"


class NotFoundError(PlacetError):
    """What the input refers to does not exist."""

    code = "not-found"


class UnavailableError(PlacetError):
    """A part that Placet needs does not answer."""

    code = "unavailable"
