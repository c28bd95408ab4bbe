"""Grants of access as recorded: who has which role, until when, and by which approval."""

from enum import StrEnum

from pydantic import Field

from placet.domain.base import Stored
from placet.domain.ledger import Hex64, Receipt, UtcInstant


class GrantState(StrEnum):
    """How far a grant has come."""

    GRANTING = "granting"
    """Begun; the account may have the role already."""
    IN_FORCE = "in force"
    """The account has the role, until its time is over."""
    ENDING = "ending"
    """The role is being taken away; the account may have it still."""
    ENDED = "ended"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Say whether nothing is left to do."""
        return self in {GrantState.ENDED, GrantState.FAILED}


class Release(StrEnum):
    """What ending a grant asks of its target."""

    ENDING = "ending"
    """The role has to be taken away."""
    COVERED = "covered"
    """Nothing: another grant keeps the role with this account."""
    ENDED = "ended"
    """Nothing any more: the grant has ended."""


class Membership(Stored):
    """A role at a target, and an account that has it or is to have it."""

    target: str = Field(min_length=1)
    role: str = Field(min_length=1)
    account: str = Field(min_length=1)

    def __str__(self) -> str:
        """Return it as people read it."""
        return f"{self.role} at {self.target} for {self.account}"


class GrantEntry(Membership):
    """A grant to begin under a permit.

    Attributes:
        digest: Of the approved revision; must be the permit's.
        person: Id of who gets the role.
        was_member: Whether the account has it already; None where that cannot be looked at.
    """

    permit_id: str = Field(min_length=1)
    request: str = Field(min_length=1)
    digest: Hex64
    person: str = Field(min_length=1)
    was_member: bool | None


class GrantRow(Membership):
    """A grant as recorded.

    Attributes:
        identity: How the target knows role and account, whatever they are called later; None where
            it knows them by their names alone.
        granted_at: From when on the account has the role; None before.
        until: When it is to be taken away.
        ending_at: Since when it is being taken away; None before, and where another grant kept it.
        ended_why: ``expired``, ``withdrawn``, or what went wrong.
    """

    permit_id: str
    request: str
    person: str
    state: GrantState
    was_member: bool | None
    identity: str | None = None
    began_at: UtcInstant
    granted_at: UtcInstant | None
    until: UtcInstant | None
    ending_at: UtcInstant | None = None
    ended_at: UtcInstant | None
    ended_why: str | None


class GrantResult(Stored):
    """What a call about a grant came to.

    Attributes:
        first: True when this call did it, false when it had been done before.
        grant: The grant as it is now.
        receipts: Of the events given, as far as they stand in the ledger.
    """

    first: bool
    grant: GrantRow
    receipts: list[Receipt]
