"""A role for a person for a time: what somebody asks for, and what people approve of it."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from placet.domain.base import Model, Stored
from placet.domain.calendar import Span
from placet.domain.case import Case
from placet.domain.grants import Membership
from placet.domain.ledger import Hex64
from placet.domain.people import MAX_ADDRESS
from placet.domain.text import TEXT_LIMIT, Line, clean_text

PIPELINE = "access"
EFFECT = "access"
REVIEW_PIPELINE = "access-review"

MAX_HOURS = 24 * 366
_AN_HOUR = timedelta(hours=1)


def _address(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = clean_text(value, MAX_ADDRESS, multiline=False)
    if not text:
        raise ValueError("it is empty; write an address, such as bob@example.com")
    return text


def _said(value: Any) -> Any:
    text = clean_text(value, TEXT_LIMIT) if isinstance(value, str) else value
    if text == "":
        raise ValueError("it is empty; say what the role is needed for")
    return text


Address = Annotated[str, BeforeValidator(_address), Field(max_length=MAX_ADDRESS)]
"""An address, an account name or an id, as somebody wrote it."""

Why = Annotated[str, BeforeValidator(_said), Field(max_length=TEXT_LIMIT)]
"""A text that says something."""


class AccessRequest(Model):
    """A role for a person for so many hours.

    ``for`` may be written instead of ``hours``, as ``8h`` or ``2d``; a day has 24 hours.

    Attributes:
        pipeline: Always ``access``; part of the digest, so no other kind of request has the same.
        requester: An address of the person who asks, as they wrote it.
        reference: The requester's own key for it; the same key twice is the same request.
        person: Who is to get the role; the requester when it is not said.
        role: Which role, as the catalogue calls it.
        hours: For how long, counted from when it is granted.
        reason: What it is needed for.
    """

    pipeline: Literal["access"] = "access"
    requester: Address
    reference: Line | None = None
    person: Address | None = None
    role: Line
    hours: int = Field(ge=1, le=MAX_HOURS)
    reason: Why

    @model_validator(mode="before")
    @classmethod
    def _take_a_duration(cls, told: Any) -> Any:
        if not isinstance(told, dict) or "for" not in told:
            return told
        if "hours" in told:
            raise ValueError("it says both for and hours; write one of them")
        span = Span.parse(told["for"]) if isinstance(told["for"], str) else None
        if span is None or span.wall() % _AN_HOUR:
            raise ValueError("for is no number of whole hours; write it as 8h or 2d")
        return {name: value for name, value in told.items() if name != "for"} | {
            "hours": span.wall() // _AN_HOUR
        }

    @property
    def recipient(self) -> str:
        """Return who is to get the role, as it was written."""
        return self.person or self.requester


class Scope(Stored):
    """What the effect of a request for access will do.

    Attributes:
        name: The role, as the catalogue calls it.
        target: Where it is.
        kind: ``postgres`` or ``webhook``.
        role: What the target calls it.
        account: Who gets it there.
        person: The id of the person behind that account.
        entry: SHA-256 of the catalogue's entry, see ``RoleEntry.frozen``.
        hours: For how long.
    """

    name: str
    target: str
    kind: str
    role: str
    account: str
    person: str
    entry: Hex64
    hours: int

    @property
    def membership(self) -> Membership:
        """Return what would be given."""
        return Membership(target=self.target, role=self.role, account=self.account)

    def to_plan(self) -> dict[str, JsonValue]:
        """Return it as ``Plan.scope`` carries it; ``Scope.model_validate`` reads it back."""
        return self.model_dump(mode="json")


class ReviewRequest(Model):
    """A look, after the fact, at access that somebody took by breaking the glass.

    Attributes:
        pipeline: Always ``access-review``.
        requester: Who broke the glass; so they cannot review it.
        case: The case of the access.
        person: Who has the role.
        asked_by: Who had asked for it.
        role: Which role, as the catalogue calls it.
        minutes: For how long at most.
        why: What was said when the glass was broken.
    """

    pipeline: Literal["access-review"] = "access-review"
    requester: Address
    case: Line
    person: Address
    asked_by: Address
    role: Line
    minutes: int = Field(ge=1)
    why: Why


def review_of(case: Case) -> dict[str, JsonValue]:
    """Return the request to review what somebody had carried out at once, as JSON.

    Args:
        case: One that was approved by break-glass.
    """
    plan = case.known_plan()
    scope = Scope.model_validate(plan.scope)
    rule, breaker = plan.break_glass, case.broken_by or plan.requester
    asked = scope.hours * 60
    return {
        "pipeline": REVIEW_PIPELINE,
        "requester": breaker.address,
        "case": case.request_id,
        "person": scope.person,
        "asked_by": plan.requester.address,
        "role": scope.name,
        "minutes": min(asked, rule.at_most_minutes) if rule else asked,
        "why": case.outcome.reason if case.outcome else "it was not said",
    }


def hours_text(hours: int) -> str:
    """Say how long that is, as ``8 hours`` or ``3 days``."""
    days, rest = divmod(hours, 24)
    count, unit = (days, "day") if days and not rest else (hours, "hour")
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
