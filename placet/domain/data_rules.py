"""What a policy demands of data: of what is exported, and of what is deleted."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

from placet.domain.base import Model
from placet.domain.calendar import Duration, Span

MOST_ROWS = 5_000_000


def _percent(value: Any) -> Any:
    if isinstance(value, str) and value.endswith("%"):
        return value.removesuffix("%")
    return value


Percent = Annotated[
    float,
    BeforeValidator(_percent),
    PlainSerializer(lambda value: f"{value:g}%", return_type=str),
    Field(ge=0, le=100),
]


def too_many(changed: int, approved: int, tolerance: float) -> bool:
    """Say whether so many changed rows are more than ``tolerance`` percent of those approved."""
    # As it was written: 0.57 % of 10,000 are 57, and a little less in binary.
    return changed * 100 > Decimal(str(tolerance)) * approved


class Encrypt(StrEnum):
    """When an export has to be encrypted to its recipient's key."""

    NEVER = "never"
    PERSONAL = "personal"
    ALWAYS = "always"

    def demanded(self, *, personal: bool) -> bool:
        """Say whether a key is needed, for an export with or without personal data."""
        return self is Encrypt.ALWAYS or (self is Encrypt.PERSONAL and personal)


class DataRules(Model):
    """What may be done with data, beside what the catalogue says."""

    tolerance: Percent = Field(
        default=0.0,
        description="By how much a selection may have changed between the request and what is "
        "done, such as `1%`.",
    )
    most_rows: int = Field(default=MOST_ROWS, ge=1, description="The most rows of one request.")
    encrypt: Encrypt = Field(
        default=Encrypt.PERSONAL,
        description="Which exports have to be encrypted to a key of the recipient: `never`, those "
        "with `personal` columns, or `always`.",
    )
    keep_at_most: Duration = Field(
        default=Span(30, 0), description="How long an export's file may be kept; wall clock."
    )
