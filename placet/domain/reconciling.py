"""Compare who has a role with whom it was granted to: what was changed outside Placet is found."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime

from placet.domain.base import Stored
from placet.domain.grants import GrantRow, GrantState

LATE = timedelta(minutes=15)
"""A role that is still there so long after its time is a finding; the worker may be restarting."""


class FindingKind(StrEnum):
    """How access is not as it was granted."""

    MISSING = "missing"
    """A grant is in force, and the account has not got the role: somebody else took it away."""
    ENDED_BUT_PRESENT = "ended_but_present"
    """The account has the role, and its grant is over."""
    UNKNOWN_MEMBER = "unknown_member"
    """The account has the role, and Placet never gave it."""
    OVERDUE = "overdue"
    """A grant should have ended, by its time or early, and has not."""
    UNREACHABLE = "unreachable"
    """Who has the role cannot be looked at now."""
    UNUSABLE = "unusable"
    """The role cannot be granted as it is listed, or must not be."""


class AccessFinding(Stored):
    """One thing that is not as it was granted.

    Attributes:
        account: Whose role; None when it is about the role itself.
        case: By which case it was granted; None when none is known.
        text: What is wrong and what to do, as a sentence.
    """

    kind: FindingKind
    target: str
    role: str
    account: str | None = None
    case: str | None = None
    text: str


class RoleSeen(Stored):
    """A role, and who has it.

    Attributes:
        members: The accounts that have it; None where that cannot be known.
        permanent: Those that an operator knows about.
        away: Why it could not be looked at; None when it could.
        unusable: Why it cannot be granted, or must not be; None when it can.
    """

    target: str
    role: str
    members: tuple[str, ...] | None = None
    permanent: tuple[str, ...] = ()
    away: str | None = None
    unusable: str | None = None


class CheckOrder(Stored):
    """Compare what was granted with what is there.

    Attributes:
        notify: Whether the owners of a role are written to about what is found.
    """

    notify: bool = False


class CheckReport(Stored):
    """What comparing came to.

    Attributes:
        at: When it was.
        roles: How many roles were looked at.
        grants: How many grants are in force.
        findings: Everything that is not as it was granted.
    """

    at: AwareDatetime
    roles: int
    grants: int
    findings: tuple[AccessFinding, ...] = ()


def reconcile(
    seen: Sequence[RoleSeen],
    before: Collection[GrantRow],
    after: Collection[GrantRow],
    now: datetime,
) -> list[AccessFinding]:
    """Return everything that is not as it was granted.

    The grants are read twice, around looking at the members: what changed meanwhile is no finding.

    Args:
        seen: Each role once.
        before: Every grant, as recorded before the members were looked at.
        after: The same afterwards.
        now: An aware instant.
    """
    earlier = {grant.permit_id: grant for grant in before}
    found: list[AccessFinding] = []
    for role in seen:
        grants = [g for g in after if (g.target, g.role) == (role.target, role.role)]
        found += _about(role, grants, earlier, now)
    return found


def _about(
    role: RoleSeen, grants: Sequence[GrantRow], earlier: dict[str, GrantRow], now: datetime
) -> Iterator[AccessFinding]:
    def finding(
        kind: FindingKind, text: str, account: str | None = None, case: str | None = None
    ) -> AccessFinding:
        return AccessFinding(
            kind=kind, target=role.target, role=role.role, account=account, case=case, text=text
        )

    if role.away is not None:
        yield finding(FindingKind.UNREACHABLE, role.away)
    if role.unusable is not None:
        yield finding(FindingKind.UNUSABLE, role.unusable)
    for grant in grants:
        due = grant.ending_at or grant.until
        if due is not None and not grant.state.over and now > due + LATE:
            yield finding(
                FindingKind.OVERDUE,
                f"{grant.request} should have ended, and {grant.account} has not lost "
                f"{grant.role}: see what holds it up with: placet show {grant.request}",
                grant.account,
                grant.request,
            )
        elif role.members is not None and _is_missing(grant, earlier, role.members):
            yield finding(
                FindingKind.MISSING,
                f"{grant.account} has not got {grant.role}, which {grant.request} granted: "
                "somebody took it away outside Placet; ask them, or withdraw the grant",
                grant.account,
                grant.request,
            )
    for account in sorted({*(role.members or ())} - {*role.permanent}):
        theirs = [grant for grant in grants if grant.account == account]
        if any(_explains(grant, earlier) for grant in theirs):
            continue
        if theirs:
            last = max(theirs, key=lambda grant: grant.ended_at or grant.began_at)
            yield finding(
                FindingKind.ENDED_BUT_PRESENT,
                f"{account} has {role.role}, and its grant by {last.request} is over: "
                "somebody gave it outside Placet; take it away there, or list it as permanent",
                account,
                last.request,
            )
        else:
            yield finding(
                FindingKind.UNKNOWN_MEMBER,
                f"{account} has {role.role}, and Placet never gave it: take it away there, or list "
                "the account as permanent in access-roles.yaml",
                account,
            )


def _is_missing(grant: GrantRow, earlier: dict[str, GrantRow], members: Iterable[str]) -> bool:
    first = earlier.get(grant.permit_id)
    in_force = GrantState.IN_FORCE
    return (
        first is not None
        and (first.state, grant.state) == (in_force, in_force)
        and grant.account not in members
    )


def _explains(grant: GrantRow, earlier: dict[str, GrantRow]) -> bool:
    """Say whether the account may have had the role by this grant when it was looked at."""
    first = earlier.get(grant.permit_id)
    return not grant.state.over or first is None or not first.state.over
