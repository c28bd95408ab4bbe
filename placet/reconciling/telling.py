"""Whether one JSON value tells what another does."""

from collections.abc import Mapping
from typing import Any

from placet.personal.sealing import TOKEN


def is_told(wanted: Any, found: Any) -> bool:
    """Say whether ``found`` tells all that ``wanted`` does; what is sealed may be anything."""
    if isinstance(found, str) and TOKEN.fullmatch(found):
        return True
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(key in found and is_told(wanted[key], found[key]) for key in wanted)
    if isinstance(wanted, list | tuple) and isinstance(found, list | tuple):
        pairs = zip(wanted, found, strict=False)
        return len(wanted) == len(found) and all(is_told(one, other) for one, other in pairs)
    return bool(wanted == found)
