"""The door of the access pipeline: somebody wants a role for somebody, for a time."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from placet.access.config import load_roles
from placet.digest import digest
from placet.domain.access import AccessRequest, Scope, hours_text
from placet.domain.access_roles import AccessRole
from placet.domain.errors import InvalidInputError, NotFoundError
from placet.domain.facts import FactKind
from placet.domain.grants import GrantState
from placet.domain.people import Person
from placet.domain.plan import Selector
from placet.domain.problems import Problem
from placet.pipelines.explain import problems_in, refused
from placet.pipelines.pipeline import Door, Prepared, Surroundings

T = TypeVar("T")

_WHAT = "this request for access"


def parse_access(raw: Any) -> AccessRequest:
    """Read a request for access and check everything that it says by itself.

    Args:
        raw: JSON as ``placet.digest.read_json`` reads it.

    Raises:
        InvalidInputError: With a line for each problem: the field, what is wrong, what to do.
    """
    if not isinstance(raw, dict):
        raise refused(_WHAT, [Problem((), "it is not a JSON object; write it as {...}")])
    try:
        return AccessRequest.model_validate(raw)
    except ValidationError as error:
        raise refused(_WHAT, problems_in(error)) from None


async def prepare_access(raw: Any, surroundings: Surroundings) -> Prepared:
    """Understand a request for access for planning; see ``Prepare``.

    Raises:
        InvalidInputError: With a line for each problem.
    """
    request = parse_access(raw)
    people = surroundings.people()
    asks = looked_up(_WHAT, ("requester",), lambda: people.require(request.requester))
    person = looked_up(_WHAT, ("person",), lambda: people.require(request.recipient))
    entry = looked_up(_WHAT, ("role",), lambda: surroundings.roles().entry(request.role))
    membership = looked_up(_WHAT, ("person",), lambda: entry.membership_of(person))
    if problems := list(_too_long(request, entry.role)):
        raise refused(_WHAT, problems)
    others = await surroundings.records.open_grants(membership)
    scope = Scope(
        name=entry.name,
        target=membership.target,
        kind=entry.target.kind,
        role=membership.role,
        account=membership.account,
        person=person.id,
        entry=digest(entry.frozen()),
        hours=request.hours,
    )
    return Prepared(
        request=request,
        requester=request.requester,
        title=f"{entry.name} for {person.name}, {hours_text(request.hours)}",
        amount=None,
        facts={
            "role": entry.name,
            "target": scope.target,
            "person": person.addresses[0],
            "hours": scope.hours,
            "for_requester": person.id == asks.id,
            "extension": any(other.state is GrantState.IN_FORCE for other in others),
            "requester": asks.addresses[0],
        },
        reference=request.reference,
        scope=scope.to_plan(),
        owners=entry.role.owner,
        kept_out=addresses_of(entry.whom_it_is_for(person, people)),
    )


def looked_up(what: str, path: tuple[str, ...], look_up: Callable[[], T]) -> T:
    """Return what ``look_up`` finds.

    Args:
        what: What is refused if it finds nothing, such as ``this request for access``.
        path: The field that names it.
        look_up: Looks for it.

    Raises:
        InvalidInputError: There is none; the message names the field.
    """
    try:
        return look_up()
    except (InvalidInputError, NotFoundError) as error:
        raise refused(what, [Problem(path, str(error))]) from None


def addresses_of(people: Iterable[Person]) -> tuple[str, ...]:
    """Return the first address of each."""
    return tuple(person.addresses[0] for person in people)


def _too_long(request: AccessRequest, role: AccessRole) -> Iterator[Problem]:
    if request.hours > role.longest_hours:
        yield Problem(
            ("hours",),
            f"{hours_text(request.hours)} is longer than {hours_text(role.longest_hours)}, for "
            f"which {request.role} is granted at most; ask for less, and again when it is over",
        )


FACTS = {
    "role": FactKind.TEXT,
    "target": FactKind.TEXT,
    "person": FactKind.TEXT,
    "hours": FactKind.NUMBER,
    "for_requester": FactKind.TRUTH,
    "extension": FactKind.TRUTH,
    "requester": FactKind.TEXT,
}


def owners(policies: Path) -> tuple[Selector, ...]:
    """Return everybody who owns a role of the catalogue beside these policies, each once.

    Raises:
        FileError: The catalogue has mistakes.
    """
    each = (owner for entry in load_roles(policies).entries for owner in entry.role.owner)
    return tuple(dict.fromkeys(each))


DOOR = Door(prepare_access, FACTS, owners=owners, reviewed_afterwards=True)
