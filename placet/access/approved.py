"""What was approved, held against what is there now: a grant gives that or nothing (rule 4)."""

import hashlib
from datetime import timedelta

from placet.digest import digest
from placet.domain.access import AccessRequest, Scope, hours_text
from placet.domain.access_roles import RoleCatalogue
from placet.domain.errors import ConflictError
from placet.domain.orders import EffectOrder
from placet.domain.people import Directory
from placet.domain.vocabulary import DecidedBy


def approved(
    order: EffectOrder, content: bytes, catalogue: RoleCatalogue, directory: Directory
) -> Scope:
    """Return what an order gives, if all that people approved still is so.

    Args:
        order: The order.
        content: What the content store has under its digest.
        catalogue: As it is now.
        directory: As it is now.

    Raises:
        ConflictError: The request, the catalogue or the person has changed; ask again.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != order.digest:
        raise ConflictError(
            f"the stored request has the digest {found}, approved was {order.digest}; nothing is "
            "granted, restore the content store from a backup"
        )
    scope = Scope.model_validate(order.plan.scope)
    request = AccessRequest.model_validate_json(content)
    if (request.role, request.hours) != (scope.name, scope.hours):
        raise ConflictError(
            f"approved was {request.role} for {hours_text(request.hours)}, planned is "
            f"{scope.name} for {hours_text(scope.hours)}; this is a fault in Placet, report it"
        )
    _require_listed(scope, catalogue)
    person = directory.get(scope.person)
    if person is None or not person.active:
        raise ConflictError(f"{scope.person} has left the directory meanwhile; nothing is granted")
    return scope


def lasts(order: EffectOrder, scope: Scope) -> timedelta:
    """Return for how long it is given: without a review beforehand, not longer than permitted."""
    asked = timedelta(hours=scope.hours)
    rule = order.plan.break_glass
    if order.by is not DecidedBy.BREAK_GLASS or rule is None:
        return asked
    return min(asked, timedelta(minutes=rule.at_most_minutes))


def _require_listed(scope: Scope, catalogue: RoleCatalogue) -> None:
    listed = catalogue.entry(scope.name) if scope.name in catalogue.roles else None
    if listed is None or digest(listed.frozen()) != scope.entry:
        raise ConflictError(
            f"access-roles.yaml says something else of {scope.name} than when it was approved; ask "
            "for it again, so that people see what it gives now"
        )
    # A webhook takes the person's address where none is listed.
    unlisted = scope.account if scope.kind == "webhook" else None
    account = listed.target.accounts.get(scope.person, unlisted)
    if account != scope.account:
        raise ConflictError(
            f"approved was the account {scope.account}, and access-roles.yaml lists "
            f"{account or 'none'} for {scope.person} now; ask for it again"
        )
