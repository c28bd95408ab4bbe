"""Names of environment variables in files that people write: the secrets are in the variables."""

import re
from typing import Annotated

from pydantic import AfterValidator

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,99}", re.ASCII)


def _variable(name: str) -> str:
    # What stands there may be the secret itself: it is not repeated.
    if not _NAME.fullmatch(name):
        raise ValueError(
            "is no name of an environment variable; write such a name, as SHOP_SECRET, and put "
            "the secret into that variable"
        )
    return name


Variable = Annotated[str, AfterValidator(_variable)]
"""Such as ``SHOP_SECRET``; what is no such name is refused and not repeated."""
