"""Whether one JSON value tells what another does."""

from collections.abc import Mapping
from typing import Any

SEALED = "sealed:"
"""How a text begins whose place in the ledger a ciphertext's digest has taken."""


def is_told(wanted: Any, found: Any) -> bool:
    """Say whether ``found`` tells all that ``wanted`` does; what is sealed may be anything."""
    if isinstance(found, str) and found.startswith(SEALED):
        return True
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(key in found and is_told(wanted[key], found[key]) for key in wanted)
    if isinstance(wanted, list | tuple) and isinstance(found, list | tuple):
        pairs = zip(wanted, found, strict=False)
        return len(wanted) == len(found) and all(is_told(one, other) for one, other in pairs)
    return bool(wanted == found)
