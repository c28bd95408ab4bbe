"""Gives a role, or takes it away, and looks whether it is so."""

from placet.access.target import AccessTarget, AccessTargets, Change, NoRoleError
from placet.domain.access import Scope
from placet.domain.errors import ConflictError, PlacetError, UnavailableError
from placet.domain.grants import GrantRow
from placet.ports import Ledger

GONE_ALREADY = "it was gone already"


class HeldOutsideError(ConflictError):
    """Somebody has a role that Placet has not given, and so must not take away."""

    code = "held-outside"


async def look(ledger: Ledger, targets: AccessTargets, scope: Scope) -> bool | None:
    """Say whether an account has a role already; None where that cannot be looked at.

    Raises:
        HeldOutsideError: It has, and no grant explains it.
        InvalidInputError: The role cannot be granted, or must not be.
        UnavailableError: The target does not answer.
    """
    target = targets.open(scope.target)
    await target.check(scope.role)
    # Before and after: a grant that begins or ends meanwhile explains what is found.
    before = await ledger.open_grants(scope.membership)
    members = await target.members(scope.role)
    if members is None or scope.account not in members:
        return None if members is None else False
    if not (before or await ledger.open_grants(scope.membership)):
        raise HeldOutsideError(
            f"{scope.account} has {scope.role} at {scope.target} already, and not by Placet, which "
            "would take away in the end what it did not give; take it away there and ask again"
        )
    return True


async def give(targets: AccessTargets, change: Change, at: str) -> str | None:
    """Give a role at a target, and make sure that the account has it.

    Returns:
        How the target knows role and account, whatever they are called later; None where it does
        not.

    Raises:
        UnavailableError: The target does not answer, or somebody takes it away in that moment.
        PlacetError: The target refuses it for good.
    """
    target = targets.open(at)
    identity = await target.grant(change)
    members = await target.members(change.role)
    if members is not None and change.account not in members:
        raise UnavailableError(
            f"{change.account} has not got {change.role} though it was granted: somebody takes it "
            "away in the same moment; find out who, it is tried again"
        )
    return identity


async def take_away(targets: AccessTargets, change: Change, grant: GrantRow) -> str:
    """Take a role away, and make sure that it is gone.

    Returns:
        That it was gone already; nothing when it was there, or nobody can know.

    Raises:
        UnavailableError: It is not gone. A refusal is one too: whoever has the role keeps it until
            somebody has done what the message says.
    """
    try:
        target = targets.open(grant.target)
        was_there = await target.revoke(change)
        left = await _members(target, change.role)
    except PlacetError as problem:
        raise UnavailableError(f"{grant} is not taken away yet: {problem}") from problem
    if left is not None and change.account in left:
        raise UnavailableError(
            f"{grant} was taken away and is there again: somebody gives it outside Placet; find "
            "out who, it is tried again"
        )
    return GONE_ALREADY if was_there is False else ""


async def _members(target: AccessTarget, role: str) -> frozenset[str] | None:
    try:
        return await target.members(role)
    except NoRoleError:
        return frozenset()
